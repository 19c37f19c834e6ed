//! RFC 9728: the document of a protected resource, and its URL in challenges.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request};
use serde_json::{Value, json};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Issuer, ProtectedResource, Rejection, RejectionKind, require, scope};
use tower_http::cors::CorsLayer;

use super::support::{AUDIENCE, anonymous, get as get_with, send, with_token};

fn at(method: Method, uri: &str) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()
}

/// An API at `/orders` that serves its document.
fn api(authority: &TestIssuer, resource: &ProtectedResource) -> Router {
    let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).protected_resource(resource);
    Router::new()
        .route("/", get(|| async { "in" }))
        .route("/new", get(|| async { "in" }).route_layer(require(scope("orders.write"))))
        .route_layer(layer)
        .route_service(resource.path(), resource.clone())
}

#[test]
fn the_well_known_path_stands_between_host_and_path() {
    for (resource, path, url) in [
        (
            "https://api.example.com",
            "/.well-known/oauth-protected-resource",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example.com/mcp/",
            "/.well-known/oauth-protected-resource/mcp/",
            "https://api.example.com/.well-known/oauth-protected-resource/mcp/",
        ),
        (
            "https://api.example.com/",
            "/.well-known/oauth-protected-resource",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://h.example/mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "https://h.example/.well-known/oauth-protected-resource/mcp",
        ),
        (
            "https://h.example:8443/v1/orders",
            "/.well-known/oauth-protected-resource/v1/orders",
            "https://h.example:8443/.well-known/oauth-protected-resource/v1/orders",
        ),
        (
            "https://h.example/orders?tenant=acme",
            "/.well-known/oauth-protected-resource/orders",
            "https://h.example/.well-known/oauth-protected-resource/orders?tenant=acme",
        ),
        (
            "https://h.example/?tenant=acme",
            "/.well-known/oauth-protected-resource",
            "https://h.example/.well-known/oauth-protected-resource?tenant=acme",
        ),
        (
            "http://127.0.0.1:3000/mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp",
        ),
    ] {
        let built = ProtectedResource::new(resource).unwrap();
        assert_eq!((built.path(), built.metadata_url()), (path, url), "{resource}");
    }
}

#[tokio::test]
async fn the_document_is_served_without_a_token() {
    let authority = TestIssuer::new();
    let resource = ProtectedResource::new("https://api.example.com/orders")
        .unwrap()
        .authorization_server(&authority.issuer())
        .authorization_server(&Issuer::new("https://second.test/").unwrap())
        .scopes_supported(["orders.read", "orders.write"])
        .name("Orders");
    let app = api(&authority, &resource);
    let answer = send(&app, at(Method::GET, "/.well-known/oauth-protected-resource/orders")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cache-control"), Some("max-age=3600"));
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        json!({
            "resource": "https://api.example.com/orders",
            "authorization_servers": ["https://issuer.test", "https://second.test/"],
            "scopes_supported": ["orders.read", "orders.write"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Orders",
        })
    );
    assert_eq!(answer.body.as_bytes(), resource.json());

    let head = send(&app, at(Method::HEAD, resource.path())).await;
    assert_eq!((head.status, head.headers), (200, answer.headers));
}

#[test]
fn members_without_a_value_are_left_out() {
    let resource = ProtectedResource::new("https://api.example.com").unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(resource.json()).unwrap(),
        json!({"resource": "https://api.example.com", "bearer_methods_supported": ["header"]})
    );
}

#[tokio::test]
async fn the_document_is_only_read() {
    let authority = TestIssuer::new();
    let resource = ProtectedResource::new("https://api.example.com/orders").unwrap();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = send(&api(&authority, &resource), at(method, resource.path())).await;
        assert_eq!((answer.status, answer.body.as_str()), (405, ""));
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
}

#[tokio::test]
async fn a_client_in_a_browser_may_read_it_with_headers_of_its_own() {
    let authority = TestIssuer::new();
    let resource = ProtectedResource::new("https://api.example.com/orders").unwrap();
    let preflight = || {
        let mut request = at(Method::OPTIONS, resource.path());
        for (name, value) in [
            ("origin", "https://inspector.test"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "mcp-protocol-version"),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    };
    let answer = send(&api(&authority, &resource), preflight()).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));

    // A layer for the whole application says it in its own way, and nothing is said twice.
    let app = api(&authority, &resource).layer(CorsLayer::permissive());
    for request in [preflight(), at(Method::GET, resource.path())] {
        let answer = send(&app, request).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
    }
}

