//! What follows from a failed token request, and for how long.

use std::time::Duration;

use tower_bearer::TokenErrorKind as Kind;

use super::{Server, Step, answer, now, ok, token};
use crate::support::{together, until};

const SECOND: Duration = Duration::from_secs(1);

/// Fails once, with this answer.
fn failing_with(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static str) -> Server {
    Server::new(move |number, _| match number {
        1 => answer(status, headers, body),
        _ => ok(&token(number, 3600)),
    })
}

#[tokio::test]
async fn a_failed_request_is_not_repeated_for_five_seconds() {
    let server = failing_with(400, &[], r#"{"error":"invalid_client"}"#);
    let source = server.source();
    for _ in 0..100 {
        assert_eq!(now(&source).await, Err(Kind::Refused));
    }
    assert_eq!(server.requests(), 1);
    server.clock.advance(4 * SECOND);
    assert_eq!(now(&source).await, Err(Kind::Refused));
    server.clock.advance(SECOND);
    assert_eq!(now(&source).await.unwrap(), "token-2");
}

#[tokio::test]
async fn retry_after_says_for_how_long_a_request_is_not_repeated() {
    for status in [429, 503] {
        let server = failing_with(status, &[("retry-after", "120")], "");
        let source = server.source();
        let error = source.token().await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (Kind::Unavailable, Some(120 * SECOND)));
        server.clock.advance(119 * SECOND);
        let error = source.token().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(SECOND), "what is left of it");
        assert_eq!(server.requests(), 1);
        server.clock.advance(SECOND);
        assert_eq!(now(&source).await.unwrap(), "token-2");
    }
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let server = Server::new(|_, _| unreachable!());
    let at = httpdate::fmt_http_date(server.clock.now() + 300 * SECOND);
    let answering = Server {
        shared: Server::new(move |_, _| answer(503, &[("retry-after", &at)], "")).shared,
        clock: server.clock.clone(),
    };
    let wait = answering.source().token().await.unwrap_err().retry_after().unwrap();
    assert!((299..=300).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn nobody_waits_for_more_than_an_hour_whatever_retry_after_says() {
    for wait in ["86400", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let server = Server::new(move |_, _| answer(503, &[("retry-after", wait)], ""));
        let source = server.source();
        assert_eq!(source.token().await.unwrap_err().retry_after(), Some(3600 * SECOND), "{wait}");
        server.clock.advance(3600 * SECOND);
        now(&source).await.unwrap_err();
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_retry_after_that_says_nothing_is_none() {
    for wait in ["", "soon", "-5", "1.5", "Fri, 31 Feb 2020 00:00:00 GMT", "Fri, 31 Dec 1999 23:59:59 GMT", "0"] {
        let server = Server::new(move |_, _| answer(503, &[("retry-after", wait)], ""));
        let source = server.source();
        let error = source.token().await.unwrap_err();
        assert!(error.retry_after().unwrap() <= 5 * SECOND, "{wait}");
        assert_eq!(now(&source).await, Err(Kind::Unavailable));
        assert_eq!(server.requests(), 1, "{wait}");
    }
}

#[tokio::test]
async fn a_failed_renewal_waits_as_well_and_callers_do_not() {
    let server = Server::new(|number, _| match number {
        1 => ok(&token(1, 3600)),
        2 => answer(429, &[("retry-after", "100")], ""),
        _ => ok(&token(number, 3600)),
    });
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.advance(56 * 60 * SECOND);
    for _ in 0..99 {
        assert_eq!(now(&source).await.unwrap(), "token-1");
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.requests(), 2);
        server.clock.advance(SECOND);
    }
    server.clock.advance(SECOND);
    assert_eq!(now(&source).await.unwrap(), "token-1");
    until(|| server.requests() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_hanging_endpoint_is_given_up_after_eight_seconds_and_named() {
    let server = Server::new(|_, _| Step::Hang);
    let source = server.source();
    let started = tokio::time::Instant::now();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.retry_after().is_some());
    assert_eq!(started.elapsed().as_secs(), 8);
    assert!(error.to_string().contains("https://issuer.test/token: it took longer than 8 s"), "{error}");
}

#[tokio::test]
async fn callers_who_waited_for_one_request_are_told_of_its_failure_by_one_request() {
    let server = failing_with(503, &[], "");
    let held = server.hold();
    let source = server.source();
    let callers = (0..1_000).map(move |_| {
        let source = source.clone();
        async move { now(&source).await }
    });
    let callers = tokio::spawn(together(callers));
    until(|| server.requests() == 1).await;
    drop(held);
    assert!(callers.await.unwrap().iter().all(|outcome| *outcome == Err(Kind::Unavailable)));
    assert_eq!(server.requests(), 1);
}
