//! [`AddBearerLayer`]: puts tokens on outgoing requests.

mod future;
mod origin;
mod replay;
mod sent;
mod service;
mod source;

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

pub use self::future::AddBearerFuture;
pub use self::replay::{Replay, ReplayClone, ReplayEmpty, ReplayNever};
pub use self::service::AddBearerService;
pub use self::source::BearerSource;

use self::origin::{Allowed, Origin};
use crate::error::Error;

/// Puts a token into the `Authorization` header of each outgoing request, for any HTTP client that is a tower service: one of
/// hyper-util, a channel of tonic.
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Empty};
/// use bytes::Bytes;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_bearer::testing::TestIssuer;
/// use tower_bearer::{AddBearerLayer, Credential, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let authority = TestIssuer::new();
/// # let stock = authority.register("api://stock").app_role("reader");
/// # authority.register("jobs").secret("correct horse").assign_role(&stock, "reader");
/// # let issuer = authority.issuer();
/// let client = issuer.client("jobs", Credential::secret("correct horse"));
/// let jobs = client.client_credentials(Target::new())?;
/// let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
///
/// # let api = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = api.local_addr()?;
/// # let echo = |headers: http::HeaderMap| async move { format!("{:?}", headers["authorization"]) };
/// # tokio::spawn(axum::serve(api, axum::Router::new().fallback(echo)).into_future());
/// // In real life an origin such as https://stock.internal; plain http is for loopback alone.
/// let origin = format!("http://{address}");
/// let mut stock = ServiceBuilder::new().layer(AddBearerLayer::new(jobs).for_origins([&origin])?).service(http);
///
/// let items = Request::get(format!("{origin}/items")).body(Empty::new())?;
/// let answer = stock.ready().await?.call(items).await?;
/// assert!(answer.into_body().collect().await?.to_bytes().starts_with(b"\"Bearer "));
///
/// let elsewhere = Request::get("https://evil.example/").body(Empty::new())?;
/// let error = stock.ready().await?.call(elsewhere).await.unwrap_err();
/// assert!(error.downcast::<tower_bearer::Error>()?.is_configuration());
/// # Ok(())
/// # }
/// ```
///
/// # What happens to a request
/// 1. It goes to an origin that was named, by its address and by `Host` if it has one, or it fails: nobody else gets the token.
/// 2. The token is taken from the cache, or asked for; with [`OnBehalfOf`](crate::OnBehalfOf) and
///    [`TokenExchange`](crate::TokenExchange) for the caller whose [`VerifiedToken`](crate::VerifiedToken) is in the request's extensions:
///    one that was put there by `request.extensions_mut().insert(token)`, or was left by a [`BearerLayer`](crate::BearerLayer) where a
///    request is passed on. If none can be had, or there is no caller, the request fails with a [`TokenError`](crate::TokenError); it is
///    never sent without one.
/// 3. The token takes the place of whatever is in `Authorization`, marked as sensitive.
/// 4. If the answer is a 401, or has `grpc-status: 16` in its headers, the token is forgotten and the request sent once more with
///    another, where it can be: it has no body, or [`replay_bodies`](Self::replay_bodies) was called. If that is refused too, or
///    no other token can be had, the caller gets the answer. Where refusals go on, a token is replaced once in 15 seconds.
/// 5. Where such an answer has a claims challenge ([`ClaimsChallenge`](crate::ClaimsChallenge)), the other token is asked for with these
///    claims. If the issuer doesn't give one, the challenge goes to the caller as it came.
///
/// A call of gRPC has a body; it is not sent once more, and the next one has another token. A claims challenge to it is in the metadata of
/// its status: read it by [`ClaimsChallenge::from_headers`](crate::ClaimsChallenge::from_headers)`(status.metadata().as_ref())`, and ask by
/// [`token_with_claims`](crate::OnBehalfOf::token_with_claims). A refusal that comes in trailers, after messages, is the caller's alone: the
/// token stays.
///
/// # Errors
/// They are boxed, as those of tower's own layers: a [`TokenError`](crate::TokenError), an [`Error`] where the request goes
/// elsewhere, or the inner service's.
///
/// # What it does not see
/// Redirects that the client inside follows: it should follow none, or the token goes along. A layer that follows them goes outside
/// of this one, so that each hop is looked at. And where a name leads: that is up to the client's DNS and TLS.
#[derive(Clone)]
pub struct AddBearerLayer<R = ReplayEmpty> {
    settings: Arc<Settings>,
    replay: R,
}

