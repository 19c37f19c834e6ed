//! [`KeptFresh`]: the one way in which anything that is fetched and runs out is kept current.
//!
//! What a caller gets depends on nothing but the time and the outcome of the last attempt:
//!
//! | | from | until | a caller gets |
//! |---|---|---|---|
//! | *fresh* | loading | the soft point | the value |
//! | *stale* | the soft point | the end of life | the value; one attempt starts in the background |
//! | *overdue* | the end of life | the end of grace | the value, at once if the last attempt failed, else after waiting at most [`OVERDUE_PATIENCE`] for one |
//! | *expired* | the end of grace | | the outcome of an attempt, waiting at most [`PATIENCE`] |
//!
//! At most one attempt is under way. It runs in a task of its own, which callers that go away cannot cancel and which
//! ends with the last owner. A failed attempt never drops the value; it is remembered for a cool-down that is counted
//! from its start. An attempt that dies (its runtime went away, it panicked) is taken over once by a waiter. No lock is
//! held while loading.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::clock::Clock;

/// How long a caller waits for a value when there is none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a caller waits for a newer value when there is an overdue one.
pub(crate) const OVERDUE_PATIENCE: Duration = Duration::from_secs(1);
/// An attempt that has not ended by then is given up: its runtime may not be driven any more.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type LoadFn<T, E> = dyn Fn(Option<Arc<Held<T>>>) -> BoxFuture<Result<Loaded<T>, E>> + Send + Sync;

/// How long a value serves, counted from the moment at which its loading began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    soft: Duration,
    end: Duration,
    grace: Duration,
}

impl Lifetime {
    /// A life of `end` with a soft point at 75 to 85 % of it, so that many instances do not renew in step.
    pub(crate) fn jittered(end: Duration, grace: Duration) -> Self {
        Self { soft: end.mul_f64(0.75 + 0.1 * fastrand::f64()), end, grace }
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
    loaded_at: Instant,
    loaded_wall: SystemTime,
    lifetime: Lifetime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    Stale,
    Overdue,
    Expired,
}

impl<T> Held<T> {
    fn freshness(&self, now: Instant) -> Freshness {
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
        Self { value, loaded_at: clock.monotonic(), loaded_wall: clock.wall(), lifetime }
    }

    /// Time since loading began.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.loaded_at)
    }

    /// Whether loading began at this moment or later.
    pub(crate) fn loaded_since(&self, moment: Instant) -> bool {
        self.loaded_at >= moment
    }

    /// Wall time at which loading began: what was published later may be missing.
    pub(crate) fn loaded_wall(&self) -> SystemTime {
        self.loaded_wall
    }
}

/// Why there is no outcome of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoOutcome {
    /// The task that loaded went away twice in a row.
    Died,
    /// It takes longer than a caller waits.
    StillLoading,
}

/// A value that is loaded when it is first needed and kept fresh from then on.
pub(crate) struct KeptFresh<T, E> {
    shared: Arc<Shared<T, E>>,
}

struct Shared<T, E> {
    held: ArcSwapOption<Held<T>>,
    attempts: Mutex<Attempts<E>>,
    /// No attempt is due before this many nanoseconds after `born`: read without the lock.
    quiet_until: AtomicU64,
    /// Whether the last attempt failed: read without the lock.
    failing: AtomicBool,
    born: Instant,
    clock: Clock,
    cool_down: Duration,
    load: Arc<LoadFn<T, E>>,
}

struct Attempts<E> {
    flight: Option<Flight>,
    failure: Option<Failure<E>>,
    deaths: u32,
    started: u64,
}

struct Flight {
    number: u64,
    since: Instant,
    landed: watch::Receiver<bool>,
    task: Option<AbortHandle>,
}

#[derive(Clone)]
pub(crate) struct Failure<E> {
    pub(crate) error: E,
    since: Instant,
}

/// What came of asking for an attempt.
enum Attempt<E> {
    /// One is under way: the receiver tells when it has ended.
    UnderWay(watch::Receiver<bool>),
    /// One is under way and the caller has to drive it, as there is no runtime to do so.
    Drive(BoxFuture<()>, watch::Receiver<bool>),
    /// The last one failed a moment ago.
    CoolingDown(E),
}

