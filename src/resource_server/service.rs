//! [`BearerService`]: what [`BearerLayer`](super::BearerLayer) makes of an inner service.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::{ResponseFuture, Waiting};
use super::guard::{Guard, Judgement};
use super::outcome::Outcome;
use super::token_source::Found;

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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let context = self.guard.context_for(&request);
        let judgement = if self.guard.opens(request.uri(), context) {
            self.guard.mark_sensitive(request.headers_mut());
            Judgement::Known(Ok(Outcome::Open(Arc::clone(context))))
        } else {
            let mut found = Found::Nothing;
            if self.guard.has_functions() {
                (found, request) = self.guard.ask_functions(request);
            }
            self.guard.judge(request.headers_mut(), found, context)
        };
        match judgement {
            Judgement::Known(Ok(outcome)) => {
                request.extensions_mut().insert(outcome);
                let context = Arc::clone(context);
                ResponseFuture::calling(self.inner.call(request), context)
            }
            Judgement::Known(Err(rejection)) => ResponseFuture::rejected(rejection, &mut request),
            Judgement::Later(outcome) => {
                // The service that was polled ready is the one to call; its clone has to be polled anew.
                let clone = self.inner.clone();
                let service = mem::replace(&mut self.inner, clone);
                let context = Arc::clone(context);
                ResponseFuture::waiting(Waiting { outcome, request, service, context })
            }
        }
    }
}

impl<S> fmt::Debug for BearerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerService").finish_non_exhaustive()
    }
}