/// An [`AddBearerLayer`] before it is said where the token may go.
///
/// ```
/// # fn f(jobs: tower_bearer::ClientCredentials) -> Result<(), tower_bearer::Error> {
/// use tower_bearer::AddBearerLayer;
///
/// let api = AddBearerLayer::new(jobs.clone()).for_origins(["https://stock.internal", "https://stock-eu.internal:8443"])?;
/// let channel = AddBearerLayer::new(jobs.clone()).for_channel("https://stock.internal")?; // of tonic
/// let inside = AddBearerLayer::new(jobs.clone()).dangerous_allow_http().for_channel("http://stock.default.svc")?;
/// let posting = AddBearerLayer::new(jobs.clone()).for_origins(["https://stock.internal"])?.replay_bodies();
/// let passing_on = AddBearerLayer::new(jobs).for_origins(["https://stock.internal"])?.never_replay();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it is no layer before `for_origins(..)` or `for_channel(..)`"]
pub struct AddBearer {
    source: BearerSource,
    dangerous_allow_http: bool,
}

struct Settings {
    source: BearerSource,
    allowed: Allowed,
}

impl AddBearerLayer {
    /// Adds tokens of this source: [`ClientCredentials`](crate::ClientCredentials), [`OnBehalfOf`](crate::OnBehalfOf) or
    /// [`TokenExchange`](crate::TokenExchange). Work that goes on by an [`OboSession`](crate::OboSession) puts its tokens on requests
    /// itself.
    #[allow(clippy::new_ret_no_self)] // a layer without origins is none
    pub fn new(source: impl Into<BearerSource>) -> AddBearer {
        AddBearer { source: source.into(), dangerous_allow_http: false }
    }

    /// Sends requests with a body once more too, by a clone of it that is made before each request is sent. The body has to be
    /// `Clone`, such as `Full<Bytes>`.
    pub fn replay_bodies(self) -> AddBearerLayer<ReplayClone> {
        AddBearerLayer { settings: self.settings, replay: ReplayClone(()) }
    }

    /// Sends no request once more: for bodies that can't be made anew, not even an empty one. Those of requests that a server
    /// passes on are such (`hyper::body::Incoming`).
    pub fn never_replay(self) -> AddBearerLayer<ReplayNever> {
        AddBearerLayer { settings: self.settings, replay: ReplayNever(()) }
    }
}

impl AddBearer {
    /// Lets the token go over plain http to other machines. Whoever sits on the way then has it. Loopback addresses need no such call.
    pub fn dangerous_allow_http(self) -> Self {
        Self { dangerous_allow_http: true, ..self }
    }

    /// The token goes to these origins (RFC 6454), such as `https://stock.internal`, and nowhere else.
    ///
    /// # Errors
    /// There is none, or one that is not scheme, host and port alone, or plain http on another machine. There are no patterns.
    pub fn for_origins<I>(self, origins: I) -> Result<AddBearerLayer, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let origins = origins.into_iter().map(|origin| self.origin("for_origins(..)", origin.as_ref()));
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        if origins.is_empty() {
            return Err(Error::configuration("for_origins(..) was given no origin: name those of the API"));
        }
        Ok(self.layer(Allowed::Origins(origins)))
    }

    /// The token goes through a channel that leads to this origin and puts it into requests by itself, as tonic's do. A request that
    /// names another origin fails. Where the channel really leads is up to whoever made it.
    ///
    /// # Errors
    /// The origin is not scheme, host and port alone, or plain http on another machine.
    pub fn for_channel(self, origin: impl AsRef<str>) -> Result<AddBearerLayer, Error> {
        let origin = self.origin("for_channel(..)", origin.as_ref())?;
        Ok(self.layer(Allowed::Channel(origin)))
    }

    fn origin(&self, setting: &str, origin: &str) -> Result<Origin<Box<str>>, Error> {
        Origin::parse(setting, origin, self.dangerous_allow_http)
    }

    fn layer(self, allowed: Allowed) -> AddBearerLayer {
        AddBearerLayer { settings: Arc::new(Settings { source: self.source, allowed }), replay: ReplayEmpty(()) }
    }
}

impl<S, R: Clone> Layer<S> for AddBearerLayer<R> {
    type Service = AddBearerService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        AddBearerService::new(inner, Arc::clone(&self.settings), self.replay.clone())
    }
}

impl<R> fmt::Debug for AddBearerLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddBearerLayer").field("source", &self.settings.source).finish_non_exhaustive()
    }
}

impl fmt::Debug for AddBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddBearer").field("source", &self.source).finish_non_exhaustive()
    }
}
