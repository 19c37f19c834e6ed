//! [`BearerSource`]: whose tokens an [`AddBearerLayer`](super::AddBearerLayer) adds.

use std::fmt;

use http::Extensions;

use crate::client::acquisition::Acquisition;
use crate::client::{ClientCredentials, OnBehalfOf, TokenError, TokenExchange};
use crate::resource_server::VerifiedToken;

/// What an [`AddBearerLayer`](super::AddBearerLayer) takes tokens from: [`ClientCredentials`]; or [`OnBehalfOf`] or
/// [`TokenExchange`], which act for the caller whose [`VerifiedToken`] is in the extensions of the outgoing request.
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
    OnBehalfOf(OnBehalfOf),
    TokenExchange(TokenExchange),
}

impl BearerSource {
    /// Where the token for a request with these extensions comes from.
    pub(super) fn acquisition(&self, extensions: &Extensions) -> Result<Acquisition, TokenError> {
        match &self.kind {
            Kind::ClientCredentials(source) => Ok(source.acquisition.clone()),
            Kind::OnBehalfOf(source) => source.acquisition(caller(extensions)?),
            Kind::TokenExchange(source) => source.acquisition(caller(extensions)?),
        }
    }
}

fn caller(extensions: &Extensions) -> Result<&VerifiedToken, TokenError> {
    VerifiedToken::in_extensions(extensions).ok_or_else(|| {
        let message = "the outgoing request has no VerifiedToken in its extensions, so nobody can be acted for: put the caller's there, by \
                       request.extensions_mut().insert(token)";
        TokenError::refused(message)
    })
}

impl From<OnBehalfOf> for BearerSource {
    fn from(source: OnBehalfOf) -> Self {
        Self { kind: Kind::OnBehalfOf(source) }
    }
}

impl From<TokenExchange> for BearerSource {
    fn from(source: TokenExchange) -> Self {
        Self { kind: Kind::TokenExchange(source) }
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
            Kind::OnBehalfOf(source) => source.fmt(f),
            Kind::TokenExchange(source) => source.fmt(f),
        }
    }
}
