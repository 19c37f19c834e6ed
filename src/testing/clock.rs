//! [`TestClock`]: the time in a test's hand, for an issuer that is not a [`TestIssuer`](super::TestIssuer).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, ManualClock};
use crate::issuer::Issuer;

/// A clock for tests, which stands still until it is moved. Clones show the same time.
///
/// A [`TestIssuer`](super::TestIssuer) has one of its own. Where the issuer of a test is something else, a real provider or
/// given keys, [`Issuer::clock`] puts the time into the test's hand:
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::testing::{TestClock, TestIssuer};
/// use tower_bearer::{Issuer, RejectionKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_bearer::Error> {
/// let authority = TestIssuer::new();
/// let clock = TestClock::new();
/// let issuer = Issuer::new(authority.identifier())?.with_jwks(authority.jwks())?.clock(&clock);
/// let validator = issuer.validator("api://orders");
///
/// let token = authority.token("api://orders").sign();
/// assert!(validator.verify(&token).await.is_ok());
/// clock.advance(Duration::from_secs(2 * 60 * 60));
/// assert_eq!(validator.verify(&token).await.unwrap_err().kind(), RejectionKind::Expired);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestClock {
    manual: Arc<ManualClock>,
}

impl TestClock {
    /// A clock that shows the time of this call.
    #[allow(clippy::new_without_default)] // `default()` would read as the time of the system
    pub fn new() -> Self {
        Self { manual: Arc::new(ManualClock::new(SystemTime::now())) }
    }

    /// The wall time that it shows.
    pub fn now(&self) -> SystemTime {
        self.handle().wall()
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        self.manual.advance(by);
    }

    /// Somebody sets the wall clock, forwards or back. What counts how long something lasted is not touched.
    pub fn set_wall_clock(&self, to: SystemTime) {
        self.manual.set_wall(to);
    }

    pub(super) fn handle(&self) -> Clock {
        Clock::Manual(Arc::clone(&self.manual))
    }
}

impl Issuer {
    /// Lives by this clock: what runs out, and when something is fetched again, are up to the test. Time-outs of requests
    /// are not; they stay with the timer of the tokio runtime.
    pub fn clock(self, clock: &TestClock) -> Self {
        self.with_clock(clock.handle())
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClock").field("now", &self.now()).finish_non_exhaustive()
    }
}
