//! [`fields`]: a request for a token, taken apart to be compared with another.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tower_bearer::jose::{Certificate, CompactJws};

use crate::authority::Sent;
use crate::certified;

/// What tells how the request is carried, and by which program.
const TRANSPORT: &[&str] =
    &["host", "connection", "content-length", "accept-encoding", "accept-language", "sec-fetch-mode", "user-agent"];

fn is_telemetry(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-client-") || name.starts_with("x-ms-") || name == "client-request-id"
}

/// A request without telemetry, with its assertion taken apart, the certificate called by name, and scopes in alphabetical order.
pub(crate) fn fields(sent: &Sent) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut add = |name: String, value: String| {
        let before = fields.insert(name.clone(), value);
        assert!(before.is_none(), "{name} comes twice");
    };
    let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
    add("path".to_owned(), path.to_owned());
    for parameter in query.split('&').filter(|parameter| !is_telemetry(parameter.split('=').next().unwrap_or_default()))
    {
        if !parameter.is_empty() {
            add(format!("query {parameter}"), String::new());
        }
    }
    for (name, value) in sent.headers.iter().filter(|(name, _)| !is_telemetry(name) && !TRANSPORT.contains(&&**name)) {
        add(format!("header {name}"), value.clone());
    }
    for (name, value) in sent.form.iter().filter(|(name, _)| !is_telemetry(name)) {
        if name == "client_assertion" {
            for (part, member, value) in assertion_members(value) {
                add(format!("assertion {part} {member}"), value);
            }
        } else if name == "scope" {
            let mut scopes: Vec<&str> = value.split(' ').collect();
            scopes.sort_unstable();
            add("form scope".to_owned(), scopes.join(" "));
        } else {
            add(format!("form {name}"), value.clone());
        }
    }
    fields
}

/// The members of header and claims of an assertion, which has to be signed with the key of the certificate.
fn assertion_members(assertion: &str) -> Vec<(&'static str, String, String)> {
    let jws = CompactJws::parse(assertion).expect("it is a JWS");
    let algorithm = jws.header().expect("its header is sound").algorithm().expect("its algorithm is known");
    let key = certificate().verifying_key(algorithm).expect("the certificate has a key for it");
    key.verify(&jws).expect("the signature is good");
    let header = assertion.split('.').next().map(|header| URL_SAFE_NO_PAD.decode(header).expect("it is base64url"));
    let members = |part: &'static str, json: &[u8]| {
        let object: Map<String, Value> = serde_json::from_slice(json).expect("it is an object");
        object.into_iter().map(move |(name, value)| {
            let shown = shown(&name, &value);
            (part, name, shown)
        })
    };
    members("header", &header.unwrap_or_default()).chain(members("claim", jws.payload())).collect()
}

fn certificate() -> Certificate {
    let pem = certified::shared().certificate.as_bytes();
    Certificate::chain_from_pem(pem).expect("it is one").remove(0)
}

/// The value of a member of an assertion, as it is compared.
fn shown(name: &str, value: &Value) -> String {
    match (name, value) {
        ("iat" | "nbf" | "exp", value) if value.is_u64() => "whole seconds".to_owned(),
        ("iat" | "nbf" | "exp", value) if value.is_f64() => "a fraction".to_owned(),
        ("jti", Value::String(_)) => "unique".to_owned(),
        (_, Value::String(text)) => of_certificate(text),
        (_, Value::Array(one)) if one.len() == 1 => of_certificate(one[0].as_str().unwrap_or_default()),
        (_, value) => value.to_string(),
    }
}

/// A text, or how it is made of the certificate.
fn of_certificate(text: &str) -> String {
    let certificate = certificate();
    let (sha256, sha1) = (certificate.thumbprint_sha256(), certificate.thumbprint_sha1());
    let der = STANDARD.encode(certificate.der());
    let said = match text {
        _ if text == URL_SAFE_NO_PAD.encode(sha256) => "the SHA-256",
        _ if text == URL_SAFE.encode(sha256) => "the SHA-256, padded",
        _ if text == URL_SAFE_NO_PAD.encode(sha1) => "the SHA-1",
        _ if text == URL_SAFE.encode(sha1) => "the SHA-1, padded",
        _ if text == der => "the certificate",
        _ if text.contains('\n') && text.replace('\n', "") == der => "the certificate, in lines",
        _ => text,
    };
    said.to_owned()
}
