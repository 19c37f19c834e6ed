//! One answer in gRPC, wherever a rejection comes from.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::{Response, Version};
use http_body::Body as _;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{Empty, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Claims, Rejection, RejectionKind, VerifiedToken, any_of, require, role, scope};

use super::{CONTENT_TYPES, Refused, call, read_answer, refused};
use crate::rejections::{TABLE, guard, rejecting};
use crate::support::{AUDIENCE, send};

fn bearer(token: &str) -> [String; 1] {
    [format!("Bearer {token}")]
}

async fn open() -> &'static str {
    "in"
}

fn by_require(needed: tower_bearer::Requirement) -> Router {
    Router::new().route("/", post(open).route_layer(require(needed)))
}

fn by_question_mark(needed: tower_bearer::Requirement) -> Router {
    let handler = |token: VerifiedToken| async move { token.require(needed).map(|()| "in") };
    Router::new().route("/", post(handler))
}

/// What a call with this token is told by an app in each of the content types, which is the same.
async fn told(app: &Router, credentials: &[String]) -> Refused {
    let mut told = Vec::new();
    for content_type in CONTENT_TYPES {
        let answer = send(app, call(content_type, "/", credentials.to_vec())).await;
        told.push(read_answer(&answer, content_type));
    }
    let first = told.pop().unwrap();
    assert!(told.iter().all(|other| *other == first), "{told:?}, and {first:?}");
    first
}

#[tokio::test]
async fn the_four_paths_answer_alike_over_the_whole_table() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = bearer(&authority.token(AUDIENCE).sign());
    for (kind, _, challenge, _) in TABLE {
        let expected = refused(kind, challenge, None);
        let own_check = || issuer.validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));
        // An issuer of its own for each: the keys are fetched while the call waits.
        let fetching = TestIssuer::new();
        let late = fetching.issuer().validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));
        let late_token = bearer(&fetching.token(AUDIENCE).sign());
        let layer = |layer: BearerLayer| Router::new().route("/", post(open)).route_layer(layer);
        let first = send(&layer(BearerLayer::new(late)), call(CONTENT_TYPES[0], "/", late_token)).await;
        assert_eq!(read_answer(&first, CONTENT_TYPES[0]), expected, "{kind:?}, keys fetched");
        let made = move || async move { Err::<(), _>(Rejection::new(kind)) };
        let only_response = move || async move { Rejection::new(kind) };
        for (path, app) in [
            ("layer", layer(BearerLayer::new(own_check()))),
            ("layer's require", layer(guard(&issuer).require(rejecting(kind)))),
            ("require", by_require(rejecting(kind)).route_layer(guard(&issuer))),
            ("handler's ?", by_question_mark(rejecting(kind)).route_layer(guard(&issuer))),
            ("handler's own", Router::new().route("/", post(made)).route_layer(guard(&issuer))),
            ("response", Router::new().route("/", post(only_response)).route_layer(guard(&issuer))),
        ] {
            assert_eq!(told(&app, &token).await, expected, "{kind:?} from the {path}");
        }
    }
}

#[tokio::test]
async fn realm_metadata_and_the_scope_that_is_needed_are_told() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let in_full = || guard(&issuer).realm("Orders").unwrap().resource_metadata("https://api.test/metadata").unwrap();
    let needed = || any_of([role("Manager"), scope("orders.write")]);
    let token = bearer(&authority.token(AUDIENCE).scope("orders.read").sign());
    let challenge = r#"Bearer realm="Orders", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="orders.write", resource_metadata="https://api.test/metadata""#;
    let expected = refused(RejectionKind::InsufficientScope, Some(challenge), Some("orders.write"));
    for app in [
        Router::new().route("/", post(open)).route_layer(in_full().require(needed())),
        by_require(needed()).route_layer(in_full()),
        by_question_mark(needed()).route_layer(in_full()),
    ] {
        assert_eq!(told(&app, &token).await, expected);
    }
    let app = Router::new().route("/", post(open)).route_layer(in_full().require(needed()));
    let challenge = r#"Bearer realm="Orders", scope="orders.write", resource_metadata="https://api.test/metadata""#;
    let expected = refused(RejectionKind::NoCredentials, Some(challenge), Some("orders.write"));
    assert_eq!(told(&app, &[]).await, expected);
}

