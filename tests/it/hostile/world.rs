//! The issuer whose good keys sign the hostile tokens, an attacker who serves keys of his own, and what they write.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower_bearer::Issuer;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::{Endpoint, TestIssuer};

use crate::support::AUDIENCE;

/// Stands in every claim, header and secret that nobody may see again, in one case or another.
pub(crate) const CANARY: &str = "canary";
/// Where the clock stands, in whole seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

/// The issuer and the attacker. The keys `es256-1`, `rs256-1`, `eddsa-1` and `other` are published.
pub(crate) struct World {
    pub(crate) authority: TestIssuer,
    pub(crate) attacker: TestIssuer,
    pub(crate) es256: Arc<SigningKey>,
    pub(crate) rs256: Arc<SigningKey>,
    pub(crate) eddsa: Arc<SigningKey>,
    pub(crate) foreign: Arc<SigningKey>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let authority = TestIssuer::new();
        authority.set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
        let attacker = TestIssuer::serve().await.unwrap();
        let other = SigningKey::generate(Algorithm::ES256).unwrap().with_key_id("other");
        let world = Self {
            es256: authority.signing_key(Algorithm::ES256),
            rs256: authority.signing_key(Algorithm::RS256),
            eddsa: authority.signing_key(Algorithm::EdDSA),
            foreign: attacker.signing_key(Algorithm::ES256),
            authority,
            attacker,
        };
        world.authority.publish_jwk(parsed(&other.public_jwk()));
        world
    }

    /// The issuer as an API trusts it, and what it was asked for since.
    pub(crate) fn issuer(&self) -> (Issuer, Arc<Mutex<Vec<String>>>) {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (log, authority) = (Arc::clone(&asked), self.authority.clone());
        let transport = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let url = request.uri().to_string();
            let document = match request.uri().path() {
                "/.well-known/openid-configuration" => {
                    json!({ "issuer": authority.identifier(), "jwks_uri": format!("{}/jwks", authority.identifier()) })
                        .to_string()
                }
                _ => authority.jwks(),
            };
            log.lock().unwrap().push(url);
            ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(document)))))
        });
        (self.authority.issuer().transport(transport), asked)
    }

    /// Signed with a good key, whatever it says.
    pub(crate) fn sign(&self, header: &str, payload: impl AsRef<[u8]>) -> String {
        self.es256.sign_compact(header.as_bytes(), payload.as_ref()).unwrap()
    }

    pub(crate) fn with_header(&self, header: &str) -> String {
        self.sign(header, claims(&[]))
    }

    pub(crate) fn with_claims(&self, payload: impl AsRef<[u8]>) -> String {
        self.sign(&header(&[]), payload)
    }

    /// A good token of this key.
    pub(crate) fn good(&self, key: &SigningKey) -> String {
        let header = header_for(key, &[]);
        key.sign_compact(header.as_bytes(), claims(&[]).as_bytes()).unwrap()
    }

    /// How often the attacker's endpoints were asked.
    pub(crate) fn requests_to_the_attacker(&self) -> usize {
        self.attacker.requests(Endpoint::Metadata) + self.attacker.requests(Endpoint::Jwks)
    }
}

