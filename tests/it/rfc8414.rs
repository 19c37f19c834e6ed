//! Authorization Server Metadata and OpenID Connect Discovery: where an issuer's documents are, and what they must say.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{Error, Issuer, RejectionKind as Kind};

const AUDIENCE: &str = "api://orders";
const OIDC: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
/// Stands for what a document may hold and no message may repeat.
const MARK: &str = "do-not-repeat-me";

/// A web that answers fixed URLs, 404 elsewhere, and writes down what it was asked.
#[derive(Clone, Default)]
struct Web {
    pages: Arc<Mutex<HashMap<String, (StatusCode, Bytes)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn page(self, url: &str, body: impl Into<Bytes>) -> Self {
        self.answer(url, StatusCode::OK, body)
    }

    fn answer(self, url: &str, status: StatusCode, body: impl Into<Bytes>) -> Self {
        self.pages.lock().unwrap().insert(url.to_owned(), (status, body.into()));
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The issuer, which reaches this web and nothing else.
    fn reached_by(&self, issuer: Issuer) -> Issuer {
        let web = self.clone();
        issuer.transport(tower::service_fn(move |request: Request<Full<Bytes>>| {
            let url = request.uri().to_string();
            let (status, body) =
                web.pages.lock().unwrap().get(&url).cloned().unwrap_or((StatusCode::NOT_FOUND, Bytes::new()));
            web.asked.lock().unwrap().push(url);
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = status;
            if status.is_redirection() {
                response.headers_mut().insert(header::LOCATION, "https://elsewhere.test/".parse().unwrap());
            }
            async move { Ok::<_, io::Error>(response) }
        }))
    }
}

fn metadata(issuer: &str, jwks_uri: &str) -> String {
    json!({"issuer": issuer, "jwks_uri": jwks_uri, "token_endpoint": "https://issuer.test/token"}).to_string()
}

fn issuer(identifier: &str) -> Issuer {
    Issuer::new(identifier).unwrap()
}

/// Whether a token of this authority is accepted by the issuer; the reason if not.
async fn judged(issuer: &Issuer, authority: &TestIssuer) -> Option<Kind> {
    let token = authority.token(AUDIENCE).sign();
    issuer.validator(AUDIENCE).verify(&token).await.err().map(|rejection| rejection.kind())
}

/// Why the issuer can't be made ready: it says so without repeating what it was sent.
async fn unready(issuer: &Issuer) -> String {
    let error = issuer.ready().await.unwrap_err();
    let needs_a_setting = error.to_string().contains("dangerous_allow_http()");
    assert_eq!((error.is_unavailable(), error.is_configuration()), (!needs_a_setting, needs_a_setting), "{error:?}");
    assert!(std::error::Error::source(&error).is_none());
    let said = error.to_string();
    for text in [&said, &format!("{error:?}"), &format!("{:?}", issuer.status())] {
        assert!(!text.contains(MARK), "{text}");
    }
    assert_eq!(issuer.status().last_error.as_ref(), Some(&error));
    said
}

// --- locations ---

#[tokio::test]
async fn making_an_issuer_and_its_validator_fetches_nothing() {
    let web = Web::default();
    let issuer = web.reached_by(issuer("https://issuer.test"));
    let _validator = issuer.jwks_url("https://keys.test/").unwrap().validator(AUDIENCE);
    tokio::task::yield_now().await;
    assert_eq!(web.asked(), [""; 0]);
}

#[tokio::test]
async fn metadata_is_found_by_openid_connect_discovery() {
    for (identifier, location) in [
        ("https://issuer.test", "https://issuer.test/.well-known/openid-configuration"),
        ("https://issuer.test:8443", "https://issuer.test:8443/.well-known/openid-configuration"),
        ("https://issuer.test/realms/acme", "https://issuer.test/realms/acme/.well-known/openid-configuration"),
        ("https://issuer.test/", "https://issuer.test/.well-known/openid-configuration"),
        ("https://issuer.test/a/", "https://issuer.test/a/.well-known/openid-configuration"),
    ] {
        let authority = TestIssuer::named(identifier);
        let keys = "https://issuer.test/keys";
        let web = Web::default().page(location, metadata(identifier, keys)).page(keys, authority.jwks());
        let issuer = web.reached_by(issuer(identifier));
        assert_eq!(judged(&issuer, &authority).await, None, "{identifier}");
        assert_eq!(web.asked(), [location, keys], "{identifier}");
    }
}

#[tokio::test]
async fn metadata_is_found_by_rfc_8414_where_there_is_no_openid_document() {
    for (identifier, location) in [
        ("https://issuer.test", "https://issuer.test/.well-known/oauth-authorization-server"),
        ("https://issuer.test/tenant1", "https://issuer.test/.well-known/oauth-authorization-server/tenant1"),
        ("https://issuer.test/", "https://issuer.test/.well-known/oauth-authorization-server"),
        ("https://issuer.test/a/b/", "https://issuer.test/.well-known/oauth-authorization-server/a/b"),
    ] {
        let authority = TestIssuer::named(identifier);
        let openid = format!("{}{OIDC}", identifier.trim_end_matches('/'));
        let keys = "https://issuer.test/keys";
        for status in [404, 403, 410] {
            let web = Web::default().page(location, metadata(identifier, keys)).page(keys, authority.jwks());
            let web = web.answer(&openid, StatusCode::from_u16(status).unwrap(), MARK);
            let issuer = web.reached_by(issuer(identifier));
            assert_eq!(judged(&issuer, &authority).await, None, "{identifier}");
            assert_eq!(web.asked(), [&openid, location, keys], "{identifier}");
        }
    }
}

#[tokio::test]
async fn the_openid_document_comes_first_where_there_are_both() {
    let authority = TestIssuer::named("https://issuer.test");
    let web = Web::default()
        .page(&format!("https://issuer.test{OIDC}"), metadata("https://issuer.test", "https://issuer.test/keys"))
        .page(&format!("https://issuer.test{OAUTH}"), metadata("https://issuer.test", "https://issuer.test/others"))
        .page("https://issuer.test/keys", authority.jwks());
    assert_eq!(judged(&web.reached_by(issuer("https://issuer.test")), &authority).await, None);
    assert_eq!(web.asked(), [&format!("https://issuer.test{OIDC}"), "https://issuer.test/keys"]);
}

#[tokio::test]
async fn an_openid_location_that_fails_is_not_taken_for_one_without_a_document() {
    for status in [500, 502, 503, 302] {
        let web = Web::default()
            .answer(&format!("https://issuer.test{OIDC}"), StatusCode::from_u16(status).unwrap(), MARK)
            .page(&format!("https://issuer.test{OAUTH}"), metadata("https://issuer.test", "https://issuer.test/keys"));
        let issuer = web.reached_by(issuer("https://issuer.test"));
        let said = unready(&issuer).await;
        assert!(said.contains(&status.to_string()), "{said}");
        assert_eq!(web.asked(), [format!("https://issuer.test{OIDC}")], "{status}");
    }
}

#[tokio::test]
async fn a_trailing_slash_is_part_of_the_identifier() {
    let (bare, slashed) = ("https://issuer.test", "https://issuer.test/");
    for (identifier, other) in [(bare, slashed), (slashed, bare)] {
        let (authority, stranger) = (TestIssuer::named(identifier), TestIssuer::named(other));
        let keys = "https://issuer.test/keys";
        let web =
            Web::default().page(&format!("{bare}{OIDC}"), metadata(identifier, keys)).page(keys, authority.jwks());
        let issuer = web.reached_by(issuer(identifier));
        assert_eq!(issuer.identifier(), identifier);
        assert_eq!(judged(&issuer, &authority).await, None);
        assert_eq!(issuer.metadata().await.unwrap().issuer(), identifier);
        assert_eq!(judged(&issuer, &stranger).await, Some(Kind::UnknownIssuer));
    }
}

// --- what the document says ---

#[tokio::test]
async fn metadata_of_another_issuer_is_refused_with_a_clear_error() {
    let identifier = "https://issuer.test/realms/acme";
    for other in [
        "https://issuer.test/realms/acme/",
        "https://issuer.test/realms/Acme",
        "https://issuer.test:443/realms/acme",
        "http://issuer.test/realms/acme",
        "https://issuer.test/realms/do-not-repeat-me",
        "https://issuer.test",
        "",
    ] {
        let authority = TestIssuer::named(identifier);
        let keys = "https://issuer.test/keys";
        let web =
            Web::default().page(&format!("{identifier}{OIDC}"), metadata(other, keys)).page(keys, authority.jwks());
        let issuer = web.reached_by(issuer(identifier));
        let said = unready(&issuer).await;
        assert!(said.contains("another issuer") && said.contains(identifier), "{said}");
        assert!(issuer.metadata().await.unwrap_err().is_unavailable());
        assert_eq!(judged(&issuer, &authority).await, Some(Kind::KeysUnavailable), "{other}");
        assert!(!web.asked().contains(&keys.to_owned()), "its keys are not even fetched");
    }
}

#[tokio::test]
async fn metadata_without_an_issuer_is_refused() {
    for document in [
        json!({"jwks_uri": "https://issuer.test/keys"}),
        json!({"issuer": null, "jwks_uri": "https://issuer.test/keys"}),
        json!({"issuer": ["https://issuer.test"], "jwks_uri": "https://issuer.test/keys"}),
        json!([MARK]),
        json!(MARK),
    ] {
        let web = Web::default().page(&format!("https://issuer.test{OIDC}"), document.to_string());
        let said = unready(&web.reached_by(issuer("https://issuer.test"))).await;
        assert!(said.contains("metadata"), "{said}");
    }
}

#[tokio::test]
async fn metadata_without_keys_says_what_to_set() {
    let document = json!({"issuer": "https://issuer.test"}).to_string();
    let web = Web::default().page(&format!("https://issuer.test{OIDC}"), document);
    let said = unready(&web.reached_by(issuer("https://issuer.test"))).await;
    assert!(said.contains("jwks_uri") && said.contains("jwks_url(..)"), "{said}");
}

#[tokio::test]
async fn an_address_of_keys_that_cannot_be_fetched_is_refused() {
    for jwks_uri in [
        "file:///etc/passwd",
        "file:/etc/passwd",
        "ftp://issuer.test/keys",
        "data:application/json,{}",
        "/keys",
        "keys",
        "//issuer.test/keys",
        "",
        "https://",
        "https:///keys",
        "https://user:do-not-repeat-me@issuer.test/keys",
        "javascript:do-not-repeat-me",
    ] {
        let web = Web::default().page(&format!("https://issuer.test{OIDC}"), metadata("https://issuer.test", jwks_uri));
        let issuer = web.reached_by(issuer("https://issuer.test"));
        let said = unready(&issuer).await;
        assert!(said.contains("jwks_uri"), "{jwks_uri}: {said}");
        assert_eq!(web.asked(), [format!("https://issuer.test{OIDC}")], "{jwks_uri}");
    }
}

#[tokio::test]
async fn an_odd_token_endpoint_costs_no_validation() {
    for odd in [json!("/token"), json!(""), json!(1), json!(["https://issuer.test/token"]), json!(null)] {
        let authority = TestIssuer::new();
        authority.metadata("token_endpoint", &odd);
        assert_eq!(judged(&authority.issuer(), &authority).await, None, "{odd}");
    }
}

#[tokio::test]
async fn members_that_nobody_asked_for_may_be_anything() {
    let authority = TestIssuer::new();
    authority.metadata("scopes_supported", json!({"not": "a list"}));
    authority.metadata("mtls_endpoint_aliases", json!([[[1.5e300]]]));
    assert_eq!(judged(&authority.issuer(), &authority).await, None);
}

// --- other hosts, and what was set ---

#[tokio::test]
async fn metadata_and_keys_may_be_served_from_other_hosts() {
    let authority = TestIssuer::named("https://login.example.com/acme");
    let web = Web::default()
        .page("https://cluster.internal/meta", metadata("https://login.example.com/acme", "https://cdn.example/keys"))
        .page("https://cdn.example/keys", authority.jwks());
    let issuer = web.reached_by(issuer("https://login.example.com/acme"));
    let issuer = issuer.metadata_url("https://cluster.internal/meta").unwrap();
    assert_eq!(judged(&issuer, &authority).await, None);
    assert_eq!(web.asked(), ["https://cluster.internal/meta", "https://cdn.example/keys"]);
    assert_eq!(issuer.metadata().await.unwrap().jwks_uri().as_deref(), Some("https://cdn.example/keys"));
}

#[tokio::test]
async fn metadata_from_a_set_address_must_still_be_of_this_issuer() {
    let web = Web::default().page("https://cluster.internal/meta", metadata("https://cluster.internal", "https://k/"));
    let issuer = web.reached_by(issuer("https://login.example.com"));
    let said = unready(&issuer.metadata_url("https://cluster.internal/meta").unwrap()).await;
    assert!(said.contains("another issuer"), "{said}");
}

#[tokio::test]
async fn a_set_address_is_the_only_one_that_is_tried() {
    let web = Web::default();
    let issuer =
        web.reached_by(issuer("https://issuer.test")).metadata_url("https://cluster.internal/meta?v=2").unwrap();
    let said = unready(&issuer).await;
    assert!(said.contains("https://cluster.internal/meta") && said.contains("404"), "{said}");
    assert!(!said.contains("v=2"), "a query may hold a key");
    assert_eq!(web.asked(), ["https://cluster.internal/meta?v=2"]);
}

#[tokio::test]
async fn keys_from_a_set_address_need_no_metadata() {
    let authority = TestIssuer::named("https://issuer.test");
    let web = Web::default().page("https://cdn.example/keys?tenant=acme", authority.jwks());
    let issuer =
        web.reached_by(issuer("https://issuer.test")).jwks_url("https://cdn.example/keys?tenant=acme").unwrap();
    issuer.ready().await.unwrap();
    assert_eq!(judged(&issuer, &authority).await, None);
    assert_eq!(web.asked(), ["https://cdn.example/keys?tenant=acme"]);
}

#[tokio::test]
async fn what_was_set_stands_in_the_metadata() {
    let web = Web::default()
        .page(&format!("https://issuer.test{OIDC}"), metadata("https://issuer.test", "https://issuer.test/keys"));
    let plain = web.reached_by(issuer("https://issuer.test"));
    let document = plain.metadata().await.unwrap();
    assert_eq!(document.issuer(), "https://issuer.test");
    assert_eq!(document.jwks_uri().as_deref(), Some("https://issuer.test/keys"));
    assert_eq!(document.token_endpoint().as_deref(), Some("https://issuer.test/token"));

    let set = plain.token_endpoint("https://internal.test/token").unwrap().jwks_url("https://cdn.test/keys").unwrap();
    let document = set.metadata().await.unwrap();
    assert_eq!(document.jwks_uri().as_deref(), Some("https://cdn.test/keys"));
    assert_eq!(document.token_endpoint().as_deref(), Some("https://internal.test/token"));
}

#[test]
fn an_address_that_is_set_must_be_an_absolute_url() {
    type Set = fn(Issuer, &str) -> Result<Issuer, Error>;
    let settings: [(&str, Set); 3] = [
        ("metadata_url", Issuer::metadata_url),
        ("jwks_url", Issuer::jwks_url),
        ("token_endpoint", Issuer::token_endpoint),
    ];
    for (name, set) in settings {
        for url in [
            "",
            "keys",
            "/keys",
            "issuer.test/keys",
            "//issuer.test/keys",
            "ftp://issuer.test/",
            "file:///etc/passwd",
            "https://",
            "https://user:do-not-repeat-me@issuer.test/",
            "https://issuer.test/a b",
            "https:issuer.test",
        ] {
            let error = set(issuer("https://issuer.test"), url).unwrap_err();
            assert!(error.is_configuration(), "{url}");
            let said = error.to_string();
            assert!(said.contains(&format!("{name}(..)")) && !said.contains(MARK), "{said}");
        }
        assert!(set(issuer("https://issuer.test"), "https://issuer.test/a?b=c").is_ok());
    }
}

#[test]
fn an_identifier_with_white_space_or_nothing_in_it_is_refused() {
    for identifier in ["", " ", "https://issuer.test ", "https://issuer.test\n", "https://is suer.test", "a\0b"] {
        let error = Issuer::new(identifier).unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("identifier"), "{error}");
    }
}

