//! Google's tokens.

use serde_json::{Value, json};

use super::{Kind, Shape, logout};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct Google;

const SUBJECT: &str = "100000000000000000001";

impl TestIssuer {
    /// Google, in memory: [`issuer`](Self::issuer) is [`Issuer::google`], and [`token`](Self::token) is what APIs take of Google, a
    /// person's ID token. A service account's is the [`application_token`](Self::application_token).
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let google = TestIssuer::google();
    /// let validator = google.issuer().validator("https://orders.example.com");
    ///
    /// let token = validator.verify(&google.application_token("https://orders.example.com").sign()).await?;
    /// let email: Option<&str> = token.claim("email");
    /// assert_eq!(email, Some("test-client@acme.iam.gserviceaccount.com"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn google() -> Self {
        Self::shaped("https://accounts.google.com", &Google)
    }
}

impl Shape for Google {
    fn issuer(&self, _: &str) -> Result<Issuer, Error> {
        Ok(Issuer::google())
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://www.googleapis.com/oauth2/v3/certs")
    }

    fn claims(&self, kind: Kind, audience: Value, _: u64) -> Value {
        match kind {
            Kind::Person | Kind::Identity => json!({
                "azp": "000000000000-test.apps.googleusercontent.com",
                "aud": audience,
                "sub": SUBJECT,
                "hd": "example.com",
                "email": "alice@example.com",
                "email_verified": true,
                "at_hash": "dGVzdC1oYXNoLW9mLWFu",
                "nonce": "test-nonce",
                "name": "Alice Example",
                "picture": "https://example.com/alice.png",
                "given_name": "Alice",
                "family_name": "Example",
            }),
            Kind::Application => json!({
                "aud": audience,
                "azp": "100000000000000000002",
                "email": "test-client@acme.iam.gserviceaccount.com",
                "email_verified": true,
                "sub": "100000000000000000002",
            }),
            Kind::Logout => logout(audience, SUBJECT),
        }
    }
}
