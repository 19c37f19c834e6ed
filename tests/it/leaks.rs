//! Nothing that this crate logs, shows or answers holds a token, a secret or the value of a claim.
//!
//! Whatever must not be seen again has a canary in it; of tokens, no 12 characters in a row may come out anywhere.

mod client;

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt::{Debug, Write};
use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get as on_get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Version};
use http_body_util::Full;
use jsonwebtoken::DecodingKey;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tower::{Service, ServiceExt};
use tower_bearer::jose::{Algorithm, Certificate, CompactJws, Jwk, JwkSet, PemError, SigningKey, VerifyingKey};
use tower_bearer::testing::{Endpoint, Fault, TestDirectory, TestIssuer};
use tower_bearer::{
    AddBearerLayer, AllowedIssuers, BearerLayer, BearerSource, Check, Claims, ClaimsChallenge, Credential, Entra,
    Error, GrpcMethods, Issuer, ProtectedResource, Rejection, RejectionKind as Kind, Resource, SessionKey, Target,
    TokenErrorKind, TokenSource, TokenType, VerifiedToken, Verifier, any_of, claim, require, role, satisfies, scope,
};
use tower_layer::Layer as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::hostile::rows::{Row, rows};
use crate::hostile::world::{CANARY, World, base64url, claims, header, hmac_token, parsed, pem};
use crate::support::{AUDIENCE, get, keep_events_on, with_token};

// --- what came out, and what must not ---

/// Everything that was logged on this thread, at any level and by anybody, with all fields of events and spans.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    /// Captures until the guard is dropped. Records of the crate `log`, which reqwest uses, come in as well.
    fn capture() -> (Self, tracing::subscriber::DefaultGuard) {
        keep_events_on();
        let log = Self::default();
        let guard = tracing_subscriber::registry().with(log.clone()).set_default();
        (log, guard)
    }

    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "  {field}={value:?}").unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        writeln!(self.0.lock().unwrap(), "  {field}={value}").unwrap();
    }

    fn record_error(&mut self, field: &Field, value: &(dyn StdError + 'static)) {
        writeln!(self.0.lock().unwrap(), "  {field}={}", whole(value)).unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        writeln!(self.0.lock().unwrap(), "{} {}", metadata.level(), metadata.target()).unwrap();
        event.record(&mut self.clone());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        writeln!(self.0.lock().unwrap(), "{}", attributes.metadata().name()).unwrap();
        attributes.record(&mut self.clone());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
}

/// All that an error says, in every way and with all its sources.
fn whole(error: &(dyn StdError + 'static)) -> String {
    let mut said = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        writeln!(said, "{error} / {error:?} / {error:#?}").unwrap();
        next = error.source();
    }
    said
}

/// Both ways of showing a value to a developer.
fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

const WINDOW: usize = 12;

/// What of these tokens may not be seen again: 12 characters in a row, out of any part of them.
struct Tokens(HashSet<Vec<u8>>);

impl Tokens {
    fn of<'t>(tokens: impl IntoIterator<Item = &'t [u8]>) -> Self {
        let in_a_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/".contains(byte);
        let parts = tokens.into_iter().flat_map(|token| token.split(move |byte| !in_a_part(byte)));
        Self(parts.flat_map(|part| part.windows(WINDOW)).map(<[u8]>::to_vec).collect())
    }

    /// What of a token, or which canary, is in the text.
    fn leak(&self, text: &str) -> Option<String> {
        if text.to_ascii_lowercase().contains(CANARY) {
            return Some(format!("a canary in: {text}"));
        }
        let part = text.as_bytes().windows(WINDOW).find(|window| self.0.contains(*window))?;
        Some(format!("{:?} of a token in: {text}", String::from_utf8_lossy(part)))
    }
}

#[track_caller]
fn assert_no_canary(text: &str) {
    assert_eq!(Tokens::of([]).leak(text), None);
}

