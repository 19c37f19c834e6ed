//! The challenge: `WWW-Authenticate: Bearer …` (RFC 6750 §3, RFC 9728 §5.1).

use std::sync::OnceLock;

use http::HeaderValue;

use super::context::Context;
use super::rejection::{Rejection, RejectionKind};

/// The challenges of one context that are the same for all rejections of a kind, each put together when it is first said.
#[derive(Default)]
pub(crate) struct Challenges([OnceLock<HeaderValue>; RejectionKind::ALL.len()]);

impl Challenges {
    pub(crate) fn of(&self, kind: RejectionKind, make: impl FnOnce() -> HeaderValue) -> HeaderValue {
        match self.0.get(kind as usize) {
            Some(said) => said.get_or_init(make).clone(),
            None => make(),
        }
    }
}

/// A context is cloned to be changed: what was said in it doesn't hold for the other one.
impl Clone for Challenges {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Escapes for a quoted-string (RFC 9110 §5.6.4); `None` where a character can't stand in a header.
pub(crate) fn quote(text: &str) -> Option<String> {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => return None,
        }
    }
    Some(quoted)
}

/// The challenge of this rejection: everything in it is constant or was configured, nothing comes from the request.
pub(crate) fn www_authenticate(rejection: &Rejection, context: Option<&Context>) -> HeaderValue {
    let mut value = String::with_capacity(192);
    value.push_str("Bearer");
    let mut separator = " ";
    let mut parameter = |name: &str, text: &str| {
        for part in [separator, name, "=\"", text, "\""] {
            value.push_str(part);
        }
        separator = ", ";
    };
    // As Microsoft's clients read it.
    if let Some(wanted) = rejection.wanted_claims() {
        parameter("realm", "");
        if let Some(uri) = &wanted.authorization_uri {
            parameter("authorization_uri", uri);
        }
        parameter("error", rejection.error().unwrap_or_default());
        parameter("claims", &wanted.claims);
        return HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("Bearer"));
    }
    if let Some(realm) = context.and_then(|context| context.realm.as_deref()) {
        parameter("realm", realm);
    }
    if let Some(error) = rejection.error() {
        parameter("error", error);
        parameter("error_description", rejection.description());
    }
    if let Some(scope) = rejection.scope() {
        parameter("scope", scope);
    }
    if let Some(url) = context.and_then(|context| context.resource_metadata.as_deref()) {
        parameter("resource_metadata", url);
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("Bearer"))
}
