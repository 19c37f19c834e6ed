//! The one clock: wall time for `exp` and `nbf`, monotonic time for freshness.

use std::time::{Instant, SystemTime};

/// Where validators and caches take the time from. Cloned handles show the same time.
#[derive(Clone, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    #[cfg(feature = "testing")]
    Manual(std::sync::Arc<ManualClock>),
}

impl Clock {
    /// Wall time, which may jump in both directions.
    pub(crate) fn wall(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            #[cfg(feature = "testing")]
            Self::Manual(clock) => clock.read().0,
        }
    }

    /// Time that only ever grows.
    pub(crate) fn monotonic(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            #[cfg(feature = "testing")]
            Self::Manual(clock) => clock.read().1,
        }
    }
}

/// A clock that stands still until it is moved.
#[cfg(feature = "testing")]
pub(crate) struct ManualClock(std::sync::Mutex<(SystemTime, Instant)>);

#[cfg(feature = "testing")]
impl ManualClock {
    pub(crate) fn new(wall: SystemTime) -> Self {
        Self(std::sync::Mutex::new((wall, Instant::now())))
    }

    fn read(&self) -> (SystemTime, Instant) {
        *self.lock()
    }

    /// Time passes: wall and monotonic time move together.
    pub(crate) fn advance(&self, by: std::time::Duration) {
        let mut reading = self.lock();
        reading.0 += by;
        reading.1 += by;
    }

    /// Somebody sets the wall clock, forwards or back; monotonic time stays.
    pub(crate) fn set_wall(&self, wall: SystemTime) {
        self.lock().0 = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (SystemTime, Instant)> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
