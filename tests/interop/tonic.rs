//! Tokens on the calls of a real channel of tonic, over HTTP/2 to a server on loopback.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, Version, header};
use bytes::{Buf, BufMut};
use tokio::net::TcpListener;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tower::ServiceBuilder;
use tower_bearer::testing::{self, TestIssuer};
use tower_bearer::{AddBearerLayer, AddBearerService, ClientCredentials, Credential, Target, TokenError};

/// Messages that are bytes, as nothing here is about what is in them.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

/// A server of gRPC that refuses the first token that comes, by headers alone, and takes every other. It notes them all.
struct Server {
    origin: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
        let origin = format!("http://{}", listener.local_addr().expect("it has an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let answer = move |version: Version, headers: HeaderMap| async move {
            assert_eq!(version, Version::HTTP_2);
            let mut values = headers.get_all(header::AUTHORIZATION).iter();
            let token = values.next().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
            let token = token.expect("the call has a token").to_owned();
            assert!(values.next().is_none(), "the call has one token alone");
            let mut seen = noted.lock().expect("nobody panicked");
            let is_first = seen.first().is_none_or(|first| *first == token);
            seen.push(token);
            let response = Response::builder().header(header::CONTENT_TYPE, "application/grpc");
            if is_first { response.header("grpc-status", "16").body(Body::empty()) } else { response.body(taken()) }
                .expect("it is sound")
        };
        tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
        Self { origin, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panicked").clone()
    }
}

/// A message with the length that precedes it, and the status 0 at the end.
fn taken() -> Body {
    let message = http_body_util::Full::new(Bytes::from_static(b"\0\0\0\0\x05seven"));
    let ended = HeaderMap::from_iter([("grpc-status".parse().expect("a name"), "0".parse().expect("a value"))]);
    Body::new(http_body_util::BodyExt::with_trailers(message, async { Some(Ok(ended)) }))
}

/// An issuer, and an application that may call `api://stock`.
fn jobs() -> (TestIssuer, ClientCredentials) {
    let authority = TestIssuer::new();
    let stock = authority.register("api://stock").app_role("reader");
    authority.register("jobs").secret("correct horse").assign_role(&stock, "reader");
    let client = authority.issuer().client("jobs", Credential::secret("correct horse"));
    let jobs = client.client_credentials(Target::new()).expect("the target is sound");
    (authority, jobs)
}

type Stock = Grpc<AddBearerService<Channel>>;

fn stock(origin: &str, jobs: &ClientCredentials) -> Stock {
    let channel = Endpoint::from_shared(origin.to_owned()).expect("it is a URL").connect_lazy();
    let layer = AddBearerLayer::new(jobs.clone()).for_channel(origin).expect("it is on loopback");
    Grpc::new(ServiceBuilder::new().layer(layer).service(channel))
}

async fn call(stock: &mut Stock) -> Result<Bytes, Status> {
    stock.ready().await.map_err(Status::from_error)?;
    let path = "/stock.Items/Count".parse().expect("it is a path");
    Ok(stock.unary(Request::new(Bytes::from_static(b"bolts")), path, Raw).await?.into_inner())
}

#[tokio::test]
async fn a_channel_of_tonic_has_another_token_after_one_was_refused() {
    let ((authority, jobs), server) = (jobs(), Server::start().await);
    let mut stock = stock(&server.origin, &jobs);

    let first = jobs.token().await.expect("the issuer gives a token");
    let refused = call(&mut stock).await.expect_err("the server refuses the first token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(server.seen(), [first.secret()], "a call has a body, so it is not sent once more");

    assert_eq!(call(&mut stock).await.expect("the server takes the second"), "seven");
    let second = jobs.token().await.expect("it is in the cache");
    assert_ne!(second.secret(), first.secret());
    assert_eq!(call(&mut stock).await.expect("the server takes it again"), "seven");
    assert_eq!(server.seen(), [first.secret(), second.secret(), second.secret()]);
    assert_eq!(authority.requests(testing::Endpoint::Token), 2);
}

#[tokio::test]
async fn a_call_of_tonic_is_not_sent_without_a_token() {
    let ((authority, jobs), server) = (jobs(), Server::start().await);
    authority.fail(testing::Endpoint::Token, testing::Fault::json(503, ""));
    let error = call(&mut stock(&server.origin, &jobs)).await.expect_err("no token can be had");
    let mut why: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(one) = why.filter(|one| !one.is::<TokenError>()) {
        why = one.source();
    }
    assert!(why.is_some(), "{error:?}");
    assert!(server.seen().is_empty());
}

#[test]
fn a_channel_over_plain_http_to_another_machine_gets_no_tokens() {
    let (_, jobs) = jobs();
    for origin in ["http://stock.internal", "http://192.0.2.1:50051", "http://127.0.0.1.stock.internal"] {
        let error = AddBearerLayer::new(jobs.clone()).for_channel(origin).expect_err("plain http");
        assert!(error.is_configuration() && error.to_string().contains("dangerous_allow_http"), "{error}");
    }
    for origin in ["https://stock.internal", "http://127.0.0.1:50051", "http://[::1]:50051"] {
        AddBearerLayer::new(jobs.clone()).for_channel(origin).expect("the token is safe there");
    }
}
