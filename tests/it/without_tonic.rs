//! Calls of gRPC are guarded and answered in gRPC's way also where the feature `tonic` is off.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Version};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{GrpcMethods, scope};

use crate::rejections::guard;
use crate::support::{AUDIENCE, Answer, send};

const PLACE: &str = "/orders.v1.Orders/Place";
const LIST: &str = "/orders.v1.Orders/List";
const CHECK: &str = "/grpc.health.v1.Health/Check";

fn call(path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::post(path).version(Version::HTTP_2).body(Body::empty()).unwrap();
    request.headers_mut().insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    request
}

/// Status of HTTP, of gRPC, and its message.
fn said(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status, answer.header("grpc-status"), answer.header("grpc-message"))
}

#[tokio::test]
async fn each_call_has_the_code_message_and_challenge_of_its_refusal() {
    let authority = TestIssuer::new();
    let methods = GrpcMethods::new().method(PLACE, scope("orders.write")).unwrap();
    let routes = [PLACE, LIST, CHECK].iter().fold(Router::new(), |app, path| app.route(path, post(async || "in")));
    let app = routes.layer(methods).layer(guard(&authority.issuer()).open("/grpc.health.v1.Health/").unwrap());
    let (reader, writer) = (authority.token(AUDIENCE), authority.token(AUDIENCE).scope("orders.write").sign());
    let reader = reader.scope("orders.read").sign();

    let none = send(&app, call(PLACE, None)).await;
    assert_eq!(said(&none), (200, Some("16"), Some("a bearer token is required")));
    assert_eq!(none.header("content-type"), Some("application/grpc"));
    assert_eq!(none.header("www-authenticate"), Some(r#"Bearer realm="api://orders""#));
    let bad = send(&app, call(PLACE, Some("no.token.this"))).await;
    assert_eq!(said(&bad), (200, Some("16"), Some("the token is malformed")));
    let lacking = send(&app, call(PLACE, Some(&reader))).await;
    assert_eq!(said(&lacking), (200, Some("7"), Some("the token lacks a permission that is required")));
    assert!(lacking.header("grpc-status-details-bin").is_some());
    let unlisted = send(&app, call(LIST, Some(&writer))).await;
    assert_eq!(said(&unlisted), (200, Some("7"), Some("no token allows this method")));
    for good in [call(PLACE, Some(&writer)), call(CHECK, None)] {
        assert_eq!(send(&app, good).await.body, "in");
    }
}