/// A good header of the ES256 key in which these members are changed, added or, by `None`, left out; in raw JSON.
pub(crate) fn header(changes: &[(&str, Option<&str>)]) -> String {
    let base = [("alg", r#""ES256""#), ("kid", r#""es256-1""#), ("typ", r#""at+jwt""#), ("x", r#""canary-header""#)];
    object(&base, changes)
}

/// The same of another key.
pub(crate) fn header_for(key: &SigningKey, changes: &[(&str, Option<&str>)]) -> String {
    let (algorithm, key_id) = (json!(key.algorithm().as_str()).to_string(), json!(key.key_id()).to_string());
    let own = [("alg", Some(algorithm.as_str())), ("kid", Some(key_id.as_str()))];
    header(&[&own, changes].concat())
}

/// Good claims in which these are changed, added or, by `None`, left out; in raw JSON.
pub(crate) fn claims(changes: &[(&str, Option<&str>)]) -> String {
    let audience = json!(AUDIENCE).to_string();
    let base = [
        ("iss", r#""https://issuer.test""#),
        ("aud", audience.as_str()),
        ("exp", "1800003600"),
        ("iat", "1800000000"),
        ("sub", r#""canary-subject""#),
        ("email", r#""alice@canary.example""#),
        ("nested", r#"{"canary-name":["canary-value",17]}"#),
    ];
    object(&base, changes)
}

fn object(base: &[(&str, &str)], changes: &[(&str, Option<&str>)]) -> String {
    let mut members: Vec<(String, String)> =
        base.iter().map(|(name, raw)| ((*name).to_owned(), (*raw).to_owned())).collect();
    for (name, raw) in changes {
        let place = members.iter().position(|(held, _)| held == name);
        match (place, raw) {
            (Some(place), Some(raw)) => members[place].1 = (*raw).to_owned(),
            (Some(place), None) => drop(members.remove(place)),
            (None, Some(raw)) => members.push(((*name).to_owned(), (*raw).to_owned())),
            (None, None) => panic!("there is no {name} to leave out"),
        }
    }
    let written: Vec<_> = members.iter().map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
    format!("{{{}}}", written.join(","))
}

pub(crate) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decoded(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}

/// Two parts as they are, and a good signature over them.
pub(crate) fn signed_as_written(key: &SigningKey, header: &str, payload: &str) -> String {
    let signature = key.sign(format!("{header}.{payload}").as_bytes()).unwrap();
    format!("{header}.{payload}.{}", base64url(signature))
}

/// The token with these bytes for a signature.
pub(crate) fn with_signature(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, base64url(signature))
}

pub(crate) fn signature_of(token: &str) -> Vec<u8> {
    decoded(token.rsplit_once('.').unwrap().1).unwrap()
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut written = vec![tag];
    match length {
        0..=0x7f => written.push(length as u8),
        0x80..=0xff => written.extend([0x81, length as u8]),
        _ => written.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    written.extend(content);
    written
}

fn der_integer(big_endian: &[u8]) -> Vec<u8> {
    let start = big_endian.iter().position(|byte| *byte != 0).unwrap_or(big_endian.len() - 1);
    let mut content = big_endian[start..].to_vec();
    if content[0] >= 0x80 {
        content.insert(0, 0);
    }
    der(0x02, &content)
}

/// An ECDSA signature as most libraries write it, from the two numbers side by side.
pub(crate) fn der_signature(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    der(0x30, &[der_integer(r), der_integer(s)].concat())
}

/// Every spelling of a public key that somebody might take for a shared secret.
pub(crate) fn public_spellings(key: &SigningKey) -> Vec<(&'static str, Vec<u8>)> {
    let jwk = parsed(&key.public_jwk());
    let number = |name: &str| decoded(jwk[name].as_str().unwrap()).unwrap();
    let mut spellings = Vec::new();
    let spki = if key.algorithm() == Algorithm::ES256 {
        let point = [vec![4], number("x"), number("y")].concat();
        // id-ecPublicKey on prime256v1
        let algorithm = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
        let spki = der(0x30, &[algorithm.to_vec(), der(0x03, &[vec![0], point.clone()].concat())].concat());
        spellings.push(("point", point));
        spki
    } else {
        let numbers = der(0x30, &[der_integer(&number("n")), der_integer(&number("e"))].concat());
        // rsaEncryption
        let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        let spki = der(0x30, &[algorithm.to_vec(), der(0x03, &[vec![0], numbers.clone()].concat())].concat());
        spellings.push(("PKCS#1 PEM", pem("RSA PUBLIC KEY", &numbers).into_bytes()));
        spellings.push(("PKCS#1 DER", numbers));
        spellings.push(("modulus", number("n")));
        spki
    };
    let armoured = pem("PUBLIC KEY", &spki);
    spellings.push(("PEM without a line end", armoured.trim_end().as_bytes().to_vec()));
    spellings.push(("PEM", armoured.into_bytes()));
    spellings.push(("DER", spki));
    spellings.push(("JWK", key.public_jwk().into_bytes()));
    spellings
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A token whose signature is an HMAC with this secret.
pub(crate) fn hmac_token(header: &str, secret: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(claims(&[])));
    let algorithm = match parsed(header)["alg"].as_str() {
        Some("HS384") => jsonwebtoken::Algorithm::HS384,
        Some("HS512") => jsonwebtoken::Algorithm::HS512,
        _ => jsonwebtoken::Algorithm::HS256,
    };
    let key = jsonwebtoken::EncodingKey::from_secret(secret);
    format!("{input}.{}", jsonwebtoken::crypto::sign(input.as_bytes(), &key, algorithm).unwrap())
}
