//! What fuzzers call: a function per kind of hostile input, each of which says what must hold for *every* input.
//!
//! Shared by `tests/it/fuzz.rs`, where proptest makes the inputs, and by the coverage-guided `tests/fuzz/run`. Nothing here
//! does I/O or needs a runtime. What the crate finds is compared with a second opinion: `serde_json`'s own values, or a
//! parser written here from the RFC.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::jose::{
    Algorithm, Certificate, CompactJws, Header, Jwk, JwkSet, JwkSetError, SigningKey, SkipReason, VerifyingKey,
};
use tower_bearer::{
    AccessToken, BearerLayer, Client, Credential, Issuer, Rejection, RejectionKind, Requirement, Target, TokenError,
    TokenErrorKind, Validator, VerifiedToken, all_of, any_of, scope,
};

pub const ISSUER: &str = "https://issuer.test";
pub const AUDIENCE: &str = "api://orders";
pub const KEY_ID: &str = "1";
/// In the year 2100.
pub const EXPIRES_AT: u64 = 4_102_444_800;

/// The issuer's key, which is the same in every run so that tokens can be kept as seeds. Its signatures depend on nothing
/// but the message, so that a signature that was not made with it is told by making it again.
pub fn signing_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| {
        const ED25519_PKCS8: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let pkcs8 = [&ED25519_PKCS8[..], &[7; 32]].concat();
        SigningKey::from_pkcs8(Algorithm::EdDSA, &pkcs8).unwrap().with_key_id(KEY_ID)
    })
}

pub fn own_jwks() -> &'static str {
    static KEYS: OnceLock<String> = OnceLock::new();
    KEYS.get_or_init(|| format!(r#"{{"keys":[{}]}}"#, signing_key().public_jwk()))
}

pub fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| issuer().validator(AUDIENCE).max_token_bytes(usize::MAX))
}

/// Claims that are good, and these.
pub fn claims_and(more: &Value) -> Value {
    let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": EXPIRES_AT, "sub": "alice" });
    claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    claims
}

/// A good token of the issuer with these claims besides.
pub fn token_with(more: &Value) -> String {
    signing_key().sign_compact(HEADER.as_bytes(), claims_and(more).to_string().as_bytes()).unwrap()
}

pub const HEADER: &str = r#"{"alg":"EdDSA","kid":"1","typ":"at+jwt"}"#;

fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap().with_jwks(own_jwks()).unwrap()
}

/// Drives what waits for nothing but itself.
fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it waits for something, and nothing will ever come");
}

fn verify(token: &str) -> Result<VerifiedToken, Rejection> {
    drive(validator().verify(token))
}

/// A JWS. Up to the first line break the input is a header, after it claims, which are signed; without one it is a token.
pub fn jws(data: &[u8]) {
    if let Some(at) = data.iter().position(|byte| *byte == b'\n') {
        signed_jws(&data[..at], &data[at + 1..]);
    } else if let Ok(token) = std::str::from_utf8(data) {
        any_jws(token);
    }
}

