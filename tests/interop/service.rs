//! [`Service`]: the guarded app together with the clock that it lives by, which the tests move.

use std::time::Duration;

use axum::Router;
use tower_bearer::Issuer;
use tower_bearer::testing::TestClock;

use crate::guarded::{Answer, app, ask};
use crate::provider::Provider;

pub(crate) const AUDIENCE: &str = "api://es256";
/// How long after an attempt to fetch keys the next one may start, in seconds.
pub(crate) const COOL_DOWN: u64 = 15;

/// A service that has fetched nothing yet, and the clock that it lives by.
pub(crate) struct Service {
    pub(crate) issuer: Issuer,
    pub(crate) app: Router,
    clock: TestClock,
}

impl Service {
    /// Its clock is a minute behind the provider's, as clocks may be. That makes every token newer than the service's keys:
    /// where it holds no key for one, it cannot know that there is none.
    pub(crate) fn of(provider: &Provider) -> Self {
        let clock = TestClock::new();
        clock.set_wall_clock(clock.now() - Duration::from_secs(60));
        let issuer = Issuer::new(provider.issuer()).expect("sound").clock(&clock);
        Self { app: app(issuer.validator(AUDIENCE)), issuer, clock }
    }

    pub(crate) async fn answer(&self, token: &str) -> Answer {
        ask(&self.app, "/orders", token).await
    }

    /// Time passes, so many seconds of it.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Whether the last attempt to fetch keys failed, and began just now.
    pub(crate) fn has_just_failed(&self) -> bool {
        self.issuer.status().next_attempt_in == Some(Duration::from_secs(COOL_DOWN))
    }
}

/// A token that the service accepts.
pub(crate) async fn token(provider: &Provider) -> String {
    provider.token(AUDIENCE, "orders.read").await
}

/// How often metadata and keys were asked for.
pub(crate) async fn requests(provider: &Provider) -> (u64, u64) {
    (provider.metadata_requests().await, provider.jwks_requests().await)
}

/// The answer to such a token.
pub(crate) fn welcome() -> Answer {
    Answer::ok("batch as batch at api://es256 may orders.read")
}
