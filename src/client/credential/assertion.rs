//! [`SignedAssertion`]: the JWT by which a client proves that it has a key (RFC 7523 §2.2, §3).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::key::Key;
use crate::client::TokenError;
use crate::issuer::{Issuer, TokenUrl};
use crate::jose::{self, Algorithm, Certificate};

/// How long an assertion is good. It is used at once; servers refuse those that are good for long.
const LIFE: Duration = Duration::from_secs(5 * 60);

/// A key, and how assertions are made with it.
#[derive(Clone)]
pub(super) struct SignedAssertion {
    key: Key,
    key_id: Option<Arc<str>>,
    audience: Option<Arc<str>>,
    sends_chain: bool,
    uses_sha1: bool,
}

impl SignedAssertion {
    pub(super) fn by(key: Key) -> Self {
        Self { key, key_id: None, audience: None, sends_chain: false, uses_sha1: false }
    }

    pub(super) fn set_key_id(&mut self, id: &str) -> Result<(), &'static str> {
        if self.key.is_of_certificate() {
            return Err("a certificate is named by its thumbprint");
        }
        if id.is_empty() {
            return Err("it is empty");
        }
        self.key_id = Some(id.into());
        Ok(())
    }

    pub(super) fn set_audience(&mut self, audience: &str) -> Result<(), &'static str> {
        if audience.is_empty() {
            return Err("it is empty");
        }
        self.audience = Some(audience.into());
        Ok(())
    }

    pub(super) fn send_chain(&mut self) -> Result<(), &'static str> {
        self.with_certificate()?.sends_chain = true;
        Ok(())
    }

    pub(super) fn use_sha1(&mut self) -> Result<(), &'static str> {
        self.with_certificate()?.uses_sha1 = true;
        Ok(())
    }

    fn with_certificate(&mut self) -> Result<&mut Self, &'static str> {
        if self.key.is_of_certificate() { Ok(self) } else { Err("it is no certificate") }
    }

    /// A new assertion, for one request.
    pub(super) async fn make(
        &self,
        client_id: &str,
        issuer: &Issuer,
        endpoint: &TokenUrl,
    ) -> Result<SecretString, TokenError> {
        let now = issuer.time().wall();
        let pair = self.key.current().await;
        if pair.has_run_out(now) {
            let message = "the client's certificate has run out: put a new one in its place";
            return Err(TokenError::refused(message));
        }
        let algorithm = pair.algorithm(self.uses_sha1);
        let header = match pair.chain() {
            [] => name_key(algorithm, self.key_id.as_deref().or(pair.key_id())),
            chain => self.name_certificate(algorithm, chain),
        };
        let audience = match &self.audience {
            Some(set) => set.to_string(),
            None if issuer.asks_as_microsoft() => endpoint.url.as_string(),
            None => issuer.identifier().to_owned(),
        };
        let claims = claims(client_id, &audience, now)?;
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let mut assertion = format!("{}.{}", encode(&header), encode(&claims));
        let signature = pair.sign(algorithm, Bytes::copy_from_slice(assertion.as_bytes())).await?;
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut assertion);
        Ok(assertion.into())
    }

    fn name_certificate(&self, algorithm: Algorithm, chain: &[Certificate]) -> Value {
        let mut header = Map::from_iter([("alg", json!(algorithm.as_str())), ("typ", json!("JWT"))].map(owned));
        if let Some(own) = chain.first() {
            let (name, thumbprint) = if self.uses_sha1 {
                ("x5t", URL_SAFE_NO_PAD.encode(own.thumbprint_sha1()))
            } else {
                ("x5t#S256", URL_SAFE_NO_PAD.encode(own.thumbprint_sha256()))
            };
            header.insert(name.to_owned(), json!(thumbprint));
        }
        if self.sends_chain {
            // Standard base64 here, unlike everywhere else (RFC 7515 §4.1.6).
            let chain: Vec<_> = chain.iter().map(|certificate| STANDARD.encode(certificate.der())).collect();
            header.insert("x5c".to_owned(), json!(chain));
        }
        Value::Object(header)
    }
}

fn name_key(algorithm: Algorithm, key_id: Option<&str>) -> Value {
    let kid = key_id.map(|id| ("kid", json!(id)));
    Value::Object([("alg", json!(algorithm.as_str()))].into_iter().chain(kid).map(owned).collect())
}

fn owned((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

fn claims(client_id: &str, audience: &str, now: SystemTime) -> Result<Value, TokenError> {
    let jti =
        jose::random::<16>().map_err(|error| TokenError::refused(format!("no assertion can be made: {error}")))?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": URL_SAFE_NO_PAD.encode(jti),
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(LIFE.as_secs()),
    }))
}
