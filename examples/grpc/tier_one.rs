//! Tier one: takes orders, and reserves at tier two as the person who calls.

use std::error::Error;
use std::pin::Pin;

use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tower_bearer::{
    AddBearerService, BearerLayer, GrpcMethods, Rejection, RejectionKind, TokenError, Validator, VerifiedToken, any_of,
    role, scope,
};

use super::book::Book;
use super::listening::Listening;
use super::proto::orders::orders_server::{Orders, OrdersServer};
use super::proto::orders::{Imported, ListReply, ListRequest, Order, Placed, PurgeRequest, Purged, WatchRequest};
use super::proto::stock::stock_client::StockClient;
use super::proto::stock::{ReserveRequest, Reserved};

/// Tier two, by a channel that puts a token on each call.
pub(crate) type Stock = StockClient<AddBearerService<Channel>>;

/// Serves it on loopback: its origin. Beside it there is a health service, which is open to everybody.
pub(crate) async fn serve(validator: Validator, stock: Stock) -> Result<String, Box<dyn Error>> {
    let guard = BearerLayer::new(validator).open("/grpc.health.v1.Health/")?;
    let read = any_of([scope("Orders.Read"), role("Orders.Read.All")]);
    // `Purge` has no rule, so nobody may call it.
    let methods = GrpcMethods::new()
        .method("/orders.v1.Orders/List", read.clone())?
        .method("/orders.v1.Orders/Watch", read)?
        .method("/orders.v1.Orders/Place", scope("Orders.Place"))?
        .method("/orders.v1.Orders/Import", scope("Orders.Place"))?;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<OrdersServer<Desk>>().await;

    let Listening { origin, incoming } = Listening::start().await?;
    let server = Server::builder().layer(guard).layer(methods).add_service(health);
    let server = server.add_service(OrdersServer::new(Desk { stock, book: Book::new() }));
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(origin)
}

struct Desk {
    stock: Stock,
    book: Book,
}

#[tonic::async_trait]
impl Orders for Desk {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<Order, Status>> + Send>>;

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Ok(Response::new(ListReply { orders: self.book.orders() }))
    }

    async fn place(&self, request: Request<Order>) -> Result<Response<Placed>, Status> {
        let caller = VerifiedToken::from_extensions(request.extensions())?;
        let order = request.into_inner();
        let Reserved { person, application } = self.reserve(caller, &order).await?;
        self.book.add(order);
        Ok(Response::new(Placed { person, application }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = VerifiedToken::from_extensions(request.extensions())?;
        // Without this, whoever is let in once sees orders for as long as the connection lasts.
        Ok(Response::new(Box::pin(caller.until_expiry(self.book.follow()))))
    }

    async fn import(&self, request: Request<Streaming<Order>>) -> Result<Response<Imported>, Status> {
        let caller = VerifiedToken::from_extensions(request.extensions())?;
        let mut orders = caller.until_expiry(request.into_inner());
        let mut count = 0;
        while let Some(order) = orders.next().await {
            self.book.add(order?);
            count += 1;
        }
        Ok(Response::new(Imported { count }))
    }

    async fn purge(&self, _: Request<PurgeRequest>) -> Result<Response<Purged>, Status> {
        Ok(Response::new(Purged {}))
    }
}

impl Desk {
    /// Calls tier two as the caller, whom the channel finds in the extensions.
    async fn reserve(&self, caller: VerifiedToken, order: &Order) -> Result<Reserved, Status> {
        let Order { item, quantity } = order.clone();
        let mut request = Request::new(ReserveRequest { item, quantity });
        request.extensions_mut().insert(caller);
        match self.stock.clone().reserve(request).await {
            Ok(reserved) => Ok(reserved.into_inner()),
            Err(status) => Err(relayed(status)),
        }
    }
}

/// What the caller learns of a call to tier two that failed. That tier two refuses tier one's token is no matter of the caller, who would
/// take UNAUTHENTICATED for a word on their own.
fn relayed(status: Status) -> Status {
    match TokenError::from_status(&status) {
        Some(error) => Rejection::from(error.clone()).into(),
        None if status.code() == Code::Unauthenticated => Rejection::new(RejectionKind::TokenRefused).into(),
        None => status,
    }
}
