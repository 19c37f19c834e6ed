//! [`KeySet`]: the keys of one issuer, as a snapshot that verification reads without waiting.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderValue, header};

use super::freshness::{self, COOL_DOWN};
use super::metadata::Metadata;
use crate::clock::Clock;
use crate::error::Error;
use crate::jose::{Algorithm, Jwk, JwkSet, SkippedKey, VerifyingKey};
use crate::kept_fresh::{Held, KeptFresh, Loaded, PATIENCE};
use crate::transport::{Document, Received, Transport, Url};

const WHAT: &str = "the issuer's key set";
/// How many keys are tried for a token that names none.
const TRIED_WITHOUT_KEY_ID: usize = 8;

/// One key of an issuer. It stays the same value for as long as its JWK is published unchanged.
pub(crate) struct Key {
    jwk: Option<Jwk>,
    id: Option<Box<str>>,
    verifying: Vec<VerifyingKey>,
}

impl Key {
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifying.iter().map(VerifyingKey::algorithm)
    }

    pub(crate) fn for_algorithm(&self, algorithm: Algorithm) -> Option<&VerifyingKey> {
        self.verifying.iter().find(|key| key.algorithm() == algorithm)
    }
}

/// The keys at one moment.
#[derive(Default)]
pub(crate) struct Snapshot {
    keys: Vec<Arc<Key>>,
    by_id: HashMap<Box<str>, Vec<Arc<Key>>>,
    without_id: Vec<Arc<Key>>,
    skipped: Vec<SkippedKey>,
    etag: Option<HeaderValue>,
}

impl Snapshot {
    fn from_jwks(set: JwkSet, previous: Option<&Self>) -> Self {
        let mut snapshot = Self { skipped: set.skipped().to_vec(), ..Self::default() };
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
                    snapshot.push(Arc::new(Key { id: jwk.key_id().map(Box::from), jwk: Some(jwk), verifying }));
                }
                Err(reason) => snapshot.skipped.push(SkippedKey::new(position, jwk.key_id(), reason)),
            }
        }
        snapshot
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
    /// and one with a `kid` by a key that is published without one; 8 at most are tried.
    pub(crate) fn candidates<'s>(
        &'s self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = (&'s Arc<Key>, &'s VerifyingKey)> {
        let keys: &[Arc<Key>] = match key_id {
            Some(id) => self.by_id.get(id).unwrap_or(&self.without_id),
            None => &self.keys,
        };
        keys.iter().filter_map(move |key| Some((key, key.for_algorithm(algorithm)?))).take(TRIED_WITHOUT_KEY_ID)
    }

    /// Whether a key is published under this id.
    pub(crate) fn knows(&self, key_id: Option<&str>) -> bool {
        key_id.is_some_and(|id| self.by_id.contains_key(id))
    }

    pub(crate) fn keys(&self) -> &[Arc<Key>] {
        &self.keys
    }

    pub(crate) fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

/// The keys of one issuer, now.
#[derive(Clone)]
pub(crate) enum KeySet {
    Static(Arc<Held<Arc<Snapshot>>>),
    Fetched(Arc<Fetched>),
}

/// Keys that are fetched.
pub(crate) struct Fetched {
    kept: KeptFresh<Arc<Snapshot>, Error>,
    last_miss: Mutex<Option<Instant>>,
    clock: Clock,
}

/// Keys as they are read: a snapshot and when it was fetched.
pub(crate) type Keys = Arc<Held<Arc<Snapshot>>>;

/// What is to be done about a key that is in no snapshot.
pub(crate) enum Miss {
    /// It may be new: fetch, then look again.
    Fetch,
    /// The token is older than the keys: its key does not exist.
    Unknown,
    /// The key may have been published since, but the last fetch was a moment ago.
    TooSoon(Duration),
}

/// Keys that are not to be had at the moment.
pub(crate) struct KeysUnavailable {
    pub(crate) retry_after: Duration,
}

