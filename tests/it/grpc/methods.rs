//! What each method requires, and which paths are a method.

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::{Request, Uri, Version};
use tonic::Code;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{GrpcMethods, RejectionKind, Requirement, satisfies, scope};

use super::{call, read_answer, refused};
use crate::rejections::guard;
use crate::support::{AUDIENCE, Answer, Log, send};

pub(super) const PLACE: &str = "/orders.v1.Orders/Place";
pub(super) const CHECK: &str = "/grpc.health.v1.Health/Check";
const UNLISTED: &str =
    r#"Bearer realm="api://orders", error="insufficient_scope", error_description="no token allows this method""#;
const LACKING: &str = r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="orders.write""#;

pub(super) fn anybody() -> Requirement {
    satisfies(|_| Ok(()))
}

/// Whatever passes the guard is answered "in", whatever its path.
fn behind(methods: GrpcMethods, authority: &TestIssuer) -> Router {
    Router::new().fallback(|| async { "in" }).layer(methods).layer(guard(&authority.issuer()))
}

pub(super) fn orders() -> GrpcMethods {
    let orders = GrpcMethods::new().method(PLACE, scope("orders.write")).unwrap();
    orders.method("/orders.v1.Orders/List", anybody()).unwrap()
}

/// Tokens of a writer and of a reader.
pub(super) struct Callers {
    pub(super) authority: TestIssuer,
    pub(super) writer: [String; 1],
    pub(super) reader: [String; 1],
}

impl Callers {
    pub(super) fn new() -> Self {
        let authority = TestIssuer::new();
        let bearer = |scope| [format!("Bearer {}", authority.token(AUDIENCE).scope(scope).sign())];
        Self { writer: bearer("orders.write"), reader: bearer("orders.read"), authority }
    }
}

