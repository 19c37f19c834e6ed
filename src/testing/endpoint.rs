//! The endpoints of a [`TestIssuer`](super::TestIssuer) or a [`TestDirectory`](super::TestDirectory), which count, wait and fail
//! on command.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use tokio::sync::watch;

use super::value;

/// An endpoint of a [`TestIssuer`](super::TestIssuer) or a [`TestDirectory`](super::TestDirectory), there for all tenants together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata document, wherever it is.
    Metadata,
    /// The key set.
    Jwks,
    /// The token endpoint.
    Token,
}

/// How an endpoint fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// An answer with this status and an empty body.
    Status(u16),
    /// An answer with status 200 and this body.
    Body(Bytes),
    /// This answer, with its status, headers and body.
    ///
    /// ```
    /// # use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
    /// let authority = TestIssuer::new();
    /// let busy = http::Response::builder().status(429).header("Retry-After", "7").body(Default::default())?;
    /// authority.fail(Endpoint::Token, Fault::Answer(busy));
    /// # Ok::<(), http::Error>(())
    /// ```
    Answer(Response<Bytes>),
    /// A redirect to this URL.
    Redirect(String),
    /// The connection breaks before an answer.
    Broken,
    /// There is never an answer.
    Hanging,
}

impl Fault {
    /// An [`Answer`](Self::Answer) with this status and this body as JSON.
    ///
    /// ```
    /// # use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
    /// # let authority = TestIssuer::new();
    /// authority.fail(Endpoint::Token, Fault::json(400, serde_json::json!({ "error": "invalid_grant" })));
    /// ```
    pub fn json(status: u16, body: impl Serialize) -> Self {
        let mut response = Response::new(Bytes::from(value(body).to_string()));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or_else(|_| panic!("Fault::json(..): {status} is no status"));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self::Answer(response)
    }

    /// What comes instead of the answer; an error breaks the connection.
    pub(super) async fn answer(self) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        match self {
            Self::Status(code) => Ok(status(StatusCode::from_u16(code)?)),
            Self::Body(body) => Ok(Response::new(body)),
            Self::Answer(response) => Ok(response),
            Self::Redirect(url) => {
                let mut response = status(StatusCode::FOUND);
                response.headers_mut().insert(LOCATION, HeaderValue::try_from(url)?);
                Ok(response)
            }
            Self::Broken => Err("the connection breaks, as asked for".into()),
            Self::Hanging => std::future::pending().await,
        }
    }
}

/// An answer with this status and nothing else.
pub(super) fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// While this lives, requests to an endpoint wait. From [`TestIssuer::hold`](super::TestIssuer::hold).
#[must_use = "requests go on as soon as this is dropped"]
#[derive(Debug)]
pub struct Hold {
    _held: watch::Sender<()>,
}

impl Hold {
    /// One, and what waits until it is dropped.
    pub(super) fn new() -> (Self, Held) {
        let (sender, receiver) = watch::channel(());
        (Self { _held: sender }, Held(receiver))
    }
}

/// What a request waits for.
#[derive(Clone)]
pub(super) struct Held(watch::Receiver<()>);

impl Held {
    async fn passed(mut self) {
        // Ends when the sender is dropped.
        while self.0.changed().await.is_ok() {}
    }
}

#[derive(Default)]
pub(super) struct Endpoints(Mutex<HashMap<Endpoint, State>>);

#[derive(Default)]
struct State {
    requests: usize,
    fault: Option<Fault>,
    delay: Duration,
    hold: Option<Held>,
}

impl Endpoints {
    fn lock(&self) -> MutexGuard<'_, HashMap<Endpoint, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, endpoint: Endpoint, change: impl FnOnce(&mut State) -> R) -> R {
        change(self.lock().entry(endpoint).or_default())
    }

    pub(super) fn requests(&self, endpoint: Endpoint) -> usize {
        self.with(endpoint, |state| state.requests)
    }

    pub(super) fn fail(&self, endpoint: Endpoint, fault: Option<Fault>) {
        self.with(endpoint, |state| state.fault = fault);
    }

    pub(super) fn delay(&self, endpoint: Endpoint, by: Duration) {
        self.with(endpoint, |state| state.delay = by);
    }

    pub(super) fn hold(&self, endpoint: Endpoint) -> Hold {
        let (hold, held) = Hold::new();
        self.with(endpoint, |state| state.hold = Some(held));
        hold
    }

    /// Counts a request, lets it wait, also for what holds it alone, and says how it fails.
    pub(super) async fn arrive(&self, endpoint: Endpoint, alone: Vec<Held>) -> Option<Fault> {
        let (delay, hold) = self.with(endpoint, |state| {
            state.requests += 1;
            (state.delay, state.hold.clone())
        });
        for held in alone.into_iter().chain(hold) {
            held.passed().await;
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.with(endpoint, |state| state.fault.clone())
    }
}
