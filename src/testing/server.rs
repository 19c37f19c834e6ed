//! How the documents of a [`TestIssuer`] reach those who ask: in memory and on loopback.

use std::error::Error;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_service::Service;

use super::{Endpoint, Fault, Shared, TestIssuer};
use crate::jose::Algorithm;

pub(super) const JWKS_PATH: &str = "/jwks.json";
type BoxError = Box<dyn Error + Send + Sync>;

/// The transport of those who ask in memory.
#[derive(Clone)]
pub(super) struct InMemory(pub(super) Arc<Shared>);

impl Service<Request<Full<Bytes>>> for InMemory {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.answer(&request).await })
    }
}

pub(super) async fn serve() -> io::Result<TestIssuer> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let identifier = format!("http://{}", listener.local_addr()?);
    let issuer = Arc::new_cyclic(|shared: &Weak<Shared>| {
        let task = tokio::spawn(accept(listener, shared.clone()));
        Shared::new(identifier, Algorithm::ES256, Some(task.abort_handle()))
    });
    Ok(TestIssuer { shared: issuer })
}

/// Takes connections until the task is aborted, which ends those that are open as well.
async fn accept(listener: TcpListener, shared: Weak<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let shared = shared.clone();
            async move {
                let shared = shared.upgrade().ok_or("the issuer is gone")?;
                shared.answer(&request).await
            }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(connection);
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    async fn answer<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, BoxError> {
        let (own, path) = (self.path(), request.uri().path());
        let endpoint = if path == format!("{own}/.well-known/openid-configuration")
            || path == format!("/.well-known/oauth-authorization-server{own}")
        {
            Endpoint::Metadata
        } else if path == format!("{own}{JWKS_PATH}") {
            Endpoint::Jwks
        } else {
            return Ok(status(StatusCode::NOT_FOUND));
        };
        match self.endpoints.arrive(endpoint).await {
            None => Ok(self.document(endpoint, request.headers().get(IF_NONE_MATCH))),
            Some(Fault::Status(code)) => Ok(status(StatusCode::from_u16(code)?)),
            Some(Fault::Body(body)) => Ok(Response::new(Full::new(body))),
            Some(Fault::Redirect(url)) => {
                let mut response = status(StatusCode::FOUND);
                response.headers_mut().insert(LOCATION, HeaderValue::try_from(url)?);
                Ok(response)
            }
            Some(Fault::Broken) => Err("the connection breaks, as asked for".into()),
            Some(Fault::Hanging) => std::future::pending().await,
        }
    }

    fn document(&self, endpoint: Endpoint, known: Option<&HeaderValue>) -> Response<Full<Bytes>> {
        let (body, content_type) = match endpoint {
            Endpoint::Metadata => (self.metadata(), "application/json"),
            Endpoint::Jwks => (self.jwks(), "application/jwk-set+json"),
        };
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("\"{:x}\"", hasher.finish());
        let mut response = if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            status(StatusCode::NOT_MODIFIED)
        } else {
            Response::new(Full::new(Bytes::from(body)))
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, text) in [(ETAG, etag), (CACHE_CONTROL, self.cache_control())] {
            headers.insert(name, HeaderValue::try_from(text).unwrap_or_else(|error| panic!("not a header: {error}")));
        }
        response
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
