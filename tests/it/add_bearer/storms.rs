//! However many requests are refused, the issuer hears little of it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::testing::{Endpoint, Fault};

use super::{Answer, Api, BoxError, ITEMS, World, get, grpc_status, post, status, status_of};

/// As many requests at once, each by a clone and in a task of its own: the statuses of the answers.
async fn at_once<S>(service: &S, requests: usize) -> Vec<u16>
where
    S: Service<Request<http_body_util::Empty<bytes::Bytes>>, Response = Answer, Error = BoxError>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let tasks = (0..requests).map(|_| {
        let service = service.clone();
        async move { status_of(&service, get(ITEMS)).await }
    });
    tasks.collect::<JoinSet<_>>().join_all().await
}

#[tokio::test]
async fn an_api_that_refuses_everything_costs_one_token_in_15_seconds() {
    for refusal in [|| status(401), || grpc_status("16")] {
        let world = World::with_token(true).await;
        let api = Api::new(move |_| refusal());
        let service = world.layer().layer(api.clone());
        at_once(&service, 100).await;
        for request in 0..100 {
            let sent_before = api.tokens().len();
            status_of(&service, get(ITEMS)).await;
            assert_eq!(api.tokens().len(), sent_before + 1, "nor is request {request} sent twice in vain");
        }
        assert_eq!(world.token_requests(), 2);

        world.authority.advance(Duration::from_millis(14_999));
        at_once(&service, 100).await;
        assert_eq!(world.token_requests(), 2);

        for round in 1..=5 {
            world.authority.advance(Duration::from_secs(if round == 1 { 1 } else { 15 }));
            at_once(&service, 100).await;
            status_of(&world.layer().layer(api.clone()), post(ITEMS, "seven")).await;
            assert_eq!(world.token_requests(), 2 + round);
        }
    }
}

#[tokio::test]
async fn while_the_issuer_is_out_of_reach_a_token_that_one_api_refuses_stays_with_the_others() {
    let world = World::with_token(true).await;
    let held = world.jobs.token().await.unwrap();
    world.authority.fail(Endpoint::Token, Fault::Status(503));
    // It is to be renewed, which fails.
    world.authority.advance(Duration::from_secs(56 * 60));
    world.jobs.token().await.unwrap();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.token_requests(), 2);
    let service = world.layer().layer(Api::new(|_| status(401)));
    for _ in 0..10 {
        assert_eq!(status_of(&service, get(ITEMS)).await, 401);
        assert_eq!(world.jobs.token().await.unwrap().secret(), held.secret());
    }
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn nor_does_it_cost_more_where_nothing_can_be_sent_once_more() {
    let world = World::with_token(true).await;
    let api = Api::new(|_| status(401));
    let service = world.layer().layer(api.clone());
    for _ in 0..100 {
        assert_eq!(status_of(&service, post(ITEMS, "seven")).await, 401);
    }
    assert_eq!(world.token_requests(), 2);
    assert_eq!(api.tokens().len(), 100);
    world.authority.advance(Duration::from_secs(15));
    for _ in 0..100 {
        assert_eq!(status_of(&service, post(ITEMS, "seven")).await, 401);
    }
    assert_eq!(world.token_requests(), 3);
}

/// Sends 100 requests with a token that is refused as soon as all of them have come.
async fn refused_together(world: &World) {
    let old = world.jobs.token().await.unwrap();
    let requests = world.token_requests();
    let all_came = Arc::new(Barrier::new(100));
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let api = {
        let seen = Arc::clone(&seen);
        service_fn(move |request: Request<_>| {
            let token = request.headers()[AUTHORIZATION].clone();
            let is_old = token == old.authorization();
            seen.lock().unwrap().insert(token.to_str().unwrap().to_owned());
            let all_came = Arc::clone(&all_came);
            async move {
                if is_old {
                    all_came.wait().await;
                }
                Ok::<_, Infallible>(status(if is_old { 401 } else { 200 }))
            }
        })
    };
    let answers = at_once(&world.layer().layer(api), 100).await;
    assert_eq!(answers, [200; 100]);
    assert_eq!(seen.lock().unwrap().len(), 2);
    assert_eq!(world.token_requests(), requests + 1);
}

#[tokio::test]
async fn a_hundred_requests_that_are_refused_together_cost_one_token_and_all_succeed() {
    refused_together(&World::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn and_so_they_do_on_several_threads() {
    let world = World::new();
    for _ in 0..100 {
        refused_together(&world).await;
        world.authority.advance(Duration::from_secs(15));
    }
}

#[tokio::test]
async fn a_refusal_that_comes_late_costs_nothing_where_there_is_another_token_already() {
    let world = World::with_token(true).await;
    let api = Api::refusing_the_first(|| status(401));
    let gate = Arc::new(Barrier::new(2));
    let slow = {
        let (api, gate) = (api.clone(), Arc::clone(&gate));
        service_fn(move |request: Request<http_body_util::Empty<bytes::Bytes>>| {
            let (mut api, gate) = (api.clone(), Arc::clone(&gate));
            async move {
                let answer = api.call(request).await;
                if answer.as_ref().is_ok_and(|answer| answer.status() == 401) {
                    gate.wait().await;
                }
                answer
            }
        })
    };
    let slow = world.layer().layer(slow);
    let late = tokio::spawn(slow.oneshot(get(ITEMS)));
    while api.tokens().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(status_of(&world.layer().layer(api.clone()), get(ITEMS)).await, 200);
    world.authority.advance(Duration::from_secs(60));
    gate.wait().await;
    assert_eq!(late.await.unwrap().unwrap().status(), 200);
    assert_eq!(api.tokens(), [1, 1, 2, 2]);
    assert_eq!(world.token_requests(), 2);
}