/// A header and claims of any kind with a good signature.
fn signed_jws(header: &[u8], payload: &[u8]) {
    let token = signing_key().sign_compact(header, payload).unwrap();
    any_jws(&token);
    let Ok(verified) = verify(&token) else { return };

    // It was accepted: a second reader has to find every reason to.
    let header: Map<String, Value> = match serde_json::from_slice(header) {
        Ok(header) => header,
        // The only thing that ours reads over: members that nobody asks for may hold what can't be read.
        Err(error) => {
            assert!(error.is_syntax(), "a header that is no JSON object was accepted: {error}");
            Map::new()
        }
    };
    if !header.is_empty() {
        assert!(matches!(header["alg"].as_str(), Some("EdDSA" | "Ed25519")));
        let typ = header.get("typ").map_or("JWT", |typ| typ.as_str().unwrap()).to_ascii_lowercase();
        assert!(["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ)), "{typ}");
        assert!(header.get("kid").is_none_or(|kid| kid == KEY_ID));
        assert!(!["crit", "b64", "zip", "enc"].iter().any(|name| header.contains_key(*name)));
    }
    let claims: Map<String, Value> = serde_json::from_slice(payload).unwrap();
    assert_eq!(claims["iss"], ISSUER);
    let audience = &claims["aud"];
    assert!(audience == AUDIENCE || audience.as_array().unwrap().iter().any(|one| one == AUDIENCE));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(claims["exp"].as_f64().unwrap() + 60.0 > now - 1.0, "expired");
    let not_before = claims.get("nbf").filter(|nbf| !nbf.is_null());
    assert!(not_before.is_none_or(|nbf| nbf.as_f64().unwrap() <= now + 61.0), "not valid yet");
    assert!(!claims.contains_key("cnf"));
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.audience(), AUDIENCE);
    assert_eq!(verified.subject(), claims.get("sub").and_then(Value::as_str));
    // All of it can be read later, which the second reader's success has shown, and says the same.
    assert_eq!(*verified.claims::<Map<String, Value>>().unwrap(), claims);
}

/// What holds for every text that came as a token.
fn any_jws(token: &str) {
    let accepted = verify(token);
    let jws = match CompactJws::parse(token) {
        Ok(jws) => jws,
        Err(_) => return assert_eq!(accepted.unwrap_err().kind(), RejectionKind::Malformed),
    };
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    // One spelling only: what was decoded encodes to what came.
    let decoded: Vec<Vec<u8>> = parts.iter().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    decoded.iter().zip(&parts).for_each(|(bytes, part)| assert_eq!(URL_SAFE_NO_PAD.encode(bytes), **part));
    assert_eq!(jws.payload(), decoded[1]);
    assert_eq!(jws.signing_input(), &token.as_bytes()[..token.rfind('.').unwrap()]);

    let header = jws.header();
    if let (Ok(ours), Ok(theirs)) = (&header, serde_json::from_slice::<Value>(&decoded[0])) {
        same_header(ours, &theirs);
    }
    let by_key = verifying_keys().iter().any(|key| key.verify(&jws).is_ok());
    let is_ours = signing_key().sign(jws.signing_input()).unwrap() == decoded[2];
    if by_key {
        assert!(is_ours, "a signature that the issuer never made was found good");
        assert!(header.is_ok());
    }
    match accepted {
        Ok(_) => assert!(by_key, "a token without a good signature was accepted"),
        Err(rejection) => {
            assert_eq!(rejection.status(), 401, "{rejection:?}");
            assert!(header.is_ok() || rejection.kind() != RejectionKind::BadSignature);
        }
    }
}

fn verifying_keys() -> &'static [VerifyingKey] {
    static KEYS: OnceLock<Vec<VerifyingKey>> = OnceLock::new();
    KEYS.get_or_init(|| VerifyingKey::from_jwk(&JwkSet::parse(own_jwks().as_bytes()).unwrap().keys()[0]).unwrap())
}

fn same_header(ours: &Header<'_>, theirs: &Value) {
    assert_eq!(theirs["alg"], ours.algorithm_name());
    assert_eq!(theirs.get("kid").and_then(Value::as_str), ours.key_id());
    assert_eq!(theirs.get("typ").and_then(Value::as_str), ours.media_type());
    assert_eq!(ours.algorithm().map(Algorithm::as_str), ours.algorithm().map(|_| ours.algorithm_name()));
    for refused in ["crit", "b64", "zip", "enc"] {
        assert!(theirs.get(refused).is_none(), "{refused}");
    }
}

