//! [`Outcome`]: the one thing that a `BearerLayer` leaves in a request's extensions.

use std::sync::Arc;

use super::context::Context;
use super::rejection::{Rejection, RejectionKind};
use super::verified_token::VerifiedToken;

/// What became of the request's credentials, and how to reject it later on.
#[derive(Clone)]
pub(crate) enum Outcome {
    Anonymous(Arc<Context>),
    /// Anonymous, as the layer was told to let everybody through to this method of gRPC.
    Open(Arc<Context>),
    Verified(VerifiedToken),
}

impl Outcome {
    #[inline]
    pub(crate) fn of(extensions: &http::Extensions) -> Result<&Self, Rejection> {
        extensions.get().ok_or_else(|| {
            tracing::error!(
                "a handler or `require(..)` asks for a bearer token, but no BearerLayer ran before it: add \
                 `.route_layer(BearerLayer::new(validator))` after the routes and after every `require(..)`, or `.layer(..)` where a fallback is to be guarded"
            );
            Rejection::new(RejectionKind::LayerMissing)
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    #[inline]
    pub(crate) fn token(&self) -> Result<&VerifiedToken, Rejection> {
        match self {
            Self::Verified(token) => Ok(token),
            Self::Anonymous(context) | Self::Open(context) => {
                Err(Rejection::new(RejectionKind::NoCredentials).in_context(context))
            }
        }
    }
}
