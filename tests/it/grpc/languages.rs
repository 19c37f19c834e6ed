//! How a caller speaks: told by the method, the version of HTTP and the content type.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{HeaderValue, Method, Request, Version};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind, VerifiedToken};

use super::{read_answer, refused};
use crate::rejections::guard;
use crate::support::{AUDIENCE, send};

const HTTP: Option<&str> = None;
const GRPC: Option<&str> = Some("application/grpc");
const WEB: Option<&str> = Some("application/grpc-web");
const WEB_TEXT: Option<&str> = Some("application/grpc-web-text");

fn app(authority: &TestIssuer) -> Router {
    Router::new().route("/", any(|_: VerifiedToken| async { "in" })).route_layer(guard(&authority.issuer()))
}

/// Whether a call without a token is answered in this content type of gRPC, or in plain HTTP.
async fn is_answered_in(app: &Router, request: Request<Body>, spoken: Option<&str>) {
    let said = format!("{request:?}");
    let answer = send(app, request).await;
    let challenge = Some(r#"Bearer realm="api://orders""#);
    match spoken {
        None => {
            assert_eq!(answer.said(), (401, challenge), "{said}");
            assert_eq!(answer.headers.len(), 2, "{said}: {answer:?}");
        }
        Some(content_type) => {
            let expected = refused(RejectionKind::NoCredentials, challenge, None);
            assert_eq!(read_answer(&answer, content_type), expected, "{said}");
        }
    }
}

fn request(version: Version, content_types: &[&[u8]]) -> Request<Body> {
    let mut request = Request::post("/").version(version).body(Body::empty()).unwrap();
    for value in content_types {
        request.headers_mut().append("content-type", HeaderValue::from_bytes(value).unwrap());
    }
    request
}

#[tokio::test]
async fn a_call_is_known_by_its_content_type_over_http_2_and_by_that_of_grpc_web_over_any() {
    let app = app(&TestIssuer::new());
    // Over HTTP/2, and over HTTP/1.
    let rows: [(&[u8], Option<&str>, Option<&str>); 32] = [
        (b"application/grpc", GRPC, HTTP),
        (b"application/grpc+proto", GRPC, HTTP),
        (b"application/grpc+json", GRPC, HTTP),
        (b"application/grpc;charset=utf-8", GRPC, HTTP),
        (b"application/grpc; charset=utf-8", GRPC, HTTP),
        (b"application/grpc ; charset=utf-8", GRPC, HTTP),
        (b" application/grpc\t", GRPC, HTTP),
        (b"APPLICATION/gRPC+Proto", GRPC, HTTP),
        (b"application/grpc-web", WEB, WEB),
        (b"application/grpc-web+proto", WEB, WEB),
        (b"application/grpc-web+json; charset=utf-8", WEB, WEB),
        (b"Application/Grpc-Web ;v=1", WEB, WEB),
        (b"application/grpc-web-text", WEB_TEXT, WEB_TEXT),
        (b"application/grpc-web-text+proto", WEB_TEXT, WEB_TEXT),
        (b"APPLICATION/GRPC-WEB-TEXT;a=b", WEB_TEXT, WEB_TEXT),
        (b"application/grpcfoo", HTTP, HTTP),
        (b"application/grpc foo", HTTP, HTTP),
        (b"application/grpc/proto", HTTP, HTTP),
        (b"application/grpc,application/json", HTTP, HTTP),
        (b"application/grpc-webtext", HTTP, HTTP),
        (b"application/grpc-web-", HTTP, HTTP),
        (b"application/grpc-web-text2", HTTP, HTTP),
        (b"application/grpc-", HTTP, HTTP),
        (b"application/grp", HTTP, HTTP),
        (b"application/ grpc", HTTP, HTTP),
        (b"xapplication/grpc", HTTP, HTTP),
        (b"text/plain; a=application/grpc", HTTP, HTTP),
        (b"\"application/grpc\"", HTTP, HTTP),
        (b"application/grpc\xff", HTTP, HTTP),
        (b"application/json", HTTP, HTTP),
        (b"application/connect+proto", HTTP, HTTP),
        (b"", HTTP, HTTP),
    ];
    for (content_type, over_2, over_1) in rows {
        for version in [Version::HTTP_2, Version::HTTP_3] {
            is_answered_in(&app, request(version, &[content_type]), over_2).await;
        }
        for version in [Version::HTTP_11, Version::HTTP_10, Version::HTTP_09] {
            is_answered_in(&app, request(version, &[content_type]), over_1).await;
        }
    }
}

#[tokio::test]
async fn whoever_says_no_content_type_or_two_is_answered_in_http() {
    let app = app(&TestIssuer::new());
    let two: [&[&[u8]]; 4] = [
        &[],
        &[b"application/grpc", b"application/json"],
        &[b"application/json", b"application/grpc"],
        &[b"application/grpc", b"application/grpc"],
    ];
    for content_types in two {
        is_answered_in(&app, request(Version::HTTP_2, content_types), HTTP).await;
    }
}

#[tokio::test]
async fn a_call_over_http_1_is_in_grpc_only_where_it_has_all_that_tonic_web_sets() {
    let app = app(&TestIssuer::new());
    let with = |headers: &[(&'static str, &'static str)]| {
        let mut request = request(Version::HTTP_11, &[b"application/grpc"]);
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    };
    for headers in [
        &[("te", "trailers")][..],
        &[("accept-encoding", "identity,deflate,gzip")],
        &[("te", "trailers"), ("accept-encoding", "gzip")],
        &[("te", "trailers"), ("te", "trailers"), ("accept-encoding", "identity,deflate,gzip")],
    ] {
        is_answered_in(&app, with(headers), HTTP).await;
    }
    // Whoever sets them by themselves has the answer that they asked for.
    is_answered_in(&app, with(&[("te", "trailers"), ("accept-encoding", "identity,deflate,gzip")]), GRPC).await;
}

#[tokio::test]
async fn what_is_not_a_post_is_answered_in_http_as_the_200_of_a_refusal_must_get_into_no_cache() {
    let app = app(&TestIssuer::new());
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        for content_type in ["application/grpc", "application/grpc-web", "application/grpc-web-text"] {
            let mut request = request(Version::HTTP_2, &[content_type.as_bytes()]);
            *request.method_mut() = method.clone();
            is_answered_in(&app, request, HTTP).await;
        }
    }
}

#[tokio::test]
async fn a_good_token_opens_the_same_route_in_every_language() {
    let authority = TestIssuer::new();
    let (app, token) = (app(&authority), authority.token(AUDIENCE).sign());
    for content_type in ["application/grpc", "application/grpc-web", "application/json"] {
        for version in [Version::HTTP_2, Version::HTTP_11] {
            let mut request = request(version, &[content_type.as_bytes()]);
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            assert_eq!(send(&app, request).await.body, "in", "{content_type} over {version:?}");
        }
    }
}