/// An answer with all its headers, and what the rejection in it says.
async fn answer(app: Router, request: Request) -> String {
    let Ok(response) = app.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let mut said = format!("{} {:?}\n", parts.status, parts.extensions);
    for (name, value) in &parts.headers {
        writeln!(said, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    if let Some(rejection) = parts.extensions.get::<Rejection>() {
        said += &of_rejection(rejection);
    }
    said + &String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap())
}

fn of_rejection(rejection: &Rejection) -> String {
    let public = (rejection.kind(), rejection.error(), rejection.description(), rejection.scope());
    let said = format!("{} {public:?} {:?}", whole(rejection), rejection.www_authenticate());
    #[cfg(feature = "tonic")]
    let said = {
        let status = tonic::Status::from(rejection.clone());
        format!("{said} {} {}", whole(&status), String::from_utf8_lossy(status.details()))
    };
    said
}

/// A part of the application behind the guard that logs the headers of each request, as many do.
async fn log_headers(request: Request, next: Next) -> Response {
    tracing::trace!(headers = ?request.headers(), "the application is called");
    next.run(request).await
}

// --- the controls: what leaks is found ---

#[test]
fn the_capture_sees_events_spans_and_the_sources_of_errors() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    let (log, _capturing) = Log::capture();
    tracing::trace!(claim = "canary-1", "planted");
    tracing::debug!("canary-{}", 2);
    tracing::info!(value = ?Some("canary-3"));
    let span = tracing::trace_span!("canary-4", inside = "canary-5", later = tracing::field::Empty);
    span.record("later", "canary-6");
    span.in_scope(|| tracing::warn!("in it"));
    let error = Outer("canary".parse::<u8>().unwrap_err());
    tracing::error!(error = &error as &(dyn StdError + 'static));
    let seen = log.take();
    for planted in ["canary-1", "canary-2", "canary-3", "canary-4", "canary-5", "canary-6", "invalid digit"] {
        assert!(seen.contains(planted), "{planted} in {seen}");
    }
    assert_eq!(log.take(), "");
}

#[test]
fn twelve_characters_of_a_token_are_found_and_a_canary_in_any_case() {
    let tokens = Tokens::of([b"Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl".as_slice()]);
    assert!(tokens.leak("…zdWIiOiJhbGlj…").is_some());
    assert!(tokens.leak("a CaNaRy sang").is_some());
    assert_eq!(tokens.leak("zdWIiOiJhbG, Bearer, and nothing more"), None);
}

#[tokio::test]
async fn a_handler_that_logs_a_token_is_caught() {
    let world = World::new().await;
    let token = world.good(&world.es256);
    let (log, _capturing) = Log::capture();
    let headers = |request: Request| async move { tracing::info!("{:?}", request.headers()) };
    let app = Router::new().route("/", on_get(headers));
    answer(app.clone(), with_token(&token)).await;
    assert!(Tokens::of([token.as_bytes()]).leak(&log.take()).is_some());
    // Behind the layer, the same handler sees a value that does not show itself.
    let guarded = app.route_layer(BearerLayer::new(world.authority.issuer().validator(AUDIENCE)));
    assert!(answer(guarded, with_token(&token)).await.starts_with("200"));
    let seen = log.take();
    assert!(seen.contains("Sensitive"), "{seen}");
    assert_eq!(Tokens::of([token.as_bytes()]).leak(&seen), None);
}

// --- the hostile table ---

/// A place for tokens, and how the value of a row's `Authorization` is sent there.
type Place = (&'static str, fn(BearerLayer) -> BearerLayer, fn(&[HeaderValue]) -> Option<Request>);

const PLACES: &[Place] = &[
    ("Authorization", |layer| layer, |values| Some(get(values.iter().cloned()))),
    ("Authorization of a call of gRPC", |layer| layer, |values| Some(in_grpc(get(values.iter().cloned())))),
    ("Authorization, optional", |layer| layer.optional(), |values| Some(get(values.iter().cloned()))),
    (
        "a header",
        |layer| layer.token_from([TokenSource::header("x-token").unwrap()]),
        |values| carried(values, "x-token", b""),
    ),
    (
        "a cookie",
        |layer| layer.token_from([TokenSource::cookie("session")]),
        |values| carried(values, COOKIE.as_str(), b"other=canary-cookie; session="),
    ),
    (
        "a websocket protocol",
        |layer| layer.token_from([TokenSource::websocket_protocol("bearer")]),
        |values| carried(values, SEC_WEBSOCKET_PROTOCOL.as_str(), b"bearer, "),
    ),
    (
        "two places",
        |layer| layer.token_from([TokenSource::authorization(), TokenSource::cookie("session")]),
        |values| {
            let mut request = carried(values, COOKIE.as_str(), b"canary=canary-cookie; session=")?;
            request.headers_mut().extend(get(values.iter().cloned()).headers().clone());
            Some(request)
        },
    ),
];

fn in_grpc(mut request: Request) -> Request {
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request
}

/// The one value without its scheme, after this prefix.
fn carried(values: &[HeaderValue], name: &'static str, prefix: &[u8]) -> Option<Request> {
    let [value] = values else { return None };
    let token = value.as_bytes().strip_prefix(b"Bearer ").unwrap_or(value.as_bytes());
    let value = HeaderValue::from_bytes(&[prefix, token].concat()).unwrap();
    let mut request = Request::new(Body::empty());
    request.headers_mut().insert(name, value);
    Some(request)
}

#[tokio::test]
async fn no_answer_and_no_log_repeats_a_hostile_request_wherever_it_carries_its_token() {
    let world = World::new().await;
    let rows = rows(&world);
    let (log, _capturing) = Log::capture();
    for (place, source, request) in PLACES {
        let (issuer, _) = world.issuer();
        let app = Router::new()
            .route("/", on_get(|token: Option<VerifiedToken>| async move { format!("{}", token.is_some()) }))
            .route_layer(from_fn(log_headers))
            .route_layer(source(BearerLayer::new(issuer.validator(AUDIENCE))));
        let (mut rejected, mut accepted) = (0, 0);
        for row in &rows {
            let Some(request) = request(&row.credentials) else { continue };
            let said = answer(app.clone(), request).await;
            let logged = log.take();
            assert!(!said.starts_with('5'), "{place}, {}: {said}", row.name);
            rejected += usize::from(logged.contains("request rejected"));
            accepted += usize::from(logged.contains("the application is called"));
            let tokens = Tokens::of(row.credentials.iter().map(HeaderValue::as_bytes));
            for text in [said, logged, shown(&issuer), shown(&issuer.status())] {
                assert_eq!(tokens.leak(&text), None, "{place}, {}", row.name);
            }
        }
        // The capture works, and the rows that it is about were met.
        assert!(rejected > 300 && rejected + accepted > rows.len() - 10, "{place}: {rejected} {accepted}");
        assert!(accepted > 20 || *place == "two places", "{place}: {accepted}");
    }
}

/// The tokens of a row, if it has one that is text.
fn token(row: &Row) -> Option<&str> {
    let [value] = row.credentials.as_slice() else { return None };
    std::str::from_utf8(value.as_bytes()).ok().map(|value| value.strip_prefix("Bearer ").unwrap_or(value))
}

#[tokio::test]
async fn no_value_and_no_error_that_comes_of_a_hostile_token_shows_it() {
    let world = World::new().await;
    let (issuer, _) = world.issuer();
    let validator = issuer.validator(AUDIENCE).roles_at("/nested/canary-name").unwrap();
    let set = JwkSet::parse(world.authority.jwks().as_bytes()).unwrap();
    let keys: Vec<_> = set.keys().iter().flat_map(|jwk| VerifyingKey::from_jwk(jwk).unwrap()).collect();
    let (log, _capturing) = Log::capture();
    let (mut verified, mut refused, mut signed) = (0, 0, 0);
    for row in &rows(&world) {
        let Some(token) = token(row) else { continue };
        let mut seen = String::new();
        match validator.verify(token).await {
            Ok(good) => {
                verified += 1;
                seen += &shown(&good);
                let mismatch = good.claims::<Vec<u8>>().unwrap_err();
                seen += &of_rejection(&mismatch);
                let lacking = good.require(any_of([scope("orders.write"), role("clerk"), claim("sub", "nobody")]));
                seen += &of_rejection(&lacking.unwrap_err());
                seen += &shown(&good.claim::<u8>("email"));
            }
            Err(rejection) => {
                refused += 1;
                seen += &of_rejection(&rejection);
            }
        }
        match CompactJws::parse(token) {
            Err(error) => seen += &whole(&error),
            Ok(jws) => {
                seen += &shown(&jws);
                match jws.header() {
                    Err(error) => seen += &whole(&error),
                    Ok(header) => seen += &shown(&header),
                }
                for key in &keys {
                    match key.verify(&jws) {
                        Err(error) => seen += &whole(&error),
                        Ok(good) => {
                            signed += 1;
                            seen += &shown(&good);
                        }
                    }
                    seen += &shown(key);
                }
            }
        }
        seen += &(shown(&validator) + &shown(&issuer) + &shown(&issuer.status()) + &log.take());
        assert_eq!(Tokens::of([token.as_bytes()]).leak(&seen), None, "{}", row.name);
    }
    assert!(verified > 20 && refused > 300 && signed > 100, "{verified} {refused} {signed}");
}

// --- claims that don't fit ---

/// Claims whose reading fails with an error that quotes them.
async fn mismatched<T: DeserializeOwned + Send + Sync + 'static>(world: &World, log: &Log, payload: &str) {
    let name = std::any::type_name::<T>();
    let quoting = serde_json::from_str::<T>(payload).err().unwrap_or_else(|| panic!("{name} fits {payload}"));
    assert!(quoting.to_string().contains(CANARY), "{name}: `{quoting}` would not leak");

    let guard = BearerLayer::new(world.authority.issuer().validator(AUDIENCE));
    let app = Router::new()
        .route("/", on_get(|_: Claims<T>| async { "in" }))
        .route("/optional", on_get(|_: Option<Claims<T>>| async { "in" }))
        .route("/by-hand", on_get(|token: VerifiedToken| async move { token.claims::<T>().map(|_| "in") }))
        .route_layer(from_fn(log_headers))
        .route_layer(guard);
    let token = world.with_claims(payload);
    for path in ["/", "/optional", "/by-hand"] {
        let mut request = with_token(&token);
        *request.uri_mut() = path.parse().unwrap();
        let said = answer(app.clone(), request).await;
        assert!(said.contains("the token's claims are not as this API needs them"), "{name} {path}: {said}");
        let logged = log.take();
        assert!(logged.contains("the claims don't fit the type") && logged.contains(name), "{name} {path}: {logged}");
        assert_eq!(Tokens::of([token.as_bytes()]).leak(&(said + &logged)), None, "{name} {path}");
    }
}

#[derive(Deserialize)]
#[allow(dead_code)]
enum Role {
    Clerk,
}

/// Quotes what it can't read.
struct Even;

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("{value} is not even")))
    }
}

