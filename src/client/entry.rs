//! [`Entry`]: the token for one request, kept fresh by itself.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::claims_challenge::ClaimsChallenge;
use super::exchange::Exchange;
use super::grant::Request;
use super::response::Answer;
use super::{AccessToken, TokenError};
use crate::clock::Clock;
use crate::kept_fresh::{Held, KeptFresh, Lifetime, Loaded};
use crate::sync::Mutex;

/// After a failed request, none is made for so long, counted from its start.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(5);
/// Of the tokens that an API refuses, one is replaced in this time: the next one may be refused for the same reason.
const REFUSED_GAP: Duration = Duration::from_secs(15);
/// A token is renewed when it has this much left, or a fifth of its life.
const RENEWED_AHEAD: Duration = Duration::from_secs(5 * 60);
/// A token is sent without waiting for the next one until it has this much left, or a tenth of its life: it has to arrive.
const ON_ITS_WAY: Duration = Duration::from_secs(30);

/// The token for one request.
pub(super) struct Entry {
    token: KeptFresh<AccessToken, TokenError>,
    clock: Clock,
    /// When the last one was dropped because an API refused it.
    refused_at: Mutex<Option<Instant>>,
    /// The last request with claims.
    with_claims: Mutex<Option<(ClaimsChallenge, KeptFresh<AccessToken, TokenError>)>>,
}

impl Entry {
    pub(super) fn new(exchange: Arc<Exchange>, request: Arc<Request>) -> Self {
        let clock = exchange.issuer.time().clone();
        let token = KeptFresh::new(clock.clone(), COOL_DOWN, move |_| {
            let (exchange, request) = (Arc::clone(&exchange), Arc::clone(&request));
            async move { exchange.ask(&request, None).await.map(loaded) }
        });
        Self { token, clock, refused_at: Mutex::new(None), with_claims: Mutex::new(None) }
    }

    /// A request with these claims: the one that is under way or has just failed, else a new one.
    fn ask_with_claims(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        request: &Request,
        claims: &ClaimsChallenge,
    ) -> KeptFresh<AccessToken, TokenError> {
        let mut last = self.with_claims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((wanted, asked)) = &*last
            && wanted == claims
            && asked.peek().is_none()
        {
            return asked.clone();
        }
        let (entry, exchange) = (Arc::downgrade(self), Arc::clone(exchange));
        let (request, wanted) = (request.clone(), claims.clone());
        let asked = KeptFresh::new(self.clock.clone(), COOL_DOWN, move |_| {
            let (entry, exchange, request, wanted) = (entry.clone(), exchange.clone(), request.clone(), wanted.clone());
            async move {
                let loaded = loaded(exchange.ask(&request, Some(&wanted)).await?);
                if let Some(entry) = entry.upgrade() {
                    entry.token.hold(Loaded { value: loaded.value.clone(), lifetime: loaded.lifetime });
                }
                Ok(loaded)
            }
        });
        *last = Some((claims.clone(), asked.clone()));
        asked
    }

    /// Another token, asked for with these claims. Callers who want it at the same moment share the request.
    pub(super) async fn get_with_claims(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        request: &Request,
        claims: &ClaimsChallenge,
    ) -> Result<AccessToken, TokenError> {
        let asked = self.ask_with_claims(exchange, request, claims);
        let held = asked.get().await.map_err(|error| error.with_time_left(asked.cooling_down()))?;
        Ok(held.value.clone())
    }

    /// Whether this token is the one that is held.
    pub(super) fn holds(&self, token: &AccessToken) -> bool {
        self.token.peek().is_some_and(|held| held.value.is(token))
    }

    /// What is held, if it was had with these claims and has not ended.
    pub(super) fn had_with(&self, claims: &ClaimsChallenge) -> Option<AccessToken> {
        let held = self.token.peek().filter(|held| !self.has_ended(held))?;
        let last = self.with_claims.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, asked) = last.as_ref().filter(|(wanted, _)| wanted == claims)?;
        asked.peek().is_some_and(|had| had.value.is(&held.value)).then(|| held.value.clone())
    }

    pub(super) fn current(&self) -> Option<AccessToken> {
        let held = self.token.current()?;
        let held = held.as_ref()?;
        (!self.has_ended(held)).then(|| held.value.clone())
    }

    pub(super) async fn get(&self) -> Result<AccessToken, TokenError> {
        let held = self.acquire().await?;
        if !self.has_ended(&held) {
            return Ok(held.value.clone());
        }
        self.token.drop_held(&held);
        self.acquire().await.map(|held| held.value.clone())
    }

    async fn acquire(&self) -> Result<Arc<Held<AccessToken>>, TokenError> {
        self.token.get().await.map_err(|error| error.with_time_left(self.token.cooling_down()))
    }

    /// Whether it has run out by the wall clock too, which goes on while a machine sleeps.
    fn has_ended(&self, held: &Held<AccessToken>) -> bool {
        held.value.expires_at() <= self.clock.wall()
    }

    pub(super) fn drop_token(&self, token: &AccessToken) {
        if let Some(held) = self.token.peek().filter(|held| held.value.is(token)) {
            self.token.drop_held(&held);
        }
    }

    pub(super) fn replace_refused(&self, token: &AccessToken) -> bool {
        // Held from here on: of many that are refused together, one drops the token, and the others have to see that it is gone.
        let mut refused_at = self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = self.token.peek().filter(|held| held.value.is(token)) else {
            return true; // another one is there, or on its way
        };
        // The issuer is out of reach: better one that some API refuses than none for all.
        if self.token.cooling_down().is_some() {
            return false;
        }
        let now = self.clock.monotonic();
        if refused_at.is_some_and(|at| now.saturating_duration_since(at) < REFUSED_GAP) {
            return false;
        }
        *refused_at = Some(now);
        self.token.drop_held(&held);
        true
    }
}

fn loaded(answer: Answer) -> Loaded<AccessToken> {
    Loaded { lifetime: lifetime(&answer), value: answer.token }
}

/// How long the token serves. Its last moments are those in which a caller rather waits for the next one.
pub(super) fn lifetime(answer: &Answer) -> Lifetime {
    let Answer { life, refresh_in, .. } = *answer;
    let jitter = |of: Duration| of.mul_f64(fastrand::f64() / 5.0);
    let ahead = RENEWED_AHEAD.min(life / 5);
    let soft = match refresh_in.filter(|refresh_in| *refresh_in < life) {
        Some(refresh_in) => refresh_in.saturating_sub(jitter(RENEWED_AHEAD.min(refresh_in / 2))),
        None => life.saturating_sub(ahead).saturating_sub(jitter(ahead)),
    };
    let on_its_way = ON_ITS_WAY.min(life / 10);
    let end = life.saturating_sub(on_its_way);
    Lifetime::at(soft.min(end), end, on_its_way)
}
