//! [`AddBearerService`]: a client whose requests carry a token.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower_service::Service;

use super::future::{AddBearerFuture, Attempt};
use super::{Replay, Settings};
use crate::client::AccessToken;
use crate::error::Error;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// A client whose requests carry a token. From [`AddBearerLayer`](super::AddBearerLayer), whose page has the rules.
#[derive(Clone)]
pub struct AddBearerService<S, R = super::ReplayEmpty> {
    inner: S,
    settings: Arc<Settings>,
    replay: R,
}

impl<S, R> AddBearerService<S, R> {
    pub(super) fn new(inner: S, settings: Arc<Settings>, replay: R) -> Self {
        Self { inner, settings, replay }
    }
}

impl<S, R, B, O> Service<Request<B>> for AddBearerService<S, R>
where
    S: Service<Request<B>, Response = Response<O>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Replay<B>,
    B: Send + 'static,
    O: Send + 'static,
{
    type Response = Response<O>;
    type Error = BoxError;
    type Future = AddBearerFuture<S, B, O>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.settings.allowed.includes(request.uri()) {
            let error = Error::configuration(
                "the request was not sent: it goes to an origin that for_origins(..) or for_channel(..) of AddBearerLayer does not name, \
                 and the token is not for others",
            );
            return AddBearerFuture::failed(error.into());
        }
        let replay = self.replay.copy(&request);
        let acquisition = self.settings.source.acquisition();
        // The one that is ready; a clone of it may not be.
        let inner = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, inner);
        let current = acquisition.current();
        let attempt = Attempt { inner, replay, acquisition };
        match current {
            Some(token) => AddBearerFuture::calling(attempt, token, request),
            None => AddBearerFuture::acquiring(attempt, request),
        }
    }
}

/// Puts the token in place of whatever is there.
pub(super) fn attach<B>(token: &AccessToken, request: &mut Request<B>) {
    request.headers_mut().insert(AUTHORIZATION, token.authorization());
}

impl<S, R> fmt::Debug for AddBearerService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddBearerService").field("source", &self.settings.source).finish_non_exhaustive()
    }
}
