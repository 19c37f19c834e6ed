//! Who asks, and by what that is proved: exactly one method (RFC 6749 §2.3, RFC 7521 §4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use super::{Authority, Refusal, TestTokenRequest, client_assertion};
use crate::testing::registration::TestApp;

/// A client that has authenticated.
pub(in crate::testing) struct Client {
    pub(in crate::testing) app: TestApp,
    pub(in crate::testing) proof: Proof,
}

impl Client {
    /// By what it has authenticated, as Microsoft's tokens say it: "1" for a secret, "2" for an assertion.
    pub(in crate::testing) fn proof_claim(&self) -> &'static str {
        match self.proof {
            Proof::Secret => "1",
            Proof::Assertion => "2",
        }
    }
}

/// By what it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::testing) enum Proof {
    Secret,
    Assertion,
}

pub(super) fn authenticate(authority: &dyn Authority, request: &TestTokenRequest) -> Result<Client, Refusal> {
    let by_header = request.headers().contains_key(AUTHORIZATION);
    let secret = request.parameter("client_secret");
    let by_assertion =
        request.parameter("client_assertion").is_some() || request.parameter("client_assertion_type").is_some();
    match (by_header, secret, by_assertion) {
        (true, None, false) => basic(authority, request),
        (false, Some(secret), false) => by_secret(authority, request.required("client_id")?, secret),
        (false, None, true) => client_assertion::authenticate(authority, request),
        (false, None, false) => {
            request.required("client_id")?;
            Err(Refusal::NoCredential)
        }
        _ => Err(Refusal::SeveralMethods),
    }
}

fn by_secret(authority: &dyn Authority, client_id: &str, secret: &str) -> Result<Client, Refusal> {
    let app = authority.client(client_id).ok_or(Refusal::UnknownClient)?;
    if app.read(|app| app.credentials.has_secret(secret)) {
        Ok(Client { app, proof: Proof::Secret })
    } else {
        Err(Refusal::WrongSecret)
    }
}

/// HTTP Basic, with id and secret form-encoded first (RFC 6749 §2.3.1).
fn basic(authority: &dyn Authority, request: &TestTokenRequest) -> Result<Client, Refusal> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return Err(Refusal::SeveralMethods) };
    let (client_id, secret) = credentials(header.as_bytes()).ok_or(Refusal::MalformedBasic)?;
    if request.parameter("client_id").is_some_and(|other| other != client_id) {
        return Err(Refusal::TwoClients);
    }
    by_secret(authority, &client_id, &secret)
}

fn credentials(header: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = decoded.split_once(':')?;
    Some((form_decoded(client_id)?, form_decoded(secret)?))
}

/// One value out of a form. A `%` that begins no escape is an error: whoever sends a secret as it is shall learn of it.
fn form_decoded(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [*rest.next()?, *rest.next()?];
                let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
                let digits = std::str::from_utf8(&digits).ok().filter(|_| is_hex)?;
                u8::from_str_radix(digits, 16).ok()?
            }
            b' ' | b':' | b'&' | b'=' => return None,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}