impl<T, E> KeptFresh<T, E>
where
    T: Send + Sync + 'static,
    E: Clone + From<NoOutcome> + Send + Sync + 'static,
{
    /// Nothing is loaded until somebody asks.
    pub(crate) fn new<L, F>(clock: Clock, cool_down: Duration, load: L) -> Self
    where
        L: Fn(Option<Arc<Held<T>>>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Loaded<T>, E>> + Send + 'static,
    {
        Self {
            shared: Arc::new(Shared {
                held: ArcSwapOption::empty(),
                attempts: Mutex::new(Attempts { flight: None, failure: None, deaths: 0, started: 0 }),
                quiet_until: AtomicU64::new(0),
                failing: AtomicBool::new(false),
                born: clock.monotonic(),
                clock,
                cool_down,
                load: Arc::new(move |previous| Box::pin(load(previous))),
            }),
        }
    }

    /// The value, if it can be had without waiting. Starts an attempt where one is due.
    pub(crate) fn current(&self) -> Option<arc_swap::Guard<Option<Arc<Held<T>>>>> {
        let held = self.shared.held.load();
        let now = self.shared.clock.monotonic();
        match held.as_ref()?.freshness(now) {
            Freshness::Fresh => Some(held),
            Freshness::Stale => {
                self.start_in_background(now);
                Some(held)
            }
            Freshness::Overdue if self.shared.failing.load(Ordering::Acquire) => {
                self.start_in_background(now);
                Some(held)
            }
            Freshness::Overdue | Freshness::Expired => None,
        }
    }

    /// The value, waiting for it where that is needed.
    pub(crate) async fn get(&self) -> Result<Arc<Held<T>>, E> {
        if let Some(held) = self.current().as_deref().and_then(Clone::clone) {
            return Ok(held);
        }
        let held = self.shared.held.load_full();
        let overdue = held.filter(|held| held.freshness(self.shared.clock.monotonic()) == Freshness::Overdue);
        match overdue {
            Some(old) => Ok(self.renew(OVERDUE_PATIENCE).await.unwrap_or(old)),
            None => self.renew(PATIENCE).await,
        }
    }

    /// A value from an attempt that ends after this call, however fresh the present one is.
    pub(crate) async fn renew(&self, patience: Duration) -> Result<Arc<Held<T>>, E> {
        // Twice: where an attempt dies, one of those who waited for it takes over.
        for _ in 0..2 {
            let mut landed = match self.attempt(self.shared.clock.monotonic()) {
                Attempt::CoolingDown(error) => return Err(error),
                Attempt::UnderWay(landed) => landed,
                Attempt::Drive(flight, landed) => {
                    flight.await;
                    landed
                }
            };
            match within(patience, landed.wait_for(|landed| *landed)).await {
                None => return Err(NoOutcome::StillLoading.into()),
                Some(Err(_)) => continue,
                Some(Ok(_)) => {}
            }
            if let Some(failure) = self.failure() {
                return Err(failure.error);
            }
            if let Some(held) = self.shared.held.load_full() {
                return Ok(held);
            }
        }
        Err(NoOutcome::Died.into())
    }

    /// What is held now, whatever its age, without starting anything.
    pub(crate) fn peek(&self) -> Option<Arc<Held<T>>> {
        self.shared.held.load_full()
    }

    /// Whether a value is held that still serves, without starting anything.
    pub(crate) fn serves(&self) -> bool {
        let now = self.shared.clock.monotonic();
        self.peek().is_some_and(|held| held.freshness(now) != Freshness::Expired)
    }

    /// How the last attempt failed, unless one succeeded since.
    pub(crate) fn failure(&self) -> Option<Failure<E>> {
        self.shared.attempts().failure.clone()
    }

    /// Whether an attempt is under way.
    pub(crate) fn is_loading(&self) -> bool {
        self.shared.attempts().flight.is_some()
    }

    /// How long until a failed attempt may be repeated.
    pub(crate) fn cooling_down(&self) -> Option<Duration> {
        let since = self.shared.attempts().failure.as_ref()?.since;
        let left = self.shared.cool_down.checked_sub(self.shared.clock.monotonic().saturating_duration_since(since))?;
        (!left.is_zero()).then_some(left)
    }

    fn start_in_background(&self, now: Instant) {
        if self.shared.nanos(now) >= self.shared.quiet_until.load(Ordering::Acquire) && Handle::try_current().is_ok() {
            let _already_running_or_cooling_down = self.attempt(now);
        }
    }

    /// Joins the attempt under way or starts one.
    fn attempt(&self, now: Instant) -> Attempt<E> {
        let shared = &self.shared;
        let (sender, landed) = watch::channel(false);
        let number = {
            let mut attempts = shared.attempts();
            if let Some(flight) = &attempts.flight
                && now.saturating_duration_since(flight.since) < ABANDONED_AFTER
            {
                return Attempt::UnderWay(flight.landed.clone());
            }
            if let Some(failure) = &attempts.failure
                && now.saturating_duration_since(failure.since) < shared.cool_down
            {
                return Attempt::CoolingDown(failure.error.clone());
            }
            attempts.started += 1;
            let number = attempts.started;
            attempts.flight = Some(Flight { number, since: now, landed: landed.clone(), task: None });
            shared.quiet_until.store(shared.nanos(now).saturating_add(nanos(shared.cool_down)), Ordering::Release);
            number
        };
        let landing = Landing { shared: Arc::downgrade(shared), number, sender, since: now, wall: shared.clock.wall() };
        let flight = fly(shared.load.clone(), shared.held.load_full(), landing);
        // Spawned outside the lock: a runtime that shuts down drops the task at once, and its end takes the lock.
        match Handle::try_current() {
            Err(_) => Attempt::Drive(Box::pin(flight), landed),
            Ok(runtime) => {
                let task = runtime.spawn(flight).abort_handle();
                if let Some(flight) = shared.attempts().flight.as_mut().filter(|flight| flight.number == number) {
                    flight.task = Some(task);
                }
                Attempt::UnderWay(landed)
            }
        }
    }
}

impl<T, E> Shared<T, E> {
    fn attempts(&self) -> MutexGuard<'_, Attempts<E>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.born))
    }
}

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let Some(task) = self.attempts().flight.take().and_then(|flight| flight.task) {
            task.abort();
        }
    }
}

