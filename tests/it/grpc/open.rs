//! Services and methods that are open to everybody, because the layer was told so.

use axum::Router;
use axum::body::Body;
use http::{Request, Version};
use tonic::Code;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{GrpcMethods, Rejection, RejectionKind, TokenSource, VerifiedToken, require, scope};

use super::methods::{CHECK, Callers, PLACE, anybody, ask, is_unlisted, orders};
use super::{CONTENT_TYPES, call, read_answer};
use crate::rejections::guard;
use crate::support::send;

/// A server of which the health service is open, with rules for the orders.
fn server(authority: &TestIssuer, open: &[&str]) -> Router {
    let layer = open.iter().fold(guard(&authority.issuer()), |layer, open| layer.open(open).unwrap());
    Router::new().fallback(|| async { "in" }).layer(orders()).layer(layer)
}

#[tokio::test]
async fn an_open_service_needs_no_token_and_no_rule_while_all_else_does() {
    let callers = Callers::new();
    let app = server(&callers.authority, &["/grpc.health.v1.Health/"]);
    for content_type in CONTENT_TYPES {
        for method in [CHECK, "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/Whatever"] {
            let answer = send(&app, call(content_type, method, [] as [&str; 0])).await;
            assert_eq!(answer.body, "in", "{content_type} {method}");
        }
        for path in [
            PLACE,
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.health.v1.Health/",
            "/grpc.health.v1.Health",
            "/grpc.health.v1.Health/Check/",
            "/grpc.health.v1.Health//Check",
            "/grpc.health.v1.Health/Check/x",
            "/grpc.health.v1.Health/.",
            "/grpc.health.v1.Health/..",
            "/grpc.health.v1.Health/../orders.v1.Orders/Place",
            "/grpc.health.v1.Healthy/Check",
            "/grpc.health.v1.health/Check",
            "//grpc.health.v1.Health/Check",
            "/x/grpc.health.v1.Health/Check",
            "/grpc.health.v1.Health%2FCheck",
            "/grpc.health.v1.Health/%43heck",
            "/x?/grpc.health.v1.Health/Check",
        ] {
            let answer = send(&app, call(content_type, path, [] as [&str; 0])).await;
            assert_eq!(answer.kind, Some(RejectionKind::NoCredentials), "{content_type} {path}: {answer:?}");
            assert_eq!(answer.header("grpc-status"), Some("16"), "{content_type} {path}");
        }
    }
    assert_eq!(ask(&app, PLACE, &callers.writer).await.body, "in");
}

#[tokio::test]
async fn nothing_is_open_unless_it_is_named_and_a_method_opens_no_other() {
    let callers = Callers::new();
    let closed = server(&callers.authority, &[]);
    let one = server(&callers.authority, &[CHECK]);
    for (app, path, is_open) in [
        (&closed, CHECK, false),
        (&one, CHECK, true),
        (&one, "/grpc.health.v1.Health/Watch", false),
        (&one, "/grpc.health.v1.Health/CheckAll", false),
        (&one, "/grpc.health.v1.Health/Check/", false),
    ] {
        assert_eq!(ask(app, path, &[]).await.kind.is_none(), is_open, "{path}");
    }
    assert!(is_unlisted(&ask(&closed, CHECK, &callers.writer).await), "with a token it is a method as any other");
}

#[tokio::test]
async fn only_calls_of_grpc_get_through_to_an_open_service() {
    let callers = Callers::new();
    let app = server(&callers.authority, &["/grpc.health.v1.Health/"]);
    for (version, content_type) in [
        (Version::HTTP_11, None),
        (Version::HTTP_2, None),
        (Version::HTTP_2, Some("application/json")),
        (Version::HTTP_2, Some("application/grpcfoo")),
        (Version::HTTP_11, Some("application/grpc")),
    ] {
        for method in ["POST", "GET", "HEAD", "OPTIONS"] {
            let mut request = Request::builder().method(method).uri(CHECK).version(version);
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let answer = send(&app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.said(), (401, Some(r#"Bearer realm="api://orders""#)), "{method} {content_type:?}");
        }
    }
}

#[tokio::test]
async fn a_token_that_comes_to_an_open_service_is_not_looked_at_and_no_keys_are_fetched_for_it() {
    let callers = Callers::new();
    let issuer = callers.authority.issuer();
    let requests = || callers.authority.requests(Endpoint::Jwks);
    let seen = |request: axum::extract::Request| async move {
        let optional = VerifiedToken::optional_from_extensions(request.extensions())?;
        assert!(optional.is_none());
        VerifiedToken::from_extensions(request.extensions())?;
        Ok::<_, Rejection>("in")
    };
    let layer = guard(&issuer).require(scope("orders.admin")).open("/grpc.health.v1.Health/").unwrap();
    let app = Router::new().fallback(seen).layer(layer.clone());
    let open = Router::new().fallback(|| async { "in" }).layer(layer.clone());
    let required = Router::new().fallback(|| async { "in" }).layer(require(anybody())).layer(layer);
    let ruled = GrpcMethods::new().method(CHECK, anybody()).unwrap();
    let ruled = Router::new()
        .fallback(|| async { "in" })
        .layer(ruled)
        .layer(guard(&issuer).open("/grpc.health.v1.Health/").unwrap());
    let two = [callers.writer[0].clone(), callers.reader[0].clone()];
    for credentials in [&callers.writer[..], &["Bearer x".to_owned()], &["Bearer".to_owned()], &two, &[]] {
        assert_eq!(ask(&open, CHECK, credentials).await.body, "in");
        for app in [&app, &required, &ruled] {
            let answer = ask(app, CHECK, credentials).await;
            assert_eq!(answer.kind, Some(RejectionKind::NoCredentials), "{answer:?}");
            assert_eq!(read_answer(&answer, "application/grpc").code, Code::Unauthenticated);
        }
    }
    assert_eq!(requests(), 0);
}

#[tokio::test]
async fn a_function_that_finds_tokens_is_not_asked_for_an_open_service() {
    let callers = Callers::new();
    let source = TokenSource::from_fn(|_| panic!("nobody asks"));
    let layer = guard(&callers.authority.issuer()).token_from([source]).open("/grpc.health.v1.Health/").unwrap();
    let app = Router::new().fallback(|| async { "in" }).layer(layer);
    assert_eq!(ask(&app, CHECK, &callers.writer).await.body, "in");
}

#[test]
fn what_is_neither_a_service_nor_a_method_cannot_be_opened() {
    let layer = guard(&TestIssuer::new().issuer());
    for open in [
        "",
        "/",
        "//",
        "///",
        "grpc.health.v1.Health/",
        "/grpc.health.v1.Health",
        "grpc.health.v1.Health",
        "//Check",
        "/grpc.health.v1.Health//",
        "/grpc.health.v1.Health/Check/",
        "/grpc.health.v1.Health/*",
        "/*/",
        "/grpc.health.v1.Health/Check?",
        "/grpc health/",
    ] {
        let error = layer.clone().open(open).unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("/package.Service/"), "{open:?}: {error}");
    }
}
