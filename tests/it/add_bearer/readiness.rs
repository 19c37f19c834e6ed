//! The rules of `Service`: what is called was polled ready before, also the second time.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::testing::Endpoint;

use super::{Api, ITEMS, World, get, post, status};

/// An API that has to be polled ready before each call and is ready when the gate is open. Clones are numbered, and not ready.
struct Gated {
    gate: Arc<Gate>,
    number: usize,
    is_ready: bool,
}

struct Gate {
    is_open: AtomicBool,
    made: AtomicUsize,
    refusals: AtomicUsize,
}

impl Gate {
    fn new(refusals: usize) -> Arc<Self> {
        Arc::new(Self { is_open: true.into(), made: 0.into(), refusals: refusals.into() })
    }

    fn api(self: &Arc<Self>) -> Gated {
        Gated { gate: Arc::clone(self), number: self.made.fetch_add(1, Ordering::SeqCst), is_ready: false }
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

impl Clone for Gated {
    fn clone(&self) -> Self {
        self.gate.api()
    }
}

impl Service<Request<Full<Bytes>>> for Gated {
    /// The number of the instance that was called.
    type Response = Response<usize>;
    type Error = &'static str;
    type Future = Ready<Result<Response<usize>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.is_ready = self.gate.is_open.load(Ordering::SeqCst);
        if self.is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        assert!(self.is_ready, "instance {} was called without being ready", self.number);
        self.is_ready = false;
        let refuses = self.gate.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let status = if refuses.is_ok() { 401 } else { 200 };
        ready(Ok(Response::builder().status(status).body(self.number).unwrap()))
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn the_instance_that_was_ready_is_the_one_called() {
    let world = World::new();
    let gate = Gate::new(0);
    let mut service = world.layer().layer(gate.api());

    // A token has to be asked for first: the ready instance waits with the request.
    let held = world.authority.hold(Endpoint::Token);
    let mut first = pin!(service.ready().await.unwrap().call(post(ITEMS, "")));
    assert!(poll_once(first.as_mut()).is_pending());
    // Meanwhile the service takes further requests, each with an instance that was polled ready.
    let mut second = pin!(service.ready().await.unwrap().call(post(ITEMS, "")));
    assert!(poll_once(second.as_mut()).is_pending());
    drop(held);
    assert_eq!(*first.await.unwrap().body(), 0);
    assert_eq!(*second.await.unwrap().body(), 1);

    // From now on the token is there.
    for _ in 0..3 {
        assert_eq!(*service.ready().await.unwrap().call(post(ITEMS, "")).await.unwrap().body(), 2);
    }
    let made = gate.made();
    for _ in 0..3 {
        assert_eq!(*service.ready().await.unwrap().call(post(ITEMS, "seven")).await.unwrap().body(), 2);
    }
    assert_eq!(gate.made(), made, "a client is only cloned where the request may be sent once more");
}

#[tokio::test]
async fn a_service_that_is_not_ready_makes_the_caller_wait() {
    let world = World::with_token(true).await;
    let gate = Gate::new(0);
    gate.is_open.store(false, Ordering::SeqCst);
    let mut answer = pin!(world.layer().layer(gate.api()).oneshot(post(ITEMS, "")));
    for _ in 0..3 {
        assert!(poll_once(answer.as_mut()).is_pending());
    }
    gate.is_open.store(true, Ordering::SeqCst);
    assert_eq!(answer.await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_second_attempt_waits_until_its_client_is_ready_too() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let gate = Gate::new(1);
        let mut service = world.layer().layer(gate.api());
        let mut answer = pin!(service.ready().await.unwrap().call(post(ITEMS, "")));
        gate.is_open.store(false, Ordering::SeqCst);
        for _ in 0..100 {
            assert!(poll_once(answer.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(world.token_requests(), 2);
        gate.is_open.store(true, Ordering::SeqCst);
        assert_eq!(answer.await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_can_not_be_made_ready_is_an_error_in_either_attempt() {
    /// Ready once.
    #[derive(Clone)]
    struct Once(Arc<AtomicUsize>);
    impl<B> Service<Request<B>> for Once {
        type Response = super::Answer;
        type Error = &'static str;
        type Future = Ready<Result<super::Answer, &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(if self.0.fetch_add(1, Ordering::SeqCst) == 0 { Ok(()) } else { Err("it can't be made ready") })
        }

        fn call(&mut self, _: Request<B>) -> Self::Future {
            ready(Ok(status(401)))
        }
    }

    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let service = world.layer().layer(Once(Arc::default()));
        assert_eq!(service.clone().oneshot(get(ITEMS)).await.unwrap_err().to_string(), "it can't be made ready");
        assert_eq!(service.oneshot(get(ITEMS)).await.unwrap_err().to_string(), "it can't be made ready");
    }
}

#[tokio::test(start_paused = true)]
async fn one_place_among_few_is_enough_for_both_attempts() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let api = Api::refusing_the_first(|| status(401));
        // It panics where it is called without being ready, and each of its answers holds a place as long as it is awaited.
        let limited = ConcurrencyLimitLayer::new(1).layer(api.clone());
        let service = world.layer().layer(limited);
        let calls = (0..10).map(|_| service.clone().oneshot(get(ITEMS)));
        let calls: tokio::task::JoinSet<_> = calls.collect();
        let answers = tokio::time::timeout(std::time::Duration::from_secs(1), calls.join_all()).await.unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
        assert_eq!(world.token_requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn it_works_outside_and_inside_of_a_buffer() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let service = ServiceBuilder::new()
            .layer(BufferLayer::new(1))
            .layer(world.layer())
            .layer(BufferLayer::new(1))
            .service(Api::refusing_the_first(|| status(401)));
        let calls: tokio::task::JoinSet<_> = (0..10).map(|_| service.clone().oneshot(get(ITEMS))).collect();
        let answers = tokio::time::timeout(std::time::Duration::from_secs(1), calls.join_all()).await.unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    }
}

#[tokio::test]
async fn a_request_that_goes_elsewhere_leaves_the_client_ready_for_the_next() {
    let world = World::with_token(true).await;
    let gate = Gate::new(0);
    let mut service = world.layer().layer(gate.api());
    let service = service.ready().await.unwrap();
    assert!(service.call(post("https://evil.example", "")).await.is_err());
    assert_eq!(*service.call(post(ITEMS, "")).await.unwrap().body(), 0);
}

#[tokio::test]
async fn clones_share_the_tokens_and_are_made_ready_each_by_itself() {
    let world = World::new();
    let gate = Gate::new(0);
    let service = world.layer().layer(gate.api());
    for _ in 0..10 {
        assert_eq!(service.clone().oneshot(post(ITEMS, "")).await.unwrap().status(), 200);
    }
    // So do services of clones of the layer, and of another layer with the same source.
    let layer = world.layer();
    for layer in [layer.clone(), layer, world.layer()] {
        assert_eq!(layer.layer(gate.api()).oneshot(post(ITEMS, "")).await.unwrap().status(), 200);
    }
    assert_eq!(world.token_requests(), 1);
}

#[test]
fn handles_and_futures_are_send_and_handles_are_shared() {
    fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn is_send<T: Send + 'static>(_: &T) {}
    /// As bodies are that are not `Sync`.
    #[derive(Clone)]
    struct OneThreadAtATime(std::cell::Cell<u8>);

    let world = World::new();
    is_shared(&world.add_bearer());
    is_shared(&world.layer());
    is_shared(&world.layer().replay_bodies());
    let echo = service_fn(|request: Request<OneThreadAtATime>| async move {
        Ok::<_, Infallible>(Response::new(request.into_body().0))
    });
    let mut service = world.layer().replay_bodies().layer(echo);
    is_shared(&service);
    is_send(&service.call(Request::get(ITEMS).body(OneThreadAtATime(1.into())).unwrap()));
    is_send(&world.layer().layer(Api::open()).call(Request::new(Empty::<Bytes>::new())));
}