// --- plain http ---

#[tokio::test]
async fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    for identifier in [
        "http://issuer.test",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
        "http://0.0.0.0",
        "http://[::ffff:127.0.0.1]",
        "HTTP://issuer.test",
    ] {
        let web = Web::default();
        let issuer = web.reached_by(issuer(identifier));
        let said = unready(&issuer).await;
        assert!(said.contains("https") && said.contains("dangerous_allow_http()"), "{said}");
        assert_eq!(web.asked(), [""; 0], "{identifier}");
        let keys_only = web.reached_by(Issuer::new("https://issuer.test").unwrap());
        let keys_only = keys_only.jwks_url(&format!("{identifier}/keys")).unwrap();
        unready(&keys_only).await;
        assert_eq!(web.asked(), [""; 0], "{identifier}");
    }
}

#[tokio::test]
async fn keys_on_plain_http_are_refused_even_where_the_metadata_came_by_https() {
    let web = Web::default()
        .page(&format!("https://issuer.test{OIDC}"), metadata("https://issuer.test", "http://issuer.test/keys"));
    let issuer = web.reached_by(issuer("https://issuer.test"));
    let said = unready(&issuer).await;
    assert!(said.contains("dangerous_allow_http()"), "{said}");
    assert_eq!(web.asked(), [format!("https://issuer.test{OIDC}")]);
}

