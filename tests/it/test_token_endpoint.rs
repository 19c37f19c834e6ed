//! The token endpoint for tests really checks: who asks, by what that is proved, and what was agreed for them.

mod assertions;
mod authentication;
mod certificates;
mod client_credentials;
mod commands;
mod consent;
mod entra;
mod federation;
mod on_behalf_of;
mod refresh;
mod served;
mod token_exchange;
mod two_tiers;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::jose::{Algorithm, Certificate, SigningKey};
use tower_bearer::testing::{TestIssuer, TestTransport};

const FORM: &str = "application/x-www-form-urlencoded";
const SECRET: &str = "se:cr%t+/~ &=\"q";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An answer of a token endpoint.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// Status and code of the error.
    fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.body.get("access_token"), None, "a refusal has no token");
        (self.status, self.body["error"].as_str().unwrap())
    }

    #[track_caller]
    fn token(&self) -> &str {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body["access_token"].as_str().unwrap()
    }

    /// The claims of the token, whoever signed it.
    #[track_caller]
    fn claims(&self) -> Value {
        decoded(self.token().split('.').nth(1).unwrap())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(form: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") })
            .collect()
    };
    form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

fn request(url: &str, form: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let body = Full::from(encoded(form));
    Request::post(url).header("Content-Type", FORM).body(body).unwrap()
}

async fn send(to: TestTransport, request: Request<Full<Bytes>>) -> Answer {
    let (parts, body) = to.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// An issuer with the API `api://stock` and the client `jobs`, which may ask for `items.read`.
fn stock() -> TestIssuer {
    let authority = TestIssuer::new();
    let api = authority.register("api://stock").expose_scope("items.read").expose_scope("items.write");
    authority.register("jobs").secret(SECRET).allow_scope(&api, "items.read");
    authority
}

/// Client credentials with these parameters as well.
async fn ask(authority: &TestIssuer, form: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", "client_credentials")], form].concat();
    send(authority.transport(), request(&format!("{}/token", authority.identifier().trim_end_matches('/')), &form))
        .await
}

async fn ask_by_assertion(authority: &TestIssuer, assertion: &str) -> Answer {
    ask(authority, &[("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)]).await
}

fn with(mut object: Value, changes: Value) -> Value {
    for (name, content) in changes.as_object().unwrap() {
        match content {
            Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
            content => object[name] = content.clone(),
        }
    }
    object
}

/// The claims of a good assertion of this client for this server.
fn assertion_claims(client_id: &str, audience: &str, now: u64) -> Value {
    json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": format!("{:032x}", fastrand::u128(..)),
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    })
}

fn sign(key: &SigningKey, header: Value, claims: Value) -> String {
    let header = with(json!({ "alg": key.algorithm().as_str() }), header);
    key.sign_compact(header.to_string().as_bytes(), claims.to_string().as_bytes()).unwrap()
}

/// A certificate in PEM, what it is called in headers, and its key.
struct Identity {
    pem: String,
    pkcs8: Vec<u8>,
    x5t: String,
    x5t_s256: String,
    x5c: String,
}

impl Identity {
    /// One with an RSA key, `a` or `b`, which is valid in these years.
    fn rsa(name: char, from: i32, to: i32) -> Self {
        let pkcs8 = match name {
            'a' => include_bytes!("../../src/testing/rsa_2048_a.pk8").as_slice(),
            _ => include_bytes!("../../src/testing/rsa_2048_b.pk8"),
        };
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &rcgen::PKCS_RSA_SHA256).unwrap();
        Self::of(&key, from, to)
    }

    fn of(key: &KeyPair, from: i32, to: i32) -> Self {
        let mut params = CertificateParams::new(["jobs.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let pem = params.self_signed(key).unwrap().pem();
        let certificate = Certificate::chain_from_pem(pem.as_bytes()).unwrap().remove(0);
        Self {
            pem,
            pkcs8: key.serialize_der(),
            x5t: URL_SAFE_NO_PAD.encode(certificate.thumbprint_sha1()),
            x5t_s256: URL_SAFE_NO_PAD.encode(certificate.thumbprint_sha256()),
            x5c: base64::engine::general_purpose::STANDARD.encode(certificate.der()),
        }
    }

    fn key(&self, algorithm: Algorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &self.pkcs8).unwrap()
    }
}

fn key(algorithm: Algorithm, id: &str) -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(algorithm).unwrap().with_key_id(id))
}

fn seconds(authority: &TestIssuer) -> u64 {
    authority.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
