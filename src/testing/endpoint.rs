//! The endpoints of a [`TestIssuer`](super::TestIssuer), which count, wait and fail on command.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

/// An endpoint of a [`TestIssuer`](super::TestIssuer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata document, at either of its locations.
    Metadata,
    /// The key set.
    Jwks,
}

/// How an endpoint fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// An answer with this status and an empty body.
    Status(u16),
    /// An answer with status 200 and this body.
    Body(Bytes),
    /// A redirect to this URL.
    Redirect(String),
    /// The connection breaks before an answer.
    Broken,
    /// There is never an answer.
    Hanging,
}

/// While this lives, requests to an endpoint wait. From [`TestIssuer::hold`](super::TestIssuer::hold).
#[must_use = "requests go on as soon as this is dropped"]
#[derive(Debug)]
pub struct Hold {
    _held: watch::Sender<()>,
}

#[derive(Default)]
pub(super) struct Endpoints(Mutex<HashMap<Endpoint, State>>);

#[derive(Default)]
struct State {
    requests: usize,
    fault: Option<Fault>,
    delay: Duration,
    hold: Option<watch::Receiver<()>>,
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
        let (sender, receiver) = watch::channel(());
        self.with(endpoint, |state| state.hold = Some(receiver));
        Hold { _held: sender }
    }

    /// Counts a request, lets it wait, and says how it fails.
    pub(super) async fn arrive(&self, endpoint: Endpoint) -> Option<Fault> {
        let (delay, hold) = self.with(endpoint, |state| {
            state.requests += 1;
            (state.delay, state.hold.clone())
        });
        if let Some(mut hold) = hold {
            // Ends when the sender is dropped.
            while hold.changed().await.is_ok() {}
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.with(endpoint, |state| state.fault.clone())
    }
}
