//! [`AddBearerLayer`]: puts tokens on outgoing requests.

mod future;
mod origin;
mod replay;
mod service;
mod source;

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

pub use self::future::AddBearerFuture;
pub use self::replay::{Replay, ReplayClone, ReplayEmpty};
pub use self::service::AddBearerService;
pub use self::source::BearerSource;

use self::origin::{Allowed, Origin};
use crate::error::Error;

/// Puts a token into the `Authorization` header of each outgoing request, for any HTTP client that is a tower service: one of
/// hyper-util, a channel of tonic.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{AddBearerLayer, Client};
///
/// # fn layer<C>(client: Client, http_client: C) -> Result<(), tower_bearer::Error> {
/// let jobs = client.client_credentials(["api://stock"])?;
/// let layer = AddBearerLayer::new(jobs).for_origins(["https://stock.internal"])?;
/// let stock = ServiceBuilder::new().layer(layer).service(http_client);
/// # Ok(())
/// # }
/// ```
///
/// # What happens to a request
/// 1. It goes to an origin that was named, or it fails: nobody else gets the token.
/// 2. The token is taken from the cache, or asked for. If none can be had the request fails with a
///    [`TokenError`](crate::TokenError); it is never sent without one.
/// 3. The token takes the place of whatever is in `Authorization`, marked as sensitive.
/// 4. If the answer is a 401, or `grpc-status: 16` in its headers, the token is forgotten and the request sent once more with
///    another, where it can be replayed: it has no body, or [`replay_bodies`](Self::replay_bodies) was called. If that is refused
///    too, or no other token can be had, the caller gets the answer. Where refusals go on, a token is replaced once in 15 seconds.
///
/// Errors are boxed, as tower's own layers do: [`TokenError`](crate::TokenError), [`Error`] where the request goes elsewhere, or the
/// inner service's. The client should follow no redirects: a token would go along.
#[derive(Clone)]
pub struct AddBearerLayer<R = ReplayEmpty> {
    settings: Arc<Settings>,
    replay: R,
}

/// An [`AddBearerLayer`] before it is said where the token may go.
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
    /// Adds tokens of this source: [`ClientCredentials`](crate::ClientCredentials).
    #[allow(clippy::new_ret_no_self)] // a layer without origins is none
    pub fn new(source: impl Into<BearerSource>) -> AddBearer {
        AddBearer { source: source.into(), dangerous_allow_http: false }
    }

    /// Replays requests with a body too, by a clone of it that is made before each request is sent.
    pub fn replay_bodies(self) -> AddBearerLayer<ReplayClone> {
        AddBearerLayer { settings: self.settings, replay: ReplayClone(()) }
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
    /// None, or one that is not scheme, host and port alone, or plain http on another machine.
    pub fn for_origins<I>(self, origins: I) -> Result<AddBearerLayer, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let origins = origins.into_iter().map(|origin| self.origin("for_origins(..)", origin.as_ref()));
        let origins: Vec<Origin> = origins.collect::<Result<_, _>>()?;
        if origins.is_empty() {
            return Err(Error::configuration("for_origins(..) was given no origin: name those of the API"));
        }
        Ok(self.layer(Allowed::Origins(origins)))
    }

    /// The token goes through a channel that leads to this origin and puts it into requests by itself, as tonic's do.
    ///
    /// # Errors
    /// The origin is not scheme, host and port alone, or plain http on another machine.
    pub fn for_channel(self, origin: impl AsRef<str>) -> Result<AddBearerLayer, Error> {
        let origin = self.origin("for_channel(..)", origin.as_ref())?;
        Ok(self.layer(Allowed::Channel(origin)))
    }

    fn origin(&self, setting: &str, origin: &str) -> Result<Origin, Error> {
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