/// A JWK set.
pub fn jwks(data: &[u8]) {
    let parsed = JwkSet::parse(data);
    let trusted = Issuer::new(ISSUER).unwrap().with_jwks(data);
    let second = serde_json::from_slice::<Value>(data).ok();
    let second = second.as_ref().map(|value| value.get("keys").and_then(Value::as_array));
    let set = match parsed {
        Ok(set) => set,
        Err(error) => {
            assert!(trusted.unwrap_err().is_configuration());
            // A second reader finds keys in what ours refuses only where names repeat.
            assert!(!matches!(second, Some(Some(_))) || error == JwkSetError::DuplicateMember, "{error}");
            return;
        }
    };
    // One odd key costs nobody else: each entry is accounted for, once.
    let mut positions: Vec<usize> = set.skipped().iter().map(|key| key.position()).collect();
    positions.dedup();
    assert_eq!(positions.len(), set.skipped().len());
    assert!(positions.is_sorted());
    let seen = set.keys().len() + set.skipped().len();
    if let Some(entries) = second {
        let entries = entries.expect("a set without an array `keys` was read");
        assert_eq!(seen, entries.len().min(JwkSet::MAX_KEYS + 1));
        let mut skipped = set.skipped().iter().peekable();
        let mut keys = set.keys().iter();
        for (position, entry) in entries.iter().enumerate().take(seen) {
            match skipped.next_if(|key| key.position() == position) {
                Some(skipped) if skipped.reason() == SkipReason::TooManyKeys => {
                    assert_eq!(position, JwkSet::MAX_KEYS);
                }
                Some(skipped) => {
                    let kid = entry.get("kid").and_then(Value::as_str);
                    assert!(skipped.key_id().is_none() || skipped.key_id() == kid);
                }
                None => key(keys.next().unwrap(), entry),
            }
        }
    }
    let mut usable = 0;
    for jwk in set.keys() {
        match VerifyingKey::from_jwk(jwk) {
            Ok(keys) => {
                usable += 1;
                assert!(!keys.is_empty());
                assert!(keys.iter().all(|key| !key.algorithm().is_symmetric()));
                assert!(keys.iter().all(|key| key.verify_detached(b"message", &[0; 64]).is_err()));
            }
            Err(reason) => assert_eq!(reason, SkipReason::RejectedByBackend),
        }
    }
    match trusted {
        Ok(issuer) => {
            let status = issuer.status();
            assert_eq!(status.keys.len(), usable);
            assert_eq!(status.keys.len() + status.skipped.len(), seen);
            let token = token_with(&json!({}));
            let verified = drive(issuer.validator(AUDIENCE).verify(&token));
            assert!(verified.is_err() || set.keys().iter().any(|key| *key == own_key()));
        }
        Err(error) => assert!(error.is_configuration() && usable == 0, "{error}"),
    }
}

fn own_key() -> Jwk {
    Jwk::parse(signing_key().public_jwk().as_bytes()).unwrap()
}

/// A key that is used, and how a second reader sees it.
fn key(ours: &Jwk, theirs: &Value) {
    assert!(["RSA", "EC", "OKP"].iter().any(|kty| theirs["kty"] == *kty));
    assert_eq!(ours.key_id(), theirs.get("kid").and_then(Value::as_str));
    assert_eq!(ours.issuer(), theirs.get("issuer").and_then(Value::as_str));
    assert_eq!(ours.algorithm().map(Algorithm::as_str), theirs.get("alg").and_then(Value::as_str));
    assert!(theirs.get("use").is_none_or(|usage| usage.is_null() || usage == "sig"));
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    assert!(private.iter().all(|name| theirs.get(name).is_none_or(Value::is_null)), "a private key was taken");
}

