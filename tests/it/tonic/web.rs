//! Calls of browsers: tonic-web outside of the guard, and inside of it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::any_service;
use bytes::Bytes;
use http::{Request as HttpRequest, Version};
use tonic::{Code, Request, Status};
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceExt};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{GrpcMethods, Rejection, RejectionKind, VerifiedToken};

use super::service::OrdersServer;
use crate::grpc::{Refused, read, refused};
use crate::rejections::guard;
use crate::support::{AUDIENCE, Answer, send};

const NO_CREDENTIALS: Option<&str> = Some(r#"Bearer realm="api://orders""#);

/// Needs a token; who has no scope makes it say a rejection of its own.
fn place(request: Request<Bytes>) -> Result<Bytes, Status> {
    let token = VerifiedToken::from_extensions(request.extensions())?;
    if !token.has_scope("orders.write") {
        Err(Rejection::new(RejectionKind::InteractionRequired))?;
    }
    Ok(Bytes::from_static(b"placed"))
}

fn methods() -> GrpcMethods {
    GrpcMethods::new().method("/orders.v1.Orders/Place", tower_bearer::satisfies(|_| Ok(()))).unwrap()
}

/// The guard between the translation and the service, and around both; both with the health service open.
fn orders(authority: &TestIssuer) -> [(&'static str, Router); 2] {
    let guard = || guard(&authority.issuer()).open("/grpc.health.v1.Health/").unwrap();
    let outside = GrpcWebLayer::new().layer(guard().layer(methods().layer(OrdersServer::new(place))));
    let inside = guard().layer(GrpcWebLayer::new().layer(methods().layer(OrdersServer::new(place))));
    let routed = |service| Router::new().fallback_service(any_service(service));
    [("tonic-web outside", routed(outside)), ("tonic-web inside", Router::new().fallback_service(inside))]
}

fn asking(version: Version, content_type: &str, path: &str, token: Option<&str>) -> HttpRequest<Body> {
    let mut request = HttpRequest::post(path).version(version).header("content-type", content_type);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let message: &[u8] = match content_type.contains("text") {
        true => b"AAAAAAA=",
        false => b"\0\0\0\0\0",
    };
    request.header("accept", content_type).body(Body::from(message)).unwrap()
}

fn understood(answer: &Answer) -> Refused {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    assert!(answer.header("content-type").unwrap().starts_with("application/grpc-web"), "{answer:?}");
    let headers = answer.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    read(&Status::from_header_map(&headers.collect()).unwrap())
}

#[tokio::test]
async fn a_browser_is_answered_in_its_language_whichever_of_the_layers_is_outside() {
    let authority = TestIssuer::new();
    let writer = authority.token(AUDIENCE).scope("orders.write").sign();
    let other = authority.token(AUDIENCE).sign();
    for (order, app) in orders(&authority) {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for content_type in [
                "application/grpc-web",
                "application/grpc-web+proto",
                "application/grpc-web-text",
                "application/grpc-web-text+proto",
            ] {
                let told = |path, token| send(&app, asking(version, content_type, path, token));
                let case = format!("{order}, {version:?}, {content_type}");
                let request = asking(version, content_type, "/orders.v1.Orders/Place", Some(&writer));
                let Ok(placed) = app.clone().oneshot(request).await;
                let body = to_bytes(placed.into_body(), usize::MAX).await.unwrap();
                let message: &[u8] = match content_type.contains("text") {
                    true => b"AAAAAAZwbGFjZWQ",
                    false => b"\0\0\0\0\x06placed",
                };
                assert!(body.starts_with(message), "{case}: {body:?}");

                let none = told("/orders.v1.Orders/Place", None).await;
                assert_eq!(understood(&none), refused(RejectionKind::NoCredentials, NO_CREDENTIALS, None), "{case}");
                let bad = told("/orders.v1.Orders/Place", Some("x")).await;
                assert_eq!(understood(&bad).reason, "MALFORMED", "{case}");
                let challenge = r#"Bearer realm="api://orders", error="interaction_required", error_description="a further API needs the person to sign in again or to consent""#;
                let own = told("/orders.v1.Orders/Place", Some(&other)).await;
                assert_eq!(
                    understood(&own),
                    refused(RejectionKind::InteractionRequired, Some(challenge), None),
                    "{case}"
                );
                let unlisted = understood(&told("/orders.v1.Orders/Cancel", Some(&writer)).await);
                assert_eq!(
                    (unlisted.code, unlisted.reason.as_str()),
                    (Code::PermissionDenied, "UNLISTED_METHOD"),
                    "{case}"
                );

                // Open: the service itself says that it has no such method.
                let open = told("/grpc.health.v1.Health/Check", None).await;
                assert_eq!(open.header("grpc-status"), Some("12"), "{case}: {open:?}");
            }
        }
    }
}
