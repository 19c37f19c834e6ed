//! [`AllowedIssuers`]: issuers that are not known before their tokens come, such as those of a product's customers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::check::Check;
use super::rejection::{Rejection, RejectionKind as Kind};
use super::rules::Rules;
use super::validator::Validator;
use super::verification::Verification;
use super::verified_cache::VerifiedCache;
use super::verified_token::VerifiedToken;
use crate::issuer::Issuer;
use crate::sync::{AtomicU64, Mutex, Ordering, PoisonError};

/// How many issuers are held, unless set.
const AT_MOST: usize = 1_000;
/// An issuer whose token came so short a time ago is not pushed out: its keys would have to be fetched again at once.
const IN_USE: Duration = Duration::from_secs(15);

/// Validators for issuers that a function of yours allows, made when their first token comes and held for as long as there is
/// room.
///
/// The function is asked with the `iss` of a token **of which nothing is verified yet**. It decides by a list or a table of yours which
/// issuers are trusted, without waiting, and says `None` for all others. One that allows whatever comes would trust everybody, and
/// make the service fetch keys from where a stranger points it. It is asked again for each token of an issuer that it doesn't allow.
///
/// A validator is held for its issuer: what the function says later about the same issuer counts once that one was
/// [forgotten](Self::forget) or pushed out by others. Tokens of more than 64 KiB are refused whatever a validator allows, as it is
/// not known before whose limit counts.
///
/// ```
/// use tower_bearer::{AllowedIssuers, BearerLayer, Issuer};
///
/// let tenants = ["acme", "globex"];
/// let issuers = AllowedIssuers::new(move |issuer| {
///     let name = issuer.strip_prefix("https://login.example.com/realms/")?;
///     tenants.contains(&name).then(|| Issuer::new(issuer).ok())?.map(|issuer| issuer.validator("api://orders"))
/// });
/// let layer = BearerLayer::new(issuers);
/// ```
#[derive(Clone)]
pub struct AllowedIssuers {
    shared: Arc<Shared>,
}

type Allow = dyn Fn(&str) -> Option<Validator> + Send + Sync;
/// Read without a lock, and copied where an issuer joins or leaves, which is rare.
type ByIssuer = HashMap<String, Arc<Held>>;

struct Shared {
    allow: Arc<Allow>,
    at_most: usize,
    held: ArcSwap<ByIssuer>,
    verified: Arc<VerifiedCache>,
    /// How often something was forgotten; held by who changes what is held.
    changes: Mutex<u64>,
    since: Instant,
}

struct Held {
    validator: Validator,
    /// When its last token came, in milliseconds since `since`.
    used: AtomicU64,
}

impl AllowedIssuers {
    /// Issuers for whose `iss` this function gives a validator. 1,000 of them are held, unless [set](Self::at_most).
    pub fn new<F>(allow: F) -> Self
    where
        F: Fn(&str) -> Option<Validator> + Send + Sync + 'static,
    {
        Self::with(Arc::new(allow), AT_MOST, VerifiedCache::default())
    }

    fn with(allow: Arc<Allow>, at_most: usize, verified: VerifiedCache) -> Self {
        Self {
            shared: Arc::new(Shared {
                allow,
                at_most,
                held: ArcSwap::from_pointee(ByIssuer::new()),
                verified: Arc::new(verified),
                changes: Mutex::new(0),
                since: Instant::now(),
            }),
        }
    }

    /// Holds so many issuers at most, with their keys. Where there is no room for a new one, the one whose last token is the oldest
    /// goes, and is made and its keys fetched anew when its next token comes. None goes within 15 seconds of a token: callers of the
    /// new one are then asked to come back. So set more than there are issuers in use.
    pub fn at_most(self, issuers: usize) -> Self {
        Self::with(Arc::clone(&self.shared.allow), issuers.max(1), self.shared.verified.emptied())
    }

    /// Lets the cache of verified tokens, which all of them share, weigh so many bytes: 32 MiB, unless set; none with 0. A validator
    /// that has turned its own off does without.
    pub fn cache_bytes(self, bytes: usize) -> Self {
        Self::with(Arc::clone(&self.shared.allow), self.shared.at_most, VerifiedCache::with_bytes(bytes))
    }

