//! [`Verification`]: a token on its way through a validator, which was seen before, or waits for keys.

use std::sync::Arc;
use std::time::Duration;

use super::check::{Check, Failure};
use super::rejection::{Rejection, RejectionKind as Kind};
use super::rules::Rules;
use super::stop::{Need, Stop};
use super::validator::Validator;
use super::verified::Verified;
use super::verified_token::VerifiedToken;
use crate::issuer::Keys;
use crate::kept_fresh::PATIENCE;
use crate::runtime;

/// How far a verification got.
pub(crate) enum Verification {
    Done(Result<VerifiedToken, Rejection>),
    /// By this validator.
    NeedsKeys(Validator, Need),
}

impl Validator {
    /// Checks a token, fetching keys where that is needed.
    ///
    /// # Errors
    /// Why it is rejected. [`RejectionKind::KeysUnavailable`](Kind::KeysUnavailable) says nothing about the token.
    ///
    /// ```no_run
    /// # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let validator = tower_bearer::Issuer::new("https://login.example.com")?.validator("api://orders");
    /// let verified = validator.verify(token).await?;
    /// println!("{:?}", verified.subject());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, Rejection> {
        if let Some(seen) = self.seen(token.as_bytes()) {
            return seen;
        }
        match self.start(token) {
            Verification::Done(verified) => verified,
            Verification::NeedsKeys(_, need) => self.finish(token, need).await,
        }
    }

    /// What becomes of a token that was seen before, whose key is still published. Bytes that are no token were never seen.
    #[inline]
    pub(crate) fn seen(&self, token: &[u8]) -> Option<Result<VerifiedToken, Rejection>> {
        let seen = self.cached(token, None)?.map_err(Rejection::from);
        Some(seen.and_then(|verified| self.admit(verified)))
    }

    /// All that can be done without waiting for a token that was not seen before, which is everything unless keys have to be fetched.
    pub(crate) fn start(&self, token: &str) -> Verification {
        match self.verify_now(token, None) {
            Ok(verified) => Verification::Done(Ok(verified)),
            Err(Stop::Rejected(rejection)) => Verification::Done(Err(rejection)),
            Err(Stop::TooSoon { left, .. }) => Verification::Done(Err(Rejection::unavailable(left))),
            Err(Stop::NeedsKeys(need)) => Verification::NeedsKeys(self.clone(), need),
        }
    }

    /// What is said of a token with keys that were given, where all that its claims say comes before a key that is missing.
    pub(super) fn by_claims_first(&self, token: &str) -> Option<Rejection> {
        let [only] = &*self.rules else { return None };
        match Rules::verify(&self.rules, token, Some(only.issuer.keys().given()?), &self.known_header) {
            Err(Stop::Rejected(rejection)) => Some(rejection),
            _ => None,
        }
    }

    /// Gets the keys that are needed and goes through the procedure again, within the time that a caller waits.
    pub(crate) async fn finish(&self, token: &str, need: Need) -> Result<VerifiedToken, Rejection> {
        let verified = runtime::within(PATIENCE, self.with_keys(token, need)).await;
        verified.unwrap_or_else(|| Err(Rejection::unavailable(Duration::from_secs(1))))
    }

    async fn with_keys(&self, token: &str, mut need: Need) -> Result<VerifiedToken, Rejection> {
        let arrived = need.issuer.time().monotonic();
        // Twice: after the first keys, or those that others were fetching already, newer ones may be needed.
        for _ in 0..2 {
            let set = need.issuer.keys();
            let keys = match &need.newer {
                None => set.get().await.map_err(|_| set.unavailable()),
                Some((keys, _)) => set.newer_than(keys).await,
            };
            let keys = match (keys, need.verdict()) {
                (Ok(keys), _) => keys,
                (Err(_), verdict) if verdict.kind == Kind::BadSignature => return Err(verdict.into()),
                (Err(unavailable), _) => return Err(Rejection::unavailable(unavailable.retry_after)),
            };
            // What keys that were fetched after the token had come don't verify, no key verifies.
            let conclusive = keys.loaded_since(arrived);
            match self.judge(token, &keys) {
                Ok(verified) => return Ok(verified),
                Err(Stop::Rejected(rejection)) => return Err(rejection),
                Err(Stop::TooSoon { left, outdated }) if outdated || !conclusive => {
                    return Err(Rejection::unavailable(left));
                }
                Err(Stop::TooSoon { .. }) => break,
                Err(Stop::NeedsKeys(next)) => need = next,
            }
            if conclusive {
                break;
            }
        }
        Err(need.verdict().into())
    }

    /// The procedure, but for the signature of a token that was seen before.
    fn judge(&self, token: &str, keys: &Keys) -> Result<VerifiedToken, Stop> {
        match self.cached(token.as_bytes(), Some(keys)) {
            Some(seen) => self.admit(seen?).map_err(Stop::Rejected),
            None => self.verify_now(token, Some(keys)),
        }
    }

    fn verify_now(&self, token: &str, keys: Option<&Keys>) -> Result<VerifiedToken, Stop> {
        let verified = Rules::verify(&self.rules, token, keys, &self.known_header)?;
        self.cache.insert(&verified);
        self.admit(verified).map_err(Stop::Rejected)
    }

    /// The user's checks, which run on every request.
    #[inline]
    fn admit(&self, verified: Arc<Verified>) -> Result<VerifiedToken, Rejection> {
        let checks = self.rules.get(verified.rules).map(|rules| rules.checks.as_slice()).unwrap_or_default();
        let token = VerifiedToken::new(verified);
        let checked = checks.iter().try_for_each(|check| check(&token));
        checked.map_err(|rejection| rejection.stopped_at(Check::Own.place()))?;
        Ok(token)
    }

    /// The token, if it was seen before and its key is still published; or that its time is over.
    #[inline]
    fn cached(&self, token: &[u8], keys: Option<&Keys>) -> Option<Result<Arc<Verified>, Failure>> {
        let seen = self.cache.get(token)?;
        // A cache may be shared by validators whose rules differ.
        let rules = self.rules.get(seen.rules).filter(|rules| Arc::ptr_eq(&rules.mark, &seen.judged_by))?;
        let is_published = match keys {
            Some(keys) => keys.value.holds(&seen.key),
            None => rules.issuer.keys().current()?.keys()?.value.holds(&seen.key),
        };
        // Seeded, to be found by `tests/concurrency`: with `used_after_retirement`, the cache alone is asked.
        if !is_published && !cfg!(tower_bearer_flaw = "used_after_retirement") {
            self.cache.remove(token);
            return None;
        }
        Some(rules.in_time(seen.expires_at, seen.not_before).map(|()| seen).inspect_err(|_| self.cache.remove(token)))
    }
}
