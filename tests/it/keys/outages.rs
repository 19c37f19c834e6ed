//! An issuer that can't be reached.

use std::time::Duration;

use tower_bearer::RejectionKind as Kind;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};

use super::{fetches, kind, until};
use crate::support::AUDIENCE;

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