    /// Forgets an issuer, for one that was withdrawn or set up anew: the function is asked again at its next token.
    pub fn forget(&self, issuer: &str) {
        let mut changes = self.shared.changes.lock().unwrap_or_else(PoisonError::into_inner);
        *changes += 1;
        let mut held = ByIssuer::clone(&self.shared.held.load());
        if held.remove(issuer).is_some() {
            self.shared.held.store(Arc::new(held));
        }
    }

    /// The issuers that are held, for their [`status`](Issuer::status).
    pub fn held(&self) -> Vec<Issuer> {
        self.shared.held.load().values().flat_map(|held| held.validator.issuers().cloned()).collect()
    }

    /// Checks a token, fetching keys where that is needed.
    ///
    /// # Errors
    /// As [`Validator::verify`]; for an issuer that is not allowed, [`RejectionKind::UnknownIssuer`](Kind::UnknownIssuer); for one for
    /// which there is no room at the moment, [`RejectionKind::KeysUnavailable`](Kind::KeysUnavailable).
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, Rejection> {
        match self.seen(token.as_bytes()) {
            Some(seen) => seen,
            None => self.shared.of(token)?.verify(token).await,
        }
    }

    pub(crate) fn seen(&self, token: &[u8]) -> Option<Result<VerifiedToken, Rejection>> {
        // Issuers are held by what their tokens call them.
        let seen = self.shared.verified.get(token).filter(|seen| seen.issuer_is_as_written)?;
        let held = self.shared.held.load();
        let held = held.get(&*seen.issuer)?;
        self.shared.used(held);
        held.validator.seen(token)
    }

    pub(crate) fn start(&self, token: &str) -> Verification {
        match self.shared.of(token) {
            Ok(validator) => validator.start(token),
            Err(rejection) => Verification::Done(Err(rejection)),
        }
    }
}

impl Shared {
    /// The validator for this token.
    fn of(&self, token: &str) -> Result<Validator, Rejection> {
        let issuer = Rules::unverified_issuer(token)?;
        if let Some(held) = self.held.load().get(&issuer) {
            self.used(held);
            return Ok(held.validator.clone());
        }
        loop {
            let before = *self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody waits for the user's function but this caller.
            let allowed = (self.allow)(&issuer).ok_or(Check::Issuer.failed(Kind::UnknownIssuer))?;
            let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            if *changes == before {
                return self.hold(issuer, allowed);
            }
            // Something was forgotten since: perhaps what the function has just said.
        }
    }

    /// Called by who holds the lock of `changes`.
    fn hold(&self, issuer: String, allowed: Validator) -> Result<Validator, Rejection> {
        let held = self.held.load();
        if let Some(faster) = held.get(&issuer) {
            return Ok(faster.validator.clone());
        }
        let mut next = ByIssuer::clone(&held);
        let allowed = allowed.sharing(&self.verified);
        let now = self.millis(&allowed);
        if next.len() >= self.at_most {
            let used = |held: &Held| held.used.load(Ordering::Relaxed);
            let oldest = next.iter().min_by_key(|(_, held)| used(held)).map(|(name, held)| (name.clone(), used(held)));
            if let Some((name, used)) = oldest {
                let idle = Duration::from_millis(now.saturating_sub(used));
                if idle < IN_USE {
                    return Err(Rejection::unavailable(IN_USE.saturating_sub(idle)));
                }
                next.remove(&name);
            }
        }
        next.insert(issuer, Arc::new(Held { validator: allowed.clone(), used: AtomicU64::new(now) }));
        self.held.store(Arc::new(next));
        Ok(allowed)
    }

    fn used(&self, held: &Held) {
        held.used.store(self.millis(&held.validator), Ordering::Relaxed);
    }

    /// The time by the clock that this validator lives by.
    fn millis(&self, validator: &Validator) -> u64 {
        let now = validator.issuers().next().map_or(self.since, |issuer| issuer.time().monotonic());
        u64::try_from(now.saturating_duration_since(self.since).as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for AllowedIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowedIssuers").field("held", &self.shared.held.load().len()).finish_non_exhaustive()
    }
}
