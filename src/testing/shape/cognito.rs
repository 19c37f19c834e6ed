//! Amazon Cognito's tokens.

use serde_json::{Value, json};

use super::{Kind, Shape, fresh_id, logout};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::testing::TestIssuer;

struct Cognito;

const REGION: &str = "eu-central-1";
const USER_POOL: &str = "eu-central-1_Ab12Cd34E";
const SUBJECT: &str = "5f3c9f1e-0000-4000-8000-0000000a11ce";

impl TestIssuer {
    /// A user pool of Amazon Cognito, `eu-central-1_Ab12Cd34E`, in memory: its tokens have the shape of Cognito's, and
    /// [`issuer`](Self::issuer) is [`Issuer::cognito`].
    ///
    /// What its [`token`](Self::token) is asked for is the id of the app client, which stands in for `aud`. Claim `aud` as well for
    /// a token that was asked for with a resource.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_bearer::Rejection> {
    /// let cognito = TestIssuer::cognito();
    /// let validator = cognito.issuer().validator("5example2client7id0");
    ///
    /// let token = cognito.token("5example2client7id0").scope("orders/read").sign();
    /// assert_eq!(validator.verify(&token).await?.audience(), "5example2client7id0");
    /// # Ok(())
    /// # }
    /// ```
    pub fn cognito() -> Self {
        Self::shaped("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E", &Cognito)
    }
}

impl Shape for Cognito {
    fn issuer(&self, _: &str) -> Result<Issuer, Error> {
        Issuer::cognito(REGION, USER_POOL)
    }

    fn jwks_uri(&self) -> Option<&'static str> {
        Some("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E/.well-known/jwks.json")
    }

    fn header_type(&self, _: Kind) -> Option<&'static str> {
        None
    }

    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value {
        match kind {
            Kind::Person => json!({
                "sub": SUBJECT,
                "device_key": "eu-central-1_00000000-0000-4000-8000-000000000000",
                "cognito:groups": ["staff"],
                "version": 2,
                "client_id": audience,
                "origin_jti": fresh_id(),
                "event_id": "00000000-0000-4000-8000-000000000000",
                "token_use": "access",
                "scope": "openid profile",
                "auth_time": now,
                "jti": fresh_id(),
                "username": "alice",
            }),
            Kind::Application => json!({
                "sub": audience,
                "token_use": "access",
                "scope": "test/scope",
                "auth_time": now,
                "version": 2,
                "jti": fresh_id(),
                "client_id": audience,
            }),
            Kind::Identity => json!({
                "sub": SUBJECT,
                "cognito:groups": ["staff"],
                "email_verified": true,
                "cognito:username": "alice",
                "origin_jti": fresh_id(),
                "aud": audience,
                "event_id": "00000000-0000-4000-8000-000000000000",
                "token_use": "id",
                "auth_time": now,
                "jti": fresh_id(),
                "email": "alice@example.com",
            }),
            Kind::Logout => logout(audience, SUBJECT),
        }
    }
}