/// A metadata document. Up to the first NUL the input is a `Cache-Control`, after it the document.
pub fn metadata(data: &[u8]) {
    let (cache_control, document) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&[][..], data),
    };
    let cache_control = HeaderValue::from_bytes(cache_control).unwrap_or(HeaderValue::from_static("max-age=60"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    // Said once all is over: a transport that panics only counts as one that failed.
    let insecure = Arc::new(AtomicBool::new(false));
    let is_insecure = Arc::clone(&insecure);
    let sent = Bytes::copy_from_slice(document);
    let issuer = Issuer::new(ISSUER).unwrap().transport(service_fn(move |request: Request<_>| {
        counter.fetch_add(1, Ordering::Relaxed);
        let is_metadata = request.uri().path().starts_with("/.well-known/openid-configuration");
        let is_ours = request.uri().host() == Some("issuer.test");
        is_insecure.fetch_or(!may_be_asked(request.uri()), Ordering::Relaxed);
        let body = if is_metadata && is_ours { sent.clone() } else { own_jwks().into() };
        let mut response = Response::new(Full::new(body));
        response.headers_mut().insert("cache-control", cache_control.clone());
        async move { Ok::<_, Infallible>(response) }
    }));
    let second = serde_json::from_slice::<Value>(document).ok();
    let first = drive(issuer.metadata());
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the document is fetched once");
    match &first {
        Ok(metadata) => {
            assert_eq!(metadata.issuer(), ISSUER);
            for url in [metadata.jwks_uri(), metadata.token_endpoint()].into_iter().flatten() {
                let url: Uri = url.parse().unwrap();
                assert!(matches!(url.scheme_str(), Some("https" | "http")) && !url.host().unwrap().is_empty());
                assert!(!url.authority().unwrap().as_str().contains('@'));
            }
            if let Some(second) = &second {
                assert_eq!(second["issuer"], ISSUER, "a document for another issuer was taken");
                assert_eq!(metadata.jwks_uri().is_some(), second["jwks_uri"].is_string());
                assert!(metadata.token_endpoint().is_none() || second["token_endpoint"].is_string());
            }
        }
        Err(error) => {
            assert!(error.is_unavailable(), "what an issuer sends is no mistake of ours: {error}");
            assert!(error.to_string().len() < 1000, "the error quotes the document");
        }
    }
    let ready = drive(issuer.ready());
    assert!(asked.load(Ordering::Relaxed) <= 4);
    assert!(!insecure.load(Ordering::Relaxed), "another machine was asked over plain http");
    assert_eq!(issuer.status().is_ready, ready.is_ok());
    let verified = drive(issuer.validator(AUDIENCE).verify(&token_with(&json!({}))));
    match verified {
        Ok(_) => assert!(first.is_ok() && ready.is_ok()),
        Err(rejection) => {
            assert_eq!(rejection.kind(), RejectionKind::KeysUnavailable);
            assert!(rejection.retry_after().is_some_and(|after| after <= Duration::from_secs(60)));
            assert!(ready.is_err());
        }
    }
}

/// Only https, and plain http on this machine (RFC 8414 §2), however its address is written.
fn may_be_asked(url: &Uri) -> bool {
    let host = url.host().unwrap();
    let on_this_machine = match host.strip_prefix('[') {
        Some(address) => address.trim_end_matches(']').parse() == Ok(Ipv6Addr::LOCALHOST),
        None => host == "localhost" || host.parse().is_ok_and(|address: Ipv4Addr| address.octets()[0] == 127),
    };
    url.scheme_str() == Some("https") || on_this_machine
}

/// What the first byte of a token endpoint's answer chooses: `0` to `7` in text.
const STATUSES: [u16; 8] = [200, 400, 401, 403, 429, 302, 503, 200];

/// The answer of a token endpoint: a byte that chooses the status, then the body.
pub fn token_answer(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = STATUSES[usize::from(first % 8)];
    token_answer_to(status, body, false, |client| {
        let source = client.client_credentials(["orders.read"]).unwrap();
        [drive(source.token()), drive(source.token())]
    });
    token_answer_to(status, body, true, |client| {
        let source = client.token_exchange(Target::new()).unwrap();
        [(); 2].map(|()| drive(source.dangerous_token_for_unverified("of-a-person")))
    });
}

/// The same answer to one grant, which is asked for a token twice in a row.
fn token_answer_to(
    status: u16,
    body: &[u8],
    is_exchange: bool,
    ask_twice: impl FnOnce(&Client) -> [Result<AccessToken, TokenError>; 2],
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (counter, sent) = (Arc::clone(&asked), Bytes::copy_from_slice(body));
    let transport = service_fn(move |_: Request<_>| {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Full::new(sent.clone()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    let issuer = Issuer::new(ISSUER).unwrap().token_endpoint("https://issuer.test/token").unwrap().transport(transport);
    let before = SystemTime::now();
    let [answer, again] = ask_twice(&issuer.client("orders", Credential::none()));
    let second = serde_json::from_slice::<Value>(body);
    match answer {
        Ok(token) => {
            assert_eq!(status, 200);
            assert!(token.expires_at() > before, "a token was taken that has run out");
            assert!(token.expires_at() <= SystemTime::now() + Duration::from_secs(365 * 24 * 60 * 60));
            assert!(!token.secret().is_empty() && token.secret().bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(token.authorization().is_sensitive());
            assert_eq!(token.issued_token_type().is_some(), is_exchange);
            assert!(!format!("{token:?}").contains(token.secret()) || token.secret().len() < 20, "a token is shown");
            match second {
                Ok(second) => same_token(&token, &second, is_exchange),
                // Members that nobody asks for may hold what can't be read, and numbers be larger than any type.
                Err(error) => assert!(error.is_syntax(), "an answer that is no JSON object was taken: {error}"),
            }
        }
        Err(error) => {
            let code = second.as_ref().ok().and_then(|second| second.get("error")).and_then(Value::as_str);
            assert!(error.error_code().is_none() || second.is_err() || error.error_code() == code);
            assert!(error.error_numbers().len() <= 8);
            assert!(error.retry_after().is_none_or(|wait| wait <= Duration::from_secs(60 * 60)));
            assert_eq!(error.retry_after().is_some(), error.kind() == TokenErrorKind::Unavailable);
            assert!(status != 503 || error.kind() == TokenErrorKind::Unavailable, "{error}");
            // There is no code that is longer, and all else of it is our own words.
            assert!(error.to_string().len() < 500, "the error quotes the answer");
            assert_eq!(again.unwrap_err().kind(), error.kind());
            assert_eq!(asked.load(Ordering::Relaxed), 1, "a failure is not repeated at once");
        }
    }
}

/// A token that was taken, and how a second reader sees the answer.
fn same_token(token: &AccessToken, second: &Value, is_exchange: bool) {
    assert_eq!(second["access_token"], token.secret());
    let token_type = second["token_type"].as_str().unwrap();
    assert!(token_type.eq_ignore_ascii_case("Bearer") || is_exchange && token_type.eq_ignore_ascii_case("N_A"));
    assert!(second.get("error").is_none_or(|error| !error.is_string()), "a refusal was taken for a token");
    if let Some(issued) = token.issued_token_type() {
        assert_eq!(second["issued_token_type"], issued.as_str());
    }
    let words: Vec<&str> = match second.get("scope") {
        Some(Value::String(scope)) => scope.split(' ').collect(),
        Some(Value::Array(scopes)) if scopes.iter().all(Value::is_string) => {
            scopes.iter().filter_map(Value::as_str).flat_map(|scope| scope.split(' ')).collect()
        }
        _ => Vec::new(),
    };
    let named: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    assert_eq!(token.scopes().collect::<Vec<_>>(), named);
    if let Some(seconds) = second["expires_in"].as_f64() {
        assert!(seconds >= 1.0);
        let latest = Duration::try_from_secs_f64(seconds).ok().and_then(|life| SystemTime::now().checked_add(life));
        assert!(latest.is_none_or(|latest| token.expires_at() <= latest), "it is held for longer than it serves");
    }
}

/// PEM with a private key, certificates, or what is almost that.
pub fn pem(data: &[u8]) {
    const ALGORITHMS: [Algorithm; 5] =
        [Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA];
    let begins = data.windows(11).filter(|part| part == b"-----BEGIN ").count();
    let keys: Vec<_> = ALGORITHMS.iter().filter_map(|algorithm| SigningKey::from_pem(*algorithm, data).ok()).collect();
    assert!(keys.len() <= begins.min(1), "one text is a key of several kinds");
    for key in &keys {
        let jwk = Jwk::parse(key.public_jwk().as_bytes()).unwrap();
        let public = VerifyingKey::from_jwk(&jwk).unwrap();
        let public = public.iter().find(|public| public.algorithm() == key.algorithm()).unwrap();
        let signature = key.sign(b"message").expect("a key that was read signs");
        public.verify_detached(b"message", &signature).expect("its own public key says so");
        assert!(public.verify_detached(b"another message", &signature).is_err());
    }
    match Certificate::chain_from_pem(data) {
        Ok(chain) => {
            assert!(!chain.is_empty() && chain.len() <= begins);
            let text: Vec<u8> = data.iter().copied().filter(|byte| *byte > b' ').collect();
            for certificate in &chain {
                // All but the last group, whose bits and padding may be written in more than one way.
                let encoded = STANDARD.encode(&certificate.der()[..certificate.der().len() / 3 * 3]);
                assert!(text.windows(encoded.len()).any(|part| part == encoded.as_bytes()), "this is not in the text");
                for algorithm in ALGORITHMS {
                    let Ok(public) = certificate.verifying_key(algorithm) else { continue };
                    assert!(public.verify_detached(b"message", &[0; 64]).is_err());
                }
                assert!(keys.iter().filter(|key| certificate.is_of(key)).count() <= 1);
            }
        }
        Err(error) => assert!(error.to_string().len() < 500, "the error quotes the text"),
    }
}

/// The values of `Authorization`, one a line.
pub fn authorization(data: &[u8]) {
    let lines: Vec<&[u8]> = if data.is_empty() { Vec::new() } else { data.split(|byte| *byte == b'\n').collect() };
    let Ok(values) = lines.iter().map(|line| HeaderValue::from_bytes(line)).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let credentials = credentials(&lines);
    let good = matches!(credentials, Credentials::Token(token) if verify(token).is_ok());
    for optional in [false, true] {
        let layer = BearerLayer::new(validator().clone());
        let layer = if optional { layer.optional() } else { layer };
        let mut request = Request::new(());
        for value in &values {
            request.headers_mut().append(AUTHORIZATION, value.clone());
        }
        let (response, seen) = ask(&layer, request);
        let kind = response.extensions().get::<Rejection>().map(Rejection::kind);
        let expected = match credentials {
            Credentials::None if optional => (200, None),
            Credentials::None => (401, None),
            Credentials::Invalid => (400, Some("invalid_request")),
            Credentials::Token(_) if good => (200, None),
            Credentials::Token(_) => (401, Some("invalid_token")),
        };
        let challenge = challenge_of(&response);
        let error = challenge.as_ref().and_then(|challenge| challenge.get("error")).map(String::as_str);
        assert_eq!((response.status().as_u16(), error), expected, "{kind:?}");
        assert_eq!(challenge.is_some(), response.status() != 200);
        if let Some(challenge) = &challenge {
            assert_eq!(challenge["realm"], AUDIENCE);
        }
        match seen {
            Some(Seen { subject, sensitive }) => {
                assert_eq!(response.status(), 200);
                assert_eq!(subject.is_some(), good);
                assert!(sensitive, "the credentials are not marked sensitive");
            }
            None => assert_ne!(response.status(), 200),
        }
    }
}

/// What a handler saw.
struct Seen {
    subject: Option<Option<String>>,
    sensitive: bool,
}

/// Sends this through the layer to a handler that says what it saw.
fn ask(layer: &BearerLayer, request: Request<()>) -> (Response<String>, Option<Seen>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let service = layer.layer(service_fn(move |request: Request<()>| {
        let token = VerifiedToken::optional_from_extensions(request.extensions()).unwrap();
        let seen = Seen {
            subject: token.map(|token| token.subject().map(str::to_owned)),
            sensitive: request.headers().values().all(HeaderValue::is_sensitive),
        };
        sender.send(seen).unwrap();
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    }));
    let Ok(response) = drive(service.oneshot(request));
    (response, receiver.try_recv().ok())
}

#[derive(Clone, Copy)]
enum Credentials<'a> {
    None,
    Invalid,
    Token(&'a str),
}

/// The second opinion on `Authorization`: RFC 9110 §11.4 and §11.6.2, RFC 6750 §2.1.
fn credentials<'a>(values: &[&'a [u8]]) -> Credentials<'a> {
    let value = match values {
        [] => return Credentials::None,
        [value] => *value,
        _ => return Credentials::Invalid,
    };
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let scheme: Vec<u8> = value.iter().copied().take_while(|byte| is_tchar(byte)).collect();
    if scheme.is_empty() {
        return Credentials::Invalid;
    }
    if value.get(scheme.len()).is_some_and(|byte| *byte != b' ') {
        return Credentials::Invalid;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let mut joined = text.split(',').skip(1).map(|part| part.trim_start_matches([' ', '\t']));
        return if joined.any(|part| part.starts_with("bearer ")) { Credentials::Invalid } else { Credentials::None };
    }
    let after = &value[scheme.len()..];
    let token = match after {
        [b' ', ..] => &after[after.iter().take_while(|byte| **byte == b' ').count()..],
        _ => return Credentials::Invalid,
    };
    let Ok(token) = std::str::from_utf8(token) else { return Credentials::Invalid };
    let body = token.trim_end_matches('=');
    let is_token68 = !body.is_empty() && body.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
    if is_token68 { Credentials::Token(token) } else { Credentials::Invalid }
}

/// The parameters of the one challenge of an answer.
fn challenge_of(response: &Response<String>) -> Option<HashMap<String, String>> {
    let values: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    match values[..] {
        [] => None,
        [value] => Some(parse_challenge(value.to_str().expect("a challenge is visible ASCII"))),
        _ => panic!("more than one challenge"),
    }
}

/// Reads one `Bearer` challenge, and nothing after it: RFC 9110 §11.2, §11.6.1 and §5.6.4.
fn parse_challenge(challenge: &str) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    let Some(rest) = challenge.strip_prefix("Bearer") else { panic!("another scheme: {challenge}") };
    if rest.is_empty() {
        return parameters;
    }
    let mut rest = rest.strip_prefix(' ').expect("a space follows the scheme");
    loop {
        let (name, value) = rest.split_once('=').expect("a parameter has a value");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let mut chars = value.strip_prefix('"').expect("values are quoted").char_indices();
        let mut text = String::new();
        let end = loop {
            match chars.next().expect("the quoted string ends") {
                (at, '"') => break at,
                (_, '\\') => text.push(chars.next().expect("something is escaped").1),
                (_, c) => text.push(c),
            }
        };
        assert_eq!(parameters.insert(name.to_owned(), text), None, "a parameter occurs once");
        rest = &value[end + 2..];
        if rest.is_empty() {
            return parameters;
        }
        rest = rest.strip_prefix(", ").expect("parameters are separated by commas");
    }
}

/// Settings that go into a challenge, a line each: the realm, the URL of the metadata, then scopes.
pub fn www_authenticate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let realm = lines.next().unwrap_or_default();
    let url = lines.next();
    let scopes: Vec<&str> = lines.take(16).collect();
    let mut expected = HashMap::new();

    // The audience is the realm until one is set: where it can't be, there is none.
    let is_visible = |c: char| matches!(c, ' '..='~');
    let layer = BearerLayer::new(issuer().validator(realm));
    if realm.chars().all(is_visible) {
        expected.insert("realm".to_owned(), realm.to_owned());
    }
    let mut settings = vec![(layer, expected.clone())];
    let (mut layer, _) = settings[0].clone();
    match layer.clone().realm(realm) {
        Ok(set) => {
            assert!(realm.chars().all(is_visible));
            layer = set;
        }
        Err(error) => {
            assert!(!realm.chars().all(is_visible));
            assert!(error.is_configuration());
        }
    }
    if let Some(url) = url {
        let fits = !url.is_empty() && url.chars().all(|c| matches!(c, '!'..='~') && !matches!(c, '"' | '\\'));
        match layer.clone().resource_metadata(url) {
            Ok(set) => {
                assert!(fits);
                layer = set;
                expected.insert("resource_metadata".to_owned(), url.to_owned());
            }
            Err(error) => assert!(!fits && error.is_configuration()),
        }
    }
    if !scopes.is_empty() {
        layer = layer.require(all_of(scopes.iter().map(|one| scope((*one).to_owned()))));
        if scopes.iter().all(|one| is_scope(one)) {
            expected.insert("scope".to_owned(), scopes.join(" "));
        }
    }
    settings.push((layer, expected));
    for (layer, expected) in settings {
        let (response, seen) = ask(&layer, Request::new(()));
        assert!(seen.is_none());
        assert_eq!(response.status(), 401);
        assert_eq!(challenge_of(&response), Some(expected));
    }
    lacking(realm, &scopes);
}

