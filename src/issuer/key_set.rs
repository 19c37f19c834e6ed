//! [`KeySet`]: the keys of one issuer, now, and what to do about a key that is not among them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::freshness::COOL_DOWN;
use super::key_source::KeySource;
use super::snapshot::Snapshot;
use crate::clock::Clock;
use crate::error::Error;
use crate::kept_fresh::{Held, KeptFresh, PATIENCE};
use crate::sync::Guard;

/// The keys of one issuer, now.
#[derive(Clone)]
pub(crate) enum KeySet {
    Static(Keys),
    Fetched(KeptFresh<Snapshot, Error>),
}

/// Keys as they are read: a snapshot and when it was fetched.
pub(crate) type Keys = Arc<Held<Snapshot>>;

/// What is to be done about a key that is in no snapshot.
pub(crate) enum Miss {
    /// It may be new: fetch, then look again.
    Fetch,
    /// The token is older than the keys, or its key was withdrawn: the key does not exist.
    Unknown,
    /// The key may have been published since, but the last fetch was a moment ago.
    TooSoon(Duration),
}

/// Keys that are not to be had at the moment.
pub(crate) struct KeysUnavailable {
    pub(crate) retry_after: Duration,
}

impl KeySet {
    pub(super) fn fetched(source: KeySource, clock: Clock) -> Self {
        Self::Fetched(KeptFresh::new(clock, COOL_DOWN, move |previous| source.clone().load(previous)))
    }

    pub(super) fn fixed(keys: Snapshot, clock: &Clock) -> Self {
        Self::Static(Arc::new(Held::forever(keys, clock)))
    }

    /// The keys, if they can be had without waiting.
    #[inline]
    pub(crate) fn current(&self) -> Option<Current<'_>> {
        match self {
            Self::Static(keys) => Some(Current::Static(keys)),
            Self::Fetched(kept) => kept.current().map(Current::Fetched),
        }
    }

    /// The keys, waiting for them where that is needed.
    pub(crate) async fn get(&self) -> Result<Keys, Error> {
        match self {
            Self::Static(keys) => Ok(keys.clone()),
            Self::Fetched(kept) => kept.get().await,
        }
    }

    /// What to do about a token with this `kid` and `iat` whose key is not in `keys`.
    pub(crate) fn missed(&self, keys: &Keys, key_id: Option<&str>, issued_at: Option<SystemTime>) -> Miss {
        let Self::Fetched(kept) = self else { return Miss::Unknown };
        match kept.beyond_doubt_for(keys) {
            None => Miss::Fetch,
            Some(_) if keys.value.has_withdrawn(key_id) || issued_at.is_some_and(|at| at <= keys.value.as_of) => {
                Miss::Unknown
            }
            Some(left) => Miss::TooSoon(left),
        }
    }

    /// Keys that were given, which stay as they are.
    pub(crate) fn given(&self) -> Option<&Keys> {
        match self {
            Self::Static(keys) => Some(keys),
            Self::Fetched(_) => None,
        }
    }

    /// Newer keys than `keys`. Those who ask while a fetch is under way share it.
    pub(crate) async fn newer_than(&self, keys: &Keys) -> Result<Keys, KeysUnavailable> {
        let Self::Fetched(kept) = self else { return Ok(keys.clone()) };
        kept.newer_than(keys, PATIENCE).await.map_err(|_| self.unavailable())
    }

    /// When to try again.
    pub(crate) fn unavailable(&self) -> KeysUnavailable {
        let left = match self {
            Self::Static(_) => None,
            Self::Fetched(kept) => kept.cooling_down(),
        };
        KeysUnavailable { retry_after: left.unwrap_or(Duration::from_secs(1)) }
    }

    /// What is held, for a status: starts nothing.
    pub(super) fn peek(&self) -> Option<Keys> {
        match self {
            Self::Static(keys) => Some(keys.clone()),
            Self::Fetched(kept) => kept.peek(),
        }
    }

    /// Whether keys are held that still serve.
    pub(super) fn serves(&self) -> bool {
        match self {
            Self::Static(_) => true,
            Self::Fetched(kept) => kept.serves(),
        }
    }

    pub(super) fn last_error(&self) -> Option<Error> {
        match self {
            Self::Static(_) => None,
            Self::Fetched(kept) => kept.failure().map(|failure| failure.error),
        }
    }

    pub(super) fn next_attempt_in(&self) -> Option<Duration> {
        match self {
            Self::Static(_) => None,
            Self::Fetched(kept) => Some(kept.next_attempt_in()),
        }
    }
}

/// A snapshot that is read in passing: no shared counter is touched.
pub(crate) enum Current<'k> {
    Static(&'k Keys),
    Fetched(Guard<Option<Keys>>),
}

impl Current<'_> {
    #[inline]
    pub(crate) fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Static(keys) => Some(keys),
            Self::Fetched(guard) => guard.as_ref(),
        }
    }
}
