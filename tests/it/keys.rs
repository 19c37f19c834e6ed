//! How an issuer's keys are had and kept: DESIGN's life of keys, as far as callers see it.

use std::time::Duration;

use futures_lite_join::join_all;
use serde_json::json;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{RejectionKind as Kind, Validator};

const AUDIENCE: &str = "api://orders";

/// Waiting for several futures at once, on one task.
mod futures_lite_join {
    use tokio::task::JoinSet;

    pub(super) async fn join_all<T: Send + 'static>(
        futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        futures.into_iter().collect::<JoinSet<_>>().join_all().await
    }
}

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

fn fetches(authority: &TestIssuer) -> (usize, usize) {
    (authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks))
}

/// Lets background tasks run until this holds.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("this never came about");
}

#[tokio::test]
async fn nothing_is_fetched_before_the_first_token_and_nothing_after_it() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(fetches(&authority), (0, 0));
    for _ in 0..3 {
        assert_eq!(kind(&validator, &token).await, None);
        assert_eq!(fetches(&authority), (1, 1));
    }
}

#[tokio::test]
async fn callers_that_need_the_first_keys_share_one_fetch() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let callers = (0..200).map(|_| {
        let (validator, token) = (validator.clone(), authority.token(AUDIENCE).sign());
        async move { kind(&validator, &token).await }
    });
    assert!(join_all(callers).await.iter().all(Option::is_none));
    assert_eq!(fetches(&authority), (1, 1));
}

#[tokio::test]
async fn ageing_keys_are_renewed_in_the_background_while_they_serve() {
    let authority = TestIssuer::new();
    authority.cache_control("max-age=600");
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &token).await, None);

    authority.advance(Duration::from_secs(440));
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(fetches(&authority).1, 1, "before three quarters of their life, keys are fresh");

    authority.advance(Duration::from_secs(100));
    let hold = authority.hold(Endpoint::Jwks);
    for _ in 0..10 {
        assert_eq!(kind(&validator, &token).await, None, "nobody waits for the renewal");
    }
    until(|| fetches(&authority).1 == 2).await;
    drop(hold);
    until(|| issuer.status().age == Some(Duration::ZERO)).await;
    authority.advance(Duration::from_secs(300));
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(fetches(&authority).1, 2, "the renewed keys are fresh again");
}

#[tokio::test]
async fn the_first_token_under_a_new_key_is_accepted_with_one_more_fetch() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.rotate();
    let callers = (0..100).map(|_| {
        let (validator, token) = (validator.clone(), authority.token(AUDIENCE).sign());
        async move { kind(&validator, &token).await }
    });
    assert!(join_all(callers).await.iter().all(Option::is_none));
    assert_eq!(fetches(&authority), (1, 2));
}

#[tokio::test]
async fn tokens_under_unknown_keys_cause_one_fetch_per_gap() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let good = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &good).await, None);

    let foreign = |n: usize| authority.token(AUDIENCE).header("kid", format!("unknown-{n}")).sign();
    assert_eq!(kind(&validator, &foreign(0)).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 2), "the first one may be signed by a new key");
    for n in 1..50 {
        assert_eq!(kind(&validator, &foreign(n)).await, Some(Kind::UnknownKey));
    }
    assert_eq!(fetches(&authority), (1, 2));

    authority.advance(Duration::from_secs(14));
    let newer = foreign(51);
    let rejection = validator.verify(&newer).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable, "its key may have been published since the last fetch");
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(fetches(&authority), (1, 2));

    authority.advance(Duration::from_secs(1));
    assert_eq!(kind(&validator, &newer).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 3), "one gap later it is looked for again");
}

#[tokio::test]
async fn tokens_that_would_be_rejected_anyway_never_cause_a_fetch() {
    let authority = TestIssuer::new();
    let stranger = TestIssuer::named("https://stranger.test");
    let validator = authority.issuer().validator(AUDIENCE);
    let own = |audience| authority.token(audience).header("kid", "unknown");
    let tokens = [
        (stranger.token(AUDIENCE).sign(), Kind::UnknownIssuer),
        (own("api://stock").sign(), Kind::WrongAudience),
        (own(AUDIENCE).expired().sign(), Kind::Expired),
        (own(AUDIENCE).claim("cnf", json!({"jkt": "x"})).sign(), Kind::SenderConstrained),
        (own(AUDIENCE).header("typ", "dpop+jwt").sign(), Kind::WrongTokenType),
        (own(AUDIENCE).header("alg", "HS256").sign(), Kind::AlgorithmNotAllowed),
    ];
    for (token, expected) in &tokens {
        assert_eq!(kind(&validator, token).await, Some(*expected));
    }
    assert_eq!(fetches(&authority), (0, 0), "not even for the first keys");
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    for (token, expected) in &tokens {
        assert_eq!(kind(&validator, token).await, Some(*expected));
    }
    assert_eq!(fetches(&authority), (1, 1));
}

