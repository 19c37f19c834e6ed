//! axum: what the extractors give to handlers, and which routes are guarded.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request};
use serde::Deserialize;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Claims, RejectionKind, VerifiedToken, require, scope};
use tower_http::cors::CorsLayer;

use super::support::{AUDIENCE, Answer, anonymous, get as get_with, send, with_token};

const NO_CREDENTIALS: &str = r#"Bearer realm="api://orders""#;
const MISMATCH: &str = r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's claims are not as this API needs them""#;

#[derive(Deserialize)]
struct Staff {
    department: String,
}

async fn token(token: VerifiedToken) -> String {
    token.subject().unwrap().to_owned()
}

async fn optional_token(token: Option<VerifiedToken>) -> String {
    token.map_or("nobody".to_owned(), |token| token.subject().unwrap().to_owned())
}

async fn claims(Claims(staff): Claims<Staff>) -> String {
    staff.department.clone()
}

async fn optional_claims(staff: Option<Claims<Staff>>) -> String {
    staff.map_or("nobody".to_owned(), |staff| staff.department.clone())
}

/// Every extractor at a path of its own.
fn routes() -> Router {
    Router::new()
        .route("/token", get(token))
        .route("/optional-token", get(optional_token))
        .route("/claims", get(claims))
        .route("/optional-claims", get(optional_claims))
        .route("/required", get(|| async { "in" }).route_layer(require(scope("orders.write"))))
}

const PATHS: [&str; 5] = ["/token", "/optional-token", "/claims", "/optional-claims", "/required"];

fn guard(authority: &TestIssuer) -> BearerLayer {
    BearerLayer::new(authority.issuer().validator(AUDIENCE))
}

async fn ask(app: &Router, path: &str, mut request: Request<Body>) -> Answer {
    *request.uri_mut() = path.parse().unwrap();
    send(app, request).await
}

async fn body(app: &Router, path: &str, request: Request<Body>) -> String {
    let answer = ask(app, path, request).await;
    assert_eq!((answer.status, answer.kind), (200, None), "{path}: {answer:?}");
    answer.body
}