impl KeySet {
    pub(super) fn fetched(
        issuer: Arc<str>,
        transport: Transport,
        jwks_url: Option<Url>,
        metadata: KeptFresh<Arc<Metadata>, Error>,
        clock: Clock,
    ) -> Self {
        let kept = KeptFresh::new(clock.clone(), COOL_DOWN, move |previous| {
            let loading = load(transport.clone(), jwks_url.clone(), metadata.clone(), previous);
            let issuer = Arc::clone(&issuer);
            async move { loading.await.inspect_err(|error| tracing::warn!(%issuer, %error, "keys could not be fetched")) }
        });
        Self::Fetched(Arc::new(Fetched { kept, last_miss: Mutex::new(None), clock }))
    }

    pub(super) fn fixed(keys: Snapshot, clock: &Clock) -> Self {
        Self::Static(Arc::new(Held::forever(Arc::new(keys), clock)))
    }

    /// The keys, if they can be had without waiting.
    pub(crate) fn current(&self) -> Option<Current<'_>> {
        match self {
            Self::Static(keys) => Some(Current::Static(keys)),
            Self::Fetched(fetched) => fetched.kept.current().map(Current::Fetched),
        }
    }

    /// The keys, waiting for them where that is needed.
    pub(crate) async fn get(&self) -> Result<Keys, Error> {
        match self {
            Self::Static(keys) => Ok(keys.clone()),
            Self::Fetched(fetched) => fetched.kept.get().await,
        }
    }

    /// What to do about a token, issued at `issued_at`, whose key is not in `keys`.
    pub(crate) fn missed(&self, keys: &Held<Arc<Snapshot>>, issued_at: Option<SystemTime>) -> Miss {
        let Self::Fetched(fetched) = self else { return Miss::Unknown };
        if fetched.kept.is_loading() {
            return Miss::Fetch; // which joins
        }
        let now = fetched.clock.monotonic();
        let gap =
            |since: Instant| COOL_DOWN.checked_sub(now.saturating_duration_since(since)).filter(|left| !left.is_zero());
        let last_miss = *fetched.last_miss.lock().unwrap_or_else(PoisonError::into_inner);
        match last_miss.and_then(gap).or_else(|| fetched.kept.cooling_down()) {
            None => Miss::Fetch,
            Some(_) if issued_at.is_some_and(|at| at <= keys.loaded_wall()) => Miss::Unknown,
            Some(left) => Miss::TooSoon(left),
        }
    }

    /// Newer keys than `keys`. Those who ask while a fetch is under way share it.
    pub(crate) async fn newer_than(&self, keys: &Keys) -> Result<Keys, KeysUnavailable> {
        let Self::Fetched(fetched) = self else { return Ok(keys.clone()) };
        if let Some(newer) = fetched.kept.peek().filter(|held| !Arc::ptr_eq(held, keys)) {
            return Ok(newer);
        }
        if !fetched.kept.is_loading() {
            *fetched.last_miss.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched.clock.monotonic());
        }
        fetched.kept.renew(PATIENCE).await.map_err(|_| self.unavailable())
    }

    /// When to try again.
    pub(crate) fn unavailable(&self) -> KeysUnavailable {
        let left = match self {
            Self::Static(_) => None,
            Self::Fetched(fetched) => fetched.kept.cooling_down(),
        };
        KeysUnavailable { retry_after: left.unwrap_or(Duration::from_secs(1)) }
    }

    /// What is held, for a status: starts nothing.
    pub(super) fn peek(&self) -> Option<Keys> {
        match self {
            Self::Static(keys) => Some(keys.clone()),
            Self::Fetched(fetched) => fetched.kept.peek(),
        }
    }

    /// Whether keys are held that still serve.
    pub(super) fn serves(&self) -> bool {
        match self {
            Self::Static(_) => true,
            Self::Fetched(fetched) => fetched.kept.serves(),
        }
    }

    pub(super) fn last_error(&self) -> Option<Error> {
        match self {
            Self::Static(_) => None,
            Self::Fetched(fetched) => fetched.kept.failure().map(|failure| failure.error),
        }
    }

    pub(super) fn next_attempt_in(&self) -> Option<Duration> {
        match self {
            Self::Static(_) => None,
            Self::Fetched(fetched) => fetched.kept.cooling_down(),
        }
    }
}

