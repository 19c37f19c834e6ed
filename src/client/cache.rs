//! [`Cache`]: the acquired tokens, as many as were allowed.

use std::convert::Infallible;
use std::hash::RandomState;
use std::sync::Arc;

use quick_cache::{Lifecycle, UnitWeighter};

use super::claims_challenge::ClaimsChallenge;
use super::entry::Entry;
use super::exchange::Exchange;
use super::families::Families;
use super::grant::Request;
use super::{AccessToken, TokenError};

/// For so many tokens there is room from the start.
const AT_FIRST: u64 = 256;

/// Clones share the tokens.
#[derive(Clone)]
pub(super) struct Cache {
    /// Read on every call, which takes nothing from the heap and tidies nothing up.
    entries: Arc<Entries>,
    families: Families,
}

type Entries = quick_cache::sync::Cache<Arc<Request>, Arc<Entry>, UnitWeighter, RandomState, KeepAwaited>;

/// What somebody waits for stays: were it to go, whoever came next would ask once more.
#[derive(Clone)]
struct KeepAwaited;

impl Lifecycle<Arc<Request>, Arc<Entry>> for KeepAwaited {
    /// What goes is dropped after the cache's lock.
    type RequestState = Vec<(Arc<Request>, Arc<Entry>)>;

    fn is_pinned(&self, _: &Arc<Request>, entry: &Arc<Entry>) -> bool {
        Arc::strong_count(entry) > 1
    }

    fn on_evict(&self, gone: &mut Self::RequestState, request: Arc<Request>, entry: Arc<Entry>) {
        gone.push((request, entry));
    }
}

impl Cache {
    pub(super) fn new(capacity: u64) -> Self {
        let capacity = capacity.max(1);
        let at_first = capacity.min(AT_FIRST) as usize;
        let entries = Entries::with(at_first, capacity, UnitWeighter, RandomState::new(), KeepAwaited);
        Self { entries: Arc::new(entries), families: Families::new(capacity) }
    }

    /// The token, if it can be had without waiting: that for this request, or one for the same person that allows more.
    pub(super) fn current(&self, exchange: &Arc<Exchange>, request: &Request) -> Option<AccessToken> {
        match self.entries.get(request) {
            Some(entry) => entry.current(),
            None => self.of_larger(request).or_else(|| self.entry(exchange, request).current()),
        }
    }

    fn of_larger(&self, request: &Request) -> Option<AccessToken> {
        self.families.of(request).iter().find_map(|larger| {
            let token = self.entries.get(&**larger)?.current()?;
            let given = token.given_scopes();
            larger.target.covers(&request.target, given).then_some(token)
        })
    }

    /// Asks for another token, with what an API or the issuer wants to know besides; it takes the place of the one that is held.
    pub(super) async fn token_with_claims(
        &self,
        exchange: &Arc<Exchange>,
        request: &Request,
        claims: &ClaimsChallenge,
    ) -> Result<AccessToken, TokenError> {
        self.entry(exchange, request).get_with_claims(exchange, request, claims).await
    }

    /// The same in place of a token that an API refused, unless another one that was had with these claims has come by now.
    pub(super) async fn token_in_place_of(
        &self,
        refused: &AccessToken,
        exchange: &Arc<Exchange>,
        request: &Request,
        claims: &ClaimsChallenge,
    ) -> Result<AccessToken, TokenError> {
        match self.entry(exchange, request).had_with(claims).filter(|had| !had.is(refused)) {
            Some(newer) => Ok(newer),
            None => self.token_with_claims(exchange, request, claims).await,
        }
    }

    pub(super) async fn token(&self, exchange: &Arc<Exchange>, request: &Request) -> Result<AccessToken, TokenError> {
        self.entry(exchange, request).get().await
    }

    pub(super) fn forget(&self, request: &Request, token: &AccessToken) {
        self.serving(request).for_each(|entry| entry.drop_token(token));
    }

    /// Whether another token than this one may be had, which an API refused: it is dropped, unless another was a moment ago.
    pub(super) fn replace_refused(&self, request: &Request, token: &AccessToken) -> bool {
        self.serving(request).find(|entry| entry.holds(token)).is_none_or(|entry| entry.replace_refused(token))
    }

    /// Where a token for this request may have come from: its own entry, and those for the same person that allow more.
    fn serving(&self, request: &Request) -> impl Iterator<Item = Arc<Entry>> {
        let others = self.families.of(request).into_iter().filter_map(|other| self.entries.get(&*other));
        self.entries.get(request).into_iter().chain(others)
    }

    fn entry(&self, exchange: &Arc<Exchange>, request: &Request) -> Arc<Entry> {
        if let Some(entry) = self.entries.get(request) {
            return entry;
        }
        let request = Arc::new(request.clone());
        self.families.add(&request);
        let make = || Ok::<_, Infallible>(Arc::new(Entry::new(Arc::clone(exchange), Arc::clone(&request))));
        let Ok(entry) = self.entries.get_or_insert_with(&request, make);
        entry
    }
}
