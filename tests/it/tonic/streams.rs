//! Streaming calls: checked when they start, and ended with their token where they are bound to it.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;
use tonic::{Code, Request, Status, Streaming};
use tower::Layer;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind, VerifiedToken};

use super::servers::Running;
use super::service::{Client, Messages, Orders, OrdersServer};
use crate::grpc::{read, refused};
use crate::rejections::guard;
use crate::support::AUDIENCE;

const EXPIRED: Option<&str> =
    Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token has expired""#);

/// A message for each that comes on the line, which is open as long as the test wants.
struct Lines {
    lines: std::sync::Mutex<Option<mpsc::UnboundedReceiver<Result<Bytes, Status>>>>,
    started: mpsc::UnboundedSender<()>,
    /// Whether they are bound to the token.
    bound: bool,
}

impl Orders for Lines {
    fn place(&self, _: Request<Bytes>) -> Result<Bytes, Status> {
        Ok(Bytes::new())
    }

    fn watch(&self, request: Request<Bytes>) -> Result<Messages, Status> {
        let token = VerifiedToken::from_extensions(request.extensions())?;
        let lines = UnboundedReceiverStream::new(self.lines.lock().unwrap().take().unwrap());
        Ok(if self.bound { Box::pin(token.until_expiry(lines)) } else { Box::pin(lines) })
    }

    async fn upload(&self, request: Request<Streaming<Bytes>>) -> Result<Bytes, Status> {
        let token = VerifiedToken::from_extensions(request.extensions())?;
        let mut messages = token.until_expiry(request.into_inner());
        let mut length = 0;
        while let Some(message) = messages.next().await {
            length += message?.len();
            self.started.send(()).unwrap();
        }
        Ok(length.to_string().into())
    }
}

struct Scene {
    authority: TestIssuer,
    server: Running,
    token: String,
    line: mpsc::UnboundedSender<Result<Bytes, Status>>,
    uploads: mpsc::UnboundedReceiver<()>,
}

impl Scene {
    fn start() -> Self {
        Self::with(true)
    }

    fn with(bound: bool) -> Self {
        let authority = TestIssuer::new();
        let (line, lines) = mpsc::unbounded_channel();
        let (started, uploads) = mpsc::unbounded_channel();
        let lines = Lines { lines: std::sync::Mutex::new(Some(lines)), started, bound };
        let orders = guard(&authority.issuer()).layer(OrdersServer::new(lines));
        let server = Running::start(|incoming| Server::builder().add_service(orders).serve_with_incoming(incoming));
        let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(3600)).sign();
        Self { authority, server, token, line, uploads }
    }
}

#[tokio::test]
async fn a_stream_to_the_client_ends_with_the_token_while_it_is_idle() {
    let scene = Scene::start();
    let mut client = Client::new(scene.server.connect().await);
    let mut watching = client.watch(Some(&scene.token)).await.unwrap();
    scene.line.send(Ok(Bytes::from_static(b"bolts"))).unwrap();
    assert_eq!(watching.next().await.unwrap().unwrap(), "bolts");
    scene.authority.advance(Duration::from_secs(3600));
    scene.line.send(Ok(Bytes::from_static(b"nuts"))).unwrap();
    assert_eq!(watching.next().await.unwrap().unwrap(), "nuts", "within the leeway");

    scene.authority.advance(Duration::from_secs(60));
    let status = watching.next().await.unwrap().unwrap_err();
    assert_eq!(read(&status), refused(RejectionKind::Expired, EXPIRED, None));
    assert!(watching.next().await.is_none());
    scene.line.closed().await;
    // A new call with the same token is told the same.
    assert_eq!(
        read(&client.watch(Some(&scene.token)).await.unwrap_err()),
        refused(RejectionKind::Expired, EXPIRED, None)
    );
}

#[tokio::test]
async fn a_stream_from_the_client_ends_with_the_token_while_it_is_idle() {
    let mut scene = Scene::start();
    let mut client = Client::new(scene.server.connect().await);
    let (sender, messages) = mpsc::unbounded_channel();
    let token = scene.token.clone();
    let upload = tokio::spawn(async move { client.upload(UnboundedReceiverStream::new(messages), Some(&token)).await });
    sender.send(Bytes::from_static(b"bolts")).unwrap();
    scene.uploads.recv().await.unwrap();
    scene.authority.advance(Duration::from_secs(3660));
    let status = upload.await.unwrap().unwrap_err();
    assert_eq!(read(&status), refused(RejectionKind::Expired, EXPIRED, None));
}

#[tokio::test]
async fn a_stream_that_ends_in_time_is_whole() {
    let mut scene = Scene::start();
    let mut client = Client::new(scene.server.connect().await);
    let sent = tokio_stream::iter(["bolts", "nuts"]).map(Bytes::from);
    assert_eq!(client.upload(sent, Some(&scene.token)).await.unwrap(), "9");
    scene.uploads.recv().await.unwrap();

    let mut watching = client.watch(Some(&scene.token)).await.unwrap();
    for _ in 0..3 {
        scene.line.send(Ok(Bytes::from_static(b"bolts"))).unwrap();
    }
    drop(scene.line);
    let mut seen = 0;
    while let Some(message) = watching.next().await {
        assert_eq!(message.unwrap(), "bolts");
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[tokio::test]
async fn a_streaming_call_is_checked_when_it_starts() {
    let scene = Scene::start();
    let mut client = Client::new(scene.server.connect().await);
    assert_eq!(client.watch(None).await.unwrap_err().code(), Code::Unauthenticated);
    let upload = client.upload(tokio_stream::pending(), None).await;
    assert_eq!(upload.unwrap_err().code(), Code::Unauthenticated, "nobody waits for the messages");
}

#[tokio::test]
async fn a_stream_that_nobody_binds_outlives_its_token() {
    let scene = Scene::with(false);
    let mut client = Client::new(scene.server.connect().await);
    let mut watching = client.watch(Some(&scene.token)).await.unwrap();
    scene.authority.advance(Duration::from_secs(7200));
    scene.line.send(Ok(Bytes::from_static(b"bolts"))).unwrap();
    assert_eq!(watching.next().await.unwrap().unwrap(), "bolts");
}
