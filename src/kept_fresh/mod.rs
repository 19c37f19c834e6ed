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
//! from its start, or for as long as whoever was asked wants. An attempt that dies (its runtime went away, it panicked)
//! is taken over once by a waiter. No lock is held while loading.

mod flight;
mod held;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::flight::Failure;
pub(crate) use self::held::{Held, Lifetime, Loaded};

use self::flight::{Attempt, Cause, Shared};
use self::held::Freshness;
use crate::clock::Clock;
use crate::runtime;
use crate::sync::{Guard, Ordering};

/// How long a caller waits for a value when there is none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a caller waits for a newer value when there is an overdue one.
pub(crate) const OVERDUE_PATIENCE: Duration = Duration::from_secs(1);
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why there is no outcome of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoOutcome {
    /// The task that loaded went away twice in a row.
    Died,
    /// It takes longer than a caller waits.
    StillLoading,
}

/// Why a load failed.
pub(crate) trait LoadError: Clone + From<NoOutcome> + Send + Sync + 'static {
    /// When to try again, from now on, if whoever was asked said so. Else, and at the least, the cool-down is waited for.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// A value that is loaded when it is first needed and kept fresh from then on.
pub(crate) struct KeptFresh<T, E> {
    shared: Arc<Shared<T, E>>,
}

impl<T: Send + Sync + 'static, E: LoadError> KeptFresh<T, E> {
    /// Nothing is loaded until somebody asks.
    pub(crate) fn new<L, F>(clock: Clock, cool_down: Duration, load: L) -> Self
    where
        L: Fn(Option<Arc<Held<T>>>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Loaded<T>, E>> + Send + 'static,
    {
        Self { shared: Arc::new(Shared::new(clock, cool_down, Arc::new(move |previous| Box::pin(load(previous))))) }
    }

    /// The value, if it can be had without waiting. Starts an attempt where one is due.
    pub(crate) fn current(&self) -> Option<Guard<Option<Arc<Held<T>>>>> {
        let held = self.shared.held.load();
        self.serves_at_once(held.as_ref()?).then_some(held)
    }

    /// Whether nobody has to wait for a newer value than this one. Starts an attempt where one is due.
    fn serves_at_once(&self, held: &Arc<Held<T>>) -> bool {
        let now = self.shared.clock.monotonic();
        match held.freshness(now) {
            Freshness::Fresh => return true,
            Freshness::Stale => {}
            Freshness::Overdue if self.shared.failing.load(Ordering::Acquire) => {}
            Freshness::Overdue | Freshness::Expired => return false,
        }
        self.shared.start_in_background(now, held);
        true
    }

    /// The value, waiting for it where that is needed.
    pub(crate) async fn get(&self) -> Result<Arc<Held<T>>, E> {
        match self.peek() {
            Some(held) if self.serves_at_once(&held) => Ok(held),
            Some(old) if old.freshness(self.shared.clock.monotonic()) == Freshness::Overdue => {
                Ok(self.other_than(Some(&old), Cause::Age, OVERDUE_PATIENCE).await.unwrap_or(old))
            }
            known => self.other_than(known.as_ref(), Cause::Age, PATIENCE).await,
        }
    }

    /// Another value than this one, however fresh it is: it lacks what was looked for, which may be new.
    pub(crate) async fn newer_than(&self, known: &Arc<Held<T>>, patience: Duration) -> Result<Arc<Held<T>>, E> {
        self.other_than(Some(known), Cause::Doubt, patience).await
    }

    /// How long until a newer value than this one may be asked for. `None` where it may be asked for now, and where one is on its
    /// way or there.
    pub(crate) fn beyond_doubt_for(&self, known: &Arc<Held<T>>) -> Option<Duration> {
        self.shared.beyond_doubt_for(self.shared.clock.monotonic(), known)
    }

    async fn other_than(
        &self,
        known: Option<&Arc<Held<T>>>,
        cause: Cause,
        patience: Duration,
    ) -> Result<Arc<Held<T>>, E> {
        let outcome = self.outcome(known, cause);
        runtime::within(patience, outcome).await.unwrap_or_else(|| Err(NoOutcome::StillLoading.into()))
    }

    async fn outcome(&self, known: Option<&Arc<Held<T>>>, cause: Cause) -> Result<Arc<Held<T>>, E> {
        // Twice: where an attempt dies, one of those who waited for it takes over.
        for _ in 0..2 {
            let end = match self.shared.attempt(self.shared.clock.monotonic(), known, cause) {
                Attempt::Landed(held) => return Ok(held),
                Attempt::CoolingDown(error) => return Err(error),
                Attempt::UnderWay(end) => end,
                Attempt::Drive(flight, end) => {
                    flight.await;
                    end
                }
            };
            match end.reached().await {
                None => {} // it died
                // Its own: what others failed at since is no matter of this caller.
                Some(Err(error)) => return Err(error),
                // A newer one, if there is: but not none, where somebody has dropped it in the meantime.
                Some(Ok(landed)) => return Ok(self.peek().unwrap_or(landed)),
            }
        }
        Err(NoOutcome::Died.into())
    }

    /// What is held now, whatever its age, without starting anything.
    pub(crate) fn peek(&self) -> Option<Arc<Held<T>>> {
        self.shared.held.load_full()
    }

    /// Holds this from now on, which was had in another way.
    #[cfg(feature = "client")]
    pub(crate) fn hold(&self, loaded: Loaded<T>) {
        let Loaded { value, lifetime } = loaded;
        let loaded_at = self.shared.clock.monotonic();
        self.shared.hold(Held { value, loaded_at, lifetime });
    }

    /// What is held once no attempt is under way any more; what is held now where one takes longer than a caller waits.
    #[cfg(feature = "client")]
    pub(crate) async fn settled(&self) -> Option<Arc<Held<T>>> {
        let under_way = self.shared.attempts().flight.as_ref().map(|flight| flight.end.clone());
        if let Some(end) = under_way {
            let _outcome = runtime::within(PATIENCE, end.reached()).await;
        }
        self.peek()
    }

    /// Drops what is held if it is this value: it turned out not to be good. Whoever asks next waits for another.
    #[cfg(feature = "client")]
    pub(crate) fn drop_held(&self, known: &Arc<Held<T>>) {
        self.shared.drop_held(known);
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

    /// How long until a failed attempt may be repeated.
    pub(crate) fn cooling_down(&self) -> Option<Duration> {
        self.shared.attempts().failure.as_ref()?.cooling_down_for(self.shared.clock.monotonic())
    }

    /// How long until the next attempt is due, if somebody asks then. Nothing where one is due now.
    pub(crate) fn next_attempt_in(&self) -> Duration {
        let fresh_for = self.peek().map(|held| held.fresh_for(self.shared.clock.monotonic()));
        fresh_for.filter(|left| !left.is_zero()).or_else(|| self.cooling_down()).unwrap_or_default()
    }
}

impl<T, E> Clone for KeptFresh<T, E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}