/// `GET` of REST.
fn with_token(token: &str, path: &str) -> Request<Body> {
    Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

pub(super) async fn ask(app: &Router, path: &str, credentials: &[String]) -> Answer {
    send(app, call("application/grpc", path, credentials.to_vec())).await
}

pub(super) fn is_unlisted(answer: &Answer) -> bool {
    answer.kind == Some(RejectionKind::UnlistedMethod)
        && read_answer(answer, "application/grpc") == refused(RejectionKind::UnlistedMethod, Some(UNLISTED), None)
}

#[tokio::test]
async fn beside_rest_it_goes_around_the_services_of_grpc_and_the_guard_around_all() {
    let callers = Callers::new();
    let services = Router::new().route(PLACE, post(async || "in")).layer(orders());
    let rest = Router::new().route("/orders", get(async || "in"));
    let app = services.merge(rest).layer(guard(&callers.authority.issuer()));
    let [writer] = &callers.writer;
    assert_eq!(send(&app, with_token(writer.trim_start_matches("Bearer "), "/orders")).await.body, "in");
    assert_eq!(ask(&app, PLACE, &callers.writer).await.body, "in");
    let lacking = refused(RejectionKind::InsufficientScope, Some(LACKING), Some("orders.write"));
    assert_eq!(read_answer(&ask(&app, PLACE, &callers.reader).await, "application/grpc"), lacking);
    // Around both, it denies what is no method.
    let around_all = Router::new().route("/orders", get(async || "in")).layer(orders());
    let app = around_all.layer(guard(&callers.authority.issuer()));
    let denied = send(&app, with_token(writer.trim_start_matches("Bearer "), "/orders")).await;
    assert_eq!((denied.status, denied.kind), (403, Some(RejectionKind::UnlistedMethod)));
}

#[tokio::test]
async fn each_method_requires_what_its_rule_says_and_one_without_a_rule_is_denied() {
    let callers = Callers::new();
    let app = behind(orders(), &callers.authority);
    assert_eq!(ask(&app, PLACE, &callers.writer).await.body, "in");
    let lacking = refused(RejectionKind::InsufficientScope, Some(LACKING), Some("orders.write"));
    assert_eq!(read_answer(&ask(&app, PLACE, &callers.reader).await, "application/grpc"), lacking);
    assert_eq!(ask(&app, "/orders.v1.Orders/List", &callers.reader).await.body, "in");
    for path in ["/orders.v1.Orders/Cancel", "/stock.v1.Stock/Place", CHECK, "/"] {
        for caller in [&callers.writer, &callers.reader] {
            let answer = ask(&app, path, caller).await;
            assert!(is_unlisted(&answer), "{path}: {answer:?}");
        }
    }
    let nothing = behind(GrpcMethods::new(), &callers.authority);
    assert!(is_unlisted(&ask(&nothing, PLACE, &callers.writer).await));
}

#[tokio::test]
async fn otherwise_counts_for_methods_without_a_rule_alone() {
    let callers = Callers::new();
    let app = behind(orders().otherwise(scope("orders.read")), &callers.authority);
    assert_eq!(ask(&app, PLACE, &callers.writer).await.body, "in");
    assert_eq!(ask(&app, PLACE, &callers.reader).await.kind, Some(RejectionKind::InsufficientScope));
    assert_eq!(ask(&app, "/orders.v1.Orders/Cancel", &callers.reader).await.body, "in");
    let answer = ask(&app, "/orders.v1.Orders/Cancel", &callers.writer).await;
    assert_eq!(answer.kind, Some(RejectionKind::InsufficientScope));
}

#[tokio::test]
async fn of_a_method_that_is_named_twice_both_are_required_and_so_it_is_with_otherwise() {
    let callers = Callers::new();
    let twice = GrpcMethods::new().method(PLACE, scope("orders.read")).unwrap().method(PLACE, anybody()).unwrap();
    let turned = GrpcMethods::new().method(PLACE, anybody()).unwrap().method(PLACE, scope("orders.read")).unwrap();
    let otherwise = GrpcMethods::new().otherwise(scope("orders.read")).otherwise(anybody());
    let otherwise_turned = GrpcMethods::new().otherwise(anybody()).otherwise(scope("orders.read"));
    for methods in [twice, turned, otherwise, otherwise_turned] {
        let app = behind(methods, &callers.authority);
        assert_eq!(ask(&app, PLACE, &callers.reader).await.body, "in");
        assert_eq!(ask(&app, PLACE, &callers.writer).await.kind, Some(RejectionKind::InsufficientScope));
    }
}

#[tokio::test]
async fn another_spelling_of_a_path_is_another_method() {
    let callers = Callers::new();
    let app = behind(GrpcMethods::new().method(PLACE, anybody()).unwrap(), &callers.authority);
    for path in [
        "//orders.v1.Orders/Place",
        "/orders.v1.Orders//Place",
        "/orders.v1.Orders/Place/",
        "/orders.v1.Orders/Place//",
        "/orders.v1.Orders/Place/x",
        "/./orders.v1.Orders/Place",
        "/x/../orders.v1.Orders/Place",
        "/orders.v1.Orders/%50lace",
        "/orders.v1.Orders%2FPlace",
        "/orders%2ev1.Orders/Place",
        "/orders.v1.Orders/Place%20",
        "/orders.v1.Orders/Place%00",
        "/orders.v1.Orders/Place;x=1",
        "/orders.v1.Orders/place",
        "/Orders.v1.Orders/Place",
        "/ORDERS.V1.ORDERS/PLACE",
        "/orders.v1.Orders/Plac",
        "/orders.v1.Orders/Places",
        "/orders.v1.Orders/",
        "/orders.v1.Orders",
        "*",
    ] {
        let answer = ask(&app, path, &callers.writer).await;
        assert!(is_unlisted(&answer), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_query_and_the_servers_own_address_are_not_part_of_the_method() {
    let callers = Callers::new();
    let app = behind(orders(), &callers.authority);
    for uri in [
        "/orders.v1.Orders/Place?",
        "/orders.v1.Orders/Place?x=/orders.v1.Orders/List",
        "http://orders.internal/orders.v1.Orders/Place",
        "https://orders.internal:443/orders.v1.Orders/Place?x",
        "http://stock.internal/orders.v1.Orders/Place",
    ] {
        assert_eq!(uri.parse::<Uri>().unwrap().path(), PLACE);
        assert_eq!(ask(&app, uri, &callers.writer).await.body, "in", "{uri}");
        assert_eq!(ask(&app, uri, &callers.reader).await.kind, Some(RejectionKind::InsufficientScope), "{uri}");
    }
    // What only a query says is no method.
    let answer = ask(&app, "/x?/orders.v1.Orders/List", &callers.reader).await;
    assert!(is_unlisted(&answer));
}

#[tokio::test]
async fn the_rules_count_whatever_the_caller_speaks() {
    let callers = Callers::new();
    let app = behind(orders(), &callers.authority);
    for (method, version) in [("POST", Version::HTTP_11), ("GET", Version::HTTP_11), ("POST", Version::HTTP_2)] {
        for (path, token, said) in [
            (PLACE, &callers.writer, (200, None)),
            (PLACE, &callers.reader, (403, Some(LACKING))),
            ("/orders.v1.Orders/Cancel", &callers.writer, (403, Some(UNLISTED))),
        ] {
            let request = Request::builder().method(method).uri(path).version(version);
            let request = request.header("content-type", "application/json").header("authorization", &token[0]);
            assert_eq!(send(&app, request.body(Body::empty()).unwrap()).await.said(), said, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn nobody_without_a_token_learns_which_methods_there_are() {
    let callers = Callers::new();
    let optional = guard(&callers.authority.issuer()).optional();
    let app = Router::new().fallback(|| async { "in" }).layer(orders().otherwise(anybody())).layer(optional.clone());
    let strict = Router::new().fallback(|| async { "in" }).layer(orders()).layer(optional);
    let expected = refused(RejectionKind::NoCredentials, Some(r#"Bearer realm="api://orders""#), None);
    for app in [app, strict] {
        for path in [PLACE, "/orders.v1.Orders/List", "/orders.v1.Orders/Cancel"] {
            assert_eq!(read_answer(&ask(&app, path, &[]).await, "application/grpc"), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn without_a_guard_before_it_nothing_is_let_through() {
    let app = Router::new().fallback(|| async { "in" }).layer(orders().otherwise(anybody()));
    for path in [PLACE, CHECK, "/"] {
        let answer = ask(&app, path, &Callers::new().writer).await;
        assert_eq!(read_answer(&answer, "application/grpc").code, Code::Internal);
        assert_eq!(answer.kind, Some(RejectionKind::LayerMissing));
    }
}

#[tokio::test]
async fn the_log_says_what_to_do_about_a_method_without_a_rule_and_does_not_repeat_the_path() {
    let callers = Callers::new();
    let app = behind(orders(), &callers.authority);
    let log = Log::capture();
    ask(&app, "/canary.v1.Canary/Sing", &callers.writer).await;
    let text = log.text();
    assert!(text.contains(".method(path, requirement)") && text.contains(".otherwise(requirement)"), "{text}");
    assert!(!text.to_lowercase().contains("canary"), "{text}");
}

#[test]
fn what_is_not_the_path_of_a_method_is_an_error_at_construction() {
    for path in [
        "",
        "/",
        "//",
        "orders.v1.Orders/Place",
        "/orders.v1.Orders",
        "/orders.v1.Orders/",
        "//Place",
        "//orders.v1.Orders/Place",
        "/orders.v1.Orders//Place",
        "/orders.v1.Orders/Place/",
        "/orders.v1.Orders/Place/x",
        "/orders.v1.Orders/Place?x=1",
        "/orders.v1.Orders/Place#x",
        "/orders.v1.Orders/%50lace",
        "/orders.v1.Orders/Pla ce",
        " /orders.v1.Orders/Place",
        "/orders.v1.Orders/Place\n",
        "/orders.v1.Orders/Pläce",
        "https://orders.internal/orders.v1.Orders/Place",
        "/orders.v1.Orders/{method}",
        "/{*rest}",
    ] {
        let error = GrpcMethods::new().method(path, anybody()).unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("/package.Service/Method"), "{path:?}: {error}");
    }
    for path in [PLACE, "/Orders/Place", "/orders.v1.Orders/place_it-now.2", "/a/b"] {
        GrpcMethods::new().method(path, anybody()).unwrap();
    }
}