#[tokio::test]
async fn a_missing_token_answers_alike_where_the_layer_needs_it_and_where_only_something_behind_does() {
    let issuer = TestIssuer::new().issuer();
    let expected = refused(RejectionKind::NoCredentials, Some(r#"Bearer realm="api://orders""#), None);
    for app in [
        Router::new().route("/", post(open)).route_layer(guard(&issuer)),
        by_require(scope("a")).route_layer(guard(&issuer).optional()),
        by_question_mark(scope("a")).route_layer(guard(&issuer).optional()),
        Router::new()
            .route("/", post(|_: Claims<serde_json::Value>| async { "in" }))
            .route_layer(guard(&issuer).optional()),
    ] {
        assert_eq!(told(&app, &[]).await, expected);
    }
}

#[tokio::test]
async fn a_missing_layer_is_told_in_the_callers_language() {
    let expected = refused(RejectionKind::LayerMissing, None, None);
    for app in [
        by_require(scope("a")),
        by_question_mark(scope("a")),
        Router::new().route("/", post(|_: Option<VerifiedToken>| async { "in" })),
        Router::new().route("/", post(|_: Claims<serde_json::Value>| async { "in" })),
        Router::new().route("/", post(|_: Option<Claims<serde_json::Value>>| async { "in" })),
    ] {
        assert_eq!(told(&app, &[]).await, expected);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_unavailable_and_not_a_refusal_of_the_token() {
    let authority = TestIssuer::new();
    authority.fail(tower_bearer::testing::Endpoint::Jwks, tower_bearer::testing::Fault::Broken);
    let app = Router::new().route("/", post(open)).route_layer(guard(&authority.issuer()));
    let token = bearer(&authority.token(AUDIENCE).sign());
    let said = told(&app, &token).await;
    assert_eq!((said.code, said.challenge), (tonic::Code::Unavailable, None));
    let delay = said.retry_delay.unwrap();
    assert!(delay.as_secs() >= 1);
    assert_eq!(said.retry_after, Some(delay.as_secs().to_string()));
}

#[tokio::test]
async fn a_responder_is_asked_for_callers_in_http_alone() {
    let authority = TestIssuer::new();
    let layer = guard(&authority.issuer()).respond_with(|_: &Rejection| Response::new(Body::from("own")));
    let app = Router::new().route("/", post(open)).route_layer(layer);
    let expected = refused(RejectionKind::NoCredentials, Some(r#"Bearer realm="api://orders""#), None);
    assert_eq!(told(&app, &[]).await, expected);
    let answer = send(&app, http::Request::post("/").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, "own"));
}

#[tokio::test]
async fn headers_that_a_handler_sets_besides_its_rejection_stay_but_no_http_status() {
    let authority = TestIssuer::new();
    let handler = || async {
        (http::StatusCode::GONE, [("x-request-id", "7")], Rejection::new(RejectionKind::InteractionRequired))
    };
    let app = Router::new().route("/", post(handler)).route_layer(guard(&authority.issuer()));
    let token = bearer(&authority.token(AUDIENCE).sign());
    let answer = send(&app, call("application/grpc", "/", token)).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("7")));
    assert_eq!(answer.header("x-request-id"), Some("7"));
    assert!(answer.challenge().unwrap().contains("realm="), "it is said in the layer's way");
}

/// What a layer over a service with this body answers to a call without a token.
async fn refused_with<B: Default + Send + 'static>() -> Response<B> {
    let layer = guard(&TestIssuer::new().issuer());
    let service = service_fn(|_: http::Request<Body>| async { Ok::<_, std::convert::Infallible>(Response::default()) });
    let call = call("application/grpc", "/orders.v1.Orders/Place", [] as [&str; 0]);
    layer.layer(service).oneshot(call).await.unwrap()
}

#[tokio::test]
async fn the_body_says_that_it_is_at_its_end_so_that_headers_end_the_call() {
    assert!(refused_with::<Body>().await.body().is_end_stream());
    assert!(refused_with::<tonic::body::Body>().await.body().is_end_stream());
    assert!(refused_with::<Full<Bytes>>().await.body().is_end_stream());
    assert!(refused_with::<Empty<Bytes>>().await.body().is_end_stream());
    assert!(refused_with::<String>().await.body().is_end_stream());
    assert!(refused_with::<BoxBody<Bytes, Rejection>>().await.body().is_end_stream());
    assert!(refused_with::<UnsyncBoxBody<Bytes, Rejection>>().await.body().is_end_stream());
}

#[tokio::test]
async fn an_answer_of_a_plain_service_has_no_header_that_a_call_does_not_need() {
    let response = refused_with::<tonic::body::Body>().await;
    let mut names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "grpc-message", "grpc-status", "grpc-status-details-bin", "www-authenticate"]);
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_11));
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(response.headers()["grpc-message"], "a bearer token is required");
    let details = response.headers()["grpc-status-details-bin"].to_str().unwrap();
    assert!(!details.contains('='), "no padding: {details}");
}
