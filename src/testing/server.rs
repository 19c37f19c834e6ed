//! How requests reach a [`TestIssuer`](super::TestIssuer) or a [`TestDirectory`](super::TestDirectory): in memory and on loopback.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tower_service::Service;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// Who answers requests. Its errors break the connection.
pub(super) trait Server: Send + Sync + 'static {
    fn answer(self: Arc<Self>, request: Request<Bytes>) -> Answer;
}

/// A transport that asks a [`TestIssuer`](super::TestIssuer) or a [`TestDirectory`](super::TestDirectory) in memory: a tower
/// service, for a test that wraps it in layers of its own or sends requests itself.
///
/// ```
/// use http::{Method, Request};
/// use tower::ServiceExt;
/// use tower_bearer::testing::TestIssuer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let authority = TestIssuer::new();
/// let form = "grant_type=client_credentials&client_id=nobody&client_secret=none";
/// let request = Request::builder()
///     .method(Method::POST)
///     .uri("https://issuer.test/token")
///     .header("Content-Type", "application/x-www-form-urlencoded")
///     .body(form.into())?;
/// assert_eq!(authority.transport().oneshot(request).await?.status(), 401);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestTransport {
    server: Arc<dyn Server>,
}

impl TestTransport {
    pub(super) fn to(server: Arc<dyn Server>) -> Self {
        Self { server }
    }
}

impl Service<Request<Full<Bytes>>> for TestTransport {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(answer(Arc::clone(&self.server), request))
    }
}

impl fmt::Debug for TestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestTransport").finish_non_exhaustive()
    }
}

async fn answer<B>(server: Arc<dyn Server>, request: Request<B>) -> Result<Response<Full<Bytes>>, BoxError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await?.to_bytes();
    Ok(server.answer(Request::from_parts(parts, body)).await?.map(Full::new))
}

/// A free port of 127.0.0.1, and its address.
pub(super) async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Answers on this port until it is aborted.
pub(super) fn listen<S: Server>(listener: TcpListener, server: Weak<S>) -> AbortHandle {
    tokio::spawn(accept(listener, server)).abort_handle()
}

/// Takes connections until the task is aborted, which ends those that are open as well.
async fn accept<S: Server>(listener: TcpListener, server: Weak<S>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let server = server.clone();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let server = server.clone();
            async move {
                let server = server.upgrade().ok_or("the issuer is gone")?;
                answer(server, request).await
            }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(connection);
        while connections.try_join_next().is_some() {}
    }
}
