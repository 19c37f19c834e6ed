//! [`BearerService`]: what [`BearerLayer`](super::BearerLayer) makes of an inner service.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::{ResponseFuture, Waiting};
use super::guard::{Guard, Judgement};

/// A service that is called with good tokens only. Made by [`BearerLayer`](super::BearerLayer).
#[derive(Clone)]
pub struct BearerService<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S> BearerService<S> {
    pub(crate) fn new(inner: S, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

impl<S, B, R> Service<Request<B>> for BearerService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = Arc::clone(self.guard.context_for(&parts));
        match self.guard.judge(&mut parts, &context) {
            Judgement::Known(Ok(outcome)) => {
                parts.extensions.insert(outcome);
                let inner = self.inner.call(Request::from_parts(parts, body));
                ResponseFuture::calling(inner, context)
            }
            Judgement::Known(Err(rejection)) => ResponseFuture::rejected(rejection),
            Judgement::Later(outcome) => {
                // The service that was polled ready is the one to call; its clone has to be polled anew.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(Waiting { outcome, parts, body, service: ready, context })
            }
        }
    }
}

impl<S> fmt::Debug for BearerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerService").finish_non_exhaustive()
    }
}
