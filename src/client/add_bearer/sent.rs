//! [`Sent`]: a request that carries a token, and what follows if the API refuses that token.

use std::future::poll_fn;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use tower_service::Service;

use super::service::BoxError;
use crate::client::acquisition::Acquisition;
use crate::client::{AccessToken, ClaimsChallenge};

/// UNAUTHENTICATED.
const GRPC_UNAUTHENTICATED: &[u8] = b"16";

/// What is kept of a request that was sent.
pub(super) struct Sent<S, B> {
    pub(super) token: AccessToken,
    pub(super) acquisition: Acquisition,
    /// The request, if it can be sent once more, and the client that does so.
    pub(super) replay: Option<(S, Request<B>)>,
}

/// A request that is sent once more, with another token than the one that was refused.
pub(super) struct Again<S, B> {
    refused: AccessToken,
    acquisition: Acquisition,
    inner: S,
    request: Request<B>,
}

/// Puts the token in place of whatever is there.
pub(super) fn attach<B>(token: &AccessToken, request: &mut Request<B>) {
    request.headers_mut().insert(AUTHORIZATION, token.authorization());
}

/// Sends a request by a client that is ready, once there is a token.
pub(super) async fn send_with_next_token<S, B, O>(
    mut inner: S,
    mut request: Request<B>,
    replay: Option<Request<B>>,
    acquisition: Acquisition,
) -> Result<Response<O>, BoxError>
where
    S: Service<Request<B>, Response = Response<O>>,
    S::Error: Into<BoxError>,
{
    let token = acquisition.token().await?;
    attach(&token, &mut request);
    let answer = inner.call(request).await.map_err(Into::into)?;
    let sent = Sent { token, acquisition, replay: replay.map(|request| (inner, request)) };
    match sent.once_more(&answer) {
        Some(again) => again.instead_of(answer).await,
        None => Ok(answer),
    }
}

impl<S, B> Sent<S, B> {
    /// Drops the token if the API refused it. `None` where the answer is for the caller.
    pub(super) fn once_more<O>(self, answer: &Response<O>) -> Option<Again<S, B>> {
        if !is_refusal(answer) || !self.acquisition.replace_refused(&self.token) {
            return None;
        }
        let (inner, request) = self.replay?;
        Some(Again { refused: self.token, acquisition: self.acquisition, inner, request })
    }
}

impl<S, B> Again<S, B> {
    /// The answer to another token; the refusal where there is none.
    pub(super) async fn instead_of<O>(self, refusal: Response<O>) -> Result<Response<O>, BoxError>
    where
        S: Service<Request<B>, Response = Response<O>>,
        S::Error: Into<BoxError>,
    {
        let Self { refused, acquisition, mut inner, mut request } = self;
        let next = match ClaimsChallenge::from_headers(refusal.headers()) {
            Some(claims) => acquisition.token_in_place_of(&refused, &claims).await,
            None => acquisition.token().await,
        };
        let next = next.ok().filter(|next| next.secret() != refused.secret());
        let Some(token) = next else { return Ok(refusal) };
        drop(refusal); // its connection may be the one that is needed
        attach(&token, &mut request);
        poll_fn(|context| inner.poll_ready(context)).await.map_err(Into::into)?;
        inner.call(request).await.map_err(Into::into)
    }
}

/// Whether the API refused the token: by HTTP, or in gRPC's way, which comes with status 200.
fn is_refusal<O>(answer: &Response<O>) -> bool {
    let grpc_status = || answer.headers().get("grpc-status").map(HeaderValue::as_bytes);
    answer.status() == StatusCode::UNAUTHORIZED || grpc_status() == Some(GRPC_UNAUTHENTICATED)
}