/// A snapshot that is read in passing: no shared counter is touched.
pub(crate) enum Current<'k> {
    Static(&'k Keys),
    Fetched(arc_swap::Guard<Option<Keys>>),
}

impl Current<'_> {
    pub(crate) fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Static(keys) => Some(keys),
            Self::Fetched(guard) => guard.as_ref(),
        }
    }
}

async fn load(
    transport: Transport,
    jwks_url: Option<Url>,
    metadata: KeptFresh<Arc<Metadata>, Error>,
    previous: Option<Keys>,
) -> Result<Loaded<Arc<Snapshot>>, Error> {
    let url = match jwks_url {
        Some(url) => url,
        None => metadata.get().await?.value.keys_url()?.clone(),
    };
    let previous = previous.map(|held| held.value.clone());
    let etag = previous.as_ref().and_then(|snapshot| snapshot.etag.as_ref());
    let (snapshot, headers) = match (transport.get(WHAT, &url, etag).await?, previous) {
        (Document::NotModified { headers }, Some(previous)) => (previous, headers),
        (Document::NotModified { .. }, None) => return Err(Error::unavailable(format!("{WHAT} was not sent"))),
        (Document::New { body, headers }, previous) => {
            let received = || Received::new(&headers, &body);
            let set = JwkSet::parse(&body)
                .map_err(|error| Error::unavailable(format!("{error} (from {url}: {})", received())))?;
            let mut snapshot = Snapshot::from_jwks(set, previous.as_deref());
            if snapshot.keys.is_empty() {
                let first = snapshot.skipped.first().map(|key| format!("; the first is skipped: {}", key.reason()));
                return Err(Error::unavailable(format!(
                    "{WHAT} has no key that can be used{} (from {url}: {})",
                    first.unwrap_or_default(),
                    received()
                )));
            }
            snapshot.etag = headers.get(header::ETAG).cloned();
            (Arc::new(snapshot), headers)
        }
    };
    Ok(Loaded { value: snapshot, lifetime: freshness::lifetime(&headers) })
}

/// Keys that were given to the issuer, from which its [`KeySet`] is made.
#[derive(Clone, Default)]
pub(super) struct GivenKeys {
    keys: Vec<Arc<Key>>,
    skipped: Vec<SkippedKey>,
}

impl GivenKeys {
    pub(super) fn add_jwks(&mut self, json: &[u8]) -> Result<(), Error> {
        let set = JwkSet::parse(json).map_err(|error| Error::configuration(format!("with_jwks(..): {error}")))?;
        let snapshot = Snapshot::from_jwks(set, None);
        if snapshot.keys.is_empty() {
            return Err(Error::configuration(format!(
                "with_jwks(..): no key in the set can be used{}",
                snapshot
                    .skipped
                    .first()
                    .map(|key| format!("; the first is skipped: {}", key.reason()))
                    .unwrap_or_default()
            )));
        }
        self.keys.extend(snapshot.keys);
        self.skipped.extend(snapshot.skipped);
        Ok(())
    }

    pub(super) fn add(&mut self, key_id: Option<&str>, key: VerifyingKey) {
        self.keys.push(Arc::new(Key { jwk: None, id: key_id.map(Box::from), verifying: vec![key] }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot { skipped: self.skipped.clone(), ..Snapshot::default() };
        self.keys.iter().for_each(|key| snapshot.push(Arc::clone(key)));
        snapshot
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