#[tokio::test]
async fn extractors_give_the_token_and_its_claims() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).subject("alice").claim("department", "sales").scope("orders.write").sign();
    for layer in [guard(&authority), guard(&authority).optional()] {
        let app = routes().route_layer(layer);
        assert_eq!(body(&app, "/token", with_token(&token)).await, "alice");
        assert_eq!(body(&app, "/optional-token", with_token(&token)).await, "alice");
        assert_eq!(body(&app, "/claims", with_token(&token)).await, "sales");
        assert_eq!(body(&app, "/optional-claims", with_token(&token)).await, "sales");
        assert_eq!(body(&app, "/required", with_token(&token)).await, "in");
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_the_type_are_a_401_invalid_token_even_for_option() {
    let authority = TestIssuer::new();
    for layer in [guard(&authority), guard(&authority).optional()] {
        let app = routes().route_layer(layer);
        let without = authority.token(AUDIENCE).sign();
        let other_type = authority.token(AUDIENCE).claim("department", 7).sign();
        for token in [without, other_type] {
            for path in ["/claims", "/optional-claims"] {
                let answer = ask(&app, path, with_token(&token)).await;
                assert_eq!(answer.said(), (401, Some(MISMATCH)), "{path}");
                assert_eq!(answer.kind, Some(RejectionKind::ClaimsMismatch));
                assert_eq!(answer.body, "");
            }
            assert_eq!(body(&app, "/token", with_token(&token)).await, "test-subject");
        }
    }
}

#[tokio::test]
async fn an_optional_layer_runs_handlers_with_none_where_no_token_came() {
    let authority = TestIssuer::new();
    let app = routes().route_layer(guard(&authority).optional());
    for request in [anonymous, || get_with(["Basic YWxpY2U6c2VjcmV0"])] {
        assert_eq!(body(&app, "/optional-token", request()).await, "nobody");
        assert_eq!(body(&app, "/optional-claims", request()).await, "nobody");
        for path in ["/token", "/claims", "/required"] {
            let answer = ask(&app, path, request()).await;
            assert_eq!(answer.said(), (401, Some(NO_CREDENTIALS)), "{path}");
            assert_eq!(answer.kind, Some(RejectionKind::NoCredentials), "{path}");
        }
    }
}

#[tokio::test]
async fn an_optional_layer_still_refuses_bad_tokens_and_bad_headers() {
    let authority = TestIssuer::new();
    let app = routes().route_layer(guard(&authority).optional());
    for path in PATHS {
        let answer = ask(&app, path, with_token(&authority.token(AUDIENCE).expired().sign())).await;
        let expired =
            r#"Bearer realm="api://orders", error="invalid_token", error_description="the token has expired""#;
        assert_eq!(answer.said(), (401, Some(expired)), "{path}");
        assert_eq!(ask(&app, path, with_token("opaque")).await.status, 401, "{path}");
        assert_eq!(ask(&app, path, get_with(["Bearer"])).await.status, 400, "{path}");
        assert_eq!(ask(&app, path, get_with(["Bearer a", "Bearer b"])).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn what_an_optional_layer_requires_is_asked_of_tokens_only() {
    let authority = TestIssuer::new();
    let app = routes().route_layer(guard(&authority).optional().require(scope("orders.read")));
    assert_eq!(body(&app, "/optional-token", anonymous()).await, "nobody");
    let reader = authority.token(AUDIENCE).scope("orders.read").sign();
    assert_eq!(body(&app, "/optional-token", with_token(&reader)).await, "test-subject");
    assert_eq!(ask(&app, "/optional-token", with_token(&authority.token(AUDIENCE).sign())).await.status, 403);
    // Where a handler then needs a token, the challenge names what the layer will ask of it.
    let answer = ask(&app, "/token", anonymous()).await;
    assert_eq!(answer.said(), (401, Some(r#"Bearer realm="api://orders", scope="orders.read""#)));
}

#[tokio::test]
async fn without_the_layer_every_extractor_answers_500_even_for_option() {
    let token = TestIssuer::new().token(AUDIENCE).claim("department", "sales").scope("orders.write").sign();
    let app = routes();
    for path in PATHS {
        for request in [anonymous(), with_token(&token)] {
            let answer = ask(&app, path, request).await;
            assert_eq!(answer.said(), (500, None), "{path}");
            assert_eq!(answer.kind, Some(RejectionKind::LayerMissing), "{path}");
        }
    }
}

#[tokio::test]
async fn routes_added_after_the_layer_are_open() {
    let authority = TestIssuer::new();
    let app = Router::new()
        .route("/before", get(|| async { "before" }))
        .route_layer(guard(&authority))
        .route("/after", get(|| async { "after" }))
        .route("/after-token", get(token));
    assert_eq!(ask(&app, "/before", anonymous()).await.status, 401);
    assert_eq!(body(&app, "/after", anonymous()).await, "after");
    // Open, but not without notice where the handler wants a token.
    assert_eq!(ask(&app, "/after-token", with_token(&authority.token(AUDIENCE).sign())).await.status, 500);
}

#[tokio::test]
async fn a_route_layer_leaves_unknown_paths_a_404_and_a_layer_guards_them_too() {
    let authority = TestIssuer::new();
    let routes = || Router::new().route("/", get(|| async { "in" }));
    assert_eq!(ask(&routes().route_layer(guard(&authority)), "/unknown", anonymous()).await.status, 404);
    assert_eq!(ask(&routes().layer(guard(&authority)), "/unknown", anonymous()).await.status, 401);
}

fn preflight() -> Request<Body> {
    Request::builder()
        .method(Method::OPTIONS)
        .header("origin", "https://shop.test")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_fallback_is_guarded_by_layer_and_open_under_route_layer() {
    let authority = TestIssuer::new();
    let guard = || BearerLayer::new(authority.issuer().validator(AUDIENCE));
    let with_fallback = || Router::new().route("/known", get(|| async { "in" })).fallback(|| async { "in" });
    let status = async |app: Router| send(&app, anonymous()).await.status;
    assert_eq!(status(with_fallback().layer(guard())).await, 401);
    assert_eq!(status(with_fallback().route_layer(guard())).await, 200, "open, as the README says");
}

#[tokio::test]
async fn a_cors_layer_outside_answers_preflight_and_lets_browsers_read_rejections() {
    let authority = TestIssuer::new();
    let app = routes().route_layer(guard(&authority)).layer(CorsLayer::permissive());
    let answer = ask(&app, "/token", preflight()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));

    let answer = ask(&app, "/token", anonymous()).await;
    assert_eq!(answer.said(), (401, Some(NO_CREDENTIALS)));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_cors_layer_inside_never_sees_preflight() {
    let authority = TestIssuer::new();
    let app = routes().layer(CorsLayer::permissive()).layer(guard(&authority));
    let answer = ask(&app, "/token", preflight()).await;
    assert_eq!(answer.said(), (401, Some(NO_CREDENTIALS)));
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn of_nested_layers_the_inner_one_decides_anew() {
    let authority = TestIssuer::new();
    let admin = BearerLayer::new(authority.issuer().validator("api://admin"));
    // Outside optional, inside needed: a 401 in the words of the inner layer.
    let app = Router::new().route("/", get(token)).route_layer(admin.clone()).route_layer(guard(&authority).optional());
    assert_eq!(send(&app, anonymous()).await.said(), (401, Some(r#"Bearer realm="api://admin""#)));
    // Good outside, not inside.
    let answer = send(&app, with_token(&authority.token(AUDIENCE).sign())).await;
    let challenge =
        r#"Bearer realm="api://admin", error="invalid_token", error_description="the token is for another audience""#;
    assert_eq!(answer.said(), (401, Some(challenge)));
    // Not good outside: the inner layer is not asked.
    let answer = send(&app, with_token(&authority.token("api://admin").sign())).await;
    let challenge =
        r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is for another audience""#;
    assert_eq!(answer.said(), (401, Some(challenge)));
    // Good for both: the handler sees the token as the inner layer accepted it, and is answered for by that one.
    let handler = |token: VerifiedToken| async move {
        token.require(scope(token.audience().to_owned()))?;
        Ok::<_, tower_bearer::Rejection>(())
    };
    let app = Router::new().route("/", get(handler)).route_layer(admin).route_layer(guard(&authority));
    let answer = send(&app, with_token(&authority.token([AUDIENCE, "api://admin"]).sign())).await;
    let challenge = r#"Bearer realm="api://admin", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="api://admin""#;
    assert_eq!(answer.said(), (403, Some(challenge)));
}
