//! An issuer that can't be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use tower_bearer::RejectionKind as Kind;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};

use super::{fetches, kind};
use crate::support::{AUDIENCE, together, until};

const HOUR: Duration = Duration::from_secs(60 * 60);

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

#[tokio::test]
async fn a_service_that_starts_while_its_issuer_is_down_recovers_by_itself_within_one_cool_down() {
    for endpoint in [Endpoint::Metadata, Endpoint::Jwks] {
        let authority = TestIssuer::new();
        authority.fail(endpoint, Fault::Broken);
        let issuer = authority.issuer();
        assert!(issuer.ready().await.is_err());
        authority.advance(Duration::from_secs(5));
        authority.recover(endpoint);

        // Nobody sends requests to a service that is not ready: probing alone makes it ready.
        let mut waited = Duration::ZERO;
        while issuer.ready().await.is_err() {
            authority.advance(Duration::from_secs(1));
            waited += Duration::from_secs(1);
            assert!(waited <= Duration::from_secs(15), "{endpoint:?}");
        }
        assert!(issuer.status().is_ready);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_drops_no_keys_before_the_grace_has_ended() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let long = || authority.token(AUDIENCE).expires_in(HOUR).sign();
    assert_eq!(kind(&validator, &long()).await, None);

    authority.fail(Endpoint::Jwks, Fault::Broken);
    for hour in 1..=23 {
        authority.advance(HOUR);
        assert_eq!(kind(&validator, &long()).await, None, "hour {hour}");
        until(|| issuer.status().last_error.is_some()).await;
        assert!(issuer.status().is_ready);
        assert!(issuer.ready().await.is_ok());
    }
    let before = tokio::time::Instant::now();
    assert_eq!(kind(&validator, &long()).await, None);
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody waits after the first failed attempt");

    authority.advance(2 * HOUR);
    assert_eq!(kind(&validator, &long()).await, Some(Kind::KeysUnavailable), "then they are too old");
    assert!(!issuer.status().is_ready);
}

#[tokio::test]
async fn the_grace_is_counted_from_the_last_success_and_can_be_set() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer().grace(2 * HOUR);
    let validator = issuer.validator(AUDIENCE);
    let long = || authority.token(AUDIENCE).expires_in(24 * HOUR).sign();
    assert_eq!(kind(&validator, &long()).await, None);
    authority.advance(HOUR);
    assert_eq!(kind(&validator, &long()).await, None);
    assert_eq!(issuer.status().age, Some(Duration::ZERO), "the last success");

    authority.fail(Endpoint::Jwks, Fault::Broken);
    authority.advance(2 * HOUR - Duration::from_secs(1));
    assert_eq!(kind(&validator, &long()).await, None);
    authority.advance(Duration::from_secs(1));
    assert_eq!(kind(&validator, &long()).await, Some(Kind::KeysUnavailable));

    let unforgiving = authority.issuer().grace(Duration::ZERO);
    authority.recover(Endpoint::Jwks);
    unforgiving.ready().await.unwrap();
    authority.fail(Endpoint::Jwks, Fault::Broken);
    authority.advance(Duration::from_secs(899));
    assert!(unforgiving.status().is_ready, "their own life is theirs");
    authority.advance(Duration::from_secs(1));
    assert!(!unforgiving.status().is_ready);
}

#[tokio::test(start_paused = true)]
async fn overdue_keys_are_waited_for_but_not_for_long() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.advance(2 * HOUR);
    let hold = authority.hold(Endpoint::Jwks);
    let before = tokio::time::Instant::now();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(before.elapsed(), Duration::from_secs(1));
    drop(hold);
}

#[tokio::test]
async fn a_failed_attempt_makes_those_who_waited_fail_at_once_and_not_one_after_the_other() {
    let authority = TestIssuer::new();
    authority.fail(Endpoint::Jwks, Fault::Broken);
    let validator = authority.issuer().validator(AUDIENCE);
    let callers = (0..100).map(|_| {
        let (validator, token) = (validator.clone(), authority.token(AUDIENCE).sign());
        async move { kind(&validator, &token).await }
    });
    assert!(together(callers).await.iter().all(|kind| *kind == Some(Kind::KeysUnavailable)));
    assert_eq!(fetches(&authority), (1, 1));
}

#[tokio::test]
async fn a_transport_that_panics_is_an_outage_and_ends_with_the_panics() {
    let authority = TestIssuer::new();
    let panics = Arc::new(AtomicBool::new(true));
    let (answers, panicking) = (authority.clone(), Arc::clone(&panics));
    let issuer = authority.issuer().transport(tower::service_fn(move |request: http::Request<_>| {
        let (answers, panicking) = (answers.clone(), Arc::clone(&panicking));
        async move {
            assert!(!panicking.load(Ordering::Relaxed), "as asked for");
            let is_metadata = request.uri().path().starts_with("/.well-known");
            let metadata = serde_json::json!({"issuer": "https://issuer.test", "jwks_uri": "https://issuer.test/keys"});
            let body = if is_metadata { metadata.to_string() } else { answers.jwks() };
            let _: &http::Request<Full<bytes::Bytes>> = &request;
            Ok::<_, std::io::Error>(http::Response::new(body))
        }
    }));
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let rejection = validator.verify(&token).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable);

    panics.store(false, Ordering::Relaxed);
    authority.advance(rejection.retry_after().unwrap());
    assert_eq!(kind(&validator, &token).await, None);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_issuer_that_hangs_after_the_first_failed_attempt() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let long = || authority.token(AUDIENCE).expires_in(24 * HOUR).sign();
    assert_eq!(kind(&validator, &long()).await, None);
    authority.fail(Endpoint::Jwks, Fault::Hanging);
    authority.advance(2 * HOUR);
    let before = tokio::time::Instant::now();
    assert_eq!(kind(&validator, &long()).await, None);
    assert_eq!(before.elapsed(), Duration::from_secs(1), "the first one waits a second");
    while issuer.status().last_error.is_none() {
        tokio::time::sleep(Duration::from_secs(1)).await; // paused: the attempt runs into its time-out
    }
    for _ in 0..10 {
        authority.advance(Duration::from_secs(16));
        let before = tokio::time::Instant::now();
        assert_eq!(kind(&validator, &long()).await, None);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
