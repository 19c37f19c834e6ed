//! [`Book`]: the orders so far, and whoever follows them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt, iter};
use tonic::Status;

use super::proto::orders::Order;

/// How far somebody who follows may fall behind, in orders.
const BEHIND: usize = 64;

/// Nobody who follows misses an order or sees one twice: the lock is held while one is added.
pub(crate) struct Book {
    orders: Mutex<Vec<Order>>,
    added: broadcast::Sender<Order>,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self { orders: Mutex::default(), added: broadcast::channel(BEHIND).0 }
    }

    pub(crate) fn add(&self, order: Order) {
        let mut orders = self.lock();
        orders.push(order.clone());
        let _ = self.added.send(order); // it doesn't matter that nobody follows
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.lock().clone()
    }

    /// The orders so far, and each that is added from now on.
    pub(crate) fn follow(&self) -> impl Stream<Item = Result<Order, Status>> + Send + 'static {
        let orders = self.lock();
        let added = BroadcastStream::new(self.added.subscribe());
        let added = added.map(|order| order.map_err(|_| Status::data_loss("too slow to follow all orders")));
        iter(orders.clone()).map(Ok).chain(added)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
