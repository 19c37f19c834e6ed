//! Who shares a token and a request with whom.

use tower_bearer::{Target, TokenErrorKind as Kind};

use super::{Server, now, ok, token};
use crate::support::{together, until};

#[tokio::test]
async fn ten_thousand_concurrent_calls_cost_one_token_request() {
    let server = Server::of_tokens();
    let held = server.hold();
    let source = server.source();
    let callers = (0..10_000).map(move |_| {
        let source = source.clone();
        async move { now(&source).await }
    });
    let callers = tokio::spawn(together(callers));
    until(|| server.requests() == 1).await;
    drop(held);
    let tokens = callers.await.unwrap();
    assert_eq!(tokens.len(), 10_000);
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("token-1")));
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_so_they_do_on_several_threads() {
    let server = Server::of_tokens();
    let client = server.client();
    let callers = (0..10_000).map(|_| {
        let client = client.clone();
        // Each makes a source of its own, as a handler may.
        async move { now(&client.client_credentials(["stock.read"]).unwrap()).await }
    });
    let tokens = together(callers).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("token-1")));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_slow_scope_never_delays_another() {
    let server =
        Server::new(|number, form| if form.contains("slow") { super::Step::Hang } else { ok(&token(number, 3600)) });
    let client = server.client();
    let slow = client.client_credentials(["slow"]).unwrap();
    let waiting = tokio::spawn(async move { now(&slow).await });
    until(|| server.requests() == 1).await;
    let quick = client.client_credentials(["quick"]).unwrap();
    assert_eq!(now(&quick).await.unwrap(), "token-2");
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_failing_scope_never_cools_down_another() {
    let server = Server::new(|number, form| {
        if form.contains("bad") {
            super::answer(400, &[], r#"{"error":"invalid_scope"}"#)
        } else {
            ok(&token(number, 3600))
        }
    });
    let client = server.client();
    assert_eq!(now(&client.client_credentials(["bad"]).unwrap()).await, Err(Kind::Refused));
    assert_eq!(now(&client.client_credentials(["good"]).unwrap()).await.unwrap(), "token-2");
}

#[tokio::test]
async fn the_order_of_scopes_and_how_often_each_is_given_mean_nothing() {
    let server = Server::of_tokens();
    let client = server.client();
    let targets = [
        Target::from(["a", "b"]),
        Target::from(["b", "a"]),
        Target::from(vec!["a", "a", "b"]),
        Target::new().scope("b").scope("a"),
    ];
    for target in targets {
        assert_eq!(now(&client.client_credentials(target).unwrap()).await.unwrap(), "token-1");
    }
    assert_eq!(server.forms(), ["grant_type=client_credentials&scope=a+b"]);
}

#[tokio::test]
async fn each_set_of_scopes_resources_and_audiences_has_a_token_of_its_own() {
    let server = Server::of_tokens();
    let client = server.client();
    let targets = || {
        [
            Target::new(),
            Target::from(["a"]),
            Target::from(["a", "b"]),
            Target::new().resource("a"),
            Target::new().audience("a"),
            Target::from(["a"]).resource("b"),
            Target::from(["a"]).audience("b"),
        ]
    };
    for _ in 0..2 {
        for (target, number) in targets().into_iter().zip(1..) {
            let token = now(&client.client_credentials(target).unwrap()).await.unwrap();
            assert_eq!(token, format!("token-{number}"));
        }
    }
    assert_eq!(server.requests(), 7);
}

#[tokio::test]
async fn two_clients_share_nothing() {
    let server = Server::of_tokens();
    assert_eq!(now(&server.source()).await.unwrap(), "token-1");
    assert_eq!(now(&server.source()).await.unwrap(), "token-2");
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing() {
    let server = Server::of_tokens();
    let held = server.hold();
    let source = server.source();
    let caller = tokio::spawn({
        let source = source.clone();
        async move { now(&source).await }
    });
    until(|| server.requests() == 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    drop(held);
    assert_eq!(now(&source).await.unwrap(), "token-1");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_request_ends_with_the_last_handle_of_its_client() {
    let server = Server::of_tokens();
    let _held = server.hold();
    let source = server.source();
    let watch = std::sync::Arc::downgrade(&server.shared);
    let caller = tokio::spawn(async move { now(&source).await });
    until(|| server.requests() == 1).await;
    caller.abort();
    drop(caller.await);
    drop(server);
    until(|| watch.strong_count() == 0).await;
}

#[tokio::test]
async fn in_a_full_cache_there_is_room_for_those_whose_request_is_under_way() {
    let server = Server::of_tokens();
    let client = server.client().cached_tokens(100);
    let source = |number: usize| client.client_credentials([format!("scope-{number}")]).unwrap();
    for number in (0..100).chain(0..100) {
        now(&source(number)).await.unwrap(); // each came back
    }
    let before = server.requests();
    let held = server.hold();
    let callers =
        (0..200).map(|caller| source(1_000 + caller % 20)).map(|source| async move { now(&source).await.unwrap() });
    let waiting = tokio::spawn(together(callers.collect::<Vec<_>>()));
    until(|| server.requests() == before + 20).await;
    drop(held);
    waiting.await.unwrap();
    assert_eq!(server.requests(), before + 20, "ten callers for each of them shared one");
}

#[tokio::test]
async fn one_token_is_kept_in_any_case() {
    for capacity in [0, 1, 2] {
        let server = Server::of_tokens();
        let source = server.client().cached_tokens(capacity).client_credentials(["stock.read"]).unwrap();
        for _ in 0..10 {
            assert_eq!(now(&source).await.unwrap(), "token-1");
        }
    }
}

#[tokio::test]
async fn the_cache_holds_as_many_tokens_as_it_is_told() {
    let server = Server::of_tokens();
    let client = server.client().cached_tokens(10);
    let source = |number: usize| client.client_credentials([format!("scope-{number}")]).unwrap();
    for number in 0..1_000 {
        now(&source(number)).await.unwrap();
    }
    assert_eq!(now(&source(999)).await.unwrap(), "token-1000", "the last one is there");
    // The others are not, but for ten at most: each is asked for again.
    for number in 0..999 {
        now(&source(number)).await.unwrap();
    }
    assert!((1_989..=1_999).contains(&server.requests()), "{}", server.requests());
}

#[tokio::test]
async fn one_is_held_in_any_case() {
    let server = Server::of_tokens();
    let source = server.client().cached_tokens(0).client_credentials(["stock.read"]).unwrap();
    for _ in 0..3 {
        assert_eq!(now(&source).await.unwrap(), "token-1");
    }
}
