//! [`AddBearerFuture`]: an outgoing request, from the token to the answer.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::service::{BoxError, attach};
use crate::client::acquisition::Acquisition;
use crate::client::{AccessToken, TokenError};
use crate::kept_fresh::BoxFuture;

/// UNAUTHENTICATED.
const GRPC_UNAUTHENTICATED: &[u8] = b"16";

/// What a second attempt needs.
pub(super) struct Attempt<S, B> {
    pub(super) inner: S,
    pub(super) replay: Option<Request<B>>,
    pub(super) acquisition: Acquisition,
}

pin_project! {
    /// The answer to a request that carries a token. Where the token is at hand, nothing is boxed.
    pub struct AddBearerFuture<S, B, O>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, O, S::Future>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<S, B, O, F> {
        Failed { error: Option<BoxError> },
        Acquiring { token: BoxFuture<Result<AccessToken, TokenError>>, attempt: Option<(Attempt<S, B>, Request<B>)> },
        Calling { #[pin] answer: F, attempt: Option<(Attempt<S, B>, AccessToken)> },
        Again { answer: BoxFuture<Result<Response<O>, BoxError>> },
    }
}

impl<S: Service<Request<B>>, B, O> AddBearerFuture<S, B, O> {
    pub(super) fn failed(error: BoxError) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn calling(mut attempt: Attempt<S, B>, token: AccessToken, mut request: Request<B>) -> Self {
        attach(&token, &mut request);
        let answer = attempt.inner.call(request);
        Self { state: State::Calling { answer, attempt: Some((attempt, token)) } }
    }

    pub(super) fn acquiring(attempt: Attempt<S, B>, request: Request<B>) -> Self {
        let acquisition = attempt.acquisition.clone();
        let token = Box::pin(async move { acquisition.token().await });
        Self { state: State::Acquiring { token, attempt: Some((attempt, request)) } }
    }
}

impl<S, B, O> Future for AddBearerFuture<S, B, O>
where
    S: Service<Request<B>, Response = Response<O>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
    O: Send + 'static,
{
    type Output = Result<Response<O>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProject::Failed { error } => return Poll::Ready(Err(taken(error)?)),
                StateProject::Acquiring { token, attempt } => {
                    let token = ready!(token.as_mut().poll(context))?;
                    let (attempt, request) = taken(attempt)?;
                    AddBearerFuture::calling(attempt, token, request).state
                }
                StateProject::Calling { answer, attempt } => {
                    let answer = ready!(answer.poll(context)).map_err(Into::into)?;
                    let (attempt, token) = taken(attempt)?;
                    if !is_refused(&answer) || !attempt.acquisition.replace_refused(&token) {
                        return Poll::Ready(Ok(answer));
                    }
                    let Attempt { inner, replay: Some(request), acquisition } = attempt else {
                        return Poll::Ready(Ok(answer));
                    };
                    State::Again { answer: Box::pin(again(inner, request, acquisition, answer)) }
                }
                StateProject::Again { answer } => return answer.as_mut().poll(context),
            };
            this.state.set(next);
        }
    }
}

/// Sends the request with another token; gives back the refusal if there is none.
async fn again<S, B, O>(
    mut inner: S,
    mut request: Request<B>,
    acquisition: Acquisition,
    refusal: Response<O>,
) -> Result<Response<O>, BoxError>
where
    S: Service<Request<B>, Response = Response<O>>,
    S::Error: Into<BoxError>,
{
    let Ok(token) = acquisition.token().await else { return Ok(refusal) };
    drop(refusal); // its connection may be the one that is needed
    attach(&token, &mut request);
    poll_fn(|context| inner.poll_ready(context)).await.map_err(Into::into)?;
    inner.call(request).await.map_err(Into::into)
}

/// Whether the API refused the token: by HTTP, or in gRPC's way, which comes with status 200.
fn is_refused<O>(answer: &Response<O>) -> bool {
    let grpc_status = || answer.headers().get("grpc-status").map(http::HeaderValue::as_bytes);
    answer.status() == StatusCode::UNAUTHORIZED || grpc_status() == Some(GRPC_UNAUTHENTICATED)
}

fn taken<T>(once: &mut Option<T>) -> Result<T, BoxError> {
    once.take().ok_or_else(|| "an AddBearerFuture was polled after it had ended".into())
}

impl<S: Service<Request<B>>, B, O> fmt::Debug for AddBearerFuture<S, B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddBearerFuture").finish_non_exhaustive()
    }
}