#[tokio::test]
async fn without_keys_callers_are_asked_to_come_back_and_the_service_recovers() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    authority.fail(Endpoint::Jwks, Fault::Status(500));
    for _ in 0..5 {
        let rejection = validator.verify(&token).await.unwrap_err();
        assert_eq!(rejection.kind(), Kind::KeysUnavailable);
        assert_eq!(rejection.retry_after(), Some(Duration::from_secs(15)));
    }
    assert_eq!(fetches(&authority).1, 1, "a failed attempt is not repeated within its cool-down");
    assert!(!issuer.status().is_ready);

    authority.recover(Endpoint::Jwks);
    authority.advance(Duration::from_secs(15));
    assert_eq!(kind(&validator, &token).await, None);
    assert!(issuer.status().is_ready);
    assert_eq!(issuer.status().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn an_outage_drops_no_keys_before_the_grace_has_ended() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let long = || authority.token(AUDIENCE).expires_in(Duration::from_secs(60 * 60)).sign();
    assert_eq!(kind(&validator, &long()).await, None);

    authority.fail(Endpoint::Jwks, Fault::Broken);
    for hour in 1..=23 {
        authority.advance(Duration::from_secs(60 * 60));
        assert_eq!(kind(&validator, &long()).await, None, "hour {hour}");
        until(|| issuer.status().last_error.is_some()).await;
        assert!(issuer.status().is_ready);
    }
    let before = tokio::time::Instant::now();
    assert_eq!(kind(&validator, &long()).await, None);
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody waits after the first failed attempt");

    authority.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(kind(&validator, &long()).await, Some(Kind::KeysUnavailable), "then they are too old");
    assert!(!issuer.status().is_ready);
}

#[tokio::test(start_paused = true)]
async fn overdue_keys_are_waited_for_but_not_for_long() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.advance(Duration::from_secs(2 * 60 * 60));
    let hold = authority.hold(Endpoint::Jwks);
    let before = tokio::time::Instant::now();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(before.elapsed(), Duration::from_secs(1));
    drop(hold);
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_once_the_new_set_is_in() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let old = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &old).await, None);
    authority.rotate();
    assert_eq!(kind(&validator, &old).await, None, "nobody knows yet");
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &old).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let hold = authority.hold(Endpoint::Jwks);
    let caller = tokio::spawn({
        let (validator, token) = (validator.clone(), token.clone());
        async move { validator.verify(&token).await }
    });
    until(|| fetches(&authority).1 == 1).await;
    caller.abort();
    drop(caller.await);
    drop(hold);
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(fetches(&authority), (1, 1));
}

#[test]
fn a_runtime_that_dies_while_it_fetches_leaves_the_others_unharmed() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hold = authority.hold(Endpoint::Jwks);
    let first = runtime();
    first.block_on(async {
        let (validator, token) = (validator.clone(), token.clone());
        tokio::spawn(async move { validator.verify(&token).await });
        until(|| fetches(&authority).1 == 1).await;
    });
    drop(first);
    drop(hold);
    assert_eq!(runtime().block_on(kind(&validator, &token)), None);
}

#[test]
fn a_process_without_a_tokio_runtime_validates_as_well() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let mut verified = std::pin::pin!(validator.verify(&token));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Nothing in the in-memory issuer waits, so one poll does it.
    let std::task::Poll::Ready(outcome) = verified.as_mut().poll(&mut context) else { panic!("it waits") };
    assert!(outcome.is_ok());
}

#[tokio::test]
async fn a_transport_that_panics_is_an_outage() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer().transport(tower::service_fn(|_request| async {
        if true {
            panic!("as asked for");
        }
        Ok::<_, std::io::Error>(http::Response::new(String::new()))
    }));
    let rejection = issuer.validator(AUDIENCE).verify(&authority.token(AUDIENCE).sign()).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable);
}

#[tokio::test]
async fn nothing_goes_on_after_the_last_owner() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let _hold = authority.hold(Endpoint::Jwks);
    let caller = tokio::spawn(async move { validator.verify(&token).await });
    until(|| fetches(&authority).1 == 1).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    assert!(metrics.num_alive_tasks() > 1, "the caller and the fetches");
    caller.abort();
    drop(caller.await);
    until(|| metrics.num_alive_tasks() == 0).await;
}

#[tokio::test]
async fn an_odd_key_costs_nobody_else_and_is_listed_with_its_reason() {
    let authority = TestIssuer::new();
    authority.publish_jwk(json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "from-the-future"}));
    authority.publish_jwk(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}));
    let issuer = authority.issuer();
    assert_eq!(kind(&issuer.validator(AUDIENCE), &authority.token(AUDIENCE).sign()).await, None);
    let status = issuer.status();
    assert_eq!(status.keys.len(), 1);
    let skipped: Vec<_> = status.skipped.iter().map(|key| key.key_id().unwrap()).collect();
    assert_eq!(skipped, ["from-the-future", "secret"]);
}

#[tokio::test]
async fn a_token_without_a_key_id_is_tried_with_the_keys_that_fit() {
    let authority = TestIssuer::new();
    authority.rotate_keeping_old();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).without_header("kid").sign()).await, None);
    let stranger = TestIssuer::new().signing_key(tower_bearer::jose::Algorithm::ES256);
    let forged = authority.token(AUDIENCE).signed_by(&stranger).without_header("kid").sign();
    assert_eq!(kind(&validator, &forged).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn a_signature_that_does_not_match_a_known_key_is_refused_without_a_fetch() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    // Its key has the id of the authority's own.
    let stranger = TestIssuer::new().signing_key(tower_bearer::jose::Algorithm::ES256);
    let forged = authority.token(AUDIENCE).signed_by(&stranger).sign();
    assert_eq!(kind(&validator, &forged).await, Some(Kind::BadSignature));
    assert_eq!(fetches(&authority), (1, 1));
}
