//! [`Shape`]: what the tokens of an identity provider look like, a file for each.

mod auth0;
mod azure_ad_b2c;
mod cognito;
mod external_id;
mod google;
mod keycloak;
mod okta;
mod standard;

use serde_json::{Map, Value, json};

pub(super) use self::standard::Standard;

use super::TestIssuer;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jose::Algorithm;

/// A provider as it documents its tokens, and the preset that trusts it. People and companies are placeholders.
pub(super) trait Shape: Send + Sync {
    /// The issuer as an API trusts it, by its preset.
    fn issuer(&self, identifier: &str) -> Result<Issuer, Error>;

    /// Where the metadata is, if not where the identifier implies.
    fn metadata_url(&self) -> Option<&'static str> {
        None
    }

    /// Where the keys are, if not beside the identifier.
    fn jwks_uri(&self) -> Option<&'static str> {
        None
    }

    /// What it signs with, unless told otherwise.
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }

    /// `typ` in the header.
    fn header_type(&self, _: Kind) -> Option<&'static str> {
        Some("JWT")
    }

    /// All claims but `iss`, `iat` and `exp`, of a token that is issued at this time, in seconds.
    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value;

    fn set_scope(&self, claims: &mut Map<String, Value>, scope: &str) {
        claims.insert("scope".to_owned(), json!(scope));
    }

    fn set_roles(&self, claims: &mut Map<String, Value>, roles: &[&str]) {
        claims.insert("roles".to_owned(), json!(roles));
    }

    /// Sets the client. Its id stands in several claims, in some within a longer name.
    fn set_client(&self, claims: &mut Map<String, Value>, client_id: &str) {
        let named = ["client_id", "azp", "cid"].iter().find_map(|name| claims.get(*name)?.as_str());
        let Some(stand_in) = named.map(str::to_owned) else { return };
        for (_, content) in claims.iter_mut().filter(|(name, _)| name.as_str() != "aud") {
            if let Some(text) = content.as_str() {
                *content = json!(text.replace(&stand_in, client_id));
            }
        }
    }
}

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A client calls an API for a person.
    Person,
    /// A client calls an API as itself.
    Application,
    /// A client learns who signed in (OpenID Connect Core §2).
    Identity,
    /// A client learns who signed out (OpenID Connect Back-Channel Logout §2.4).
    Logout,
}

impl TestIssuer {
    fn shaped(identifier: &str, shape: &'static dyn Shape) -> Self {
        Self::with_shape(identifier.to_owned(), shape)
    }
}

/// The claims of a logout token for this client.
fn logout(audience: Value, subject: &str) -> Value {
    json!({
        "aud": audience,
        "sub": subject,
        "sid": "test-session",
        "jti": fresh_id(),
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}

/// One audience and another.
fn with_another(audience: Value, another: &str) -> Value {
    let mut all = match audience {
        Value::Array(all) => all,
        one => vec![one],
    };
    all.push(json!(another));
    Value::Array(all)
}

/// A value that no other token has.
fn fresh_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}
