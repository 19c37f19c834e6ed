//! [`BearerSource`]: whose tokens an [`AddBearerLayer`](super::AddBearerLayer) adds.

use std::fmt;

use crate::client::ClientCredentials;
use crate::client::acquisition::Acquisition;

/// What an [`AddBearerLayer`](super::AddBearerLayer) takes tokens from. Made from [`ClientCredentials`].
///
/// ```
/// use tower_bearer::{AddBearerLayer, BearerSource, Error};
///
/// fn for_stock(source: impl Into<BearerSource>) -> Result<AddBearerLayer, Error> {
///     AddBearerLayer::new(source).for_origins(["https://stock.internal"])
/// }
/// # fn f(jobs: tower_bearer::ClientCredentials) { for_stock(jobs).unwrap(); }
/// ```
#[derive(Clone)]
pub struct BearerSource {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    ClientCredentials(ClientCredentials),
}

impl BearerSource {
    /// Where the token for a request comes from.
    pub(super) fn acquisition(&self) -> Acquisition {
        match &self.kind {
            Kind::ClientCredentials(source) => source.acquisition.clone(),
        }
    }
}

impl From<ClientCredentials> for BearerSource {
    fn from(source: ClientCredentials) -> Self {
        Self { kind: Kind::ClientCredentials(source) }
    }
}

impl fmt::Debug for BearerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::ClientCredentials(source) => source.fmt(f),
        }
    }
}
