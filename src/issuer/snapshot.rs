//! [`Snapshot`]: the keys of an issuer at one moment, which verification reads without waiting.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use foldhash::quality::RandomState;

use super::revision::Revision;
use crate::jose::{Algorithm, Jwk, JwkSet, SkippedKey, VerifyingKey};

/// How many keys are tried for a token that names none.
const TRIED_WITHOUT_KEY_ID: usize = 8;
/// How far the clocks of one issuer's servers may be apart.
const APART: Duration = Duration::from_secs(6);
/// How many ids of withdrawn keys are remembered.
const REMEMBERED_WITHDRAWN: usize = 64;

/// One key of an issuer. It stays the same value for as long as its JWK is published unchanged.
pub(crate) struct Key {
    jwk: Option<Jwk>,
    id: Option<Box<str>>,
    verifying: Vec<VerifyingKey>,
    /// When it was first seen: monotonic time, `None` for a key that was given.
    seen_first: Option<Instant>,
}

impl Key {
    pub(super) fn given(id: Option<&str>, key: VerifyingKey) -> Self {
        Self { jwk: None, id: id.map(Box::from), verifying: vec![key], seen_first: None }
    }

    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.seen_first.map(|since| now.saturating_duration_since(since))
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The issuer that the JWK itself names.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.jwk.as_ref().and_then(Jwk::issuer)
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifying.iter().map(VerifyingKey::algorithm)
    }

    pub(crate) fn for_algorithm(&self, algorithm: Algorithm) -> Option<&VerifyingKey> {
        self.verifying.iter().find(|key| key.algorithm() == algorithm)
    }
}

/// The keys at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    keys: Vec<Arc<Key>>,
    /// Whoever sends a token can look one up, and add none.
    by_id: HashMap<Box<str>, Vec<Arc<Key>>, RandomState>,
    without_id: Vec<Arc<Key>>,
    skipped: Vec<SkippedKey>,
    /// The ids of keys that were published before and are no longer: the latest ones.
    withdrawn: Vec<Box<str>>,
    /// Wall time of the moment: a key that was published later may be missing.
    pub(super) as_of: SystemTime,
    /// When the issuer sent it, by its own clock; earlier than it was fetched where a copy was sent.
    pub(super) dated: Option<SystemTime>,
    pub(super) revision: Option<Revision>,
}

impl Snapshot {
    /// The keys of this set. A key whose JWK is in `previous` too stays the same value.
    pub(super) fn from_jwks(set: JwkSet, previous: Option<&Self>, now: Option<Instant>) -> Self {
        let mut snapshot = Self::of_keys([], set.skipped().to_vec());
        let kept: HashMap<&str, Vec<&Arc<Key>>> = previous.map(Self::known).unwrap_or_default();
        for (position, jwk) in set.into_keys() {
            let known = kept.get(jwk.key_id().unwrap_or_default());
            let same = known.and_then(|keys| keys.iter().find(|key| key.jwk.as_ref() == Some(&jwk)));
            if let Some(key) = same {
                snapshot.push(Arc::clone(key));
                continue;
            }
            match VerifyingKey::from_jwk(&jwk) {
                Ok(verifying) => {
                    let id = jwk.key_id().map(Box::from);
                    snapshot.push(Arc::new(Key { id, jwk: Some(jwk), verifying, seen_first: now }));
                }
                Err(reason) => snapshot.skipped.push(SkippedKey::new(position, jwk.key_id(), reason)),
            }
        }
        snapshot.withdrawn = previous.map(|previous| snapshot.missing_of(previous)).unwrap_or_default();
        snapshot
    }

    /// Keys that were given, and what was skipped of them.
    pub(super) fn of_keys(keys: impl IntoIterator<Item = Arc<Key>>, skipped: Vec<SkippedKey>) -> Self {
        let mut snapshot = Self {
            keys: Vec::new(),
            by_id: HashMap::default(),
            without_id: Vec::new(),
            skipped,
            withdrawn: Vec::new(),
            as_of: SystemTime::UNIX_EPOCH,
            dated: None,
            revision: None,
        };
        keys.into_iter().for_each(|key| snapshot.push(key));
        snapshot
    }

    /// The ids that were published before this snapshot and are not in it.
    fn missing_of(&self, previous: &Self) -> Vec<Box<str>> {
        let ids = previous.withdrawn.iter().chain(previous.by_id.keys());
        let mut missing: Vec<_> = ids.filter(|id| !self.by_id.contains_key(*id)).cloned().collect();
        missing.drain(..missing.len().saturating_sub(REMEMBERED_WITHDRAWN));
        missing
    }

    fn known(&self) -> HashMap<&str, Vec<&Arc<Key>>> {
        let mut known: HashMap<&str, Vec<&Arc<Key>>> = HashMap::new();
        for key in &self.keys {
            known.entry(key.id().unwrap_or_default()).or_default().push(key);
        }
        known
    }

    fn push(&mut self, key: Arc<Key>) {
        match &key.id {
            Some(id) => self.by_id.entry(id.clone()).or_default().push(Arc::clone(&key)),
            None => self.without_id.push(Arc::clone(&key)),
        }
        self.keys.push(key);
    }

    /// The keys that may have signed a token with this header. A token without `kid` may be signed by any key that fits,
    /// and one with a `kid` by a key that is published without one; 8 at most of those that `fit` are tried.
    pub(crate) fn candidates<'s>(
        &'s self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        fit: impl Fn(&Key) -> bool + 's,
    ) -> impl Iterator<Item = (&'s Arc<Key>, &'s VerifyingKey)> {
        let keys: &[Arc<Key>] = match key_id {
            Some(id) => self.by_id.get(id).unwrap_or(&self.without_id),
            None => &self.keys,
        };
        let keys = keys.iter().filter(move |key| fit(key));
        keys.filter_map(move |key| Some((key, key.for_algorithm(algorithm)?))).take(TRIED_WITHOUT_KEY_ID)
    }

    /// Whether there are keys that may have signed a token with this key id, or without one.
    pub(crate) fn has_for(&self, key_id: Option<&str>) -> bool {
        key_id.is_none_or(|id| self.by_id.contains_key(id) || !self.without_id.is_empty())
    }

    /// The keys that are published under this id.
    pub(crate) fn named(&self, key_id: &str) -> &[Arc<Key>] {
        self.by_id.get(key_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a key that was published under this id has been withdrawn.
    pub(crate) fn has_withdrawn(&self, key_id: Option<&str>) -> bool {
        key_id.is_some_and(|id| self.withdrawn.iter().any(|withdrawn| **withdrawn == *id))
    }

    /// Whether it was sent well before this moment by the issuer's clock: more than clocks of one issuer's servers are apart.
    pub(crate) fn is_older_than(&self, moment: SystemTime) -> bool {
        self.dated.and_then(|dated| dated.checked_add(APART)).is_some_and(|latest| latest < moment)
    }

    /// Whether this very key is still published. What one of the others has verified counts no more.
    #[inline]
    pub(crate) fn holds(&self, key: &Arc<Key>) -> bool {
        self.keys.iter().any(|held| Arc::ptr_eq(held, key))
    }

    pub(crate) fn keys(&self) -> &[Arc<Key>] {
        &self.keys
    }

    pub(crate) fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
