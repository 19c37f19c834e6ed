//! [`ResponseFuture`]: the answer of a guarded service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::context::Context;
use super::outcome::Outcome;
use super::rejection::Rejection;
use super::retold::retold;
use crate::kept_fresh::BoxFuture;

pin_project! {
    /// The answer of a [`BearerService`](super::BearerService): that of the inner service, or a rejection.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Calling { #[pin] inner: S::Future, context: Arc<Context> },
        Rejected { rejection: Option<Rejection> },
        // Boxed as it is rare and large.
        Waiting { waiting: Option<Box<Waiting<S, B>>> },
    }
}

/// A request whose token can be judged when keys have come.
pub(crate) struct Waiting<S, B> {
    pub(crate) outcome: BoxFuture<Result<Outcome, Rejection>>,
    pub(crate) parts: Parts,
    pub(crate) body: B,
    pub(crate) service: S,
    pub(crate) context: Arc<Context>,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) fn calling(inner: S::Future, context: Arc<Context>) -> Self {
        Self { state: State::Calling { inner, context } }
    }

    pub(crate) fn rejected(rejection: Rejection) -> Self {
        Self { state: State::Rejected { rejection: Some(rejection) } }
    }

    pub(crate) fn waiting(waiting: Waiting<S, B>) -> Self {
        Self { state: State::Waiting { waiting: Some(Box::new(waiting)) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default + 'static,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Calling { inner, context } => {
                    return Poll::Ready(Ok(retold(ready!(inner.poll(cx)?), context)));
                }
                StateProjection::Rejected { rejection } => match rejection.take() {
                    Some(rejection) => return Poll::Ready(Ok(rejection.respond())),
                    None => return Poll::Pending, // polled after it was ready
                },
                StateProjection::Waiting { waiting } => {
                    let Some(pending) = waiting else { return Poll::Pending };
                    let outcome = ready!(pending.outcome.as_mut().poll(cx));
                    let Some(done) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut parts, body, mut service, context, .. } = *done;
                    let next = match outcome {
                        Ok(outcome) => {
                            parts.extensions.insert(outcome);
                            State::Calling { inner: service.call(Request::from_parts(parts, body)), context }
                        }
                        Err(rejection) => State::Rejected { rejection: Some(rejection) },
                    };
                    state.set(next);
                }
            }
        }
    }
}
