//! A status of tonic that was made from a rejection says what the layer says.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Version};
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Request, Status};
use tower::{Layer, ServiceExt};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Rejection, RejectionKind, VerifiedToken, require};

use super::service::{Client, OrdersServer};
use crate::grpc::{call, read, refused};
use crate::rejections::{TABLE, guard, rejecting};
use crate::support::{AUDIENCE, Answer};

type Place = fn(Request<Bytes>) -> Result<Bytes, Status>;

fn open(_: Request<Bytes>) -> Result<Bytes, Status> {
    Ok(Bytes::from_static(b"in"))
}

#[tokio::test]
async fn a_call_is_told_the_same_by_every_path_over_the_whole_table() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).sign();
    for (kind, _, challenge, _) in TABLE {
        let expected = refused(kind, challenge, None);
        let by_question_mark = move |request: Request<Bytes>| {
            VerifiedToken::from_extensions(request.extensions())?.require(rejecting(kind))?;
            Ok(Bytes::new())
        };
        let by_interceptor = move |request: Request<()>| {
            VerifiedToken::from_extensions(request.extensions())?.require(rejecting(kind))?;
            Ok(request)
        };
        let bare_interceptor = move |_: Request<()>| Err(Rejection::new(kind).into());
        let bare = move |_: Request<Bytes>| Err(Rejection::new(kind))?;
        let own_check = issuer.validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));

        let mut told = Vec::new();
        let layer = BearerLayer::new(own_check).layer(OrdersServer::new(open));
        told.push(Client::new(layer).place(Some(&token)).await);
        let required = guard(&issuer).layer(require(rejecting(kind)).layer(OrdersServer::new(open)));
        told.push(Client::new(required).place(Some(&token)).await);
        told.push(Client::new(guard(&issuer).layer(OrdersServer::new(by_question_mark))).place(Some(&token)).await);
        told.push(Client::new(guard(&issuer).layer(OrdersServer::new(bare))).place(Some(&token)).await);
        let intercepted = InterceptedService::new(OrdersServer::new(open), by_interceptor);
        told.push(Client::new(guard(&issuer).layer(Routes::new(intercepted))).place(Some(&token)).await);
        let intercepted = InterceptedService::new(OrdersServer::new(open), bare_interceptor);
        told.push(Client::new(guard(&issuer).layer(Routes::new(intercepted))).place(Some(&token)).await);
        for (path, told) in told.into_iter().enumerate() {
            assert_eq!(read(&told.unwrap_err()), expected, "{kind:?} by path {path}");
        }
        // The status as such, which nobody has told whose realm it is.
        let challenge = challenge.map(|challenge| challenge.replace(r#" realm="api://orders","#, ""));
        let challenge = challenge.map(|challenge| challenge.replace(r#" realm="api://orders""#, ""));
        assert_eq!(read(&Status::from(Rejection::new(kind))), refused(kind, challenge.as_deref(), None));
    }
}

/// What a service with this method answers, header by header.
async fn answered(place: Place, content_type: &str, version: Version) -> (Answer, HeaderMap) {
    let authority = TestIssuer::new();
    let service = guard(&authority.issuer()).layer(OrdersServer::new(place));
    let bearer = [format!("Bearer {}", authority.token(AUDIENCE).sign())];
    let mut request = call(content_type, "/orders.v1.Orders/Place", bearer);
    *request.version_mut() = version;
    *request.body_mut() = Body::from(&b"\0\0\0\0\0"[..]);
    let app = Router::new().fallback_service(service);
    let answer = crate::support::send(&app, request).await;
    let headers = answer.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    (answer.clone(), headers.collect())
}

#[tokio::test]
async fn the_answer_to_a_status_is_the_layers_to_the_byte_and_carries_the_rejection() {
    let by_method: Place = |_| Err(Rejection::new(RejectionKind::KeysUnavailable))?;
    let (answer, _) = answered(by_method, "application/grpc", Version::HTTP_2).await;
    let authority = TestIssuer::new();
    let layer = guard(&authority.issuer()).require(rejecting(RejectionKind::KeysUnavailable));
    let app = Router::new().fallback_service(layer.layer(OrdersServer::new(open)));
    let bearer = [format!("Bearer {}", authority.token(AUDIENCE).sign())];
    assert_eq!(answer, crate::support::send(&app, call("application/grpc", "/", bearer)).await);
    assert_eq!(answer.kind, Some(RejectionKind::KeysUnavailable));
}

#[tokio::test]
async fn metadata_that_a_method_adds_to_the_status_stays() {
    let place: Place = |_| {
        let mut status = Status::from(Rejection::new(RejectionKind::InteractionRequired));
        status.metadata_mut().insert("x-request-id", "7".parse().unwrap());
        Err(status)
    };
    let (_, headers) = answered(place, "application/grpc", Version::HTTP_2).await;
    assert_eq!(headers["x-request-id"], "7");
    assert!(headers["www-authenticate"].to_str().unwrap().contains("realm="), "it is said in the layer's way");
}

fn with_details_of_the_rejection(code: Code, message: &str) -> Status {
    let rejection = Rejection::new(RejectionKind::UnlistedMethod);
    let details = Bytes::copy_from_slice(Status::from(rejection.clone()).details());
    let mut status = Status::with_details(code, message, details);
    status.set_source(Arc::new(rejection));
    status
}

#[tokio::test]
async fn a_status_that_says_something_else_is_the_methods_own() {
    let methods: [Place; 6] = [
        |_| Err(Status::unauthenticated("sign in first")),
        |_| Err(with_details_of_the_rejection(Code::NotFound, "no token allows this method")),
        |_| Err(with_details_of_the_rejection(Code::PermissionDenied, "not on Sundays")),
        |_| {
            let mut status = Status::not_found("no token allows this method");
            status.set_source(Arc::new(Rejection::new(RejectionKind::UnlistedMethod)));
            Err(status)
        },
        |_| {
            let mut status = Status::permission_denied("not on Sundays");
            status.set_source(Arc::new(Rejection::new(RejectionKind::UnlistedMethod)));
            Err(status)
        },
        |_| {
            let details = Bytes::from_static(b"\x08\x07");
            let mut status = Status::with_details(Code::PermissionDenied, "no token allows this method", details);
            status.set_source(Arc::new(Rejection::new(RejectionKind::UnlistedMethod)));
            Err(status)
        },
    ];
    for place in methods {
        let own = place(Request::new(Bytes::new())).unwrap_err();
        let (answer, headers) = answered(place, "application/grpc", Version::HTTP_2).await;
        let status = Status::from_header_map(&headers).unwrap();
        assert_eq!((status.code(), status.message()), (own.code(), own.message()));
        assert_eq!(status.details(), own.details());
        assert_eq!((answer.kind, answer.challenge()), (None, None));
    }
}

#[tokio::test]
async fn whoever_calls_a_method_without_speaking_grpc_is_answered_in_http() {
    let bare: Place = |_| Err(Rejection::new(RejectionKind::InteractionRequired))?;
    for (content_type, version) in [
        ("application/json", Version::HTTP_2),
        ("application/grpcfoo", Version::HTTP_2),
        ("application/grpc", Version::HTTP_11),
    ] {
        let (answer, headers) = answered(bare, content_type, version).await;
        assert_eq!(answer.status, 403, "{content_type}");
        assert!(answer.challenge().unwrap().contains(r#"realm="api://orders", error="interaction_required""#));
        assert!(headers.keys().all(|name| !name.as_str().starts_with("grpc-")), "{answer:?}");
        assert_eq!(answer.header("content-type"), None);
    }
}

#[tokio::test]
async fn a_method_without_a_guard_before_it_is_internal_and_the_log_names_the_mend() {
    let log = crate::support::Log::capture();
    let place = |request: Request<Bytes>| {
        VerifiedToken::from_extensions(request.extensions())?;
        Ok(Bytes::new())
    };
    let status = Client::new(OrdersServer::new(place)).place(None).await.unwrap_err();
    assert_eq!(read(&status), refused(RejectionKind::LayerMissing, None, None));
    assert!(log.text().contains("BearerLayer"), "{}", log.text());
}

#[test]
fn the_rejection_is_the_source_of_the_status_and_nothing_but_its_kind_shows() {
    let status = Status::from(Rejection::new(RejectionKind::Expired));
    let source = std::error::Error::source(&status).unwrap();
    assert_eq!(source.downcast_ref::<Rejection>().unwrap().kind(), RejectionKind::Expired);
    let metadata: &MetadataMap = status.metadata();
    assert_eq!(metadata.len(), 1);
}

#[tokio::test]
async fn errors_of_a_service_behind_the_guard_pass_through() {
    let failing = tower::service_fn(|_: http::Request<Body>| async { Err::<http::Response<Body>, _>("it broke") });
    let authority = TestIssuer::new();
    let bearer = [format!("Bearer {}", authority.token(AUDIENCE).sign())];
    let call = call("application/grpc", "/orders.v1.Orders/Place", bearer);
    assert_eq!(guard(&authority.issuer()).layer(failing).oneshot(call).await.unwrap_err(), "it broke");
}

#[tokio::test]
async fn details_can_be_read_however_long_the_scope_is() {
    let authority = TestIssuer::new();
    let token = authority.issuer().validator(AUDIENCE).verify(&authority.token(AUDIENCE).sign()).await.unwrap();
    // Lengths take one byte more from 128 on, and again from 16,384.
    for length in (1..300).chain(16_200..16_400) {
        let scope = "a".repeat(length);
        let status = Status::from(token.require(tower_bearer::scope(scope.clone())).unwrap_err());
        assert_eq!(read(&status).metadata["scope"], scope);
    }
}
