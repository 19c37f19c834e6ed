//! The cache of verified tokens: it saves work, and never lets anything in.

mod layered;
mod lookalikes;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Claims, Rejection, RejectionKind as Kind, Validator, VerifiedToken};

use crate::support::AUDIENCE;

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

/// Claims are parsed once per token that is held: two values are one if and only if the second came from the cache.
async fn claims(validator: &Validator, token: &str) -> Arc<Map<String, Value>> {
    validator.verify(token).await.unwrap().claims().unwrap()
}

thread_local! {
    static PARSED: Cell<usize> = const { Cell::new(0) };
}

/// Claims that count how often they are parsed: each test has a thread of its own.
struct Counted;

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PARSED.set(parsed() + 1);
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

fn parsed() -> usize {
    PARSED.get()
}

/// An API behind this layer, which parses the claims of a token unless it is held.
fn guarded(layer: BearerLayer) -> Router {
    Router::new().route("/", get(|_: Claims<Counted>| async {})).route_layer(layer)
}

#[tokio::test]
async fn a_token_that_was_seen_before_is_not_verified_again() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let first = claims(&validator, &token).await;
    assert!(Arc::ptr_eq(&first, &claims(&validator, &token).await));
    assert!(Arc::ptr_eq(&first, &claims(&validator.clone(), &token).await), "clones share it");
    let another = authority.token(AUDIENCE).sign();
    assert!(!Arc::ptr_eq(&first, &claims(&validator, &another).await));
}

#[tokio::test]
async fn one_call_turns_the_cache_off() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE).without_cache();
    let token = authority.token(AUDIENCE).sign();
    assert!(!Arc::ptr_eq(&claims(&validator, &token).await, &claims(&validator, &token).await));
}

#[tokio::test]
async fn a_validator_that_is_changed_starts_anew() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).without_header("typ").sign();
    let first = claims(&validator, &token).await;
    let changed = validator.clone().audience("api://stock");
    assert!(!Arc::ptr_eq(&first, &claims(&changed, &token).await));
    assert_eq!(kind(&validator.clone().rfc9068(), &token).await, Some(Kind::WrongTokenType));
    assert!(Arc::ptr_eq(&first, &claims(&validator, &token).await));
}

#[tokio::test]
async fn a_token_that_was_seen_before_expires_when_its_time_has_come() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE).leeway(Duration::from_secs(30));
    let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(300)).sign();
    assert_eq!(kind(&validator, &token).await, None);
    let now = authority.now();
    authority.set_wall_clock(now + Duration::from_secs(328));
    assert_eq!(kind(&validator, &token).await, None);
    authority.set_wall_clock(now + Duration::from_secs(330));
    assert_eq!(kind(&validator, &token).await, Some(Kind::Expired));
    assert_eq!(kind(&validator, &token).await, Some(Kind::Expired));
    authority.set_wall_clock(now);
    assert_eq!(kind(&validator, &token).await, None, "the clock was wrong");
}

#[tokio::test]
async fn a_clock_that_goes_backwards_makes_a_token_that_was_seen_before_too_early() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let now = authority.now();
    let seconds = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = authority.token(AUDIENCE).claim("nbf", seconds).sign();
    assert_eq!(kind(&validator, &token).await, None);
    authority.set_wall_clock(now - Duration::from_secs(120));
    assert_eq!(kind(&validator, &token).await, Some(Kind::NotYetValid));
}

#[tokio::test]
async fn a_check_that_starts_to_refuse_takes_effect_on_the_next_request() {
    let authority = TestIssuer::new();
    let (blocked, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_blocked, counter) = (Arc::clone(&blocked), Arc::clone(&asked));
    let validator = authority.issuer().validator(AUDIENCE).check(move |_: &VerifiedToken| {
        counter.fetch_add(1, Ordering::Relaxed);
        if is_blocked.load(Ordering::Relaxed) { Err(Rejection::new(Kind::Refused)) } else { Ok(()) }
    });
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(kind(&validator, &token).await, None);
    blocked.store(true, Ordering::Relaxed);
    assert_eq!(kind(&validator, &token).await, Some(Kind::Refused));
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    blocked.store(false, Ordering::Relaxed);
    assert_eq!(kind(&validator, &token).await, None, "what a check refuses is held all the same");
}

#[tokio::test]
async fn validators_share_nothing() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&issuer.validator(AUDIENCE), &token).await, None);
    assert_eq!(kind(&issuer.validator("api://stock"), &token).await, Some(Kind::WrongAudience));
    let stranger = TestIssuer::named("https://stranger.test");
    assert_eq!(kind(&stranger.issuer().validator(AUDIENCE), &token).await, Some(Kind::UnknownIssuer));
}

#[tokio::test]
async fn a_token_that_differs_in_one_bit_is_another_token() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &token).await, None);
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] ^= 1;
        assert!(kind(&validator, &String::from_utf8(changed).unwrap()).await.is_some(), "character {place}");
    }
    // The end alone is hashed: the rest is compared.
    let tail = &token[token.len() - 40..];
    assert!(kind(&validator, tail).await.is_some());
    assert_eq!(kind(&validator, &token).await, None);
}

#[tokio::test]
async fn a_full_cache_forgets_tokens_and_goes_on() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE).cache_bytes(64 * 1024);
    let tokens: Vec<_> = (0..200).map(|n| authority.token(AUDIENCE).subject(&format!("caller-{n}")).sign()).collect();
    let mut first = Vec::new();
    for token in &tokens {
        first.push(claims(&validator, token).await);
    }
    let mut held = 0;
    for (token, first) in tokens.iter().zip(&first) {
        held += usize::from(Arc::ptr_eq(first, &claims(&validator, token).await));
    }
    assert!(held < 64, "{held} of 200 tokens fit into 64 KiB");
}
