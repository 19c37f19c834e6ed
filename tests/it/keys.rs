//! How an issuer's keys are had and kept: the life of keys, as far as callers see it.

mod callers;
mod floods;
mod freshness;
mod outages;
mod rotation;
mod status;

use tokio::task::JoinSet;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{RejectionKind as Kind, Validator};

/// Waits for all of them at once.
async fn together<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    futures.into_iter().collect::<JoinSet<_>>().join_all().await
}

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

/// Requests for the metadata, and for the keys.
fn fetches(authority: &TestIssuer) -> (usize, usize) {
    (authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks))
}

/// Lets background tasks run until this holds.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("this never came about");
}
