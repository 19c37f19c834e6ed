//! The tokens of Microsoft Entra External ID.

use serde_json::{Map, Value, json};

use super::{Kind, Shape, fresh_id, logout};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct ExternalId;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "00000000-0000-4000-8000-00000c11e117";
const SUBJECT: &str = "dGVzdC1zdWJqZWN0LWZvci1vbmUtYXBp";
const PERSON: &str = "00000000-0000-4000-8000-0000000a11ce";

impl TestIssuer {
    /// An external tenant of Microsoft Entra, named `acme`, `11111111-2222-3333-4444-555555555555`, in memory: its tokens have the
    /// shape of version 2, and [`issuer`](Self::issuer) is [`Issuer::entra_external_id`].
    ///
    /// An [`application_token`](Self::application_token) needs a role to be accepted, and has one.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let directory = TestIssuer::external_id();
    /// let validator = directory.issuer().validator("66666666-7777-8888-9999-000000000000");
    ///
    /// let token = directory.token("66666666-7777-8888-9999-000000000000").scope("Orders.Read").sign();
    /// assert!(validator.verify(&token).await?.has_scope("Orders.Read"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn external_id() -> Self {
        let identifier =
            "https://11111111-2222-3333-4444-555555555555.ciamlogin.com/11111111-2222-3333-4444-555555555555/v2.0";
        Self::shaped(identifier, &ExternalId)
    }
}

impl Shape for ExternalId {
    fn issuer(&self, _: &str) -> Result<Issuer, Error> {
        Issuer::entra_external_id("acme", TENANT)
    }

    fn metadata_url(&self) -> Option<&'static str> {
        Some("https://acme.ciamlogin.com/11111111-2222-3333-4444-555555555555/v2.0/.well-known/openid-configuration")
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://acme.ciamlogin.com/11111111-2222-3333-4444-555555555555/discovery/v2.0/keys")
    }

    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value {
        match kind {
            Kind::Person => json!({
                "aud": audience,
                "nbf": now,
                "aio": "test-aio",
                "azp": CLIENT,
                "azpacr": "0",
                "name": "Alice Example",
                "oid": PERSON,
                "preferred_username": "alice@example.com",
                "rh": "test-rh",
                "scp": "access_as_user",
                "sid": "test-session",
                "sub": SUBJECT,
                "tid": TENANT,
                "uti": fresh_id(),
                "ver": "2.0",
            }),
            Kind::Application => json!({
                "aud": audience,
                "nbf": now,
                "aio": "test-aio",
                "azp": CLIENT,
                "azpacr": "1",
                "oid": "00000000-0000-4000-8000-0000005e81ce",
                "rh": "test-rh",
                "roles": ["test-role"],
                "sub": "00000000-0000-4000-8000-0000005e81ce",
                "tid": TENANT,
                "uti": fresh_id(),
                "ver": "2.0",
            }),
            Kind::Identity => json!({
                "aud": audience,
                "nbf": now,
                "aio": "test-aio",
                "name": "Alice Example",
                "nonce": "test-nonce",
                "oid": PERSON,
                "preferred_username": "alice@example.com",
                "rh": "test-rh",
                "sid": "test-session",
                "sub": SUBJECT,
                "tid": TENANT,
                "uti": fresh_id(),
                "ver": "2.0",
            }),
            Kind::Logout => logout(audience, SUBJECT),
        }
    }

    fn set_scope(&self, claims: &mut Map<String, Value>, scope: &str) {
        claims.insert("scp".to_owned(), json!(scope));
    }
}
