//! Callers that go away, runtimes that die, and the end of it all.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Runtime;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{Rejection, Validator, VerifiedToken};

use super::{fetches, kind};
use crate::support::{AUDIENCE, until};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Without any runtime: nothing in the in-memory issuer waits, so one poll does it.
fn verified_in_one_poll(validator: &Validator, token: &str) -> Result<VerifiedToken, Rejection> {
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(outcome) = pin!(validator.verify(token)).poll(&mut context) else { panic!("it waits") };
    outcome
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
    let hold = authority.hold(Endpoint::Jwks);
    let first = runtime();
    first.block_on(async {
        let (validator, token) = (validator.clone(), token.clone());
        tokio::spawn(async move { validator.verify(&token).await });
        until(|| fetches(&authority).1 == 1).await;
    });
    // Somebody on another runtime waits for the same fetch.
    let second = runtime();
    let waiting = second.spawn({
        let (validator, token) = (validator.clone(), token.clone());
        async move { kind(&validator, &token).await }
    });
    second.block_on(async { tokio::task::yield_now().await });
    drop(first);
    drop(hold);
    assert_eq!(second.block_on(waiting).unwrap(), None);
    assert_eq!(fetches(&authority).1, 2, "one who waited took over");
}

#[test]
fn a_runtime_that_nobody_drives_any_more_holds_up_the_others_for_half_a_minute_at_most() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let hold = authority.hold(Endpoint::Jwks);
    let stalled = runtime();
    stalled.block_on(async {
        let (validator, token) = (validator.clone(), token.clone());
        tokio::spawn(async move { validator.verify(&token).await });
        until(|| fetches(&authority).1 == 1).await;
    });
    drop(hold);
    authority.advance(Duration::from_secs(30));
    assert_eq!(runtime().block_on(kind(&validator, &token)), None);
    drop(stalled);
    assert_eq!(runtime().block_on(kind(&validator, &token)), None, "what it was fetching does no harm any more");
}

#[test]
fn a_process_without_a_tokio_runtime_validates_as_well() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert!(verified_in_one_poll(&validator, &authority.token(AUDIENCE).sign()).is_ok());
    authority.rotate();
    assert!(verified_in_one_poll(&validator, &authority.token(AUDIENCE).sign()).is_ok());
    authority.advance(Duration::from_secs(24 * 60 * 60));
    assert!(verified_in_one_poll(&validator, &authority.token(AUDIENCE).sign()).is_ok(), "old keys are renewed");
}

#[test]
fn a_caller_without_a_runtime_that_goes_away_while_it_fetches_is_no_failure() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let hold = authority.hold(Endpoint::Jwks);
    for _ in 0..5 {
        let mut verified = pin!(validator.verify(&token));
        assert!(verified.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(hold);
    assert!(verified_in_one_poll(&validator, &token).is_ok());
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
async fn a_renewal_in_the_background_ends_with_the_last_owner() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let _hold = authority.hold(Endpoint::Jwks);
    authority.advance(Duration::from_secs(811));
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    until(|| fetches(&authority).1 == 2).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    assert!(metrics.num_alive_tasks() > 0);
    drop(validator);
    until(|| metrics.num_alive_tasks() == 0).await;
}