/// A good token without these scopes is answered with a challenge that names them.
fn lacking(realm: &str, scopes: &[&str]) {
    let Ok(layer) = BearerLayer::new(validator().clone()).realm(realm) else { return };
    if scopes.is_empty() {
        return;
    }
    let layer = layer.require(any_of(scopes.iter().map(|one| scope((*one).to_owned()))));
    static TOKEN: OnceLock<HeaderValue> = OnceLock::new();
    let token = TOKEN.get_or_init(|| HeaderValue::try_from(format!("Bearer {}", token_with(&json!({})))).unwrap());
    let mut request = Request::new(());
    request.headers_mut().insert(AUTHORIZATION, token.clone());
    let (response, seen) = ask(&layer, request);
    assert!(seen.is_none());
    assert_eq!(response.status(), 403);
    let challenge = challenge_of(&response).unwrap();
    assert_eq!(challenge["realm"], realm);
    assert_eq!(challenge["error"], "insufficient_scope");
    assert_eq!(challenge.get("scope").map(String::as_str), scopes.iter().find(|one| is_scope(one)).copied());
}

/// RFC 6749 §3.3.
fn is_scope(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~'))
}

/// Scopes that a token holds and that an API asks for, a line each: `scope`, `scp`, then those asked for. Lines of the
/// first two with a tab in them are an array.
pub fn scopes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut claims = Map::new();
    let mut held = Vec::new();
    for name in ["scope", "scp"] {
        let Some(line) = lines.next() else { continue };
        // An element of an array is one scope or none; a string is a list of them.
        let separator = if line.contains('\t') { '\t' } else { ' ' };
        held.extend(line.split(separator).filter(|one| is_scope(one)));
        let value = if line.contains('\t') { line.split('\t').collect::<Value>() } else { line.into() };
        claims.insert(name.to_owned(), value);
    }
    let token = verify(&token_with(&claims.into())).expect("scopes don't make a token bad");
    assert_eq!(token.scopes().collect::<Vec<_>>(), held);

    let asked: Vec<&str> = lines.take(16).collect();
    let set: BTreeSet<&str> = held.iter().copied().collect();
    let wanted = || asked.iter().map(|one| scope((*one).to_owned()));
    let allows = |requirement: Requirement| match token.require(requirement) {
        Ok(()) => true,
        Err(rejection) => {
            assert_eq!(rejection.kind(), RejectionKind::InsufficientScope);
            assert!(rejection.scope().is_none_or(|hint| hint.split(' ').all(is_scope)));
            false
        }
    };
    for (requirement, one) in wanted().zip(&asked) {
        assert_eq!(token.has_scope(one), set.contains(one));
        assert_eq!(allows(requirement), set.contains(one), "{one:?}");
    }
    assert_eq!(allows(any_of(wanted())), asked.iter().any(|one| set.contains(one)));
    assert_eq!(allows(all_of(wanted())), !asked.is_empty() && asked.iter().all(|one| set.contains(one)));
}