#[tokio::test]
async fn plain_http_is_used_on_loopback_and_where_it_was_allowed() {
    let allowed = [
        ("http://localhost:8080", false),
        ("http://127.0.0.1:8080", false),
        ("http://127.8.8.8", false),
        ("http://[::1]:8080", false),
        ("http://issuer.test", true),
    ];
    for (identifier, dangerous) in allowed {
        let authority = TestIssuer::named(identifier);
        let keys = format!("{identifier}/keys");
        let web = Web::default()
            .page(&format!("{identifier}{OIDC}"), metadata(identifier, &keys))
            .page(&keys, authority.jwks());
        let issuer = web.reached_by(issuer(identifier));
        let issuer = if dangerous { issuer.dangerous_allow_http() } else { issuer };
        assert_eq!(judged(&issuer, &authority).await, None, "{identifier}");
    }
}

// --- answers that won't do ---

#[tokio::test]
async fn only_an_answer_with_status_200_is_taken() {
    let keys = "https://issuer.test/keys";
    for status in [201, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 404, 429, 500, 503] {
        let authority = TestIssuer::named("https://issuer.test");
        let web = Web::default()
            .page(&format!("https://issuer.test{OIDC}"), metadata("https://issuer.test", keys))
            .answer(keys, StatusCode::from_u16(status).unwrap(), authority.jwks());
        let issuer = web.reached_by(issuer("https://issuer.test"));
        let said = unready(&issuer).await;
        assert!(said.contains(&status.to_string()) && said.contains(keys), "{said}");
        assert_eq!(judged(&issuer, &authority).await, Some(Kind::KeysUnavailable), "{status}");
        assert!(web.asked().iter().all(|url| !url.contains("elsewhere")), "redirects are not followed");
    }
}