impl<T, E> Clone for KeptFresh<T, E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

async fn fly<T, E: From<NoOutcome>>(load: Arc<LoadFn<T, E>>, previous: Option<Arc<Held<T>>>, landing: Landing<T, E>) {
    let outcome = load(previous).await;
    landing.land(outcome);
}

/// The end of an attempt, which comes even if the attempt is dropped half-way.
struct Landing<T, E: From<NoOutcome>> {
    shared: Weak<Shared<T, E>>,
    number: u64,
    sender: watch::Sender<bool>,
    since: Instant,
    wall: SystemTime,
}

impl<T, E: From<NoOutcome>> Landing<T, E> {
    fn land(self, outcome: Result<Loaded<T>, E>) {
        let Some(shared) = self.shared.upgrade() else { return };
        {
            let mut attempts = shared.attempts();
            if attempts.flight.as_ref().is_none_or(|flight| flight.number != self.number) {
                return; // given up as abandoned: a newer attempt may have landed already
            }
            attempts.flight = None;
            attempts.deaths = 0;
            match outcome {
                Ok(Loaded { value, lifetime }) => {
                    shared.held.store(Some(Arc::new(Held {
                        value,
                        loaded_at: self.since,
                        loaded_wall: self.wall,
                        lifetime,
                    })));
                    attempts.failure = None;
                    shared.failing.store(false, Ordering::Release);
                    shared.quiet_until.store(0, Ordering::Release);
                }
                Err(error) => shared.fail(&mut attempts, error, self.since),
            }
        }
        self.sender.send_replace(true);
    }
}

impl<T, E> Shared<T, E> {
    fn fail(&self, attempts: &mut Attempts<E>, error: E, since: Instant) {
        attempts.failure = Some(Failure { error, since });
        self.failing.store(true, Ordering::Release);
    }
}

impl<T, E: From<NoOutcome>> Drop for Landing<T, E> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut attempts = shared.attempts();
        if attempts.flight.as_ref().is_some_and(|flight| flight.number == self.number) {
            attempts.flight = None;
            attempts.deaths += 1;
            if attempts.deaths == 1 {
                shared.quiet_until.store(0, Ordering::Release); // taken over at once, the first time
            } else {
                shared.fail(&mut attempts, NoOutcome::Died.into(), self.since);
            }
        }
    }
}

/// Waits at most `patience`, where there is a runtime whose timer can tell.
async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    match Handle::try_current() {
        Ok(_) => tokio::time::timeout(patience, future).await.ok(),
        Err(_) => Some(future.await),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
