//! [`TokenEndpoint`]: where an issuer gives out tokens, and whether it does so in Microsoft's way.

use std::sync::Arc;

use super::Issuer;
use crate::error::Error;
use crate::transport::{Transport, Url};

/// Which token endpoint an issuer has.
#[derive(Clone)]
pub(crate) enum TokenEndpoint {
    /// The one that the metadata names.
    Rfc,
    /// The same, of a provider that is known not to have Microsoft's grants.
    WithoutOnBehalfOf,
    /// Microsoft's, which the metadata names.
    Microsoft,
    /// Those of Entra ID: one for each tenant, in two versions.
    Entra(Arc<EntraTokenEndpoints>),
}

/// The token endpoints of one cloud.
pub(crate) struct EntraTokenEndpoints {
    pub(super) authority_host: Box<str>,
    /// The only tenant that is trusted, if it is one.
    pub(super) tenant: Option<Box<str>>,
    /// Whether tokens are had from the endpoint of version 1.
    pub(super) is_v1: bool,
}

/// Where a token request goes, and how the client may prove there who it is.
pub(crate) struct TokenUrl {
    pub(crate) url: Url,
    /// Whether the server says that it takes a secret in the form and not in the header.
    pub(crate) takes_post_alone: bool,
}

impl Issuer {
    pub(super) fn with_token_endpoint_of(self, endpoint: TokenEndpoint) -> Self {
        self.change(|settings| settings.token_endpoint = endpoint)
    }

    /// Whether tokens are asked for in Microsoft's way.
    pub(crate) fn asks_as_microsoft(&self) -> bool {
        matches!(self.shared.settings.token_endpoint, TokenEndpoint::Microsoft | TokenEndpoint::Entra(_))
    }

    /// Whether Microsoft's grant may be known there.
    pub(crate) fn may_know_on_behalf_of(&self) -> bool {
        !matches!(self.shared.settings.token_endpoint, TokenEndpoint::WithoutOnBehalfOf)
    }

    /// Whether the endpoint is of version 1, which takes a resource in place of scopes.
    pub(crate) fn asks_as_microsoft_v1(&self) -> bool {
        match (&self.shared.settings.token_endpoint, self.set_token_endpoint()) {
            (TokenEndpoint::Rfc | TokenEndpoint::WithoutOnBehalfOf, _) => false,
            (TokenEndpoint::Entra(entra), None) => entra.is_v1,
            // A proxy's path may be any: then it is what `v1_token_endpoint()` says.
            (TokenEndpoint::Entra(entra), Some(set)) => is_v1(set) || (entra.is_v1 && !is_v2(set)),
            (TokenEndpoint::Microsoft, Some(set)) => is_v1(set),
            (TokenEndpoint::Microsoft, None) => false,
        }
    }

    /// Whether one version of the endpoint can be had beside the other.
    pub(crate) fn has_both_versions(&self) -> bool {
        matches!(self.shared.settings.token_endpoint, TokenEndpoint::Entra(_)) && self.set_token_endpoint().is_none()
    }

    /// Whether there is a token endpoint for each tenant, and none that serves all.
    pub(crate) fn needs_tenant(&self) -> bool {
        self.has_both_versions() && self.only_tenant().is_none()
    }

    /// Whether tokens can be asked for in this tenant.
    pub(crate) fn may_ask_in(&self, tenant: &str) -> bool {
        match self.identity() {
            super::Identity::Tenants(tenants) => self.has_both_versions() && tenants.trust(tenant),
            super::Identity::One { .. } => false,
        }
    }

    fn only_tenant(&self) -> Option<&str> {
        match &self.shared.settings.token_endpoint {
            TokenEndpoint::Entra(entra) => entra.tenant.as_deref(),
            TokenEndpoint::Rfc | TokenEndpoint::WithoutOnBehalfOf | TokenEndpoint::Microsoft => None,
        }
    }

    fn set_token_endpoint(&self) -> Option<&Url> {
        self.shared.settings.source.token_endpoint.as_ref()
    }

    /// Where to ask: in this tenant if there is one for each, at this version if there are two.
    pub(crate) async fn token_url(&self, tenant: Option<&str>, is_v1: bool) -> Result<TokenUrl, Error> {
        if let Some(set) = self.set_token_endpoint() {
            return Ok(TokenUrl { url: set.clone(), takes_post_alone: false });
        }
        if let TokenEndpoint::Entra(entra) = &self.shared.settings.token_endpoint {
            let tenant = tenant.or(entra.tenant.as_deref()).ok_or_else(|| {
                Error::configuration(
                    "Entra ID has a token endpoint for each tenant: choose one by Client::for_tenant(..)",
                )
            })?;
            let path = if is_v1 { "oauth2/token" } else { "oauth2/v2.0/token" };
            let url = Url::parse("the token endpoint", &format!("{}/{tenant}/{path}", entra.authority_host))?;
            return Ok(TokenUrl { url, takes_post_alone: false });
        }
        let metadata = self.metadata().await?;
        let url = metadata.token_url().cloned().ok_or_else(|| {
            Error::configuration(
                "the issuer's metadata has no `token_endpoint` that can be used: set `token_endpoint(..)`",
            )
        })?;
        Ok(TokenUrl { url, takes_post_alone: metadata.takes_post_alone() })
    }

    /// Where a person of this tenant signs in, for a claims challenge.
    pub(crate) fn authorization_uri(&self, tenant: Option<&str>) -> Option<String> {
        match &self.shared.settings.token_endpoint {
            TokenEndpoint::Entra(entra) => {
                Some(format!("{}/{}/oauth2/authorize", entra.authority_host, tenant.unwrap_or("common")))
            }
            TokenEndpoint::Rfc | TokenEndpoint::WithoutOnBehalfOf | TokenEndpoint::Microsoft => None,
        }
    }

    pub(crate) fn token_transport(&self) -> &Transport {
        &self.shared.settings.source.transport
    }
}

fn is_v1(url: &Url) -> bool {
    url.path().ends_with("/oauth2/token")
}

fn is_v2(url: &Url) -> bool {
    url.path().ends_with("/oauth2/v2.0/token")
}