#[tokio::test]
async fn a_document_that_is_not_what_was_asked_for_is_refused_and_not_repeated() {
    let keys = "https://issuer.test/keys";
    let good = metadata("https://issuer.test", keys);
    let html = format!("<!DOCTYPE html><title>{MARK}</title>");
    for body in [html.clone(), String::new(), format!("{good}{MARK}"), format!("\u{feff}{good}"), format!("\"{MARK}\"")]
    {
        let web = Web::default().page(&format!("https://issuer.test{OIDC}"), body);
        let said = unready(&web.reached_by(issuer("https://issuer.test"))).await;
        assert!(said.contains("metadata"), "{said}");
    }
    for body in [
        html,
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        format!(r#"{{"keys":"{MARK}"}}"#),
        format!(r#"{{"keys":[{{"kty":"oct","kid":"k","k":"{MARK}"}}]}}"#),
        format!(r#"{{"keys":["{MARK}"]}}"#),
    ] {
        let web = Web::default().page(&format!("https://issuer.test{OIDC}"), good.clone()).page(keys, body.clone());
        let said = unready(&web.reached_by(issuer("https://issuer.test"))).await;
        assert!(said.contains("key set"), "{body}: {said}");
    }
}

#[tokio::test]
async fn a_document_beyond_one_mebibyte_is_given_up() {
    let location = format!("https://issuer.test{OIDC}");
    let keys = "https://issuer.test/keys";
    let good = metadata("https://issuer.test", keys);
    let padded = |document: &str, length: usize| format!("{document}{}", " ".repeat(length - document.len()));
    let authority = TestIssuer::named("https://issuer.test");
    let mebibyte = 1024 * 1024;

    let web = Web::default().page(&location, padded(&good, 2 * mebibyte));
    let said = unready(&web.reached_by(issuer("https://issuer.test"))).await;
    assert!(said.contains("1048576 bytes"), "{said}");

    let web = Web::default().page(&location, good.clone()).page(keys, padded(&authority.jwks(), mebibyte + 1));
    let said = unready(&web.reached_by(issuer("https://issuer.test"))).await;
    assert!(said.contains("1048576 bytes"), "{said}");

    let web = Web::default().page(&location, good).page(keys, padded(&authority.jwks(), mebibyte));
    assert_eq!(judged(&web.reached_by(issuer("https://issuer.test")), &authority).await, None, "just fits");
}

#[tokio::test]
async fn a_body_without_a_length_is_given_up_once_it_is_too_long() {
    use axum::body::Body;
    use http_body_util::BodyExt;

    let sent = Arc::new(Mutex::new(0_usize));
    let counted = Arc::clone(&sent);
    let endless = tower::service_fn(move |_: Request<Full<Bytes>>| {
        let sent = Arc::clone(&counted);
        let chunk = move || {
            *sent.lock().unwrap() += 1;
            http_body_util::Full::new(Bytes::from(vec![b' '; 64 * 1024]))
        };
        // Each frame is made when it is asked for.
        let body = Endless(Box::new(chunk)).boxed_unsync();
        async move { Ok::<_, io::Error>(Response::new(Body::new(body))) }
    });
    let issuer = issuer("https://issuer.test").transport(endless);
    let said = unready(&issuer).await;
    assert!(said.contains("1048576 bytes"), "{said}");
    assert_eq!(*sent.lock().unwrap(), 17, "no more is read than is needed to know");
}

type Chunk = Box<dyn FnMut() -> Full<Bytes> + Send>;

/// A body that never ends and does not say how long it is.
struct Endless(Chunk);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        let mut chunk = (self.0)();
        std::pin::Pin::new(&mut chunk).poll_frame(context).map_err(|never| match never {})
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_answers_is_given_up_in_time() {
    let authority = TestIssuer::new();
    authority.fail(Endpoint::Metadata, Fault::Hanging);
    let issuer = authority.issuer();
    let before = tokio::time::Instant::now();
    let said = unready(&issuer).await;
    assert!(said.contains("5 s"), "{said}");
    assert_eq!(before.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn an_error_of_the_transport_is_not_repeated() {
    let failing =
        tower::service_fn(|_: Request<Full<Bytes>>| async { Err::<Response<Full<Bytes>>, _>(io::Error::other(MARK)) });
    let said = unready(&issuer("https://issuer.test").transport(failing)).await;
    assert!(said.contains("https://issuer.test/.well-known/openid-configuration"), "{said}");
}

// --- own transports, and issuers without a URL ---

#[tokio::test]
async fn a_transport_need_not_be_sync() {
    let authority = TestIssuer::named("https://issuer.test");
    let keys = authority.jwks();
    let calls = Cell::new(0); // Send, but not Sync
    let transport = tower::service_fn(move |_: Request<Full<Bytes>>| {
        calls.set(calls.get() + 1);
        let body = keys.clone();
        async move { Ok::<_, io::Error>(Response::new(body)) }
    });
    let issuer = issuer("https://issuer.test").transport(transport).jwks_url("https://issuer.test/keys").unwrap();
    assert_eq!(judged(&issuer, &authority).await, None);
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&issuer);
    shared(&issuer.validator(AUDIENCE));
}

#[tokio::test]
async fn an_identifier_that_is_no_url_works_with_keys_that_were_given_or_found_elsewhere() {
    for identifier in ["orders-idp", "urn:example:issuer", "https", "issuer@example.com", "日本"] {
        let authority = TestIssuer::named(identifier);
        let given = issuer(identifier).with_jwks(authority.jwks()).unwrap();
        given.ready().await.unwrap();
        assert_eq!(judged(&given, &authority).await, None, "{identifier}");

        let web = Web::default()
            .page("https://idp.test/meta", metadata(identifier, "https://idp.test/keys"))
            .page("https://idp.test/keys", authority.jwks());
        let keys_elsewhere = web.reached_by(issuer(identifier)).jwks_url("https://idp.test/keys").unwrap();
        assert_eq!(judged(&keys_elsewhere, &authority).await, None, "{identifier}");
        let all_elsewhere = web.reached_by(issuer(identifier)).metadata_url("https://idp.test/meta").unwrap();
        assert_eq!(judged(&all_elsewhere, &authority).await, None, "{identifier}");
    }
}

#[tokio::test]
async fn an_identifier_that_leads_nowhere_is_a_mistake_in_the_configuration() {
    for identifier in ["orders-idp", "urn:example:issuer", "ftp://issuer.test", "https://issuer.test?tenant=1", "日本"]
    {
        let web = Web::default();
        let authority = TestIssuer::named(identifier);
        let issuer = web.reached_by(issuer(identifier));
        let error = issuer.ready().await.unwrap_err();
        assert!(error.is_configuration() && !error.is_unavailable(), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("identifier") && said.contains("metadata_url(..)"), "{said}");
        assert_eq!(judged(&issuer, &authority).await, Some(Kind::KeysUnavailable));
        assert_eq!(web.asked(), [""; 0]);
    }
}

#[tokio::test]
async fn requests_say_what_they_want_and_who_asks() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let issuer = issuer("https://issuer.test").transport(tower::service_fn(move |request: Request<Full<Bytes>>| {
        log.lock().unwrap().push((request.method().clone(), request.headers().clone()));
        async { Ok::<_, io::Error>(Response::new(String::new())) }
    }));
    issuer.ready().await.unwrap_err();
    let seen = seen.lock().unwrap();
    let (method, headers) = &seen[0];
    assert_eq!(method, http::Method::GET);
    assert!(headers[header::ACCEPT].to_str().unwrap().contains("application/json"));
    assert!(headers[header::USER_AGENT].to_str().unwrap().starts_with("tower-bearer/"));
    assert!(!headers.contains_key(header::IF_NONE_MATCH));
}

#[tokio::test]
async fn the_metadata_is_fetched_once_and_shared_by_clones() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let (first, second) = (issuer.metadata().await.unwrap(), issuer.clone().metadata().await.unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    issuer.ready().await.unwrap();
    assert_eq!((authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks)), (1, 1));
    let debug = format!("{first:?}");
    assert!(debug.contains("https://issuer.test"), "{debug}");
    let Value::Object(_) = serde_json::from_str(&authority.jwks()).unwrap() else { panic!("not an object") };
}
