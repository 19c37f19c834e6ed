//! Calls, each with the tokens that it is given.

use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::proto::orders::{ListReply, ListRequest};

/// A channel that puts no token on anything.
pub(crate) fn channel(origin: &str) -> Result<Channel, tonic::transport::Error> {
    Ok(Endpoint::from_shared(origin.to_owned())?.connect_lazy())
}

/// A call with these tokens: one, none, or too many.
pub(crate) fn with<M, const N: usize>(tokens: [&str; N], message: M) -> Request<M> {
    let mut request = Request::new(message);
    for token in tokens {
        // One that can't be sent isn't.
        if let Ok(credentials) = format!("Bearer {token}").parse() {
            request.metadata_mut().append("authorization", credentials);
        }
    }
    request
}

/// Calls a method that no generated client knows.
pub(crate) async fn unknown(
    channel: Channel,
    path: &'static str,
    request: Request<ListRequest>,
) -> Result<Response<ListReply>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(request, path, ProstCodec::<ListRequest, ListReply>::default()).await
}
