//! Auth0's tokens.

use serde_json::{Map, Value, json};

use super::{Kind, Shape, logout, with_another};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct Auth0;

const DOMAIN: &str = "acme.auth0.test";
const SUBJECT: &str = "auth0|0000000000000000000a11ce";
const CLIENT: &str = "test-client";

impl TestIssuer {
    /// Auth0, `https://acme.auth0.test/`, in memory: its tokens have the shape of Auth0's own profile, with permissions, and
    /// [`issuer`](Self::issuer) is [`Issuer::auth0`].
    ///
    /// [`roles`](super::super::TestToken::roles) sets the permissions.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    /// use tower_bearer::{application, role};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let auth0 = TestIssuer::auth0();
    /// let validator = auth0.issuer().validator("https://orders.example.com");
    ///
    /// let token = auth0.application_token("https://orders.example.com").roles(["read:orders"]).sign();
    /// let token = validator.verify(&token).await?;
    /// token.require(role("read:orders"))?;
    /// token.require(application())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn auth0() -> Self {
        Self::shaped("https://acme.auth0.test/", &Auth0)
    }
}

impl Shape for Auth0 {
    fn issuer(&self, _: &str) -> Result<Issuer, Error> {
        Issuer::auth0(DOMAIN)
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://acme.auth0.test/.well-known/jwks.json")
    }

    fn claims(&self, kind: Kind, audience: Value, _: u64) -> Value {
        match kind {
            Kind::Person => json!({
                "sub": SUBJECT,
                "aud": with_another(audience, "https://acme.auth0.test/userinfo"),
                "azp": CLIENT,
                "scope": "openid profile email",
                "permissions": [],
            }),
            Kind::Application => json!({
                "sub": "test-client@clients",
                "aud": audience,
                "azp": CLIENT,
                "gty": "client-credentials",
                "permissions": [],
            }),
            Kind::Identity => json!({
                "given_name": "Alice",
                "family_name": "Example",
                "nickname": "alice",
                "name": "Alice Example",
                "picture": "https://example.com/alice.png",
                "updated_at": "2026-01-01T00:00:00.000Z",
                "email": "alice@example.com",
                "email_verified": true,
                "aud": audience,
                "sub": SUBJECT,
                "sid": "test-session",
                "nonce": "test-nonce",
            }),
            Kind::Logout => logout(audience, SUBJECT),
        }
    }

    fn set_roles(&self, claims: &mut Map<String, Value>, roles: &[&str]) {
        claims.insert("permissions".to_owned(), json!(roles));
    }
}
