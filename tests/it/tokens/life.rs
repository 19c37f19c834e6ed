//! A token's life: when the next one is asked for, and until when it is given out.

use std::time::Duration;

use serde_json::json;
use tower_bearer::TokenErrorKind as Kind;

use super::{Server, answer, now, ok, token};
use crate::support::{together, until};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_token_is_asked_for_when_it_is_first_needed_and_then_kept() {
    let server = Server::of_tokens();
    let source = server.source();
    assert_eq!(server.requests(), 0);
    for _ in 0..3 {
        assert_eq!(now(&source).await, Ok("token-1".to_owned()));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_long_token_is_renewed_in_the_background_when_it_has_five_minutes_left() {
    let server = Server::of_tokens();
    let source = server.source();
    now(&source).await.unwrap();
    // Six, as each instance is early by a random part of a minute.
    server.clock.advance(53 * MINUTE);
    assert_eq!(now(&source).await.unwrap(), "token-1");
    tokio::task::yield_now().await;
    assert_eq!(server.requests(), 1);

    server.clock.advance(2 * MINUTE + SECOND);
    assert_eq!(now(&source).await.unwrap(), "token-1", "nobody waits for it");
    until(|| server.requests() == 2).await;
    until_it_is(&source, "token-2").await;
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_short_token_is_renewed_when_it_has_a_fifth_of_its_life_left() {
    let server = Server::of_tokens_good_for(100);
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.advance(75 * SECOND);
    now(&source).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(server.requests(), 1);
    server.clock.advance(6 * SECOND);
    assert_eq!(now(&source).await.unwrap(), "token-1");
    until(|| server.requests() == 2).await;
}

#[tokio::test]
async fn refresh_in_says_when_a_token_is_renewed() {
    for refresh_in in [json!(1800), json!("1800")] {
        let server = Server::new(move |number, _| {
            let mut answer = token(number, 3600);
            answer["refresh_in"] = refresh_in.clone();
            ok(&answer)
        });
        let source = server.source();
        now(&source).await.unwrap();
        server.clock.advance(28 * MINUTE);
        now(&source).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(server.requests(), 1);
        server.clock.advance(2 * MINUTE + SECOND);
        assert_eq!(now(&source).await.unwrap(), "token-1");
        until(|| server.requests() == 2).await;
    }
}

#[tokio::test]
async fn a_refresh_in_beyond_the_end_is_not_obeyed() {
    let server = Server::new(|number, _| {
        let mut answer = token(number, 100);
        answer["refresh_in"] = json!(3600);
        ok(&answer)
    });
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.advance(81 * SECOND);
    now(&source).await.unwrap();
    until(|| server.requests() == 2).await;
}

/// Whether any of the instances asks at the same second as another by rule and not by chance.
#[tokio::test]
async fn instances_that_began_together_do_not_renew_in_step() {
    let server = Server::of_tokens();
    let sources: Vec<_> = (0..40).map(|_| server.source()).collect();
    for source in &sources {
        now(source).await.unwrap();
    }
    server.clock.advance(53 * MINUTE);
    let mut seconds_in_which_one_asks = 0;
    for _ in 0..150 {
        let before = server.requests();
        for source in &sources {
            now(source).await.unwrap();
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        }
        seconds_in_which_one_asks += usize::from(server.requests() > before);
        server.clock.advance(SECOND);
    }
    assert_eq!(server.requests(), 80);
    assert!(seconds_in_which_one_asks > 10, "{seconds_in_which_one_asks}");
}

#[tokio::test]
async fn in_its_last_half_minute_a_caller_waits_for_the_next_one() {
    let server = Server::of_tokens();
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.advance(60 * MINUTE - 20 * SECOND);
    assert_eq!(now(&source).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn but_not_for_more_than_a_second() {
    let server = Server::of_tokens();
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.advance(60 * MINUTE - 20 * SECOND);
    let _held = server.hold();
    let started = tokio::time::Instant::now();
    assert_eq!(now(&source).await.unwrap(), "token-1");
    assert_eq!(started.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_token_is_given_out_to_its_end_while_the_next_can_not_be_had_and_never_after() {
    let server = Server::new(|number, _| match number {
        1 => ok(&token(1, 3600)),
        _ => answer(503, &[], ""),
    });
    let source = server.source();
    for minutes in [0, 50, 6, 3] {
        server.clock.advance(minutes * MINUTE);
        assert_eq!(now(&source).await.unwrap(), "token-1");
    }
    server.clock.advance(MINUTE - SECOND);
    assert_eq!(now(&source).await.unwrap(), "token-1", "it has a second left");
    server.clock.advance(SECOND);
    assert_eq!(now(&source).await, Err(Kind::Unavailable));
}

#[tokio::test]
async fn a_token_ends_by_the_wall_clock_too_which_goes_on_while_a_machine_sleeps() {
    let server = Server::of_tokens();
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.set_wall_clock(server.clock.now() + 61 * MINUTE);
    assert_eq!(now(&source).await.unwrap(), "token-2");
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_makes_no_token_live_longer() {
    let server = Server::of_tokens();
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.set_wall_clock(server.clock.now() - 600 * MINUTE);
    server.clock.advance(61 * MINUTE);
    assert_eq!(now(&source).await.unwrap(), "token-2");
}

#[tokio::test]
async fn a_forgotten_token_is_not_given_out_again() {
    let server = Server::of_tokens();
    let source = server.source();
    let first = source.token().await.unwrap();
    source.forget(&first);
    assert_eq!(now(&source).await.unwrap(), "token-2");
    source.forget(&first);
    assert_eq!(now(&source).await.unwrap(), "token-2", "that one was forgotten before");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn what_is_forgotten_is_a_token_and_not_that_the_last_request_failed() {
    let server = Server::new(|number, _| if number == 1 { ok(&token(1, 3600)) } else { answer(503, &[], "") });
    let source = server.source();
    let first = source.token().await.unwrap();
    source.forget(&first);
    for _ in 0..3 {
        assert_eq!(now(&source).await, Err(Kind::Unavailable));
        source.forget(&first);
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn who_waits_for_a_token_is_given_it_though_others_forget_it_at_once() {
    let server = Server::of_tokens();
    let source = server.source();
    let callers = (0..10).map(|_| {
        let source = source.clone();
        async move {
            let token = source.token().await.unwrap();
            source.forget(&token);
            token.secret().to_owned()
        }
    });
    assert_eq!(together(callers).await, ["token-1"; 10]);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_refresh_token_in_the_answer_is_ignored() {
    let server = Server::new(|number, _| {
        let mut answer = token(number, 3600);
        answer["refresh_token"] = json!("canary-refresh");
        ok(&answer)
    });
    let source = server.source();
    now(&source).await.unwrap();
    server.clock.advance(60 * MINUTE);
    assert_eq!(now(&source).await.unwrap(), "token-2");
    let forms = server.forms();
    assert!(forms.iter().all(|form| *form == "grant_type=client_credentials&scope=stock.read"), "{forms:?}");
}

#[tokio::test]
async fn a_tokens_life_begins_as_it_is_asked_for() {
    let clock = std::sync::Arc::new(std::sync::OnceLock::<tower_bearer::testing::TestClock>::new());
    let slow = std::sync::Arc::clone(&clock);
    let server = Server::new(move |number, _| {
        slow.get().unwrap().advance(5 * SECOND);
        ok(&token(number, 3600))
    });
    let asked_at = clock.get_or_init(|| server.clock.clone()).now();
    let life = server.source().token().await.unwrap().expires_at().duration_since(asked_at).unwrap();
    assert!((3600 * SECOND..3601 * SECOND).contains(&life), "{life:?}");
}

#[tokio::test]
async fn an_answer_that_says_to_renew_at_once_says_nothing() {
    let server = Server::new(|number, _| {
        let mut answer = token(number, 3600);
        answer["refresh_in"] = json!(0);
        ok(&answer)
    });
    let source = server.source();
    for _ in 0..10 {
        assert_eq!(now(&source).await.unwrap(), "token-1");
        server.clock.advance(MINUTE);
        tokio::task::yield_now().await;
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn its_last_moments_are_those_whenever_the_answer_says_to_renew() {
    // The moment to renew is jittered: not each would lie after the last moments have begun.
    for _ in 0..40 {
        let server = Server::new(|number, _| {
            let mut answer = token(number, 100);
            answer["refresh_in"] = json!(99);
            ok(&answer)
        });
        let source = server.source();
        now(&source).await.unwrap();
        server.clock.advance(90 * SECOND + SECOND / 10);
        assert_eq!(now(&source).await.unwrap(), "token-2");
    }
}

async fn until_it_is(source: &tower_bearer::ClientCredentials, token: &str) {
    for _ in 0..1_000 {
        if now(source).await.as_deref() == Ok(token) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{token} never came");
}
