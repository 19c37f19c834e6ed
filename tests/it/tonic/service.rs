//! A service of tonic with methods of three kinds, and a client for it.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tokio_stream::Stream;
use tonic::client::GrpcService;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::server::NamedService;
use tonic::{Request, Response, Status, Streaming};
use tower::{Service, service_fn};

/// Messages that are bytes, as nothing here is about what is in them.
#[derive(Default)]
pub(super) struct Raw;

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

pub(super) type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// What the methods of the service do.
pub(super) trait Orders: Send + Sync + 'static {
    fn place(&self, request: Request<Bytes>) -> Result<Bytes, Status>;

    fn watch(&self, _: Request<Bytes>) -> Result<Messages, Status> {
        Err(Status::unimplemented("there is nothing to watch"))
    }

    fn upload(&self, _: Request<Streaming<Bytes>>) -> impl Future<Output = Result<Bytes, Status>> + Send {
        async { Err(Status::unimplemented("nothing can be uploaded")) }
    }
}

impl<F: Fn(Request<Bytes>) -> Result<Bytes, Status> + Send + Sync + 'static> Orders for F {
    fn place(&self, request: Request<Bytes>) -> Result<Bytes, Status> {
        self(request)
    }
}

/// As generated code would have it: `orders.v1.Orders`.
pub(super) struct OrdersServer<O>(Arc<O>);

impl<O> OrdersServer<O> {
    pub(super) fn new(orders: O) -> Self {
        Self(Arc::new(orders))
    }
}

impl<O> Clone for OrdersServer<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O> NamedService for OrdersServer<O> {
    const NAME: &'static str = "orders.v1.Orders";
}

impl<O, B> Service<http::Request<B>> for OrdersServer<O>
where
    O: Orders,
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let orders = Arc::clone(&self.0);
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(match request.uri().path() {
                "/orders.v1.Orders/Place" => {
                    let place = |request| std::future::ready(orders.place(request).map(Response::new));
                    grpc.unary(service_fn(place), request).await
                }
                "/orders.v1.Orders/Watch" => {
                    let watch = |request| std::future::ready(orders.watch(request).map(Response::new));
                    grpc.server_streaming(service_fn(watch), request).await
                }
                "/orders.v1.Orders/Upload" => {
                    let upload = |request| {
                        let orders = Arc::clone(&orders);
                        async move { orders.upload(request).await.map(Response::new) }
                    };
                    grpc.client_streaming(service_fn(upload), request).await
                }
                _ => Status::unimplemented("there is no such method").into_http(),
            })
        })
    }
}

/// A client over a channel, or over a service without any network.
pub(super) struct Client<S>(tonic::client::Grpc<S>);

impl<S> Client<S>
where
    S: GrpcService<tonic::body::Body>,
    S::Error: fmt::Debug,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    pub(super) fn new(service: S) -> Self {
        Self(tonic::client::Grpc::new(service))
    }

    pub(super) async fn unary(&mut self, path: &str, token: Option<&str>) -> Result<Bytes, Status> {
        self.0.ready().await.unwrap();
        let response = self.0.unary(with_token(Bytes::from_static(b"bolts"), token), parsed(path), Raw).await?;
        Ok(response.into_inner())
    }

    pub(super) async fn place(&mut self, token: Option<&str>) -> Result<Bytes, Status> {
        self.unary("/orders.v1.Orders/Place", token).await
    }

    pub(super) async fn watch(&mut self, token: Option<&str>) -> Result<Streaming<Bytes>, Status> {
        self.0.ready().await.unwrap();
        let request = with_token(Bytes::new(), token);
        Ok(self.0.server_streaming(request, parsed("/orders.v1.Orders/Watch"), Raw).await?.into_inner())
    }

    pub(super) async fn upload(
        &mut self,
        messages: impl Stream<Item = Bytes> + Send + 'static,
        token: Option<&str>,
    ) -> Result<Bytes, Status> {
        self.0.ready().await.unwrap();
        let request = with_token(messages, token);
        Ok(self.0.client_streaming(request, parsed("/orders.v1.Orders/Upload"), Raw).await?.into_inner())
    }
}

fn parsed(path: &str) -> PathAndQuery {
    path.parse().unwrap()
}

fn with_token<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let bearer: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
    }
    request
}
