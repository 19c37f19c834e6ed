//! [`Shared`]: the value, and the one attempt to renew it that may be under way.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::held::{Held, Loaded};
use super::{BoxFuture, LoadError, NoOutcome};
use crate::clock::Clock;
use crate::runtime::{self, AbortHandle};
use crate::sync::{ArcSwapOption, AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};

/// An attempt that has not ended by then is given up: its runtime may not be driven any more.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);

pub(super) type LoadFn<T, E> = dyn Fn(Option<Arc<Held<T>>>) -> BoxFuture<Result<Loaded<T>, E>> + Send + Sync;

pub(super) struct Shared<T, E> {
    pub(super) held: ArcSwapOption<Held<T>>,
    attempts: Mutex<Attempts<T, E>>,
    /// No attempt is due before this many nanoseconds after `born`: read without the lock.
    quiet_until: AtomicU64,
    /// Whether the last attempt failed: read without the lock.
    pub(super) failing: AtomicBool,
    born: Instant,
    pub(super) clock: Clock,
    pub(super) cool_down: Duration,
    load: Arc<LoadFn<T, E>>,
}

pub(super) struct Attempts<T, E> {
    pub(super) flight: Option<Flight<T, E>>,
    pub(super) failure: Option<Failure<E>>,
    deaths: u32,
    started: u64,
    /// When the last attempt began that was started out of doubt.
    doubted_at: Option<Instant>,
}

/// Why a value is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// There is none, or it is too old.
    Age,
    /// It lacks what was looked for, which may be new.
    Doubt,
}

pub(super) struct Flight<T, E> {
    number: u64,
    since: Instant,
    pub(super) end: End<T, E>,
    task: Option<AbortHandle>,
}

#[derive(Clone)]
pub(crate) struct Failure<E> {
    pub(crate) error: E,
    since: Instant,
    /// How long after its start none is begun.
    cool_down: Duration,
}

impl<E> Failure<E> {
    /// How long until the attempt may be repeated. `None` where it may be now.
    pub(super) fn cooling_down_for(&self, now: Instant) -> Option<Duration> {
        let left = self.cool_down.checked_sub(now.saturating_duration_since(self.since))?;
        (!left.is_zero()).then_some(left)
    }
}

/// What came of asking for an attempt.
pub(super) enum Attempt<T, E> {
    /// None is needed: one has just ended and brought this.
    Landed(Arc<Held<T>>),
    /// One is under way.
    UnderWay(End<T, E>),
    /// One is under way and the caller has to drive it, as there is no runtime to do so.
    Drive(BoxFuture<()>, End<T, E>),
    /// The last one failed a moment ago.
    CoolingDown(E),
}

/// The end of an attempt, for those who wait for it: `None` for as long as it goes on.
pub(super) struct End<T, E>(watch::Receiver<Option<Landed<T, E>>>);

/// What an attempt brought.
type Landed<T, E> = Result<Arc<Held<T>>, E>;

impl<T, E> Clone for End<T, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, E: Clone> End<T, E> {
    /// Waits for it, and says what came of this very attempt; `None` if it died.
    pub(super) async fn reached(mut self) -> Option<Landed<T, E>> {
        if cfg!(tower_bearer_flaw = "lost_wake_up") {
            // Seeded, to be found by `tests/concurrency`: waits for the next change alone, and so sleeps through an end that
            // came after the caller had joined.
            self.0.mark_unchanged();
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl<T: Send + Sync + 'static, E: LoadError> Shared<T, E> {
    pub(super) fn new(clock: Clock, cool_down: Duration, load: Arc<LoadFn<T, E>>) -> Self {
        Self {
            held: ArcSwapOption::empty(),
            attempts: Mutex::new(Attempts { flight: None, failure: None, deaths: 0, started: 0, doubted_at: None }),
            quiet_until: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            born: clock.monotonic(),
            clock,
            cool_down,
            load,
        }
    }

    pub(super) fn start_in_background(self: &Arc<Self>, now: Instant, known: &Arc<Held<T>>) {
        if self.nanos(now) >= self.quiet_until.load(Ordering::Acquire) && runtime::is_here() {
            let _already_running_or_cooling_down = self.attempt(now, Some(known), Cause::Age);
        }
    }

    /// Joins the attempt under way or starts one, unless another value than the known one came in the meantime.
    pub(super) fn attempt(self: &Arc<Self>, now: Instant, known: Option<&Arc<Held<T>>>, cause: Cause) -> Attempt<T, E> {
        let (sender, end) = watch::channel(None);
        let end = End(end);
        let (number, given_up) = {
            let mut attempts = self.attempts();
            // Under the lock, where attempts land: whoever looked a moment before one landed would start a second one.
            if let Some(held) = self.other_than(known) {
                return Attempt::Landed(held);
            }
            if let Some(flight) = &attempts.flight
                && now.saturating_duration_since(flight.since) < ABANDONED_AFTER
            {
                return Attempt::UnderWay(flight.end.clone());
            }
            if let Some(failure) = &attempts.failure
                && failure.cooling_down_for(now).is_some()
            {
                return Attempt::CoolingDown(failure.error.clone());
            }
            if cause == Cause::Doubt {
                attempts.doubted_at = Some(now);
            }
            attempts.started += 1;
            let number = attempts.started;
            let given_up = attempts.flight.replace(Flight { number, since: now, end: end.clone(), task: None });
            self.quiet_until.store(self.nanos(now).saturating_add(nanos(self.cool_down)), Ordering::Release);
            (number, given_up)
        };
        if let Some(task) = given_up.and_then(|flight| flight.task) {
            task.abort();
        }
        let landing = Landing { shared: Arc::downgrade(self), number, sender, since: now };
        let flight = fly(self.load.clone(), self.held.load_full(), landing);
        // Spawned outside the lock: a runtime that shuts down drops the task at once, and its end takes the lock.
        match runtime::spawn(flight) {
            Err(flight) => Attempt::Drive(Box::pin(flight), end),
            Ok(task) => {
                if let Some(flight) = self.attempts().flight.as_mut().filter(|flight| flight.number == number) {
                    flight.task = Some(task);
                }
                Attempt::UnderWay(end)
            }
        }
    }
}

impl<T, E> Shared<T, E> {
    /// How long until an attempt may be started out of doubt in this value. `None` where one may be started now or is under way,
    /// or has brought another value: all that under one lock, so that nobody is put off by the attempt that would help.
    pub(super) fn beyond_doubt_for(&self, now: Instant, known: &Arc<Held<T>>) -> Option<Duration> {
        let attempts = self.attempts();
        if attempts.flight.is_some() || self.other_than(Some(known)).is_some() {
            return None;
        }
        let left =
            |since| self.cool_down.checked_sub(now.saturating_duration_since(since)).filter(|left| !left.is_zero());
        let failure = || attempts.failure.as_ref().and_then(|failure| failure.cooling_down_for(now));
        attempts.doubted_at.and_then(left).or_else(failure)
    }

    /// What is held, if it is not the known value.
    fn other_than(&self, known: Option<&Arc<Held<T>>>) -> Option<Arc<Held<T>>> {
        self.held.load_full().filter(|held| known.is_none_or(|known| !Arc::ptr_eq(known, held)))
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts<T, E>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.born))
    }

