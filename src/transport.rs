//! [`Transport`]: outgoing HTTP, which is a tower service wrapped in the rules that every request to an issuer obeys.
//!
//! 1. https only; plain http on loopback, elsewhere by `dangerous_allow_http`.
//! 2. One time-out over connecting, sending and the whole body.
//! 3. The body is read as a stream and given up beyond a cap.
//! 4. No redirects: the built-in client follows none, and a document is taken from a 200 or a 304 alone.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower_service::Service;

use crate::error::Error;
use crate::kept_fresh::BoxFuture;
use crate::runtime;

/// The longest that one exchange may take, body included.
const TIME_OUT: Duration = Duration::from_secs(5);
/// The longest body that is read, in bytes.
const BODY_CAP: usize = 1024 * 1024;
/// Some gateways refuse requests without a name.
const USER_AGENT: &str = concat!("tower-bearer/", env!("CARGO_PKG_VERSION"));

type Sent = BoxFuture<Result<Response<Bytes>, ExchangeError>>;
type SendFn = dyn FnMut(Request<Full<Bytes>>) -> Sent + Send;

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
        let send = move |request| -> Sent {
            let mut service = service.clone();
            Box::pin(async move {
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(|_| ExchangeError::Failed)?;
                read(service.call(request).await.map_err(|_| ExchangeError::Failed)?).await
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
        let response = self.send(url, request).await.map_err(|error| failed(Reason::Exchange(error)))?;
        let (parts, body) = response.into_parts();
        match parts.status {
            StatusCode::OK => Ok(Document::New { body, headers: parts.headers }),
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(Document::NotModified { headers: parts.headers }),
            status => Err(failed(Reason::Status(status))),
        }
    }

    async fn send(&self, url: &Url, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ExchangeError> {
        if !(url.is_https() || url.is_loopback() || self.dangerous_allow_http) {
            return Err(ExchangeError::Insecure);
        }
        let sent = match &self.client {
            Client::BuiltIn => built_in::send(url, request),
            Client::Own(send) => (send.lock().unwrap_or_else(PoisonError::into_inner))(request),
        };
        runtime::within(TIME_OUT, sent).await.unwrap_or(Err(ExchangeError::TimedOut))
    }
}

async fn read<B>(response: Response<B>) -> Result<Response<Bytes>, ExchangeError>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let (parts, body) = response.into_parts();
    if body.size_hint().lower() > BODY_CAP as u64 {
        return Err(ExchangeError::TooLong);
    }
    match Limited::new(body, BODY_CAP).collect().await {
        Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(ExchangeError::TooLong),
        Err(_) => Err(ExchangeError::Broken),
    }
}

#[cfg(feature = "reqwest")]
mod built_in {
    use std::sync::OnceLock;

    use bytes::Bytes;
    use reqwest::Client;

    use super::{ExchangeError, Full, Request, Sent, Url, read};

    /// One client for the process, made when it is first needed: making one reads the certificate stores.
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    /// The way to loopback does not lead through a proxy.
    static LOOPBACK_CLIENT: OnceLock<Option<Client>> = OnceLock::new();

    fn client(is_loopback: bool) -> Option<&'static Client> {
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                // An idle connection belongs to the runtime that opened it, and fetches are rare: keep none.
                .pool_max_idle_per_host(0)
        };
        let client = if is_loopback {
            LOOPBACK_CLIENT.get_or_init(|| builder().no_proxy().build().ok())
        } else {
            CLIENT.get_or_init(|| builder().build().ok())
        };
        client.as_ref()
    }

    pub(super) fn send(url: &Url, request: Request<Full<Bytes>>) -> Sent {
        let is_loopback = url.is_loopback();
        Box::pin(async move {
            let client = client(is_loopback).ok_or(ExchangeError::NoClient)?;
            let request = request.map(reqwest::Body::wrap);
            let request = reqwest::Request::try_from(request).map_err(|_| ExchangeError::Failed)?;
            let response = client.execute(request).await.map_err(|error| {
                if error.is_connect() { ExchangeError::NotConnected } else { ExchangeError::Failed }
            })?;
            read(http::Response::<reqwest::Body>::from(response)).await
        })
    }
}

#[cfg(not(feature = "reqwest"))]
mod built_in {
    use super::{Bytes, ExchangeError, Full, Request, Sent, Url};

    pub(super) fn send(_url: &Url, _request: Request<Full<Bytes>>) -> Sent {
        Box::pin(async { Err(ExchangeError::NoClient) })
    }
}

/// Why an exchange has no answer. Errors of clients may quote what was sent or received, so none is kept.
#[derive(Clone, Copy, Debug)]
enum ExchangeError {
    Insecure,
    NoClient,
    #[cfg(feature = "reqwest")]
    NotConnected,
    Failed,
    TimedOut,
    TooLong,
    Broken,
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insecure => f.write_str(
                "it is plain http on another machine: use https, or call dangerous_allow_http() on the issuer",
            ),
            Self::NoClient => f.write_str(
                "there is no HTTP client: enable the feature `reqwest` or give the issuer a `transport(..)`",
            ),
            #[cfg(feature = "reqwest")]
            Self::NotConnected => f.write_str("no connection could be made, or its certificate is not trusted"),
            Self::Failed => f.write_str("the request failed"),
            Self::TimedOut => write!(f, "it took longer than {} s", TIME_OUT.as_secs()),
            Self::TooLong => write!(f, "the answer is longer than {BODY_CAP} bytes"),
            Self::Broken => f.write_str("the answer broke off"),
        }
    }
}

/// Why a document could not be fetched.
pub(crate) struct GetError {
    what: &'static str,
    url: Url,
    reason: Reason,
}

enum Reason {
    Exchange(ExchangeError),
    Status(StatusCode),
}

impl GetError {
    /// Whether a server answered, and said that there is no such document.
    pub(crate) fn is_client_error(&self) -> bool {
        matches!(self.reason, Reason::Status(status) if status.is_client_error())
    }
}

impl From<GetError> for Error {
    fn from(error: GetError) -> Self {
        let GetError { what, url, reason } = error;
        let why = match &reason {
            Reason::Exchange(reason) => reason.to_string(),
            Reason::Status(status) => format!("the answer has status {}, only 200 is taken", status.as_u16()),
        };
        let message = format!("{what} was not fetched from {url}: {why}");
        match reason {
            Reason::Exchange(ExchangeError::Insecure | ExchangeError::NoClient) => Self::configuration(message),
            Reason::Exchange(_) | Reason::Status(_) => Self::unavailable(message),
        }
    }
}

/// An absolute http or https URL. It shows without its query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(Uri);

impl Url {
    /// `setting` names where the URL was set, for the error.
    pub(crate) fn parse(setting: &str, url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::configuration(format!(
                "{setting} is not a URL that can be fetched: {why}; it has to be an absolute https URL"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it can't be parsed"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(wrong("its scheme is neither https nor http"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a user name"));
        }
        if authority.host().is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Self(uri))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Scheme and host, without a path.
    pub(crate) fn origin(&self) -> String {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.0.scheme_str().unwrap_or_default())
    }

    /// The path without a slash at its end: empty where there is none.
    pub(crate) fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// The path, empty where it is a mere slash after the host.
    pub(crate) fn path_after_host(&self) -> &str {
        if self.0.path() == "/" { "" } else { self.0.path() }
    }

    pub(crate) fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    /// The query with its question mark: empty where there is none.
    pub(crate) fn query_string(&self) -> String {
        self.0.query().map(|query| format!("?{query}")).unwrap_or_default()
    }

    /// The whole URL.
    pub(crate) fn as_string(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.0.path())
    }
}
