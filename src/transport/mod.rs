//! [`Transport`]: outgoing HTTP, which is a tower service wrapped in the rules that every request to an issuer obeys.
//!
//! 1. https only; plain http on loopback, elsewhere by `dangerous_allow_http`.
//! 2. One time-out over connecting, sending and the whole body.
//! 3. The body is read as a stream and given up beyond a cap.
//! 4. No redirects: the built-in client follows none, and a document is taken from a 200 or a 304 alone. Of other
//!    answers the body is not read, but for what a token endpoint says of a refusal.
//! 5. Errors say what came, in words of ours: nothing that was received is quoted.

mod body;
mod built_in;
mod error;
mod received;
mod url;

use std::error::Error as StdError;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
#[cfg(feature = "client")]
use http::Method;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

#[cfg(feature = "client")]
pub(crate) use self::error::ExchangeError;
#[cfg(not(feature = "client"))]
use self::error::ExchangeError;
pub(crate) use self::error::GetError;
pub(crate) use self::received::Received;
pub(crate) use self::url::Url;

use self::body::{Wanted, read};
use self::error::Reason;
use self::received::ContentType;
use crate::kept_fresh::BoxFuture;
use crate::runtime;

/// The longest that fetching a document may take, body included.
const DOCUMENT_TIME_OUT: Duration = Duration::from_secs(5);
/// The longest that a token endpoint may take: some ask other servers first. Shorter than a caller waits, who is so told where it hangs.
#[cfg(feature = "client")]
const TOKEN_TIME_OUT: Duration = Duration::from_secs(8);
/// Some gateways refuse requests without a name.
const USER_AGENT: &str = concat!("tower-bearer/", env!("CARGO_PKG_VERSION"));

type Sent = BoxFuture<Result<Response<Bytes>, ExchangeError>>;
type SendFn = dyn FnMut(Request<Full<Bytes>>, Wanted) -> Sent + Send;

/// Sends requests to issuers. Clones share the client.
#[derive(Clone, Default)]
pub(crate) struct Transport {
    client: Client,
    pub(crate) dangerous_allow_http: bool,
}

#[derive(Clone, Default)]
enum Client {
    #[default]
    BuiltIn,
    // The lock is held while the service is cloned, never while it works: users' services need not be `Sync`.
    Own(Arc<Mutex<Box<SendFn>>>),
}

/// A document that was fetched.
pub(crate) enum Document {
    New { body: Bytes, headers: HeaderMap },
    NotModified { headers: HeaderMap },
}

impl Transport {
    /// Requests go through `service` from now on.
    pub(crate) fn through<S, B>(self, service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let send = move |request, wanted| -> Sent {
            let mut service = service.clone();
            Box::pin(async move {
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(|_| ExchangeError::OwnTransport)?;
                read(wanted, service.call(request).await.map_err(|_| ExchangeError::OwnTransport)?).await
            })
        };
        Self { client: Client::Own(Arc::new(Mutex::new(Box::new(send)))), ..self }
    }

    /// Gets a document; `etag` makes the request conditional. `what` names the document in errors.
    pub(crate) async fn get(
        &self,
        what: &'static str,
        url: &Url,
        etag: Option<&HeaderValue>,
    ) -> Result<Document, GetError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = url.0.clone();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, application/jwk-set+json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(etag) = etag {
            headers.insert(header::IF_NONE_MATCH, etag.clone());
        }
        let failed = |reason| GetError { what, url: url.clone(), reason };
        let response = self.send(url, request, Wanted::Documents, DOCUMENT_TIME_OUT).await;
        let response = response.map_err(|error| failed(Reason::Exchange(error)))?;
        let (parts, body) = response.into_parts();
        match parts.status {
            StatusCode::OK => Ok(Document::New { body, headers: parts.headers }),
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(Document::NotModified { headers: parts.headers }),
            status => Err(failed(Reason::Status(status, ContentType::of(&parts.headers)))),
        }
    }

    /// Posts a form, with the body of whatever answer comes: what it means is up to the caller.
    #[cfg(feature = "client")]
    pub(crate) async fn post(
        &self,
        url: &Url,
        form: Bytes,
        authorization: Option<HeaderValue>,
    ) -> Result<Response<Bytes>, ExchangeError> {
        let mut request = Request::new(Full::new(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.0.clone();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
        self.send(url, request, Wanted::Refusals, TOKEN_TIME_OUT).await
    }

    async fn send(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        wanted: Wanted,
        time_out: Duration,
    ) -> Result<Response<Bytes>, ExchangeError> {
        if !(url.is_https() || url.is_loopback() || self.dangerous_allow_http) {
            return Err(ExchangeError::Insecure);
        }
        let sent = match &self.client {
            Client::BuiltIn => built_in::send(url, request, wanted),
            Client::Own(send) => (send.lock().unwrap_or_else(PoisonError::into_inner))(request, wanted),
        };
        runtime::within(time_out, sent).await.unwrap_or(Err(ExchangeError::TimedOut(time_out)))
    }
}
