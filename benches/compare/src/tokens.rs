//! The tokens that all contenders judge: those of an issuer like Entra, about a kilobyte each, no two alike.

use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, Validator};

pub const ISSUER: &str = "https://login.example.com/11111111-2222-3333-4444-555555555555/v2.0";
pub const AUDIENCE: &str = "66666666-7777-8888-9999-000000000000";

/// What handlers are given.
#[derive(Clone, Deserialize)]
#[allow(dead_code)] // read by nobody but serde, as in most handlers
pub struct Caller {
    pub oid: String,
    pub tid: String,
    pub azp: String,
    pub scp: String,
    pub name: String,
    pub groups: Vec<String>,
}

pub fn algorithms() -> [Algorithm; 3] {
    [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
}

pub struct Tokens {
    pub algorithm: Algorithm,
    pub jwks: String,
    good: Vec<String>,
    /// What is wrong with a token, and the token.
    pub bad: Vec<(&'static str, String)>,
    pub unknown_key: String,
}

/// What the token of this number says who calls.
pub fn object_id(number: usize) -> String {
    format!("a11ce000-0000-4000-8000-{number:012}")
}

impl Tokens {
    pub fn new(algorithm: Algorithm, count: usize) -> Self {
        let authority = TestIssuer::named(ISSUER);
        authority.signing_key(algorithm);
        let elsewhere = TestIssuer::named(ISSUER);
        elsewhere.signing_key(algorithm);
        elsewhere.rotate_under_old_ids();
        let token = |authority: &TestIssuer, number: usize| {
            let token = authority.token(AUDIENCE).algorithm(algorithm).expires_in(Duration::from_secs(24 * 3600));
            token
                .subject("AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ")
                .claim("oid", object_id(number))
                .claim("tid", "11111111-2222-3333-4444-555555555555")
                .claim("azp", "c1c1c1c1-0000-4000-8000-000000000001")
                .claim("azpacr", "1")
                .claim("scp", "Orders.Read Orders.Place")
                .claim("name", "Alice Example")
                .claim("preferred_username", "alice@contoso.example")
                .claim("groups", ["aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"])
                .claim("uti", format!("uti-{number}"))
                .claim("nbf", 1_700_000_000_u64)
                .claim("ver", "2.0")
        };
        let flipped = {
            let mut text = token(&authority, 0).sign().into_bytes();
            let place = text.len() - 20;
            text[place] = if text[place] == b'A' { b'B' } else { b'A' };
            String::from_utf8(text).expect("base64")
        };
        let unknown_key = token(&elsewhere, 0).header("kid", "a-key-that-nobody-publishes").sign();
        let bad = vec![
            ("expired", token(&authority, 0).expired().sign()),
            ("for another audience", token(&authority, 0).claim("aud", "another").sign()),
            ("of another issuer", token(&authority, 0).claim("iss", "https://elsewhere.example").sign()),
            ("not yet valid", token(&authority, 0).claim("nbf", 4_000_000_000_u64).sign()),
            ("with a flipped bit", flipped),
            ("signed by another key", token(&elsewhere, 0).sign()),
            ("of an unknown key", unknown_key.clone()),
            ("garbage", "garbage".to_owned()),
        ];
        let good = (0..count).map(|number| token(&authority, number).sign()).collect();
        Self { algorithm, jwks: authority.jwks(), good, bad, unknown_key }
    }

    pub fn good(&self, count: usize) -> &[String] {
        &self.good[..count]
    }

    /// By the clock of the system, with the keys at hand.
    pub fn validator(&self) -> Validator {
        let issuer = Issuer::new(ISSUER).and_then(|issuer| issuer.with_jwks(&self.jwks)).expect("a JWK Set");
        issuer.validator(AUDIENCE).algorithms([self.algorithm])
    }

    /// The key as `jsonwebtoken` has it, and its id.
    pub fn decoding_key(&self) -> (String, DecodingKey) {
        let set: JwkSet = serde_json::from_str(&self.jwks).expect("a JWK Set");
        let named = |jwk: &&jsonwebtoken::jwk::Jwk| {
            let id = jwk.common.key_id.as_deref().unwrap_or_default();
            id.starts_with(&self.algorithm.as_str().to_lowercase())
        };
        let jwk = set.keys.iter().find(named).expect("a key of this algorithm");
        (jwk.common.key_id.clone().unwrap_or_default(), DecodingKey::from_jwk(jwk).expect("a key"))
    }

    /// As `jsonwebtoken` names it.
    pub fn their_algorithm(&self) -> jsonwebtoken::Algorithm {
        self.algorithm.as_str().parse().expect("it knows these three")
    }
}
