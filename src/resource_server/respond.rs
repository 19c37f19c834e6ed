//! [`Respond`]: answers of your own to a rejection, and how any answer is completed.

use std::mem;

use http::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};

use super::rejection::Rejection;

/// Makes the answer to a rejected request. Functions and closures from `&Rejection` to a response are one.
///
/// What you return decides over the body and its headers. The rest is completed where you leave it out: the challenge in
/// `WWW-Authenticate`, `Retry-After`, and the status, as a rejection never answers with a success. A redirect, to a login
/// page, stays one.
///
/// It is asked for callers in HTTP: an answer in gRPC has no status and no body of its own.
///
/// ```
/// use http::Response;
/// use tower_bearer::{BearerLayer, Issuer, Rejection};
///
/// let issuer = Issuer::new("https://login.example.com")?;
/// let layer = BearerLayer::new(issuer.validator("api://orders"))
///     .respond_with(|rejection: &Rejection| Response::new(rejection.description().to_owned()));
/// # Ok::<(), tower_bearer::Error>(())
/// ```
pub trait Respond<B>: Send + Sync + 'static {
    /// The answer to this rejection.
    fn respond(&self, rejection: &Rejection) -> Response<B>;
}

impl<F, B> Respond<B> for F
where
    F: Fn(&Rejection) -> Response<B> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &Rejection) -> Response<B> {
        self(rejection)
    }
}

/// A responder for bodies of type `B`, as it is kept in the context.
pub(crate) struct Responder<B>(pub(crate) Box<dyn Respond<B>>);

/// The maps of a request that is turned away, emptied: its answer takes them over, and needs none of its own.
pub(crate) struct Emptied {
    headers: HeaderMap,
    extensions: Extensions,
}

impl Emptied {
    /// They are taken out of the request, so that it need not be moved.
    #[inline]
    pub(crate) fn of<B>(request: &mut Request<B>) -> Self {
        request.headers_mut().clear();
        request.extensions_mut().clear();
        Self { headers: mem::take(request.headers_mut()), extensions: mem::take(request.extensions_mut()) }
    }

    #[inline]
    pub(crate) fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.headers_mut() = self.headers;
        *response.extensions_mut() = self.extensions;
        response
    }
}

impl Rejection {
    /// The answer, for services without a framework; with axum a `Rejection` is a response already.
    ///
    /// It is made by the responder of the layer that guards the request; without one it is the challenge with an empty
    /// body. Callers who speak gRPC get headers alone with status 200. The response carries the rejection in its extensions.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use tower_bearer::VerifiedToken;
    ///
    /// async fn service(request: Request<String>) -> Result<Response<String>, std::convert::Infallible> {
    ///     match VerifiedToken::from_extensions(request.extensions()) {
    ///         Ok(token) => Ok(Response::new(token.subject().unwrap_or("?").to_owned())),
    ///         Err(rejection) => Ok(rejection.respond()),
    ///     }
    /// }
    /// ```
    pub fn respond<B: Default + 'static>(self) -> Response<B> {
        let mut response = Response::default();
        self.fill(&mut response);
        response
    }

    /// Makes a response that is empty so far the answer, unless that of a responder takes its place.
    #[inline]
    pub(crate) fn fill<B: 'static>(self, response: &mut Response<B>) {
        if let Some(content_type) = self.language().content_type() {
            self.write_trailers_only(content_type, response.headers_mut());
        } else if let Some(responder) = self.responder() {
            *response = self.in_own_words(responder);
        } else {
            *response.status_mut() = self.status();
        }
        self.complete(response);
    }

    /// The responder of the layer, if it has one for answers like this.
    fn responder<B: 'static>(&self) -> Option<&Responder<B>> {
        let responder = self.context()?.responder.as_ref()?;
        let fitting = responder.downcast_ref();
        if fitting.is_none() {
            tracing::error!(
                body = std::any::type_name::<B>(),
                "respond_with(..) was given a responder for another body than this service answers with: the standard \
                 answer is sent; return a Response with this body"
            );
        }
        fitting
    }

    fn in_own_words<B: 'static>(&self, responder: &Responder<B>) -> Response<B> {
        let mut response = responder.0.respond(self);
        let status = response.status();
        let to_a_login_page = status.is_redirection() && response.headers().contains_key(LOCATION);
        if !(status.is_client_error() || status.is_server_error() || to_a_login_page) {
            *response.status_mut() = self.status();
        }
        response
    }

    fn complete<B>(self, response: &mut Response<B>) {
        let headers = response.headers_mut();
        if let Some(challenge) = self.www_authenticate()
            && !headers.get_all(WWW_AUTHENTICATE).iter().any(is_bearer)
        {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.entry(RETRY_AFTER).or_insert_with(|| HeaderValue::from(seconds));
        }
        // One that no layer has said yet is said by it once more.
        if !self.is_bare() {
            tracing::debug!(kind = ?self.kind(), status = self.status().as_u16(), "request rejected");
        }
        response.extensions_mut().insert(self);
    }
}

fn is_bearer(challenge: &HeaderValue) -> bool {
    challenge.as_bytes().split(|byte| *byte == b' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}
