//! Bad input: the right answer for what the caller speaks, and nobody panics.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{HeaderMap, HeaderValue, Request, Version};
use tonic::Code;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind as Kind, VerifiedToken};

use super::{CONTENT_TYPES, call, read_answer};
use crate::hostile::rows::rows;
use crate::hostile::world::World;
use crate::rejections::guard;
use crate::support::{AUDIENCE, Answer, send};

fn app(authority: &TestIssuer) -> Router {
    Router::new().fallback(any(|_: VerifiedToken| async { "in" })).layer(guard(&authority.issuer()))
}

async fn ask(app: &Router, headers: &[(&'static str, HeaderValue)]) -> Answer {
    let mut request = call("application/grpc", "/orders.v1.Orders/Place", [] as [&str; 0]);
    let headers = headers.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.clone()));
    headers.for_each(|(name, value)| {
        request.headers_mut().append(name, value);
    });
    send(app, request).await
}

fn value(bytes: impl AsRef<[u8]>) -> HeaderValue {
    HeaderValue::from_bytes(bytes.as_ref()).unwrap()
}

#[tokio::test]
async fn each_hostile_request_of_the_table_is_answered_alike_in_every_language_of_grpc() {
    let world = World::new().await;
    let (issuer, _) = world.issuer();
    let app = Router::new().fallback(any(|_: VerifiedToken| async { "in" })).layer(guard(&issuer));
    let (mut refused, mut accepted) = (0, 0);
    for row in rows(&world) {
        for content_type in CONTENT_TYPES {
            let answer = send(&app, call(content_type, "/orders.v1.Orders/Place", row.credentials.clone())).await;
            assert_eq!(answer.kind, row.said.kind, "{}: {answer:?}", row.name);
            if answer.kind.is_none() {
                assert_eq!(answer.body, "in", "{}", row.name);
                accepted += 1;
                continue;
            }
            let read = read_answer(&answer, content_type);
            assert_eq!(read.code, Code::Unauthenticated, "{}: a malformed header is no reason for another", row.name);
            assert_eq!(read.challenge.as_deref(), row.said.challenge, "{}", row.name);
            refused += 1;
        }
    }
    assert!(refused > 1_000 && accepted > 10, "{refused} {accepted}");
}

#[tokio::test]
async fn credentials_in_binary_metadata_are_none() {
    let authority = TestIssuer::new();
    let (app, token) = (app(&authority), authority.token(AUDIENCE).sign());
    let bearer = value(format!("Bearer {token}"));
    for binary in [bearer.clone(), value(&token), value("AAAA"), value("!"), value(b"\xff\xfe")] {
        let answer = ask(&app, &[("authorization-bin", binary.clone())]).await;
        assert_eq!(answer.kind, Some(Kind::NoCredentials));
        assert_eq!(read_answer(&answer, "application/grpc").code, Code::Unauthenticated);
        // Beside a good token it says nothing.
        assert_eq!(ask(&app, &[("authorization", bearer.clone()), ("authorization-bin", binary)]).await.body, "in");
    }
}

#[tokio::test]
async fn values_of_64_kilobytes_are_refused_as_what_they_are() {
    let authority = TestIssuer::new();
    let app = app(&authority);
    let long = "A".repeat(64 * 1024);
    for (headers, kind) in [
        (vec![("authorization", value(format!("Bearer {long}")))], Kind::TokenTooLong),
        (vec![("authorization", value(format!("Bearer {long}.{long}.{long}")))], Kind::TokenTooLong),
        (vec![("authorization", value(format!("Bearer {}", " ".repeat(64 * 1024))))], Kind::InvalidRequest),
        (vec![("authorization", value(format!("Bearer {}", "\t,".repeat(32 * 1024))))], Kind::InvalidRequest),
        (vec![("authorization", value(&long))], Kind::NoCredentials),
        (vec![("authorization", value(format!("{long} x")))], Kind::NoCredentials),
        (vec![("authorization", value(format!("Basic {long}")))], Kind::NoCredentials),
        (vec![("authorization-bin", value(&long))], Kind::NoCredentials),
        (
            vec![("te", value(&long)), ("accept-encoding", value(&long)), ("grpc-timeout", value(&long))],
            Kind::NoCredentials,
        ),
        (
            vec![
                ("authorization", value(format!("Bearer {long}"))),
                ("authorization", value(format!("Bearer {long}"))),
            ],
            Kind::InvalidRequest,
        ),
    ] {
        let answer = ask(&app, &headers).await;
        assert_eq!(answer.kind, Some(kind), "{:?}", headers[0].0);
        let said = read_answer(&answer, "application/grpc");
        assert_eq!(said.code, Code::Unauthenticated);
        assert!(!format!("{answer:?}").contains("AAAA"), "nothing is repeated");
    }
}

#[tokio::test]
async fn a_content_type_of_64_kilobytes_is_read_like_any_other() {
    let app = app(&TestIssuer::new());
    let long = "a".repeat(64 * 1024);
    for (content_type, is_grpc) in [
        (format!("application/grpc;{long}"), true),
        (format!("application/grpc+{long}"), true),
        (format!("application/grpc{long}"), false),
        (format!("application/grpc{}", " ".repeat(64 * 1024)), true),
        (format!("application/grpc{}x", " ".repeat(64 * 1024)), false),
        (long.clone(), false),
    ] {
        let mut request =
            Request::post("/orders.v1.Orders/Place").version(Version::HTTP_2).body(Body::empty()).unwrap();
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        let answer = send(&app, request).await;
        assert_eq!(answer.status, if is_grpc { 200 } else { 401 });
        assert_eq!(answer.kind, Some(Kind::NoCredentials));
        assert!(!format!("{answer:?}").contains("aaaa"), "nothing is repeated");
    }
}

#[tokio::test]
async fn the_path_of_a_method_does_not_make_a_call_of_a_request() {
    let authority = TestIssuer::new();
    let app = app(&authority);
    for (version, content_type) in [
        (Version::HTTP_2, "application/json"),
        (Version::HTTP_2, "application/grpcfoo"),
        (Version::HTTP_2, "text/plain"),
        (Version::HTTP_11, "application/grpc"),
        (Version::HTTP_11, "application/grpc+proto"),
    ] {
        for credentials in [None, Some("Bearer"), Some("Bearer x"), Some("Basic x")] {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", content_type.parse().unwrap());
            headers.insert("te", HeaderValue::from_static("trailers"));
            headers.extend(credentials.map(|credentials| (http::header::AUTHORIZATION, credentials.parse().unwrap())));
            let mut request = Request::post("/orders.v1.Orders/Place").version(version).body(Body::empty()).unwrap();
            *request.headers_mut() = headers;
            let answer = send(&app, request).await;
            let status = if credentials == Some("Bearer") { 400 } else { 401 };
            assert_eq!(answer.status, status, "{content_type} {credentials:?}");
            assert!(answer.challenge().unwrap().starts_with("Bearer realm="));
            assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("grpc-")), "{answer:?}");
        }
    }
}
