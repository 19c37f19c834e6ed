//! The one clock: wall time for `exp` and `nbf`, monotonic time for freshness.

use std::task::Waker;
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
    #[inline]
    pub(crate) fn wall(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            #[cfg(feature = "testing")]
            Self::Manual(clock) => clock.read().0,
        }
    }

    /// Wakes this task when somebody moves the clock, which happens in tests alone.
    #[cfg_attr(not(feature = "testing"), allow(clippy::unused_self))]
    pub(crate) fn wake_when_moved(&self, _waker: &Waker) {
        #[cfg(feature = "testing")]
        if let Self::Manual(clock) = self {
            clock.wake_when_moved(_waker);
        }
    }

    /// Time that only ever grows.
    #[inline]
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
pub(crate) struct ManualClock {
    reading: std::sync::Mutex<(SystemTime, Instant)>,
    /// Who waits for it to be moved.
    waiting: std::sync::Mutex<Vec<Waker>>,
}

#[cfg(feature = "testing")]
impl ManualClock {
    pub(crate) fn new(wall: SystemTime) -> Self {
        Self { reading: std::sync::Mutex::new((wall, Instant::now())), waiting: std::sync::Mutex::default() }
    }

    fn read(&self) -> (SystemTime, Instant) {
        *lock(&self.reading)
    }

    /// Time passes: wall and monotonic time move together.
    pub(crate) fn advance(&self, by: std::time::Duration) {
        self.change(|reading| {
            reading.0 += by;
            reading.1 += by;
        });
    }

    /// Somebody sets the wall clock, forwards or back; monotonic time stays.
    pub(crate) fn set_wall(&self, wall: SystemTime) {
        self.change(|reading| reading.0 = wall);
    }

    fn change(&self, change: impl FnOnce(&mut (SystemTime, Instant))) {
        change(&mut lock(&self.reading));
        // Not under the lock: who is woken may look at the clock at once.
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        waiting.into_iter().for_each(Waker::wake);
    }

    fn wake_when_moved(&self, waker: &Waker) {
        let mut waiting = lock(&self.waiting);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

#[cfg(feature = "testing")]
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
