//! [`AddBearerFuture`]: an outgoing request, from the token to the answer.

use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::sent::Sent;
use super::service::BoxError;
use crate::kept_fresh::BoxFuture;

pin_project! {
    /// The answer to a request that carries a token. Where the token is at hand and good, nothing is boxed.
    pub struct AddBearerFuture<S, B>
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
        Sent { #[pin] answer: S::Future, sent: Option<Sent<S, B>> },
        // Boxed as it is rare: something has to be waited for beside the answer.
        Waiting { outcome: BoxFuture<Result<S::Response, BoxError>> },
        Ended,
    }
}

impl<S: Service<Request<B>>, B> AddBearerFuture<S, B> {
    pub(super) fn failed(error: BoxError) -> Self
    where
        S::Response: Send + 'static,
    {
        Self::waiting(future::ready(Err(error)))
    }

    pub(super) fn sent(answer: S::Future, sent: Sent<S, B>) -> Self {
        Self { state: State::Sent { answer, sent: Some(sent) } }
    }

    pub(super) fn waiting(outcome: impl Future<Output = Result<S::Response, BoxError>> + Send + 'static) -> Self {
        Self { state: State::Waiting { outcome: Box::pin(outcome) } }
    }
}

impl<S, B, O> AddBearerFuture<S, B>
where
    S: Service<Request<B>, Response = Response<O>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
    O: Send + 'static,
{
    fn advance(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response<O>, BoxError>> {
        let mut state = self.project().state;
        loop {
            let outcome = match state.as_mut().project() {
                StateProjection::Sent { answer, sent } => {
                    let answer = ready!(answer.poll(context)).map_err(Into::into)?;
                    let Some(again) = sent.take().and_then(|sent| sent.once_more(&answer)) else {
                        return Poll::Ready(Ok(answer));
                    };
                    Box::pin(again.instead_of(answer))
                }
                StateProjection::Waiting { outcome } => return outcome.as_mut().poll(context),
                StateProjection::Ended => {
                    return Poll::Ready(Err("an AddBearerFuture was polled after it had ended".into()));
                }
            };
            // What the inner service held for the first answer, such as its place among few, is free before the second.
            state.set(State::Waiting { outcome });
        }
    }
}

impl<S, B, O> Future for AddBearerFuture<S, B>
where
    S: Service<Request<B>, Response = Response<O>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
    O: Send + 'static,
{
    type Output = Result<Response<O>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.as_mut().advance(context));
        self.project().state.set(State::Ended);
        Poll::Ready(outcome)
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for AddBearerFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddBearerFuture").finish_non_exhaustive()
    }
}
