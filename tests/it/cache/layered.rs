//! Behind a layer: what changes between two requests counts for the second one, whatever is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{AllowedIssuers, BearerLayer, Issuer, Rejection, RejectionKind as Kind, Validator};

use super::{guarded, parsed};
use crate::support::{AUDIENCE, send, until, with_token};

/// What becomes of a request with this token.
async fn kind(app: &Router, token: &str) -> Option<Kind> {
    send(app, with_token(token)).await.kind
}

/// An API that holds this token already.
async fn holding(validator: Validator, token: &str) -> Router {
    let app = guarded(BearerLayer::new(validator));
    hold(&app, token).await;
    app
}

/// Shows a token until its claims need not be parsed again.
async fn hold(app: &Router, token: &str) {
    for _ in 0..2 {
        assert_eq!(kind(app, token).await, None);
    }
    let before = parsed();
    assert_eq!(kind(app, token).await, None);
    assert_eq!(parsed(), before, "it is held");
}

#[tokio::test]
async fn a_token_that_is_held_is_refused_once_its_time_and_the_leeway_have_passed() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE).leeway(Duration::from_secs(30));
    let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(300)).sign();
    let app = holding(validator, &token).await;
    authority.advance(Duration::from_secs(328));
    assert_eq!(kind(&app, &token).await, None);
    authority.advance(Duration::from_secs(2));
    for _ in 0..3 {
        assert_eq!(kind(&app, &token).await, Some(Kind::Expired));
    }
}

#[tokio::test]
async fn a_token_that_is_held_is_refused_once_its_key_has_left_the_set_by_a_renewal() {
    let authority = TestIssuer::new();
    authority.cache_control("max-age=600");
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).sign();
    let app = holding(issuer.validator(AUDIENCE), &token).await;
    let keys = || issuer.status().keys.into_iter().map(|key| key.key_id).collect::<Vec<_>>();
    let old = keys();
    authority.rotate();
    assert_eq!(kind(&app, &token).await, None, "nobody has heard of it yet");
    authority.advance(Duration::from_secs(541));
    assert_eq!(kind(&app, &token).await, None, "which starts the renewal");
    until(|| authority.requests(Endpoint::Jwks) == 2).await;
    until(|| keys() != old).await;
    for _ in 0..3 {
        assert_eq!(kind(&app, &token).await, Some(Kind::UnknownKey));
    }
    hold(&app, &authority.token(AUDIENCE).sign()).await;
}

#[tokio::test]
async fn a_token_that_is_held_is_refused_once_another_one_has_brought_news_of_its_key() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).sign();
    let app = holding(authority.issuer().validator(AUDIENCE), &token).await;
    authority.rotate();
    hold(&app, &authority.token(AUDIENCE).sign()).await;
    assert_eq!(kind(&app, &token).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn a_token_that_one_layer_holds_is_nothing_to_a_layer_for_another_audience() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).header("typ", "JWT").sign();
    let orders = issuer.validator(AUDIENCE);
    drop(holding(orders.clone(), &token).await);
    for stock in [issuer.validator("api://stock"), authority.issuer().validator("api://stock")] {
        let stock = guarded(BearerLayer::new(stock));
        assert_eq!(kind(&stock, &token).await, Some(Kind::WrongAudience));
    }
    // Nor to one whose rules were made from the same validator, cache and all.
    let stricter = guarded(BearerLayer::new(orders.clone().rfc9068()));
    assert_eq!(kind(&stricter, &token).await, Some(Kind::WrongTokenType));
    hold(&guarded(BearerLayer::new(orders)), &token).await;
}

