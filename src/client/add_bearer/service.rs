//! [`AddBearerService`]: a client whose requests carry a token.

use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, mem};

use http::{Request, Response};
use tower_service::Service;

use super::future::AddBearerFuture;
use super::sent::{Sent, attach, send_with_next_token};
use super::{Replay, ReplayEmpty, Settings};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// A client whose requests carry a token. Made by [`AddBearerLayer`](super::AddBearerLayer), whose page has the rules.
///
/// `S` is the client inside, `R` says which requests are sent once more.
///
/// ```
/// use http_body_util::Empty;
/// use bytes::Bytes;
/// use hyper_util::client::legacy::{Client, connect::HttpConnector};
/// use tower_bearer::AddBearerService;
///
/// struct Stock {
///     http: AddBearerService<Client<HttpConnector, Empty<Bytes>>>,
/// }
/// ```
#[derive(Clone)]
pub struct AddBearerService<S, R = ReplayEmpty> {
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
    type Future = AddBearerFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Err(error) = self.settings.allowed.check(&request) {
            return AddBearerFuture::failed(error.into());
        }
        let replay = self.replay.copy(&request);
        let acquisition = match self.settings.source.acquisition(request.extensions()) {
            Ok(acquisition) => acquisition,
            Err(error) => return AddBearerFuture::failed(error.into()),
        };
        let Some(token) = acquisition.current() else {
            // The service that was polled ready is the one to call; its clone has to be polled anew.
            let clone = self.inner.clone();
            let ready = mem::replace(&mut self.inner, clone);
            return AddBearerFuture::waiting(send_with_next_token(ready, request, replay, acquisition));
        };
        attach(&token, &mut request);
        let answer = self.inner.call(request);
        let replay = replay.map(|request| (self.inner.clone(), request));
        AddBearerFuture::sent(answer, Sent { token, acquisition, replay })
    }
}

impl<S, R> fmt::Debug for AddBearerService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddBearerService").field("source", &self.settings.source).finish_non_exhaustive()
    }
}
