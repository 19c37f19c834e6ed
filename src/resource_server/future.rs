//! [`ResponseFuture`]: the answer of a guarded service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::context::Context;
use super::outcome::Outcome;
use super::rejection::Rejection;
use super::respond::Emptied;
use super::retold::retell;
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
        Rejected { rejected: Option<(Rejection, Emptied)> },
        // Boxed as it is rare and large.
        Waiting { waiting: Option<Box<Waiting<S, B>>> },
    }
}

/// A request whose token can be judged when keys have come.
pub(crate) struct Waiting<S, B> {
    pub(crate) outcome: BoxFuture<Result<Outcome, Rejection>>,
    pub(crate) request: Request<B>,
    pub(crate) service: S,
    pub(crate) context: Arc<Context>,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    #[inline]
    pub(crate) fn calling(inner: S::Future, context: Arc<Context>) -> Self {
        Self { state: State::Calling { inner, context } }
    }

    #[inline]
    pub(crate) fn rejected(rejection: Rejection, request: &mut Request<B>) -> Self {
        Self { state: State::rejected(rejection, request) }
    }

    pub(crate) fn waiting(waiting: Waiting<S, B>) -> Self {
        Self { state: State::Waiting { waiting: Some(Box::new(waiting)) } }
    }
}

impl<S: Service<Request<B>>, B> State<S, B> {
    #[inline]
    fn rejected(rejection: Rejection, request: &mut Request<B>) -> Self {
        Self::Rejected { rejected: Some((rejection, Emptied::of(request))) }
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
                    // Nearly all stay as they are: to move one would cost more than the look at it.
                    let mut answer = inner.poll(cx);
                    if let Poll::Ready(Ok(answer)) = &mut answer {
                        retell(answer, context);
                    }
                    return answer;
                }
                StateProjection::Rejected { rejected } => {
                    // None where it is polled after it was ready, or after a panic of the responder.
                    let Some((rejection, emptied)) = rejected.take() else { return Poll::Pending };
                    let mut answer = emptied.into_response();
                    rejection.fill(&mut answer);
                    return Poll::Ready(Ok(answer));
                }
                StateProjection::Waiting { waiting } => {
                    let Some(pending) = waiting else { return Poll::Pending };
                    let outcome = ready!(pending.outcome.as_mut().poll(cx));
                    let Some(done) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut request, mut service, context, .. } = *done;
                    let next = match outcome {
                        Ok(outcome) => {
                            request.extensions_mut().insert(outcome);
                            State::Calling { inner: service.call(request), context }
                        }
                        Err(rejection) => State::rejected(rejection, &mut request),
                    };
                    state.set(next);
                }
            }
        }
    }
}
