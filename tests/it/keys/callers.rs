//! Callers that go away, runtimes that die, and the end of it all.

use tower_bearer::testing::{Endpoint, TestIssuer};

use super::{fetches, kind, until};
use crate::support::AUDIENCE;

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
