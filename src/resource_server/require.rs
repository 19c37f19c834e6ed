//! [`require`]: a [`Requirement`] as a layer for single routes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::outcome::Outcome;
use super::rejection::Rejection;
use super::requirement::Requirement;

/// A layer that lets requests through whose token satisfies this: 403 for others, 401 where no token came.
///
/// A [`BearerLayer`](super::BearerLayer) has to run before it; where none did, the answer is 500 and the log names the
/// mend.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{require, scope};
///
/// let writers = ServiceBuilder::new().layer(require(scope("orders.write")));
/// ```
pub fn require(requirement: Requirement) -> RequireLayer {
    RequireLayer { requirement }
}

/// Made by [`require`].
#[derive(Clone, Debug)]
pub struct RequireLayer {
    requirement: Requirement,
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireService { inner, requirement: self.requirement.clone() }
    }
}

/// A service that is called with tokens that satisfy a requirement. Made by [`RequireLayer`].
#[derive(Clone)]
pub struct RequireService<S> {
    inner: S,
    requirement: Requirement,
}

impl<S, B, R> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let outcome = Outcome::of(request.extensions()).and_then(Outcome::token);
        match outcome.and_then(|token| token.satisfies(&self.requirement)) {
            Ok(()) => RequireFuture::calling(self.inner.call(request)),
            Err(rejection) => RequireFuture::rejected(rejection, &request),
        }
    }
}

pin_project! {
    /// The answer of a [`RequireService`], or of a [`GrpcMethodsService`](super::GrpcMethodsService).
    pub struct RequireFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] inner: F },
        Rejected { rejection: Option<Rejection> },
    }
}

impl<F> RequireFuture<F> {
    pub(crate) fn calling(inner: F) -> Self {
        Self { state: State::Calling { inner } }
    }

    pub(crate) fn rejected<B>(rejection: Rejection, request: &Request<B>) -> Self {
        let rejection = rejection.for_caller(request.method(), request.version(), request.headers());
        Self { state: State::Rejected { rejection: Some(rejection) } }
    }
}

impl<F, R, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Calling { inner } => inner.poll(cx),
            StateProjection::Rejected { rejection } => match rejection.take() {
                Some(rejection) => Poll::Ready(Ok(rejection.respond())),
                None => Poll::Pending, // polled after it was ready
            },
        }
    }
}

impl<S> fmt::Debug for RequireService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireService").finish_non_exhaustive()
    }
}
