//! [`ResponseFuture`]: the answer of a guarded service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::guard::Guard;
use super::outcome::Outcome;
use super::rejection::Rejection;
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
        Calling { #[pin] inner: S::Future, guard: Arc<Guard> },
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
    pub(crate) guard: Arc<Guard>,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) fn calling(inner: S::Future, guard: Arc<Guard>) -> Self {
        Self { state: State::Calling { inner, guard } }
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Calling { inner, guard } => {
                    let mut response = ready!(inner.poll(cx)?);
                    // One that a handler made by itself is said as this layer says it.
                    let own = response.extensions().get::<Rejection>().filter(|rejection| rejection.is_bare());
                    if let Some(rejection) = own {
                        let said = rejection.clone().in_context(&guard.context).respond();
                        response = kept(&response, said);
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Rejected { rejection } => match rejection.take() {
                    Some(rejection) => return Poll::Ready(Ok(rejection.respond())),
                    None => return Poll::Pending, // polled after it was ready
                },
                StateProjection::Waiting { waiting } => {
                    let Some(pending) = waiting else { return Poll::Pending };
                    let outcome = ready!(pending.outcome.as_mut().poll(cx));
                    let Some(done) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut parts, body, mut service, guard, .. } = *done;
                    let next = match outcome {
                        Ok(outcome) => {
                            parts.extensions.insert(outcome);
                            State::Calling { inner: service.call(Request::from_parts(parts, body)), guard }
                        }
                        Err(rejection) => State::Rejected { rejection: Some(rejection) },
                    };
                    state.set(next);
                }
            }
        }
    }
}

/// The answer to a rejection that a handler made, with the status and the headers that were set on the way out.
fn kept<R>(before: &Response<R>, mut said: Response<R>) -> Response<R> {
    let by_rejection = before.extensions().get::<Rejection>().map(Rejection::status);
    if by_rejection.is_some_and(|status| status != before.status()) {
        *said.status_mut() = before.status();
    }
    let of_the_body = [CONTENT_TYPE, CONTENT_LENGTH];
    let taken: Vec<_> = said.headers().keys().cloned().chain(of_the_body).collect();
    for (name, value) in before.headers().iter().filter(|(name, _)| !taken.contains(name)) {
        said.headers_mut().append(name, value.clone());
    }
    said
}
