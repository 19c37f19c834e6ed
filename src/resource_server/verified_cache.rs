//! [`VerifiedCache`]: tokens whose signature was found good, so that it is not computed again for the next request.
//!
//! Only signature and parsing are saved. What can change from one request to the next is checked on each: whether the key
//! is still published, the times, and the checks of the user. So an entry that comes in late, when its key has just been
//! withdrawn, is found and not used.

use std::hash::{Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};

use super::verified_token::Verified;

/// What the cache may weigh, unless set: room for some thousand tokens of a kilobyte.
const DEFAULT_BYTES: usize = 32 * 1024 * 1024;
/// What one entry weighs besides its texts.
const OVERHEAD: usize = 1024;
/// How many times its length a payload may take once it is parsed into the types that handlers ask for.
const PARSED: usize = 6;
/// How much of a token's end is hashed: that of the signature, which nobody chooses.
const HASHED: usize = 32;

type Tokens = Cache<Held, Arc<Verified>, Bytes, RandomState>;

/// The cache of one validator and its clones.
pub(crate) struct VerifiedCache {
    bytes: usize,
    /// Made for the first token: most validators are changed a few times before they are used.
    tokens: OnceLock<Tokens>,
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

    pub(crate) fn get(&self, token: &str) -> Option<Arc<Verified>> {
        self.tokens.get()?.get(&Looked(token))
    }

    pub(crate) fn insert(&self, verified: &Arc<Verified>) {
        if !self.is_off() {
            self.tokens.get_or_init(|| self.empty()).insert(Held(Arc::clone(verified)), Arc::clone(verified));
        }
    }

    pub(crate) fn remove(&self, token: &str) {
        if let Some(tokens) = self.tokens.get() {
            tokens.remove(&Looked(token));
        }
    }

    fn empty(&self) -> Tokens {
        // The hash is keyed: nobody can choose tokens that meet in one place.
        let items = self.bytes / (4 * OVERHEAD);
        Cache::with(items, self.bytes as u64, Bytes, RandomState::new(), DefaultLifecycle::default())
    }
}

impl Default for VerifiedCache {
    fn default() -> Self {
        Self::with_bytes(DEFAULT_BYTES)
    }
}

/// A token that is held, which knows its text.
struct Held(Arc<Verified>);

/// A token that is looked for: all of it is compared.
struct Looked<'t>(&'t str);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.0.token == other.0.token
    }
}

impl Eq for Held {}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Looked(&self.0.token).hash(state);
    }
}

impl Hash for Looked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bytes = self.0.as_bytes();
        state.write(bytes.last_chunk::<HASHED>().map_or(bytes, <[u8; HASHED]>::as_slice));
    }
}

impl Equivalent<Held> for Looked<'_> {
    fn equivalent(&self, held: &Held) -> bool {
        *self.0 == *held.0.token
    }
}

/// Entries are weighed in bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Held, Arc<Verified>> for Bytes {
    fn weight(&self, _: &Held, verified: &Arc<Verified>) -> u64 {
        (OVERHEAD + verified.token.len() + verified.payload.len() * (1 + PARSED)) as u64
    }
}
