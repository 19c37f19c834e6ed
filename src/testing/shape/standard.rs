//! Tokens by the standards alone: RFC 9068, and OpenID Connect for those that are no access tokens.

use serde_json::{Value, json};

use super::{Kind, Shape, fresh_id, logout};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jose::Algorithm;

pub(in crate::testing) struct Standard;

const SUBJECT: &str = "test-subject";
const CLIENT: &str = "test-client";

impl Shape for Standard {
    fn issuer(&self, identifier: &str) -> Result<Issuer, Error> {
        Issuer::new(identifier)
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }

    fn header_type(&self, kind: Kind) -> Option<&'static str> {
        Some(match kind {
            Kind::Person | Kind::Application => "at+jwt",
            Kind::Identity => "JWT",
            Kind::Logout => "logout+jwt",
        })
    }

    fn claims(&self, kind: Kind, audience: Value, now: u64) -> Value {
        match kind {
            Kind::Person => json!({ "aud": audience, "sub": SUBJECT, "client_id": CLIENT, "jti": fresh_id() }),
            Kind::Application => json!({ "aud": audience, "sub": CLIENT, "client_id": CLIENT, "jti": fresh_id() }),
            Kind::Identity => json!({
                "aud": audience,
                "sub": SUBJECT,
                "auth_time": now,
                "nonce": "test-nonce",
                "at_hash": "dGVzdC1oYXNoLW9mLWFu",
            }),
            Kind::Logout => logout(audience, SUBJECT),
        }
    }
}
