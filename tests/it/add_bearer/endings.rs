//! Callers that go away, and those that ask once too often.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::Request;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::{Endpoint, Fault};

use super::{Answer, Api, ITEMS, World, get, post, status, status_of};

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_cancel_the_token_request_of_all() {
    let world = World::new();
    let api = Api::open();
    let mut service = world.layer().layer(api.clone());
    let held = world.authority.hold(Endpoint::Token);
    let mut stays = pin!(service.call(get(ITEMS)));
    {
        let mut goes = pin!(service.call(get(ITEMS)));
        assert!(poll_once(goes.as_mut()).is_pending());
        assert!(poll_once(stays.as_mut()).is_pending());
        others_run().await;
    }
    drop(held);
    assert_eq!(stays.await.unwrap().status(), 200);
    assert_eq!(api.tokens(), [1]);
    assert_eq!(world.token_requests(), 1);

    // Also where nobody is left to wait for it.
    let world = World::new();
    let held = world.authority.hold(Endpoint::Token);
    assert!(poll_once(pin!(world.layer().layer(Api::open()).call(get(ITEMS)))).is_pending());
    others_run().await;
    drop(held);
    others_run().await;
    assert_eq!(status_of(&world.layer().layer(Api::open()), get(ITEMS)).await, 200);
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_after_a_refusal_leaves_the_next_token_to_the_others() {
    let world = World::with_token(true).await;
    let api = Api::refusing_the_first(|| status(401));
    let mut service = world.layer().layer(api.clone());
    let held = world.authority.hold(Endpoint::Token);
    assert!(poll_once(pin!(service.call(get(ITEMS)))).is_pending());
    others_run().await;
    drop(held);
    assert_eq!(status_of(&service, get(ITEMS)).await, 200);
    assert_eq!(api.tokens(), [1, 2]);
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn nothing_is_kept_of_a_request_whose_caller_went_away() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let inside = Arc::new(());
        let held = Arc::clone(&inside);
        let hangs = service_fn(move |_: Request<_>| {
            let held = Arc::clone(&held);
            async move {
                let _in_this_future = held;
                pending::<Result<Answer, Infallible>>().await
            }
        });
        let mut service = world.layer().layer(hangs);
        let before = Arc::strong_count(&inside);
        {
            let mut goes = pin!(service.call(get(ITEMS)));
            for _ in 0..20 {
                assert!(poll_once(goes.as_mut()).is_pending());
                others_run().await;
            }
            assert!(Arc::strong_count(&inside) > before);
        }
        assert_eq!(Arc::strong_count(&inside), before);
        assert_eq!(status_of(&world.layer().layer(Api::open()), get(ITEMS)).await, 200);
        assert_eq!(world.token_requests(), 1);
    }
}

/// Polls a future to its end and once more.
async fn once_too_often<T: std::fmt::Debug, E: ToString + std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) {
    let mut future = pin!(future);
    let _outcome = future.as_mut().await;
    for _ in 0..2 {
        let error = future.as_mut().await.unwrap_err().to_string();
        assert_eq!(error, "an AddBearerFuture was polled after it had ended");
    }
}

#[tokio::test]
async fn a_future_that_is_polled_after_its_end_is_an_error_and_no_panic() {
    /// Its futures panic if they are polled after their end.
    #[allow(clippy::unused_async)]
    async fn answer(number: u16) -> Result<Answer, &'static str> {
        if number == 0 { Err("it broke") } else { Ok(status(number)) }
    }
    for at_hand in [false, true] {
        for number in [0, 200, 401] {
            let world = World::with_token(at_hand).await;
            let mut service = world.layer().layer(service_fn(move |_: Request<_>| answer(number)));
            once_too_often(service.call(get(ITEMS))).await;
            once_too_often(service.call(get("https://evil.example/"))).await;
            let mut service = world.layer().layer(service_fn(move |_: Request<_>| answer(number)));
            once_too_often(service.call(post(ITEMS, "seven"))).await;
        }
    }
    let world = World::new();
    world.authority.fail(Endpoint::Token, Fault::Broken);
    once_too_often(world.layer().layer(Api::open()).call(get(ITEMS))).await;
}

#[tokio::test]
async fn a_future_that_has_ended_holds_nothing_of_the_client() {
    /// What it holds it has until it is dropped, not until its end.
    struct Holding(#[allow(dead_code)] Arc<()>);
    impl Future for Holding {
        type Output = Result<Answer, Infallible>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(Ok(status(200)))
        }
    }

    let world = World::with_token(true).await;
    let inside = Arc::new(());
    let held = Arc::clone(&inside);
    let mut service = world.layer().layer(service_fn(move |_: Request<_>| Holding(Arc::clone(&held))));
    let before = Arc::strong_count(&inside);
    let mut call = pin!(service.call(get(ITEMS)));
    assert!(Arc::strong_count(&inside) > before);
    call.as_mut().await.unwrap();
    assert_eq!(Arc::strong_count(&inside), before);
}
