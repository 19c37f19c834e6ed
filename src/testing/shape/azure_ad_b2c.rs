//! The tokens of Azure AD B2C.

use serde_json::{Map, Value, json};

use super::{Kind, Shape, logout};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct AzureAdB2c;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const POLICY: &str = "B2C_1_signin";
const CLIENT: &str = "00000000-0000-4000-8000-00000c11e117";
const PERSON: &str = "00000000-0000-4000-8000-0000000a11ce";

impl TestIssuer {
    /// Azure AD B2C with the tenant `acme`, `11111111-2222-3333-4444-555555555555`, and the user flow `B2C_1_signin`, in memory: its
    /// tokens have the shape of B2C's, and [`issuer`](Self::issuer) is [`Issuer::azure_ad_b2c`].
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    /// use tower_bearer::{Rejection, RejectionKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let directory = TestIssuer::azure_ad_b2c();
    /// let validator = directory.issuer().validator("66666666-7777-8888-9999-000000000000").check(|token| {
    ///     // All policies of a tenant have one issuer.
    ///     match token.claim("tfp") {
    ///         Some("B2C_1_signin") => Ok(()),
    ///         _ => Err(Rejection::new(RejectionKind::Refused)),
    ///     }
    /// });
    ///
    /// let token = directory.token("66666666-7777-8888-9999-000000000000");
    /// validator.verify(&token.clone().sign()).await?;
    /// assert!(validator.verify(&token.claim("tfp", "B2C_1_other").sign()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn azure_ad_b2c() -> Self {
        Self::shaped("https://acme.b2clogin.com/11111111-2222-3333-4444-555555555555/v2.0/", &AzureAdB2c)
    }
}

impl Shape for AzureAdB2c {
    fn issuer(&self, _: &str) -> Result<Issuer, Error> {
        Issuer::azure_ad_b2c("acme", TENANT, POLICY)
    }

    fn metadata_url(&self) -> Option<&'static str> {
        Some("https://acme.b2clogin.com/acme.onmicrosoft.com/B2C_1_signin/v2.0/.well-known/openid-configuration")
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://acme.b2clogin.com/acme.onmicrosoft.com/b2c_1_signin/discovery/v2.0/keys")
    }

    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value {
        match kind {
            Kind::Person => json!({
                "nbf": now,
                "aud": audience,
                "sub": PERSON,
                "oid": PERSON,
                "name": "Alice Example",
                "given_name": "Alice",
                "family_name": "Example",
                "emails": ["alice@example.com"],
                "tfp": POLICY,
                "nonce": "test-nonce",
                "scp": "access_as_user",
                "azp": CLIENT,
                "ver": "1.0",
            }),
            Kind::Application => json!({
                "nbf": now,
                "aud": audience,
                "sub": "00000000-0000-4000-8000-0000005e81ce",
                "tfp": POLICY,
                "scp": "test-scope",
                "azp": CLIENT,
                "ver": "1.0",
            }),
            Kind::Identity => json!({
                "ver": "1.0",
                "sub": PERSON,
                "aud": audience,
                "nonce": "test-nonce",
                "auth_time": now,
                "oid": PERSON,
                "name": "Alice Example",
                "given_name": "Alice",
                "family_name": "Example",
                "emails": ["alice@example.com"],
                "tfp": POLICY,
                "nbf": now,
            }),
            Kind::Logout => logout(audience, PERSON),
        }
    }

    fn set_scope(&self, claims: &mut Map<String, Value>, scope: &str) {
        claims.insert("scp".to_owned(), json!(scope));
    }
}
