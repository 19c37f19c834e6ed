//! [`Members`]: what counts in a metadata document, and why a document won't do.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::JsonFault;
use crate::jose::json::{self, check_object};

/// The members of a metadata document that are used.
pub(super) struct Members {
    pub(super) issuer: String,
    pub(super) jwks_uri: Option<String>,
    /// One that is no string costs nobody who only validates tokens.
    pub(super) token_endpoint: Option<String>,
    /// Of the ways to send a secret, the form alone is named.
    pub(super) takes_post_alone: bool,
}

impl Members {
    pub(super) fn parse(document: &[u8]) -> Result<Self, Unfit> {
        let text = std::str::from_utf8(document).map_err(|_| Unfit::NotUtf8)?;
        // serde takes an array for a struct, and skips members that it isn't asked for unchecked.
        check_object(text).map_err(Unfit::Object)?;
        let raw: Raw<'_> = serde_json::from_str(text).map_err(|error| Unfit::Json(error.into()))?;
        Ok(Self {
            issuer: string("issuer", raw.issuer)?.ok_or(Unfit::Without("issuer"))?,
            jwks_uri: string("jwks_uri", raw.jwks_uri)?,
            token_endpoint: string("token_endpoint", raw.token_endpoint).unwrap_or_default(),
            takes_post_alone: takes_post_alone(raw.token_endpoint_auth_methods_supported),
        })
    }
}

/// Each value is kept raw at first, so that one of a wrong type can be named and a large one takes no memory.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    issuer: Option<&'a RawValue>,
    jwks_uri: Option<&'a RawValue>,
    token_endpoint: Option<&'a RawValue>,
    token_endpoint_auth_methods_supported: Option<&'a RawValue>,
}

fn string(name: &'static str, value: Option<&RawValue>) -> Result<Option<String>, Unfit> {
    value.map(|raw| serde_json::from_str(raw.get())).transpose().map_err(|_| Unfit::NotAString(name))
}

fn takes_post_alone(methods: Option<&RawValue>) -> bool {
    let methods: Vec<String> = methods.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let has = |name: &str| methods.iter().any(|method| method == name);
    has("client_secret_post") && !has("client_secret_basic")
}

/// Why a document is not the metadata of an issuer. It quotes nothing of it.
pub(super) enum Unfit {
    NotUtf8,
    Object(json::JsonFault),
    Json(JsonFault),
    Without(&'static str),
    NotAString(&'static str),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("is not UTF-8"),
            Self::Object(json::JsonFault::NotAnObject) => f.write_str("is not a JSON object"),
            Self::Object(json::JsonFault::DuplicateMember) => f.write_str("has a member twice"),
            Self::Object(json::JsonFault::TooDeep) => f.write_str("is nested too deeply"),
            Self::Object(json::JsonFault::EndsEarly) => f.write_str("ends too early"),
            Self::Object(json::JsonFault::Malformed) => f.write_str("is not JSON"),
            Self::Json(fault) => fault.fmt(f),
            Self::Without(name) => write!(f, "has no member `{name}`"),
            Self::NotAString(name) => write!(f, "has a member `{name}` that is not a string"),
        }
    }
}
