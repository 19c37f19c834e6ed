//! An API refuses a token: it is forgotten, and the request sent once more where it can be.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use serde_json::json;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::{Endpoint, Fault};

use super::{Answer, Api, BoxError, ITEMS, World, get, grpc_status, post, send, status, status_of};

const REFUSALS: [fn() -> Answer; 2] = [|| status(401), || grpc_status("16")];

/// Each way of refusing, with the first token in the cache and without.
async fn in_each_world(mut then: impl AsyncFnMut(World, fn() -> Answer)) {
    for refusal in REFUSALS {
        for at_hand in [false, true] {
            then(World::with_token(at_hand).await, refusal).await;
        }
    }
}

/// Sends this to an API that refuses the first token and no other: whether the caller sees the refusal, and the numbers of the
/// tokens that came.
async fn refused_once<L, B>(
    world: &World,
    layer: &L,
    refusal: fn() -> Answer,
    request: Request<B>,
) -> (bool, Vec<usize>)
where
    L: Layer<Api>,
    L::Service: Service<Request<B>, Response = Answer, Error = BoxError> + Clone,
{
    let api = Api::refusing_the_first(refusal);
    let answer = send(&layer.layer(api.clone()), request).await.unwrap();
    // Whether it was sent once more or not, whoever shares the tokens has another one from now on.
    let next = world.jobs.token().await.unwrap();
    assert!(!api.has_seen_first(next.secret()));
    assert_eq!(world.token_requests(), 2);
    let is_refusal = answer.status() == 401 || answer.headers().contains_key("grpc-status");
    (is_refusal, api.tokens())
}

impl Api {
    fn has_seen_first(&self, token: &str) -> bool {
        self.shared.tokens.lock().unwrap()[0] == token
    }
}

#[tokio::test]
async fn a_request_without_a_body_is_sent_once_more_with_another_token() {
    in_each_world(async |world, refusal| {
        assert_eq!(refused_once(&world, &world.layer(), refusal, get(ITEMS)).await, (false, vec![1, 2]));
    })
    .await;
    in_each_world(async |world, refusal| {
        let channel = world.add_bearer().for_channel("http://[::1]:50051").unwrap();
        assert_eq!(refused_once(&world, &channel, refusal, get("/a.B/C")).await, (false, vec![1, 2]));
    })
    .await;
    // Other types of bodies that say they are empty, whatever the method.
    in_each_world(async |world, refusal| {
        assert_eq!(refused_once(&world, &world.layer(), refusal, post(ITEMS, "")).await, (false, vec![1, 2]));
    })
    .await;
    for body in [Body::empty, || Body::from("")] {
        in_each_world(async |world, refusal| {
            let request = Request::delete(ITEMS).body(body()).unwrap();
            assert_eq!(refused_once(&world, &world.layer(), refusal, request).await, (false, vec![1, 2]));
        })
        .await;
    }
}

/// A body that can't tell beforehand that it is empty.
#[derive(Default)]
struct Unforeseen;

