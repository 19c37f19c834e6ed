//! What our client sends to Microsoft Entra ID, and what Microsoft's own libraries send, field by field.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tower_bearer::jose::{self, CompactJws};
use tower_bearer::{Credential, Entra};

use crate::authority::{Authority, Sent};
use crate::certified;
use crate::microsoft::{Application, Library, Proof};
use crate::wire::Wire;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const API: &str = "api://stock";
const SECRET: &str = r#"se:cr%t+/~ &="q"#;

const NOTHING: &str = "nothing";
const PYTHON: &[Library] = &[Library::Msal, Library::AzureIdentity];

/// What we send otherwise, on purpose: than which libraries, which field, what they send in it, and what we send. These are all:
/// a library that comes to do as we do fails the tests too.
#[rustfmt::skip]
const DIFFERENCES: &[(&[Library], &str, &str, &str)] = &[
    // It asks who the person is, and there is none.
    (PYTHON, "form client_info", "1", NOTHING),
    // Nothing else can be read (RFC 6749 §5.1).
    (&[Library::MsalNode], "header accept", "*/*", "application/json"),
    // The type has no parameters.
    (&[Library::MsalNode], "header content-type", "application/x-www-form-urlencoded;charset=utf-8", "application/x-www-form-urlencoded"),
    // Base64url in a JWS has no padding (RFC 7515 §2).
    (&[Library::Msal], "assertion header x5t#S256", "the SHA-256, padded", "the SHA-256"),
    (&[Library::AzureIdentity], "assertion header x5t", "the SHA-1, padded", "the SHA-1"),
    // Base64 in a JWS has no line breaks (RFC 7515 §4.1.6, RFC 4648 §3.1).
    (&[Library::Msal], "assertion header x5c", "the certificate, in lines", "the certificate"),
    // Not every server reads fractions.
    (PYTHON, "assertion claim iat", "a fraction", "whole seconds"),
    (PYTHON, "assertion claim exp", "a fraction", "whole seconds"),
    // Microsoft documents it.
    (PYTHON, "assertion claim nbf", NOTHING, "whole seconds"),
];

/// What tells how the request is carried, and by which program.
const TRANSPORT: &[&str] =
    &["host", "connection", "content-length", "accept-encoding", "accept-language", "sec-fetch-mode", "user-agent"];

fn is_telemetry(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-client-") || name.starts_with("x-ms-") || name == "client-request-id"
}

/// A request without telemetry, with its assertion taken apart and the certificate called by name.
fn fields(sent: &Sent) -> BTreeMap<String, String> {
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

fn certificate() -> jose::Certificate {
    let pem = certified::shared().certificate.as_bytes();
    jose::Certificate::chain_from_pem(pem).expect("it is one").remove(0)
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

/// What our client sends.
async fn ours(authority: &Authority, credential: Credential) -> BTreeMap<String, String> {
    let entra = Entra::tenant(TENANT).and_then(|entra| entra.authority_host(authority.url())).expect("both are sound");
    let client = Wire::new().to(entra.issuer()).client(CLIENT, credential);
    let token = client.client_credentials([API]).expect("it is an App ID URI").token().await;
    assert_eq!(token.expect("the authority gives a token").secret(), "the-same-for-all");
    fields(&authority.sent())
}

/// What a library sends.
async fn theirs(authority: &Authority, library: Library, proof: Proof<'_>) -> BTreeMap<String, String> {
    let by = Application { tenant: TENANT, client_id: CLIENT, proof };
    let token = library.token(authority.url(), by, API).await;
    assert_eq!(token.as_deref(), Ok("the-same-for-all"));
    fields(&authority.sent())
}

/// Compares what a library sends with what we send for the same.
async fn compare(authority: &Authority, library: Library, proof: Proof<'_>, credential: Credential) {
    let theirs = theirs(authority, library, proof).await;
    let ours = ours(authority, credential).await;
    let value = |fields: &BTreeMap<String, String>, name: &str| fields.get(name).map_or(NOTHING, |it| it).to_owned();
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let found: BTreeSet<_> = names
        .into_iter()
        .map(|name| (name.clone(), value(&theirs, name), value(&ours, name)))
        .filter(|(_, theirs, ours)| theirs != ours)
        .collect();
    let with_assertion = matches!(proof, Proof::Certificate { .. });
    let listed: BTreeSet<_> = DIFFERENCES
        .iter()
        .filter(|(whose, field, ..)| whose.contains(&library) && (with_assertion || !field.starts_with("assertion")))
        .map(|&(_, field, theirs, ours)| (field.to_owned(), theirs.to_owned(), ours.to_owned()))
        .collect();
    assert_eq!(found, listed, "{library:?}: field, theirs and ours, as found and as listed");
}

#[tokio::test]
async fn client_credentials_by_secret_are_asked_for_as_microsofts_libraries_do() {
    let authority = Authority::start();
    for library in [Library::Msal, Library::AzureIdentity, Library::MsalNode] {
        compare(&authority, library, Proof::Secret(SECRET), Credential::secret(SECRET)).await;
    }
}

#[tokio::test]
async fn client_credentials_by_certificate_are_asked_for_as_microsofts_libraries_do() {
    let authority = Authority::start();
    let pair = certified::shared();
    let ours = || Credential::certificate(&pair.certificate, &pair.private_key).expect("they match");
    compare(&authority, Library::MsalNode, pair.proof(), ours()).await;
    // It always sends the certificate along.
    compare(&authority, Library::Msal, pair.proof(), ours().certificate_chain().expect("it is a certificate")).await;
    // It knows no other thumbprint.
    compare(&authority, Library::AzureIdentity, pair.proof(), ours().sha1_thumbprint().expect("it is a certificate"))
        .await;
}