#[tokio::test]
async fn an_error_of_serde_that_quotes_a_claim_comes_out_nowhere() {
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Number {
        email: u32,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Variant {
        sub: Role,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Custom {
        email: Even,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Inner {
        nested: std::collections::HashMap<String, Role>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Address {
        sub: std::net::IpAddr,
        list: Vec<Role>,
    }

    let world = World::new().await;
    let (log, _capturing) = Log::capture();
    mismatched::<Number>(&world, &log, &claims(&[])).await;
    mismatched::<Variant>(&world, &log, &claims(&[])).await;
    mismatched::<Nothing>(&world, &log, &claims(&[]).replacen('{', r#"{"canary-name":1,"#, 1)).await;
    mismatched::<Custom>(&world, &log, &claims(&[])).await;
    mismatched::<Inner>(&world, &log, &claims(&[("nested", Some(r#"{"a":"canary-role"}"#))])).await;
    let address = claims(&[("sub", Some(r#""::1""#)), ("list", Some(r#"["canary-role"]"#))]);
    mismatched::<Address>(&world, &log, &address).await;
}

#[tokio::test]
async fn a_token_that_lacks_a_permission_leaves_no_trace_of_what_it_has() {
    let world = World::new().await;
    let (log, _capturing) = Log::capture();
    let refuse = satisfies(|token| match token.claim::<u32>("email") {
        Some(_) => Ok(()),
        None => Err(Rejection::new(Kind::Refused)),
    });
    let token = world.with_claims(claims(&[
        ("scope", Some(r#""canary.read canary.write""#)),
        ("roles", Some(r#"["canary-role"]"#)),
        ("client_id", Some(r#""canary-client""#)),
        ("tid", Some(r#""canary-tenant""#)),
    ]));
    for (requirement, status) in [
        (scope("orders.write"), "403"),
        (role("clerk"), "403"),
        (claim("email", "bob@example.com"), "403"),
        (tower_bearer::client_id("app"), "403"),
        (tower_bearer::tenant("t"), "403"),
        (tower_bearer::role_in("app", "clerk"), "403"),
        (refuse, "401"),
    ] {
        let validator = world.authority.issuer().validator(AUDIENCE);
        let by_route = Router::new()
            .route("/", on_get(|| async { "in" }).route_layer(require(requirement.clone())))
            .route_layer(from_fn(log_headers))
            .route_layer(BearerLayer::new(validator.clone()));
        let by_layer = Router::new()
            .route("/", on_get(|| async { "in" }))
            .route_layer(BearerLayer::new(validator).require(requirement));
        for app in [by_route, by_layer] {
            let said = answer(app, with_token(&token)).await;
            assert!(said.starts_with(status), "{said}");
            let logged = log.take();
            assert!(logged.contains("request rejected"), "{logged}");
            assert_eq!(Tokens::of([token.as_bytes()]).leak(&(said + &logged)), None);
        }
    }
}

// --- what an issuer sends ---

/// How a server answers a request for its metadata and one for its keys.
#[derive(Clone)]
enum Sent {
    Text(String),
    Status(u16, &'static str),
    Error,
}

impl Sent {
    fn answer(&self) -> Result<http::Response<Full<Bytes>>, Box<dyn StdError + Send + Sync>> {
        let with_headers = http::Response::builder()
            .header("etag", "\"canary-etag\"")
            .header("cache-control", "canary=canary")
            .header("location", "https://canary.example/");
        match self {
            Self::Text(text) => Ok(with_headers.body(Full::from(text.clone()))?),
            Self::Status(status, text) => Ok(with_headers.status(*status).body(Full::from(*text))?),
            Self::Error => {
                let source = serde_json::from_str::<u8>(r#""canary-source""#).unwrap_err();
                Err(std::io::Error::other(source).into())
            }
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // documents as `json!` makes them
fn text(text: impl ToString) -> Sent {
    Sent::Text(text.to_string())
}

fn good_metadata() -> Sent {
    text(json!({ "issuer": "https://issuer.test", "jwks_uri": "https://issuer.test/jwks?key=canary-query" }))
}

#[tokio::test]
async fn nothing_that_an_issuer_sends_is_repeated_in_errors_logs_and_its_status() {
    let world = World::new().await;
    let token = world.good(&world.es256);
    let public = parsed(&world.es256.public_jwk());
    let leaked = |member: &str| {
        let mut jwk = public.clone();
        jwk[member] = json!("canary-private");
        text(json!({ "keys": [jwk] }))
    };
    let metadata = |member: &str, value: serde_json::Value| {
        let mut document = json!({ "issuer": "https://issuer.test", "jwks_uri": "https://issuer.test/jwks" });
        document[member] = value;
        text(document)
    };
    let keys = |jwk: serde_json::Value| text(json!({ "keys": [jwk] }));
    let unused = || text("the keys are not asked for");
    let rows: Vec<(&str, Sent, Sent)> = vec![
        ("metadata: an error page", text("<html>canary</html>"), unused()),
        ("metadata: cut off", text(r#"{"issuer":"canary"#), unused()),
        ("metadata: a string", text(r#""canary""#), unused()),
        ("metadata: of another issuer", metadata("issuer", json!("https://canary.example")), unused()),
        ("metadata: issuer is a list", metadata("issuer", json!(["canary"])), unused()),
        ("metadata: jwks_uri is a list", metadata("jwks_uri", json!(["canary"])), unused()),
        ("metadata: jwks_uri is an object", metadata("jwks_uri", json!({ "canary": "canary" })), unused()),
        ("metadata: jwks_uri is no URL", metadata("jwks_uri", json!("canary <canary>")), unused()),
        ("metadata: jwks_uri of another scheme", metadata("jwks_uri", json!("ftp://canary.example")), unused()),
        ("metadata: jwks_uri with a password", metadata("jwks_uri", json!("https://u:canary@issuer.test/")), unused()),
        ("metadata: an error", Sent::Status(500, "canary"), unused()),
        ("metadata: not found", Sent::Status(404, "canary"), unused()),
        ("metadata: a redirect", Sent::Status(302, "canary"), unused()),
        ("metadata: the transport fails", Sent::Error, unused()),
        ("keys: an error page", good_metadata(), text("<html>canary</html>")),
        ("keys: cut off", good_metadata(), text(r#"{"keys":["canary""#)),
        ("keys: a string", good_metadata(), text(r#"{"keys":"canary"}"#)),
        ("keys: a member twice", good_metadata(), text(r#"{"keys":[],"canary":1,"canary":2}"#)),
        ("keys: none", good_metadata(), text(r#"{"keys":[],"canary":"canary"}"#)),
        ("keys: entries that are strings", good_metadata(), text(r#"{"keys":["canary"]}"#)),
        ("keys: of an unknown kind", good_metadata(), keys(json!({ "kty": "canary" }))),
        ("keys: for another use", good_metadata(), {
            let mut jwk = public.clone();
            jwk["use"] = json!("canary");
            keys(jwk)
        }),
        (
            "keys: with another algorithm",
            good_metadata(),
            keys(json!({ "kty": "RSA", "alg": "canary", "n": "canary" })),
        ),
        ("keys: with an x that is none", good_metadata(), keys(json!({ "kty": "EC", "crv": "P-256", "x": "canary?" }))),
        ("keys: a shared secret", good_metadata(), keys(json!({ "kty": "oct", "k": "canary-secret" }))),
        ("keys: a private key", good_metadata(), leaked("d")),
        ("keys: an error", good_metadata(), Sent::Status(500, "canary")),
        ("keys: a redirect", good_metadata(), Sent::Status(302, "canary")),
        ("keys: nothing new", good_metadata(), Sent::Status(304, "canary")),
        ("keys: the transport fails", good_metadata(), Sent::Error),
    ];
    let (log, _capturing) = Log::capture();
    for (name, metadata, keys) in rows {
        let answers = [metadata, keys];
        let transport = tower::service_fn(move |request: http::Request<Full<Bytes>>| {
            let place = usize::from(request.uri().path() == "/jwks");
            ready(answers[place].answer())
        });
        let issuer = world.authority.issuer().transport(transport);
        let error = issuer.ready().await.expect_err(name);
        let mut seen = whole(&error);
        if let Err(error) = issuer.metadata().await {
            seen += &whole(&error);
        }
        let rejection = issuer.validator(AUDIENCE).verify(&token).await.unwrap_err();
        assert_eq!(rejection.kind(), Kind::KeysUnavailable, "{name}");
        let status = issuer.status();
        assert_eq!(status.last_error, Some(error), "{name}");
        let logged = log.take();
        assert!(logged.contains("keys could not be fetched"), "{name}: {logged}");
        seen += &(of_rejection(&rejection) + &shown(&issuer) + &shown(&status) + &logged);
        for skipped in &status.skipped {
            seen += &whole(&skipped.reason());
        }
        assert_eq!(Tokens::of([token.as_bytes()]).leak(&seen), None, "{name}");
    }
}

#[tokio::test]
async fn odd_keys_beside_a_good_one_and_odd_metadata_stay_unseen_while_tokens_are_taken() {
    let world = World::new().await;
    let mut private = parsed(&world.es256.public_jwk());
    private["d"] = json!("canary-private");
    private["kid"] = json!("private");
    world.authority.publish_jwk(&private);
    world.authority.publish_jwk(json!({ "kty": "oct", "kid": "shared", "k": "canary-secret" }));
    world.authority.publish_jwk(json!("canary"));
    for member in ["token_endpoint", "jwks_uris", "registration_endpoint"] {
        world.authority.metadata(member, "https://u:canary@issuer.test/canary");
    }
    world.authority.metadata("jwks_uri", "https://issuer.test/jwks.json?key=canary");
    let (log, _capturing) = Log::capture();
    let issuer = world.authority.issuer();
    let metadata = issuer.metadata().await.unwrap();
    assert!(metadata.jwks_uri().unwrap().ends_with("?key=canary"), "who asks for it has all of it");
    assert!(issuer.validator(AUDIENCE).verify(&world.good(&world.es256)).await.is_ok());
    let status = issuer.status();
    assert_eq!(status.skipped.len(), 3, "{status:?}");

    // An outage, with these keys still in use.
    world.authority.fail(Endpoint::Jwks, Fault::Body(Bytes::from_static(b"canary")));
    world.authority.advance(std::time::Duration::from_secs(3_000));
    let late = world.with_claims(claims(&[("exp", Some("1800036000"))]));
    assert!(issuer.validator(AUDIENCE).verify(&late).await.is_ok());
    while issuer.status().last_error.is_none() {
        tokio::task::yield_now().await;
    }
    let logged = log.take();
    assert!(logged.contains("keys could not be fetched"), "{logged}");
    let seen = shown(&metadata) + &shown(&issuer) + &shown(&status) + &shown(&issuer.status()) + &logged;
    assert_eq!(Tokens::of([late.as_bytes()]).leak(&seen), None);

    // What may be seen: whose key it is, by its public name, and why it is not used.
    assert!(seen.contains(r#"SkippedKey { position: 4, key_id: Some("private"), reason: PrivateMembers }"#), "{seen}");
    let set = JwkSet::parse(world.authority.jwks().as_bytes()).unwrap();
    assert_no_canary(&shown(&set));
}

/// The built-in client and all that it is made of log as well.
#[cfg(feature = "reqwest")]
#[tokio::test]
async fn the_built_in_client_logs_that_it_connects_and_no_document_and_no_token() {
    let authority = TestIssuer::serve().await.unwrap();
    authority.publish_jwk(json!({ "kty": "oct", "k": "canary-secret" }));
    authority.metadata("canary", "canary");
    authority.metadata("jwks_uri", format!("{}/jwks.json?key=canary", authority.identifier()));
    let (log, _capturing) = Log::capture();
    let issuer = Issuer::new(authority.identifier()).unwrap();
    let app = Router::new()
        .route("/", on_get(|_: VerifiedToken| async { "in" }))
        .route_layer(from_fn(log_headers))
        .route_layer(BearerLayer::new(issuer.validator(AUDIENCE)));
    let good = authority.token(AUDIENCE).subject("canary").sign();
    let unknown = authority.token(AUDIENCE).header("kid", "canary-key").sign();
    let foreign = authority.token("api://canary").sign();
    for (token, status) in [(&good, "200"), (&unknown, "401"), (&foreign, "401")] {
        let said = answer(app.clone(), with_token(token)).await;
        assert!(said.starts_with(status), "{said}");
        assert_no_canary(&said);
    }
    authority.fail(Endpoint::Jwks, Fault::Redirect("https://canary.example/?canary".to_owned()));
    let error = Issuer::new(authority.identifier()).unwrap().ready().await.unwrap_err();
    let logged = log.take();
    assert!(logged.contains("reqwest") && logged.contains("127.0.0.1"), "the client was not captured: {logged}");
    let tokens = [good, unknown, foreign];
    let seen = whole(&error) + &shown(&issuer.status()) + &logged;
    assert_eq!(Tokens::of(tokens.iter().map(String::as_bytes)).leak(&seen), None);
}

// --- what the application hands over ---

#[test]
fn an_error_of_a_setting_repeats_no_password_key_or_secret() {
    let issuer = || Issuer::new("https://issuer.test").unwrap();
    let layer = || BearerLayer::new(issuer().validator(AUDIENCE));
    let secret = DecodingKey::from_secret(b"canary");
    let long_secret = DecodingKey::from_secret(b"canary-canary-canary-canary-canary-canary");
    let not_a_key = DecodingKey::from_rsa_der(b"canary-canary-canary");
    let pem_of_nothing = pem("PUBLIC KEY", b"canary-canary-canary");
    assert!(pem_of_nothing.contains("PUBLIC KEY"));
    let errors: Vec<(&str, Option<Error>)> = vec![
        ("Issuer::new with white space", Issuer::new("https://u:canary@issuer.test/ x").err()),
        ("a metadata URL with a password", issuer().metadata_url("https://u:canary@issuer.test/").err()),
        ("a metadata URL that is none", issuer().metadata_url("canary canary").err()),
        ("a key URL with a password", issuer().jwks_url("https://canary@issuer.test/").err()),
        ("a token endpoint with a password", issuer().token_endpoint("ftp://u:canary@issuer.test/").err()),
        ("keys that are none", issuer().with_jwks("canary").err()),
        ("keys that are no list", issuer().with_jwks(r#"{"keys":{"canary":"canary"}}"#).err()),
        ("a shared secret among the keys", issuer().with_jwks(r#"{"keys":[{"kty":"oct","k":"canary"}]}"#).err()),
        ("a secret that is too short", issuer().with_decoding_key(Some("1"), Algorithm::HS256, &secret).err()),
        ("a secret for RSA", issuer().with_decoding_key(None, Algorithm::RS256, &long_secret).err()),
        ("a key that is none", issuer().with_decoding_key(None, Algorithm::RS256, &not_a_key).err()),
        ("a pointer to roles", issuer().validator(AUDIENCE).roles_at("canary").err()),
        ("the name of a header", TokenSource::header("canary: canary").err()),
        ("a realm", layer().realm("canary\n").err()),
        ("a metadata URL in challenges", layer().resource_metadata("https://canary\"").err()),
        ("a resource with a password", ProtectedResource::new("https://u:canary@api.test/").err()),
        ("a resource that is none", ProtectedResource::new("canary").err()),
    ];
    for (setting, error) in errors {
        let error = error.unwrap_or_else(|| panic!("{setting} is taken"));
        assert!(error.is_configuration(), "{setting}");
        assert_eq!(Tokens::of([]).leak(&whole(&error)), None, "{setting}");
    }
    for error in [
        SigningKey::from_pkcs8(Algorithm::ES256, b"canary-canary").unwrap_err(),
        SigningKey::from_pkcs8(Algorithm::HS256, b"canary-canary").unwrap_err(),
    ] {
        assert_no_canary(&whole(&error));
    }
    let broken =
        ["canary", "-----BEGIN canary", "-----BEGIN canary-----\ncanary", "-----BEGIN canary----- canary-----\n"];
    let values = ["PRIVATE KEY", "CERTIFICATE", "canary"].map(|label| pem(label, b"canary"));
    let not_base64 = values[0].replace("-----\n", "-----\ncanary!");
    for text in broken.into_iter().chain(values.iter().map(String::as_str)).chain([not_base64.as_str()]) {
        let key = SigningKey::from_pem(Algorithm::ES256, text.as_bytes()).unwrap_err();
        let certificate = Certificate::chain_from_pem(text.as_bytes()).unwrap_err();
        assert_no_canary(&whole(&key));
        assert_no_canary(&whole(&certificate));
    }
    assert_no_canary(&whole(&"CANARY256".parse::<Algorithm>().unwrap_err()));
    assert_no_canary(&whole(&Jwk::parse(br#"{"kty":"EC","crv":"canary"}"#).unwrap_err()));
    assert_no_canary(&whole(&JwkSet::parse(b"canary").unwrap_err()));
    let short = VerifyingKey::from_decoding_key(Algorithm::HS512, &secret).unwrap_err();
    assert_no_canary(&whole(&short));
}

#[tokio::test]
async fn a_shared_secret_shows_nowhere_and_a_token_keyed_by_it_neither() {
    const SECRET: &[u8] = b"canary-canary-canary-canary-canary-canary";
    let world = World::new().await;
    let key = DecodingKey::from_secret(SECRET);
    let issuer = world.authority.issuer().with_decoding_key(Some("shared"), Algorithm::HS256, &key).unwrap();
    let validator = issuer.validator(AUDIENCE);
    let layer = BearerLayer::new(validator.clone());
    let (log, _capturing) = Log::capture();
    let good = hmac_token(&header(&[("alg", Some(r#""HS256""#)), ("kid", Some(r#""shared""#))]), SECRET);
    let forged = hmac_token(&header(&[("alg", Some(r#""HS256""#)), ("kid", Some(r#""shared""#))]), b"guessed");
    let app = Router::new()
        .route("/", on_get(|_: VerifiedToken| async { "in" }))
        .route_layer(from_fn(log_headers))
        .route_layer(layer.clone());
    let mut seen = String::new();
    for (token, status) in [(&good, "200"), (&forged, "401")] {
        let said = answer(app.clone(), with_token(token)).await;
        assert!(said.starts_with(status), "{said}");
        seen += &said;
    }
    seen += &(shown(&issuer) + &shown(&issuer.status()) + &shown(&validator) + &shown(&layer) + &log.take());
    seen += &shown(&VerifyingKey::from_decoding_key(Algorithm::HS256, &key).unwrap());
    // However somebody may have spelled the bytes.
    let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
    let (numbers, encoded) = (format!("{SECRET:?}"), base64url(SECRET));
    for spelling in [hex.as_str(), numbers.trim_matches(['[', ']']), &encoded] {
        assert!(!seen.to_ascii_lowercase().contains(&spelling.to_ascii_lowercase()), "{spelling}");
    }
    assert_eq!(Tokens::of([good.as_bytes(), forged.as_bytes()]).leak(&seen), None);
    assert!(seen.contains(r#"key_id: Some("shared")"#), "{seen}");
}

// --- Debug ---

/// The types whose values are shown below, and what they look like.
async fn debug_of_all() -> Vec<(&'static str, String)> {
    let world = World::new().await;
    let authority = TestIssuer::new();
    let directory = TestDirectory::new();
    directory.metadata("canary", "canary");
    let issuer = authority.issuer();
    let validator = issuer.validator("api://canary").check(|_| Ok(()));
    let layer = BearerLayer::new(validator.clone()).token_from([TokenSource::cookie("canary")]);
    let test_token = authority.token("api://canary").subject("canary").header("kid", "es256-1");
    let token = test_token.clone().sign();
    let verified = validator.verify(&token).await.unwrap();
    let jws = CompactJws::parse(&token).unwrap();
    let jwk = Jwk::parse(authority.signing_key(Algorithm::ES256).public_jwk().as_bytes()).unwrap();
    let key = VerifyingKey::from_jwk(&jwk).unwrap().remove(0);
    let set = JwkSet::parse(br#"{"keys":[{"kty":"oct","kid":"1","k":"canary"}]}"#).unwrap();
    let mut named = CertificateParams::new(["canary.test".to_owned()]).unwrap();
    (named.not_before, named.not_after) = (date_time_ymd(1970, 1, 1), date_time_ymd(1970, 1, 2));
    let certificate = named.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let mut chain = Certificate::chain_from_pem(certificate.pem().as_bytes()).unwrap();
    let requirement = any_of([scope("canary"), claim("email", "canary@example.com"), satisfies(|_| Ok(()))]);
    let methods = GrpcMethods::new().method("/canary.v1.Canary/Sing", requirement.clone()).unwrap();
    let resource = ProtectedResource::new("https://api.test/orders").unwrap().name("canary");
    let inner =
        || tower::service_fn(|_: http::Request<Body>| ready(Ok::<_, Infallible>(http::Response::new(Body::empty()))));
    let metadata = issuer.metadata().await.unwrap();
    let mut status = issuer.status();
    status.age = None;
    status.keys[0].age = None;
    status.next_attempt_in = None;
    let app = authority.register("orders").secret("canary").app_id_uri("api://canary").expose_scope("canary");
    let form = http::Request::post("https://issuer.test/token?canary").header("canary", "canary");
    let form = form.body(Full::from("grant_type=canary&client_secret=canary")).unwrap();
    authority.transport().oneshot(form).await.unwrap();
    let hold = authority.hold(Endpoint::Jwks);
    let explanation = validator.explain(&authority.token("https://canary.test").sign()).await;
    let failed = Issuer::new("https://issuer.test").unwrap().metadata_url("https://canary@issuer.test").unwrap_err();
    let client = issuer.client("orders", Credential::secret("canary"));
    app.secret("canary").allow_scope(&app, "canary");
    let challenge = HeaderValue::from_str(&format!(
        r#"Bearer error="insufficient_claims", claims="{}""#,
        STANDARD.encode(r#"{"canary":1}"#)
    ));
    let challenge = HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge.unwrap())]);
    let challenge = ClaimsChallenge::from_headers(&challenge).unwrap();
    let jobs = client.client_credentials(Target::new()).unwrap();
    let acquired = jobs.token().await.unwrap();
    let unknown = issuer.client("canary", Credential::secret("canary"));
    let refused = unknown.client_credentials(Target::new()).unwrap().token().await.unwrap_err();
    let add = || AddBearerLayer::new(jobs.clone());
    let adding = add().for_origins(["https://stock.test"]).unwrap();
    let outgoing = http::Request::get("https://stock.test/canary").body(Body::empty()).unwrap();
    macro_rules! shown {
        ($($name:ident: $value:expr,)*) => { vec![$((stringify!($name), format!("{:?}", $value)),)*] };
    }
    shown! {
        Error: failed,
        AllowedIssuers: AllowedIssuers::new(|_| None),
        Entra: Entra::any_tenant().custom_signing_keys("ca0a0e00-2222-3333-4444-555555555555").unwrap(),
        Issuer: issuer,
        IssuerStatus: status,
        KeyStatus: status.keys[0],
        Metadata: metadata,
        BearerLayer: layer,
        BearerService: layer.layer(inner()),
        Check: Check::Audience,
        CheckOutcome: explanation.outcome(Check::Audience),
        Explanation: explanation,
        GrpcMethods: methods,
        GrpcMethodsService: methods.layer(inner()),
        ProtectedResource: resource,
        Rejection: Rejection::new(Kind::Expired),
        RejectionKind: Kind::Expired,
        RequireLayer: require(requirement.clone()),
        RequireService: require(requirement.clone()).layer(inner()),
        Requirement: requirement,
        TokenSource: TokenSource::cookie("canary"),
        UntilExpiry: verified.until_expiry(tokio_stream::iter([Ok::<_, Rejection>("canary")])),
        Validator: validator,
        VerifiedToken: verified,
        Verifier: Verifier::from(validator.clone()),
        Algorithm: Algorithm::ES256,
        UnknownAlgorithm: "canary".parse::<Algorithm>().unwrap_err(),
        Certificate: chain.remove(0),
        CertificateError: Certificate::chain_from_pem(pem("CERTIFICATE", b"canary").as_bytes()).unwrap_err(),
        KeyPemError: SigningKey::from_pem(Algorithm::ES256, pem("PRIVATE KEY", b"canary").as_bytes()).unwrap_err(),
        PemError: PemError::BrokenBase64,
        Jwk: jwk,
        JwkSet: set,
        JwkSetError: JwkSet::parse(b"canary").unwrap_err(),
        SkippedKey: set.skipped()[0],
        CompactJws: jws,
        Header: jws.header().unwrap(),
        JwsError: CompactJws::parse("canary").unwrap_err(),
        VerifiedJws: key.verify(&jws).unwrap(),
        SigningError: SigningKey::generate(Algorithm::HS256).unwrap_err(),
        SigningKey: world.es256,
        SkipReason: Jwk::parse(b"canary").unwrap_err(),
        InvalidSignature: key.verify_detached(b"canary", b"canary").unwrap_err(),
        VerifyingKey: key,
        TestIssuer: authority,
        TestClock: authority.clock(),
        TestToken: test_token,
        TestDirectory: directory,
        TestTenant: directory.tenant("ca0a0e00-2222-3333-4444-555555555555"),
        TestApp: app,
        TestTransport: authority.transport(),
        TestTokenRequest: authority.token_requests()[0],
        Endpoint: Endpoint::Jwks,
        Fault: Fault::Status(500),
        Hold: hold,
        AccessToken: acquired,
        AddBearer: add(),
        AddBearerFuture: adding.layer(inner()).call(outgoing),
        AddBearerLayer: adding,
        AddBearerService: adding.layer(inner()),
        BearerSource: BearerSource::from(jobs.clone()),
        ClaimsChallenge: challenge,
        OboSession: client.session_from_refresh_token("canary", ["read"]).unwrap(),
        OnBehalfOf: client.on_behalf_of(["read"]).unwrap(),
        SessionKey: SessionKey::new(*b"canary canary canary canary canary".first_chunk().unwrap()),
        TokenExchange: client.token_exchange(["read"]).unwrap().actor("canary").unwrap(),
        TokenType: TokenType::Jwt,
        Client: client,
        ClientCredentials: jobs,
        Credential: Credential::secret("canary"),
        Resource: Resource("https://stock.test"),
        Target: Target::from(["read"]).resource("https://stock.test").audience("stock"),
        TokenError: refused,
        TokenErrorKind: TokenErrorKind::Refused,
    }
}

#[tokio::test]
async fn debug_shows_public_names_and_settings_and_nothing_else() {
    let client = r#"Client { issuer: Issuer { identifier: "https://issuer.test", .. }, client_id: "orders", .. }"#;
    let jobs = &format!(
        "ClientCredentials {{ client: {client}, target: Target {{ scopes: [], resources: [], audiences: [] }}, .. }}"
    );
    let read = r#"Target { scopes: ["read"], resources: [], audiences: [] }"#;
    let adding = |name: &str| format!("{name} {{ source: {jobs}, .. }}");
    let expected: &[(&str, &str)] = &[
        ("AllowedIssuers", "AllowedIssuers { held: 0, .. }"),
        ("Entra", "Entra { tenants: 0, .. }"),
        ("Issuer", r#"Issuer { identifier: "https://issuer.test", .. }"#),
        (
            "IssuerStatus",
            r#"IssuerStatus { is_ready: true, keys: [KeyStatus { key_id: Some("es256-1"), algorithms: [ES256], age: None }], skipped: [], age: None, last_error: None, next_attempt_in: None }"#,
        ),
        ("KeyStatus", r#"KeyStatus { key_id: Some("es256-1"), algorithms: [ES256], age: None }"#),
        ("Metadata", r#"Metadata { issuer: "https://issuer.test", .. }"#),
        ("BearerLayer", "BearerLayer { optional: false, .. }"),
        ("BearerService", "BearerService { .. }"),
        ("Check", "Audience"),
        ("CheckOutcome", "Failed { .. }"),
        (
            "Explanation",
            "Explanation {Size: Passed, Shape: Passed, Header: Passed, Algorithm: Passed, Issuer: Passed, Key: Passed, \
             Signature: Passed, Audience: Failed { .. }, Expiry: NotReached, NotBefore: NotReached, TokenKind: NotReached, \
             Permission: NotReached, Binding: NotReached, Own: NotReached}",
        ),
        ("GrpcMethods", "GrpcMethods { methods: 1, .. }"),
        ("GrpcMethodsService", "GrpcMethodsService { .. }"),
        ("ProtectedResource", r#"ProtectedResource { resource: "https://api.test/orders", .. }"#),
        ("Rejection", "Rejection(Expired)"),
        ("RejectionKind", "Expired"),
        ("RequireLayer", "RequireLayer { requirement: Requirement { .. } }"),
        ("RequireService", "RequireService { .. }"),
        ("Requirement", "Requirement { .. }"),
        ("TokenSource", "TokenSource { .. }"),
        ("UntilExpiry", "UntilExpiry { ended: false, .. }"),
        ("Validator", r#"Validator { issuers: [Issuer { identifier: "https://issuer.test", .. }], .. }"#),
        ("VerifiedToken", "VerifiedToken { .. }"),
        ("Verifier", "Verifier { .. }"),
        ("Algorithm", "ES256"),
        ("UnknownAlgorithm", "UnknownAlgorithm"),
        (
            "Certificate",
            "Certificate { not_before: SystemTime { tv_sec: 0, tv_nsec: 0 }, not_after: SystemTime { tv_sec: 86400, tv_nsec: 0 }, .. }",
        ),
        ("CertificateError", "Malformed { position: 1 }"),
        ("KeyPemError", "Rejected"),
        ("PemError", "BrokenBase64"),
        ("Jwk", r#"Jwk { key_id: Some("es256-1"), issuer: None, algorithm: Some(ES256), .. }"#),
        (
            "JwkSet",
            r#"JwkSet { keys: [], positions: [], skipped: [SkippedKey { position: 0, key_id: Some("1"), reason: Symmetric }] }"#,
        ),
        ("JwkSetError", "NotAnObject"),
        ("SkippedKey", r#"SkippedKey { position: 0, key_id: Some("1"), reason: Symmetric }"#),
        ("CompactJws", "CompactJws { .. }"),
        ("Header", "Header { algorithm: Some(ES256), .. }"),
        ("JwsError", "NotThreeParts"),
        ("VerifiedJws", "VerifiedJws { .. }"),
        ("SigningError", "UnsupportedAlgorithm"),
        ("SigningKey", r#"SigningKey { algorithm: ES256, key_id: Some("es256-1"), .. }"#),
        ("SkipReason", "NotAnObject"),
        ("InvalidSignature", "InvalidSignature"),
        ("VerifyingKey", "VerifyingKey { algorithm: ES256, .. }"),
        ("TestIssuer", r#"TestIssuer { identifier: "https://issuer.test", .. }"#),
        ("TestToken", "TestToken { .. }"),
        ("TestDirectory", r#"TestDirectory { authority_host: "https://login.microsoftonline.com", .. }"#),
        ("TestTenant", r#"TestTenant { id: "ca0a0e00-2222-3333-4444-555555555555", .. }"#),
        ("TestApp", r#"TestApp { client_id: "orders", .. }"#),
        ("TestTransport", "TestTransport { .. }"),
        (
            "TestTokenRequest",
            r#"TestTokenRequest { endpoint: "https://issuer.test/token", form: ["grant_type", "client_secret"], .. }"#,
        ),
        ("Endpoint", "Jwks"),
        ("Fault", "Status(500)"),
        ("AddBearer", &adding("AddBearer")),
        ("AddBearerFuture", "AddBearerFuture { .. }"),
        ("AddBearerLayer", &adding("AddBearerLayer")),
        ("AddBearerService", &adding("AddBearerService")),
        ("BearerSource", jobs),
        ("ClaimsChallenge", "ClaimsChallenge { .. }"),
        ("OboSession", &format!("OboSession {{ client: {client}, target: {read}, has_ended: false, .. }}")),
        ("OnBehalfOf", &format!("OnBehalfOf {{ client: {client}, target: {read}, .. }}")),
        ("SessionKey", "SessionKey { .. }"),
        ("TokenExchange", &format!("TokenExchange {{ client: {client}, target: {read}, .. }}")),
        ("TokenType", "Jwt"),
        ("Client", client),
        ("ClientCredentials", jobs),
        ("Credential", "Credential(secret)"),
        ("Resource", r#"Resource("https://stock.test")"#),
        ("Target", r#"Target { scopes: ["read"], resources: ["https://stock.test"], audiences: ["stock"] }"#),
        (
            "TokenError",
            r#"TokenError { kind: Refused, error_code: Some("invalid_client"), retry_after: None, message: "the token endpoint https://issuer.test/token answered with status 401 and the error `invalid_client`: check the client id, and whether the credential is registered for it and has not run out" }"#,
        ),
        ("TokenErrorKind", "Refused"),
    ];
    let shown = debug_of_all().await;
    for (name, text) in &shown {
        assert_no_canary(text);
        match expected.iter().find(|(expected, _)| expected == name) {
            Some((_, expected)) => assert_eq!(text, expected, "{name}"),
            // Its wording is for people, the insides of tokio's channel are nobody's, and time passes.
            None => assert!(["AccessToken", "Error", "Hold", "TestClock"].contains(name), "{name}: {text}"),
        }
    }
    assert_eq!(shown.len(), expected.len() + 4);
}

/// The types that a module of the crate exports, as its source has it.
fn exported(source: &str) -> Vec<String> {
    fn names(tree: &syn::UseTree, found: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => names(&path.tree, found),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, found)),
            syn::UseTree::Name(name) => found.push(name.ident.to_string()),
            syn::UseTree::Rename(rename) => found.push(rename.rename.to_string()),
            syn::UseTree::Glob(_) => panic!("exports by `*` hide what is public"),
        }
    }
    let mut found = Vec::new();
    for item in syn::parse_file(source).unwrap().items {
        match item {
            syn::Item::Use(one) if matches!(one.vis, syn::Visibility::Public(_)) => names(&one.tree, &mut found),
            syn::Item::Struct(one) if matches!(one.vis, syn::Visibility::Public(_)) => {
                found.push(one.ident.to_string())
            }
            syn::Item::Enum(one) if matches!(one.vis, syn::Visibility::Public(_)) => found.push(one.ident.to_string()),
            _ => {}
        }
    }
    found.retain(|name| name.starts_with(char::is_uppercase));
    found
}

#[tokio::test]
async fn each_public_type_is_among_those_whose_debug_is_looked_at() {
    // Traits, the user's own claims, and futures have no `Debug` of their own; the last three hold nothing, and nobody can make one.
    let without_debug =
        ["Respond", "Replay", "Claims", "ResponseFuture", "RequireFuture", "ReplayEmpty", "ReplayClone", "ReplayNever"];
    let shown = debug_of_all().await;
    let sources = [
        include_str!("../../src/lib.rs"),
        include_str!("../../src/jose/mod.rs"),
        include_str!("../../src/testing/mod.rs"),
    ];
    let public: Vec<_> = sources.iter().flat_map(|source| exported(source)).collect();
    assert!(public.len() > 35, "{public:?}");
    for name in &public {
        let looked_at = shown.iter().any(|(shown, _)| shown == name) || without_debug.contains(&name.as_str());
        assert!(looked_at, "{name} is public: show one in `debug_of_all`, with canaries in it");
    }
}
