//! [`SignedToken`]: a token that this server gave out, and that is brought back to be exchanged for another.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::jose::object::read_object;
use crate::jose::{CompactJws, Jwk, SigningKey, VerifyingKey};

/// How far the clock of whoever signed may be ahead, in seconds.
const SKEW: u64 = 5 * 60;

/// The claims of a token that is signed by one of the server's keys and good now. For whom it is, is still to be checked.
pub(in crate::testing) struct SignedToken {
    pub(in crate::testing) claims: Map<String, Value>,
    media_type: Option<String>,
}

/// Why a token that was brought can't be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) enum TokenFault {
    Malformed,
    Signature,
    Issuer,
    /// It is for somebody else than the client that brings it.
    Audience,
    Times,
    /// It is an application's, so that nobody can be acted for.
    Application,
    /// It is no access token.
    Type,
    /// It was given to somebody else than the client that brings it as its own.
    Actor,
}

impl SignedToken {
    pub(in crate::testing) fn verify(compact: &str, keys: &[Arc<SigningKey>], now: u64) -> Result<Self, TokenFault> {
        let jws = CompactJws::parse(compact).map_err(|_| TokenFault::Malformed)?;
        let header = jws.header().map_err(|_| TokenFault::Malformed)?;
        let algorithm = header.algorithm().ok_or(TokenFault::Signature)?;
        let named = keys.iter().filter(|key| key.key_id() == header.key_id());
        let is_signed = named
            .flat_map(|key| verifying_keys(key))
            .any(|key| key.algorithm() == algorithm && key.verify(&jws).is_ok());
        if !is_signed {
            return Err(TokenFault::Signature);
        }
        let payload = std::str::from_utf8(jws.payload()).map_err(|_| TokenFault::Malformed)?;
        read_object(payload, &mut ()).map_err(|_| TokenFault::Malformed)?;
        let claims: Map<String, Value> = serde_json::from_str(payload).map_err(|_| TokenFault::Malformed)?;
        let time = |name: &str| claims.get(name).map(|time| time.as_u64().ok_or(TokenFault::Times)).transpose();
        let begins = [time("nbf")?, time("iat")?];
        let has_begun = begins.into_iter().flatten().all(|begin| begin <= now + SKEW);
        if !has_begun || time("exp")?.is_none_or(|end| end <= now) {
            return Err(TokenFault::Times);
        }
        let media_type = header.media_type().map(str::to_owned);
        Ok(Self { claims, media_type })
    }

    pub(in crate::testing) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    pub(in crate::testing) fn has_type(&self, media_type: Option<&str>) -> bool {
        self.media_type.as_deref() == media_type
    }

    /// That it is for one of these: the names of the client that brings it.
    pub(in crate::testing) fn check_audience(&self, names: &[String]) -> Result<(), TokenFault> {
        let is_named = |one: &Value| one.as_str().is_some_and(|one| names.iter().any(|name| name == one));
        let is_for = match self.claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_named),
            Some(one) => is_named(one),
            None => false,
        };
        if is_for { Ok(()) } else { Err(TokenFault::Audience) }
    }

    /// Those of the claims with these names that it has.
    pub(in crate::testing) fn some(&self, names: &[&str]) -> Map<String, Value> {
        let has = |name: &&str| Some(((*name).to_owned(), self.claims.get(*name)?.clone()));
        names.iter().filter_map(has).collect()
    }
}

fn verifying_keys(key: &SigningKey) -> Vec<VerifyingKey> {
    let jwk = key.public_jwk();
    Jwk::parse(jwk.as_bytes()).and_then(|jwk| VerifyingKey::from_jwk(&jwk)).into_iter().flatten().collect()
}

impl TokenFault {
    pub(in crate::testing) fn sentence(self) -> &'static str {
        match self {
            Self::Malformed => "the token that is to be exchanged is no signed JWT",
            Self::Signature => "the token that is to be exchanged is not signed by a key of this server",
            Self::Issuer => "the token that is to be exchanged is of another issuer or tenant",
            Self::Audience => "the token that is to be exchanged is for another application than the one that asks",
            Self::Times => "the token that is to be exchanged is expired or not yet valid",
            Self::Application => "the token that is to be exchanged is an application's, and nobody can be acted for",
            Self::Type => "the token that is to be exchanged is no access token",
            Self::Actor => "the actor's token was not given to the client that asks",
        }
    }
}