impl http_body::Body for Unforeseen {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

#[tokio::test]
async fn a_request_with_a_body_is_not_but_the_token_is_forgotten_all_the_same() {
    in_each_world(async |world, refusal| {
        assert_eq!(refused_once(&world, &world.layer(), refusal, post(ITEMS, "seven")).await, (true, vec![1]));
    })
    .await;
    in_each_world(async |world, refusal| {
        let request = Request::post(ITEMS).body(Unforeseen).unwrap();
        assert_eq!(refused_once(&world, &world.layer(), refusal, request).await, (true, vec![1]));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_can_be_cloned_is_sent_once_more_where_that_was_asked_for() {
    in_each_world(async |world, refusal| {
        let layer = world.layer().replay_bodies();
        assert_eq!(refused_once(&world, &layer, refusal, post(ITEMS, "seven")).await, (false, vec![1, 2]));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_once_more_where_that_was_asked_for() {
    /// Neither can be cloned, nor made anew, nor is it a body.
    struct Opaque;
    in_each_world(async |world, refusal| {
        let layer = world.layer().never_replay();
        assert_eq!(refused_once(&world, &layer, refusal, get(ITEMS)).await, (true, vec![1]));
    })
    .await;
    in_each_world(async |world, refusal| {
        let layer = world.layer().never_replay();
        let request = Request::get(ITEMS).body(Opaque).unwrap();
        assert_eq!(refused_once(&world, &layer, refusal, request).await, (true, vec![1]));
    })
    .await;
}

#[tokio::test]
async fn a_second_refusal_is_the_callers() {
    in_each_world(async |world, refusal| {
        let api = Api::new(move |_| refusal());
        let answer = send(&world.layer().layer(api.clone()), get(ITEMS)).await.unwrap();
        assert_eq!(answer.status(), refusal().status());
        assert_eq!(answer.headers(), refusal().headers());
        assert_eq!(api.tokens(), [1, 2]);
        assert_eq!(world.token_requests(), 2);
    })
    .await;
}

#[tokio::test]
async fn other_answers_are_the_callers_and_the_token_stays() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let numbers = [200, 302, 400, 402, 403, 404, 407, 429, 500, 502, 503];
        for answer in numbers.map(status).into_iter().chain(["0", "7", "14", "160", "1", ""].map(grpc_status)) {
            let (expected, headers) = (answer.status(), answer.headers().clone());
            let api = Api::new(move |_| answer.clone());
            let answer = send(&world.layer().layer(api.clone()), get(ITEMS)).await.unwrap();
            assert_eq!((answer.status(), answer.headers()), (expected, &headers));
            assert_eq!(api.tokens(), [1], "{expected} {headers:?}");
        }
        assert_eq!(world.token_requests(), 1);
    }
}

#[tokio::test]
async fn where_no_other_token_can_be_had_the_refusal_is_the_callers_as_it_came() {
    in_each_world(async |world, refusal| {
        let authority = world.authority.clone();
        let api = Api::refusing_the_first(move || {
            authority.fail(Endpoint::Token, Fault::Status(503));
            refusal()
        });
        let answer = send(&world.layer().layer(api.clone()), get(ITEMS)).await.unwrap();
        assert_eq!((answer.status(), answer.headers()), (refusal().status(), refusal().headers()));
        assert_eq!(answer.body(), refusal().body());
        assert_eq!(api.tokens(), [1]);
        assert_eq!(world.token_requests(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_same_token_is_not_sent_again() {
    for at_hand in [false, true] {
        let world = World::new();
        // Some servers give out the token that they have, as long as it is good.
        let always = json!({ "access_token": "always", "token_type": "Bearer", "expires_in": 3600 });
        world.authority.fail(Endpoint::Token, Fault::json(200, always));
        if at_hand {
            world.jobs.token().await.unwrap();
        }
        let api = Api::new(|_| status(401));
        assert_eq!(status_of(&world.layer().layer(api.clone()), get(ITEMS)).await, 401);
        assert_eq!(api.tokens(), [1]);
        assert_eq!(world.token_requests(), 2);
    }
}

#[tokio::test]
async fn an_error_of_the_second_attempt_is_the_callers() {
    in_each_world(async |world, refusal| {
        let calls = Arc::new(AtomicUsize::new(0));
        let api = service_fn(move |_: Request<_>| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            async move { if call == 0 { Ok(refusal()) } else { Err("the connection broke") } }
        });
        let error = send(&world.layer().layer(api), get(ITEMS)).await.unwrap_err();
        assert_eq!(error.to_string(), "the connection broke");
    })
    .await;
}

#[tokio::test]
async fn the_refusal_is_dropped_before_the_second_attempt() {
    // Its body holds a connection, which may be the only one.
    in_each_world(async |world, refusal| {
        let first = Arc::new(Mutex::new(None::<Weak<()>>));
        let api = service_fn(move |_: Request<_>| {
            let mut first = first.lock().unwrap();
            assert!(first.as_ref().is_none_or(|first| first.upgrade().is_none()), "the refusal is still there");
            let body = Arc::new(());
            let is_first = first.replace(Arc::downgrade(&body)).is_none();
            ready(Ok::<_, Infallible>(if is_first { refusal().map(|_| body) } else { Response::new(body) }))
        });
        let answer = send(&world.layer().layer(api), get(ITEMS)).await.unwrap();
        assert!(answer.headers().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_source_that_forgot_its_token_by_itself_does_no_harm() {
    // Somebody who shares the tokens was refused a moment earlier, and there is another token already.
    let world = World::with_token(true).await;
    let jobs = world.jobs.clone();
    let first = jobs.token().await.unwrap();
    let api = Api::refusing_the_first(move || {
        jobs.forget(&first);
        status(401)
    });
    assert_eq!(status_of(&world.layer().layer(api.clone()), get(ITEMS)).await, 200);
    assert_eq!(api.tokens(), [1, 2]);
    assert_eq!(world.token_requests(), 2);
}
