//! Keycloak's tokens.

use serde_json::{Map, Value, json};

use super::{Kind, Shape, fresh_id, logout, with_another};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct Keycloak;

const IDENTIFIER: &str = "https://keycloak.test/realms/acme";
const SUBJECT: &str = "5f3c9f1e-0000-4000-8000-0000000a11ce";
const CLIENT: &str = "test-client";

impl TestIssuer {
    /// Keycloak, `https://keycloak.test/realms/acme`, in memory: its tokens have the shape of Keycloak's, and
    /// [`issuer`](Self::issuer) is [`Issuer::keycloak`].
    ///
    /// [`roles`](super::super::TestToken::roles) sets those of the realm. A refresh or offline token is a token whose claim `typ` is
    /// `Refresh` or `Offline`.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    /// use tower_bearer::{RejectionKind, role_in};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let keycloak = TestIssuer::keycloak();
    /// let validator = keycloak.issuer().validator("orders");
    ///
    /// let token = keycloak.token("orders").claim("resource_access", serde_json::json!({ "orders": { "roles": ["clerk"] } }));
    /// validator.verify(&token.clone().roles(["staff"]).sign()).await?.require(role_in("orders", "clerk"))?;
    ///
    /// let refresh = token.claim("typ", "Refresh").sign();
    /// assert_eq!(validator.verify(&refresh).await.unwrap_err().kind(), RejectionKind::WrongTokenType);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keycloak() -> Self {
        Self::shaped(IDENTIFIER, &Keycloak)
    }
}

impl Shape for Keycloak {
    fn issuer(&self, identifier: &str) -> Result<Issuer, Error> {
        Issuer::keycloak(identifier)
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://keycloak.test/realms/acme/protocol/openid-connect/certs")
    }

    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value {
        match kind {
            Kind::Person => json!({
                "auth_time": now,
                "jti": fresh_id(),
                "aud": with_another(audience, "account"),
                "sub": SUBJECT,
                "typ": "Bearer",
                "azp": CLIENT,
                "sid": "test-session",
                "acr": "1",
                "allowed-origins": ["https://app.example.com"],
                "realm_access": { "roles": ["default-roles-acme", "offline_access", "uma_authorization"] },
                "resource_access": { "account": { "roles": ["manage-account", "view-profile"] } },
                "scope": "openid email profile",
                "email_verified": true,
                "name": "Alice Example",
                "preferred_username": "alice",
                "given_name": "Alice",
                "family_name": "Example",
                "email": "alice@example.com",
            }),
            Kind::Application => json!({
                "jti": fresh_id(),
                "aud": with_another(audience, "account"),
                "sub": "5f3c9f1e-0000-4000-8000-00000c11e117",
                "typ": "Bearer",
                "azp": CLIENT,
                "acr": "1",
                "realm_access": { "roles": ["default-roles-acme", "offline_access", "uma_authorization"] },
                "resource_access": { "account": { "roles": ["manage-account", "view-profile"] } },
                "scope": "email profile",
                "email_verified": false,
                "clientHost": "192.0.2.1",
                "clientAddress": "192.0.2.1",
                "client_id": CLIENT,
                "preferred_username": "service-account-test-client",
            }),
            Kind::Identity => json!({
                "auth_time": now,
                "jti": fresh_id(),
                "aud": audience,
                "sub": SUBJECT,
                "typ": "ID",
                "azp": audience,
                "nonce": "test-nonce",
                "sid": "test-session",
                "at_hash": "dGVzdC1oYXNoLW9mLWFu",
                "acr": "1",
                "email_verified": true,
                "name": "Alice Example",
                "preferred_username": "alice",
                "given_name": "Alice",
                "family_name": "Example",
                "email": "alice@example.com",
            }),
            Kind::Logout => {
                let mut claims = logout(audience, SUBJECT);
                claims["typ"] = json!("Logout");
                claims
            }
        }
    }

    fn set_roles(&self, claims: &mut Map<String, Value>, roles: &[&str]) {
        claims.insert("realm_access".to_owned(), json!({ "roles": roles }));
    }
}
