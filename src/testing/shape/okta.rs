//! Okta's tokens.

use serde_json::{Map, Value, json};

use super::{Kind, Shape, fresh_id, logout};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct Okta;

const IDENTIFIER: &str = "https://acme.okta.test/oauth2/default";
const USER: &str = "00u00000000000a11ce0";
const CLIENT: &str = "0oa000000000000test0";

impl TestIssuer {
    /// A custom authorization server of Okta, `https://acme.okta.test/oauth2/default`, in memory: its tokens have the shape of
    /// Okta's, and [`issuer`](Self::issuer) is [`Issuer::okta`].
    ///
    /// [`scope`](super::super::TestToken::scope) sets the array `scp`.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let okta = TestIssuer::okta();
    /// let validator = okta.issuer().validator("api://orders");
    ///
    /// let token = okta.token("api://orders").scope("orders.read orders.write").sign();
    /// assert!(validator.verify(&token).await?.has_scope("orders.write"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn okta() -> Self {
        Self::shaped(IDENTIFIER, &Okta)
    }
}

impl Shape for Okta {
    fn issuer(&self, identifier: &str) -> Result<Issuer, Error> {
        Issuer::okta(identifier)
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://acme.okta.test/oauth2/default/v1/keys")
    }

    fn header_type(&self, _: Kind) -> Option<&'static str> {
        None
    }

    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value {
        match kind {
            Kind::Person => json!({
                "ver": 1,
                "jti": fresh_id(),
                "aud": audience,
                "cid": CLIENT,
                "uid": USER,
                "scp": ["openid", "profile"],
                "auth_time": now,
                "sub": "alice@example.com",
            }),
            Kind::Application => json!({
                "ver": 1,
                "jti": fresh_id(),
                "aud": audience,
                "cid": CLIENT,
                "scp": ["test-scope"],
                "sub": CLIENT,
            }),
            Kind::Identity => json!({
                "sub": USER,
                "name": "Alice Example",
                "ver": 1,
                "aud": audience,
                "jti": fresh_id(),
                "amr": ["pwd"],
                "idp": "00o0000000000000acme",
                "nonce": "test-nonce",
                "preferred_username": "alice@example.com",
                "auth_time": now,
                "at_hash": "dGVzdC1oYXNoLW9mLWFu",
            }),
            Kind::Logout => logout(audience, USER),
        }
    }

    fn set_scope(&self, claims: &mut Map<String, Value>, scope: &str) {
        claims.insert("scp".to_owned(), scope.split(' ').collect());
    }
}
