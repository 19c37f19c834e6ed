//! Tier two: the stock, where tier one reserves as the person who calls.

use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tower_bearer::{BearerLayer, GrpcMethods, Validator, VerifiedToken, scope};

use super::listening::Listening;
use super::proto::stock::stock_server::{Stock, StockServer};
use super::proto::stock::{ReserveRequest, Reserved};

struct Shelves;

#[tonic::async_trait]
impl Stock for Shelves {
    /// Says who called.
    async fn reserve(&self, request: Request<ReserveRequest>) -> Result<Response<Reserved>, Status> {
        let caller = VerifiedToken::from_extensions(request.extensions())?;
        let person = caller.claim("name").unwrap_or_default();
        let application = caller.client_id().unwrap_or_default().to_owned();
        Ok(Response::new(Reserved { person, application }))
    }
}

/// Serves it on loopback: its origin.
pub(crate) async fn serve(validator: Validator) -> Result<String, Box<dyn std::error::Error>> {
    let methods = GrpcMethods::new().method("/stock.v1.Stock/Reserve", scope("Items.Reserve"))?;
    let mut server = Server::builder().layer(BearerLayer::new(validator)).layer(methods);
    let Listening { origin, incoming } = Listening::start().await?;
    tokio::spawn(server.add_service(StockServer::new(Shelves)).serve_with_incoming(incoming));
    Ok(origin)
}
