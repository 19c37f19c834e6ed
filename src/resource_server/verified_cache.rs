//! [`VerifiedCache`]: tokens whose signature was found good, so that it is not computed again for the next request.
//!
//! Only signature and parsing are saved. What can change from one request to the next is checked on each: whether the key
//! is still published, the times, and the checks of the user. So an entry that comes in late, when its key has just been
//! withdrawn, is found and not used.
//!
//! While there is room, each token is kept. Once others have to go for it, one is kept when it comes a second time: tokens that are used
//! once push nobody out, and cost nothing but a look.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Lifecycle, Weighter};

use super::verified::Verified;

/// What the cache may weigh, unless set: room for some thousand tokens of a kilobyte.
const DEFAULT_BYTES: usize = 32 * 1024 * 1024;
/// What one entry weighs besides its texts.
const OVERHEAD: usize = 1024;
/// How many times its length a payload may take once it is parsed into the types that handlers ask for.
const PARSED: usize = 6;
/// How much of a token's end is hashed: that of the signature, which nobody chooses.
const HASHED: usize = 16;

type Tokens = Cache<Held, Arc<Verified>, Bytes, RandomState, Evictions>;

/// The cache of one validator and its clones.
pub(crate) struct VerifiedCache {
    bytes: usize,
    /// Made for the first token: most validators are changed a few times before they are used.
    tokens: OnceLock<(Tokens, FirstSights)>,
}

impl VerifiedCache {
    pub(crate) fn with_bytes(bytes: usize) -> Self {
        Self { bytes, tokens: OnceLock::new() }
    }

    /// Another one of this size, without tokens.
    pub(crate) fn emptied(&self) -> Self {
        Self::with_bytes(self.bytes)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_off(&self) -> bool {
        self.bytes == 0
    }

    #[inline]
    pub(crate) fn get(&self, token: &[u8]) -> Option<Arc<Verified>> {
        self.tokens.get()?.0.get(&Looked(token))
    }

    pub(crate) fn insert(&self, verified: &Arc<Verified>) {
        if self.is_off() {
            return;
        }
        let (tokens, first_sights) = self.tokens.get_or_init(|| self.empty());
        if first_sights.admit(&verified.token) {
            tokens.insert(Held(Arc::clone(&verified.token)), Arc::clone(verified));
        }
    }

    pub(crate) fn remove(&self, token: &[u8]) {
        if let Some((tokens, _)) = self.tokens.get() {
            tokens.remove(&Looked(token));
        }
    }

    fn empty(&self) -> (Tokens, FirstSights) {
        // It has a seed, and need not be a cryptographic one: only verified tokens are held, and nobody chooses how their signatures end.
        let hasher = RandomState::default();
        let items = self.bytes / (4 * OVERHEAD);
        let evictions = Evictions::default();
        let first_sights = FirstSights::new(items, evictions.clone(), hasher.clone());
        (Cache::with(items, self.bytes as u64, Bytes, hasher, evictions), first_sights)
    }
}

impl Default for VerifiedCache {
    fn default() -> Self {
        Self::with_bytes(DEFAULT_BYTES)
    }
}

/// A token that is held: its text, to be compared without a look at what was read of it.
struct Held(Arc<str>);

/// A token that is looked for: all of it is compared.
struct Looked<'t>(&'t [u8]);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Held {}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Looked(self.0.as_bytes()).hash(state);
    }
}

impl Hash for Looked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.last_chunk::<HASHED>().map_or(self.0, <[u8; HASHED]>::as_slice));
    }
}

impl Equivalent<Held> for Looked<'_> {
    fn equivalent(&self, held: &Held) -> bool {
        self.0 == held.0.as_bytes()
    }
}

/// Entries are weighed in bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Held, Arc<Verified>> for Bytes {
    fn weight(&self, _: &Held, verified: &Arc<Verified>) -> u64 {
        (OVERHEAD + verified.token.len() + verified.payload.as_str().len() * (1 + PARSED)) as u64
    }
}

/// Whether a token had to go for another yet.
#[derive(Clone, Default)]
struct Evictions(Arc<AtomicBool>);

impl Lifecycle<Held, Arc<Verified>> for Evictions {
    /// What goes is dropped after the cache's lock.
    type RequestState = <DefaultLifecycle<Held, Arc<Verified>> as Lifecycle<Held, Arc<Verified>>>::RequestState;

    fn on_evict(&self, gone: &mut Self::RequestState, token: Held, verified: Arc<Verified>) {
        self.0.store(true, Ordering::Relaxed);
        DefaultLifecycle::default().on_evict(gone, token, verified);
    }
}

/// The tokens that came once since the cache was full: a hash of each, as long as no other takes its place.
struct FirstSights {
    evictions: Evictions,
    hasher: RandomState,
    hashes: Box<[AtomicU64]>,
}

impl FirstSights {
    fn new(items: usize, evictions: Evictions, hasher: RandomState) -> Self {
        // Room for a few times as many as are kept: with a second sight as far off as that, there would be no use in keeping them.
        let hashes = (0..items.next_power_of_two() * 4).map(|_| AtomicU64::new(0)).collect();
        Self { evictions, hasher, hashes }
    }

    /// Whether this token is to be kept: there is room, or it has come before.
    fn admit(&self, token: &str) -> bool {
        if !self.evictions.0.load(Ordering::Relaxed) {
            return true;
        }
        let hash = self.hasher.hash_one(Looked(token.as_bytes()));
        // The lower bits choose the place, all of them are compared.
        let place = hash as usize & (self.hashes.len() - 1);
        self.hashes.get(place).is_some_and(|place| place.swap(hash, Ordering::Relaxed) == hash)
    }
}
