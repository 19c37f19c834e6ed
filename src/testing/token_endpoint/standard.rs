//! The token endpoint of a [`TestIssuer`], by the standards alone.

use serde_json::{Value, json};

use super::{Authority, Grant, ON_BEHALF_OF, Refusal, SignedToken, TestTokenRequest, TokenEndpoint, TokenFault};
use super::{TOKEN_EXCHANGE, client_credentials, on_behalf_of, refresh_token, token_exchange};
use crate::jose::Algorithm;
use crate::testing::registration::TestApp;
use crate::testing::shape::Kind;
use crate::testing::{TestIssuer, seconds};

/// What its metadata names.
pub(in crate::testing) const GRANT_TYPES: [&str; 4] =
    ["client_credentials", ON_BEHALF_OF, "refresh_token", TOKEN_EXCHANGE];

impl Authority for TestIssuer {
    fn now(&self) -> u64 {
        seconds(TestIssuer::now(self))
    }

    fn tokens(&self) -> &TokenEndpoint {
        &self.shared.tokens
    }

    fn client(&self, client_id: &str) -> Option<TestApp> {
        TestApp::find(&self.shared.tokens.registry, client_id, "")
    }

    fn assertion_audiences(&self) -> Vec<String> {
        vec![self.identifier().to_owned(), self.shared.token_endpoint()]
    }

    fn federated_audiences(&self) -> Vec<String> {
        self.assertion_audiences()
    }

    fn certificate_algorithms(&self) -> &'static [Algorithm] {
        Algorithm::ASYMMETRIC
    }

    fn grant(&self, grant_type: &str) -> Option<Grant<'_>> {
        match grant_type {
            "client_credentials" => {
                Some(Box::new(|request, client| client_credentials::standard(self, request, client)))
            }
            ON_BEHALF_OF => Some(Box::new(|request, client| on_behalf_of::standard(self, request, client))),
            "refresh_token" => Some(Box::new(|request, client| refresh_token::standard(self, request, client))),
            TOKEN_EXCHANGE => Some(Box::new(|request, client| token_exchange::standard(self, request, client))),
            _ => None,
        }
    }

    fn refuse(&self, refusal: &Refusal, _: &TestTokenRequest) -> Value {
        let mut body = json!({ "error": refusal.error(), "error_description": refusal.sentence() });
        if let Refusal::ClaimsDemanded(claims) = refusal {
            body["claims"] = json!(claims);
        }
        body
    }
}

impl TestIssuer {
    /// An access token of this issuer that is good now, whoever it is for.
    pub(super) fn access_token(&self, token: &str) -> Result<SignedToken, TokenFault> {
        let token = SignedToken::verify(token, &self.keys(), seconds(self.now()))?;
        if token.claim("iss") != Some(self.identifier()) {
            return Err(TokenFault::Issuer);
        }
        let is_access_token = token.has_type(self.shared.shape.header_type(Kind::Person));
        if is_access_token && !is_other_token(&token) { Ok(token) } else { Err(TokenFault::Type) }
    }

    /// Whether a token is one by which an application acts as itself: it is about the client (RFC 9068 §2.2), or as Auth0 or Keycloak
    /// says it.
    pub(super) fn is_applications(&self, token: &SignedToken) -> bool {
        let subject = token.claim("sub");
        let clients = ["client_id", "azp", "cid"].into_iter().filter_map(|name| token.claim(name));
        let is_service_account = || token.claim("preferred_username")?.strip_prefix("service-account-");
        clients.into_iter().any(|client| Some(client) == subject)
            || token.claim("gty") == Some("client-credentials")
            || is_service_account().is_some()
    }
}

/// Whether it is an ID token or a logout token, which not each provider tells by `typ`.
fn is_other_token(token: &SignedToken) -> bool {
    let has = |name: &&str| token.claims.contains_key(*name);
    let is_scoped = ["scope", "scp"].iter().any(has);
    !is_scoped && ["at_hash", "nonce", "events"].iter().any(has)
}
