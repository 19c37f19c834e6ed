//! `TestClock`: time in the test's hand for issuers that are not a `TestIssuer`.

use std::time::Duration;

use http::Response;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::{Issuer, RejectionKind as Kind, Validator};

const AUDIENCE: &str = "api://orders";

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

/// An issuer with the keys of this one, but without its clock.
fn with_keys_of(authority: &TestIssuer) -> Issuer {
    Issuer::new(authority.identifier()).unwrap().with_jwks(authority.jwks()).unwrap()
}

#[test]
fn it_stands_still_until_it_is_moved_and_its_clones_show_the_same_time() {
    let clock = TestClock::new();
    let (start, other) = (clock.now(), clock.clone());
    assert_eq!(clock.now(), start);
    other.advance(Duration::from_millis(1500));
    assert_eq!(clock.now(), start + Duration::from_millis(1500));
    other.set_wall_clock(start - Duration::from_secs(1));
    assert_eq!(clock.now(), start - Duration::from_secs(1));
}

#[tokio::test]
async fn a_token_expires_by_the_clock_that_the_issuer_was_given() {
    let authority = TestIssuer::new();
    let clock = TestClock::new();
    let validator = with_keys_of(&authority).clock(&clock).validator(AUDIENCE).leeway(Duration::ZERO);
    let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(60)).sign();
    assert_eq!(kind(&validator, &token).await, None);
    clock.advance(Duration::from_secs(61));
    assert_eq!(kind(&validator, &token).await, Some(Kind::Expired));
    let on_system_time = with_keys_of(&authority).validator(AUDIENCE).leeway(Duration::ZERO);
    assert_eq!(kind(&on_system_time, &token).await, None, "an issuer that was given none goes by the real time");
}

#[tokio::test]
async fn a_failed_attempt_cools_down_by_it() {
    let clock = TestClock::new();
    let down = tower::service_fn(async |_| Err::<Response<String>, _>("the connection was refused"));
    let issuer = Issuer::new("https://login.example.com").unwrap().transport(down).clock(&clock);
    issuer.ready().await.unwrap_err();
    assert_eq!(issuer.status().next_attempt_in, Some(Duration::from_secs(15)));
    clock.advance(Duration::from_secs(10));
    clock.set_wall_clock(clock.now() + Duration::from_secs(10));
    assert_eq!(
        issuer.status().next_attempt_in,
        Some(Duration::from_secs(5)),
        "setting the wall clock shortens no wait"
    );
}

#[tokio::test]
async fn settings_that_follow_keep_it() {
    let authority = TestIssuer::new();
    let clock = TestClock::new();
    let issuer = Issuer::new(authority.identifier()).unwrap().clock(&clock).with_jwks(authority.jwks()).unwrap();
    let token = authority.token(AUDIENCE).sign();
    clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(kind(&issuer.validator(AUDIENCE), &token).await, Some(Kind::Expired));
}
