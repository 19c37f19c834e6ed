//! [`Held`]: a value and its age.

use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How long a value serves, counted from the moment at which its loading began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    soft: Duration,
    end: Duration,
    grace: Duration,
}

impl Lifetime {
    /// A life of `end` with a soft point at 60 to 90 % of it: instances that loaded at the same moment do not renew in step.
    pub(crate) fn jittered(end: Duration, grace: Duration) -> Self {
        Self { soft: end.mul_f64(0.6 + 0.3 * fastrand::f64()), end, grace }
    }

    /// A life whose points are known: stale from `soft` on, overdue from `end` on, over after `grace`.
    #[cfg(feature = "client")]
    pub(crate) fn at(soft: Duration, end: Duration, grace: Duration) -> Self {
        Self { soft, end, grace }
    }
}

/// What a load gives.
pub(crate) struct Loaded<T> {
    pub(crate) value: T,
    pub(crate) lifetime: Lifetime,
}

/// A value and when it was loaded.
pub(crate) struct Held<T> {
    pub(crate) value: T,
    pub(super) loaded_at: Instant,
    pub(super) lifetime: Lifetime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    Stale,
    Overdue,
    Expired,
}

impl<T> Held<T> {
    pub(super) fn freshness(&self, now: Instant) -> Freshness {
        let age = self.age(now);
        if age < self.lifetime.soft {
            Freshness::Fresh
        } else if age < self.lifetime.end {
            Freshness::Stale
        } else if age < self.lifetime.end.saturating_add(self.lifetime.grace) {
            Freshness::Overdue
        } else {
            Freshness::Expired
        }
    }

    /// A value that was given, not loaded, and does not run out.
    pub(crate) fn forever(value: T, clock: &Clock) -> Self {
        let lifetime = Lifetime { soft: Duration::MAX, end: Duration::MAX, grace: Duration::ZERO };
        Self { value, loaded_at: clock.monotonic(), lifetime }
    }

    /// How long it is still fresh.
    pub(super) fn fresh_for(&self, now: Instant) -> Duration {
        self.lifetime.soft.saturating_sub(self.age(now))
    }

    /// Time since loading began.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.loaded_at)
    }

    /// Whether loading began at this moment or later.
    pub(crate) fn loaded_since(&self, moment: Instant) -> bool {
        self.loaded_at >= moment
    }
}
