//! [`Identity`]: which `iss` an issuer's tokens have, and which keys may sign them.

use std::sync::Arc;

use super::providers::Tenants;

/// What the `iss` of a token has to be. It is always compared letter by letter.
#[derive(Clone)]
pub(crate) enum Identity {
    /// One identifier, and how else the issuer spells it.
    One { identifier: Arc<str>, aliases: &'static [&'static str] },
    /// One identifier for each tenant.
    Tenants(Arc<Tenants>),
}

impl Identity {
    /// Whether a token with this `iss` and this `tid` is of this issuer.
    pub(crate) fn issues(&self, iss: &str, tenant: Option<&str>) -> bool {
        match self {
            Self::One { identifier, aliases } => **identifier == *iss || aliases.contains(&iss),
            Self::Tenants(tenants) => tenants.issue(iss, tenant),
        }
    }

    /// Whether a key that names its issuer may sign for this one. Microsoft's key sets hold keys of several issuers.
    pub(crate) fn takes_key_of(&self, key_issuer: &str, iss: &str, tenant: Option<&str>) -> bool {
        match self {
            Self::One { .. } => is_filled(key_issuer, tenant, iss),
            Self::Tenants(tenants) => tenants.take_key_of(key_issuer, iss, tenant),
        }
    }

    /// The issuer of a token with this `iss`, once that is known to be one of this issuer's: in one spelling, so that whoever keeps
    /// it with the subject finds the same person again.
    pub(crate) fn keep(&self, iss: &str) -> Arc<str> {
        match self {
            Self::One { identifier, .. } => Arc::clone(identifier),
            Self::Tenants(_) => iss.into(),
        }
    }

    /// How the `iss` of its tokens may be spelled, for a person; `{tenantid}` stands for any tenant.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::One { identifier, aliases } => {
                std::iter::once(&**identifier).chain(aliases.iter().copied()).map(str::to_owned).collect()
            }
            Self::Tenants(tenants) => tenants.names(),
        }
    }

    /// Whether there are tokens that are of both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tenants(one), Self::Tenants(other)) => one.overlap(other),
            (Self::One { identifier, aliases }, other) | (other, Self::One { identifier, aliases }) => {
                let mut names = std::iter::once(&**identifier).chain(aliases.iter().copied());
                names.any(|name| match other {
                    Self::One { .. } => other.issues(name, None),
                    Self::Tenants(tenants) => tenants.may_issue(name),
                })
            }
        }
    }
}

/// Whether this is the template with the tenant put in for each `{tenantid}`.
pub(super) fn is_filled(template: &str, tenant: Option<&str>, text: &str) -> bool {
    let mut parts = template.split("{tenantid}");
    let rest = parts.next().and_then(|first| text.strip_prefix(first));
    let rest = parts.fold(rest, |rest, part| rest?.strip_prefix(tenant?)?.strip_prefix(part));
    rest == Some("")
}