#[tokio::test]
async fn a_token_that_one_layer_holds_is_nothing_to_a_layer_for_another_issuer_with_the_same_keys() {
    let authority = TestIssuer::named("https://acme.test");
    let token = authority.token(AUDIENCE).sign();
    let acme = authority.issuer().validator(AUDIENCE);
    drop(holding(acme.clone(), &token).await);
    let same_keys = Issuer::new("https://globex.test").unwrap().with_jwks(authority.jwks()).unwrap();
    let globex = same_keys.validator(AUDIENCE);
    assert_eq!(kind(&guarded(BearerLayer::new(globex.clone())), &token).await, Some(Kind::UnknownIssuer));
    // Where the two are one validator, its own cache holds tokens of both.
    let both = guarded(BearerLayer::new(Validator::any_of([globex, acme]).unwrap()));
    hold(&both, &token).await;
    hold(&both, &authority.token(AUDIENCE).claim("iss", "https://globex.test").sign()).await;
}

#[tokio::test]
async fn a_check_that_starts_to_refuse_counts_for_the_next_request() {
    let authority = TestIssuer::new();
    let blocked = Arc::new(AtomicBool::new(false));
    let is_blocked = Arc::clone(&blocked);
    let validator = authority.issuer().validator(AUDIENCE).check(move |_| match is_blocked.load(Ordering::Relaxed) {
        true => Err(Rejection::new(Kind::Refused)),
        false => Ok(()),
    });
    let token = authority.token(AUDIENCE).sign();
    let app = holding(validator, &token).await;
    blocked.store(true, Ordering::Relaxed);
    assert_eq!(kind(&app, &token).await, Some(Kind::Refused));
    blocked.store(false, Ordering::Relaxed);
    assert_eq!(kind(&app, &token).await, None);
}

#[tokio::test]
async fn a_clock_that_jumps_back_and_forth_is_asked_on_every_request() {
    let authority = TestIssuer::new();
    let now = authority.now();
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = authority.token(AUDIENCE).claim("nbf", seconds).sign();
    let timeless = authority.token(AUDIENCE).sign();
    let app = holding(authority.issuer().validator(AUDIENCE), &token).await;
    hold(&app, &timeless).await;
    let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    for (wall, early, late) in [
        (now - minute, false, false),
        (now - minute - Duration::from_secs(1), true, false),
        (now + hour + minute, false, true),
        (SystemTime::UNIX_EPOCH, true, false),
        (now + 1_000 * hour, false, true),
        (now - hour, true, false),
        (now, false, false),
    ] {
        authority.set_wall_clock(wall);
        let expired = late.then_some(Kind::Expired);
        for _ in 0..3 {
            assert_eq!(kind(&app, &token).await, early.then_some(Kind::NotYetValid).or(expired), "{wall:?}");
            assert_eq!(kind(&app, &timeless).await, expired, "{wall:?}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_held_is_refused_once_its_issuer_is_forgotten_and_not_allowed_any_more() {
    let (acme, globex) = (TestIssuer::named("https://acme.test"), TestIssuer::named("https://globex.test"));
    // Both are judged by one validator, and marked by it alike.
    let family = [acme.issuer().validator(AUDIENCE), globex.issuer().validator(AUDIENCE)];
    let family = Validator::any_of(family).unwrap();
    let trusted = Arc::new(AtomicBool::new(true));
    let is_trusted = Arc::clone(&trusted);
    let issuers = AllowedIssuers::new(move |issuer| match issuer {
        "https://acme.test" => is_trusted.load(Ordering::Relaxed).then(|| family.clone()),
        "https://globex.test" => Some(family.clone()),
        _ => None,
    });
    let app = guarded(BearerLayer::new(issuers.clone()));
    let [of_acme, of_globex] = [&acme, &globex].map(|one| one.token(AUDIENCE).sign());
    hold(&app, &of_acme).await;
    hold(&app, &of_globex).await;
    trusted.store(false, Ordering::Relaxed);
    issuers.forget("https://acme.test");
    for _ in 0..3 {
        assert_eq!(kind(&app, &of_acme).await, Some(Kind::UnknownIssuer));
    }
    hold(&app, &of_globex).await;
    assert_eq!(kind(&app, &acme.token(AUDIENCE).sign()).await, Some(Kind::UnknownIssuer));
    trusted.store(true, Ordering::Relaxed);
    hold(&app, &of_acme).await;
}