#[tokio::test]
async fn its_url_is_in_every_401_and_403() {
    let authority = TestIssuer::new();
    let resource = ProtectedResource::new("https://api.example.com/orders").unwrap();
    let app = api(&authority, &resource);
    let url = r#"resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/orders""#;

    let answer = send(&app, anonymous()).await;
    assert_eq!(
        (answer.status, answer.challenge()),
        (401, Some(format!(r#"Bearer realm="api://orders", {url}"#).as_str()))
    );

    let answer = send(&app, with_token(&authority.token(AUDIENCE).expired().sign())).await;
    let challenge = format!(
        r#"Bearer realm="api://orders", error="invalid_token", error_description="the token has expired", {url}"#
    );
    assert_eq!((answer.status, answer.challenge()), (401, Some(challenge.as_str())));

    let mut request = with_token(&authority.token(AUDIENCE).sign());
    *request.uri_mut() = "/new".parse().unwrap();
    let answer = send(&app, request).await;
    let challenge = format!(
        r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="orders.write", {url}"#
    );
    assert_eq!((answer.status, answer.challenge()), (403, Some(challenge.as_str())));

    // And so for whatever reason.
    let token = authority.token(AUDIENCE).sign();
    for kind in RejectionKind::ALL {
        let kind = *kind;
        let validator = authority.issuer().validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));
        let layer = BearerLayer::new(validator).protected_resource(&resource);
        let app = Router::new().route("/", get(|| async { "in" })).route_layer(layer);
        let answer = send(&app, with_token(&token)).await;
        let names_it = answer.challenge().is_some_and(|challenge| challenge.ends_with(&format!(", {url}")));
        assert_eq!(names_it, matches!(answer.status, 400 | 401 | 403), "{kind:?}: {answer:?}");
    }
}

#[tokio::test]
async fn the_url_is_never_taken_from_the_request() {
    let authority = TestIssuer::new();
    let resource = ProtectedResource::new("https://api.example.com/orders").unwrap();
    let app = api(&authority, &resource);
    let expected = send(&app, anonymous()).await;
    for name in ["host", "x-forwarded-host", "forwarded", "x-forwarded-proto", "origin"] {
        let mut request = anonymous();
        request.headers_mut().insert(name, "host=evil.test".parse().unwrap());
        assert_eq!(send(&app, request).await, expected);

        let mut request = at(Method::GET, resource.path());
        request.headers_mut().insert(name, "evil.test".parse().unwrap());
        assert_eq!(send(&app, request).await.body.as_bytes(), resource.json());
    }
    assert_eq!(send(&app, at(Method::GET, "https://evil.test/")).await, expected);
}

#[tokio::test]
async fn a_url_of_ones_own_can_be_named() {
    let authority = TestIssuer::new();
    let layer = || BearerLayer::new(authority.issuer().validator(AUDIENCE));
    let app = |layer: BearerLayer| Router::new().route("/", get(|| async { "in" })).route_layer(layer);
    let named = layer().resource_metadata("https://h.example/meta?a=b&c=%20").unwrap();
    assert_eq!(
        send(&app(named), anonymous()).await.challenge(),
        Some(r#"Bearer realm="api://orders", resource_metadata="https://h.example/meta?a=b&c=%20""#)
    );
    assert_eq!(
        send(&app(layer()), get_with(["Basic YTpi"])).await.challenge(),
        Some(r#"Bearer realm="api://orders""#),
        "nothing is said where nothing was named"
    );

    for url in
        ["", "https://h.example/a b", "https://h.example/\"", "https://h.example/\r\nX: 1", "https://h.example/ä"]
    {
        let error = layer().resource_metadata(url).unwrap_err();
        assert!(error.is_configuration(), "{url:?}");
        assert_eq!(error.to_string(), "resource_metadata(..): write an absolute URL, percent-encoded");
    }
}

#[test]
fn a_resource_is_an_https_url_without_a_fragment() {
    for (resource, why) in [
        ("", "ProtectedResource::new(..) is not a URL that can be fetched: "),
        ("/orders", "ProtectedResource::new(..) is not a URL that can be fetched: "),
        ("api://orders", "ProtectedResource::new(..) is not a URL that can be fetched: "),
        ("https://alice:secret@api.example.com", "ProtectedResource::new(..) is not a URL that can be fetched: "),
        ("https://api.example.com/a b", "ProtectedResource::new(..) is not a URL that can be fetched: "),
        ("http://api.example.com", "ProtectedResource::new(..): a resource identifier is an https URL"),
        ("http://127.0.0.1.example.com", "ProtectedResource::new(..): a resource identifier is an https URL"),
        ("https://api.example.com/#orders", "ProtectedResource::new(..): a resource identifier has no fragment"),
    ] {
        let error = ProtectedResource::new(resource).unwrap_err();
        assert!(error.is_configuration(), "{resource}");
        assert!(error.to_string().starts_with(why), "{resource}: {error}");
    }
}

#[test]
fn a_resource_that_cannot_stand_in_a_challenge_is_refused() {
    for resource in ["https://api.example.com/a\"b", "https://api.example.com/a\\b", "https://api.example.com/\u{f6}"] {
        assert!(ProtectedResource::new(resource).is_err(), "{resource}");
    }
}