    /// Holds this, whatever an attempt that is under way may bring.
    #[cfg(feature = "client")]
    pub(super) fn hold(&self, held: Held<T>) {
        let given_up = {
            let mut attempts = self.attempts();
            self.held.store(Some(Arc::new(held)));
            attempts.failure = None;
            self.failing.store(false, Ordering::Release);
            self.quiet_until.store(0, Ordering::Release);
            attempts.flight.take()
        };
        if let Some(task) = given_up.and_then(|flight| flight.task) {
            task.abort();
        }
    }

    /// Drops what is held if it is this value.
    #[cfg(feature = "client")]
    pub(super) fn drop_held(&self, known: &Arc<Held<T>>) {
        let _landing_waits = self.attempts();
        if self.held.load_full().is_some_and(|held| Arc::ptr_eq(known, &held)) {
            self.held.store(None);
        }
    }
}

impl<T, E: LoadError> Shared<T, E> {
    fn fail(&self, attempts: &mut Attempts<T, E>, error: E, since: Instant) {
        let asked_for = error
            .retry_after()
            .map(|from_now| self.clock.monotonic().saturating_duration_since(since).saturating_add(from_now));
        let cool_down = asked_for.map_or(self.cool_down, |asked_for| asked_for.max(self.cool_down));
        self.quiet_until.store(self.nanos(since).saturating_add(nanos(cool_down)), Ordering::Release);
        attempts.failure = Some(Failure { error, since, cool_down });
        self.failing.store(true, Ordering::Release);
    }
}

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let Some(task) = self.attempts().flight.take().and_then(|flight| flight.task) {
            task.abort();
        }
    }
}

async fn fly<T, E: LoadError>(load: Arc<LoadFn<T, E>>, previous: Option<Arc<Held<T>>>, landing: Landing<T, E>) {
    let outcome = load(previous).await;
    landing.land(outcome);
}

/// The end of an attempt, which comes even if the attempt is dropped half-way.
struct Landing<T, E: LoadError> {
    shared: Weak<Shared<T, E>>,
    number: u64,
    sender: watch::Sender<Option<Landed<T, E>>>,
    since: Instant,
}

impl<T, E: LoadError> Landing<T, E> {
    fn land(self, outcome: Result<Loaded<T>, E>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let end = {
            let mut attempts = shared.attempts();
            let is_given_up = attempts.flight.as_ref().is_none_or(|flight| flight.number != self.number);
            // Seeded, to be found by `tests/concurrency`: lands all the same, with `stale_insert`.
            if is_given_up && !cfg!(tower_bearer_flaw = "stale_insert") {
                return; // a newer attempt may have landed already
            }
            attempts.flight = None;
            attempts.deaths = 0;
            match outcome {
                Ok(Loaded { value, lifetime }) => {
                    let held = Arc::new(Held { value, loaded_at: self.since, lifetime });
                    shared.held.store(Some(Arc::clone(&held)));
                    attempts.failure = None;
                    shared.failing.store(false, Ordering::Release);
                    shared.quiet_until.store(0, Ordering::Release);
                    Ok(held)
                }
                Err(error) => {
                    shared.fail(&mut attempts, error.clone(), self.since);
                    Err(error)
                }
            }
        };
        self.sender.send_replace(Some(end));
    }
}

impl<T, E: LoadError> Drop for Landing<T, E> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut attempts = shared.attempts();
        if attempts.flight.as_ref().is_some_and(|flight| flight.number == self.number) {
            attempts.flight = None;
            // Without a runtime at hand it was a caller who drove it and went away, or a runtime that shuts down: the load did not fail.
            attempts.deaths += u32::from(runtime::is_here());
            if attempts.deaths <= 1 {
                shared.quiet_until.store(0, Ordering::Release); // taken over at once, the first time
            } else {
                shared.fail(&mut attempts, NoOutcome::Died.into(), self.since);
            }
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
