//! What the hot paths may take from the heap: where nothing has to be handed on, nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod guarding;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, BearerLayer, Client, Credential, Issuer, TokenError, VerifiedToken};

/// How many allocations it takes to guard a request with this content type.
async fn guarding(content_type: &'static str, path: &'static str) -> u64 {
    let authority = TestIssuer::new();
    let layer = BearerLayer::new(authority.issuer().validator("api://orders")).open("/grpc.health.v1.Health/").unwrap();
    let inner = service_fn(|_: Request<()>| std::future::ready(Ok::<_, Infallible>(Response::new(()))));
    let mut service = layer.layer(inner);
    let bearer = format!("Bearer {}", authority.token("api://orders").sign());
    let request = || {
        let request = Request::post(path).version(http::Version::HTTP_2).header("authorization", &bearer);
        request.header("content-type", content_type).body(()).unwrap()
    };
    // The keys are fetched, and the token is put into the cache.
    service.call(Request::get("/").header("authorization", &bearer).body(()).unwrap()).await.unwrap();
    let request = request();
    let measured = allocation_counter::measure(|| {
        let answer = pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answer, Poll::Ready(Ok(response)) if response.status() == 200));
    });
    measured.count_total
}

#[tokio::test]
async fn a_call_of_grpc_is_guarded_at_the_cost_of_any_request() {
    let request = guarding("application/json", "/orders.v1.Orders/Place").await;
    assert_eq!(guarding("application/grpc", "/orders.v1.Orders/Place").await, request);
    assert_eq!(guarding("application/grpc-web-text+proto", "/orders.v1.Orders/Place").await, request);
    assert!(guarding("application/grpc", "/grpc.health.v1.Health/Check").await <= request);
}

/// A client of the issuer whose token endpoint gives the same answer to everybody.
fn client() -> Client {
    let transport = service_fn(|_: Request<Full<Bytes>>| async {
        let answer = r#"{"access_token":"a-token","token_type":"Bearer","expires_in":3600,"scope":"stock.read"}"#;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer))))
    });
    let issuer = Issuer::new("https://issuer.test").unwrap().token_endpoint("https://issuer.test/token").unwrap();
    issuer.transport(transport).client("orders", Credential::none())
}

async fn caller() -> VerifiedToken {
    let authority = TestIssuer::new();
    let token = authority.token("api://orders").subject("alice").sign();
    authority.issuer().validator("api://orders").verify(&token).await.unwrap()
}

/// Whether it never takes an allocation to have the token at once: also none now and then, as for a cache that tidies itself up.
fn is_free<F: Future<Output = Result<AccessToken, TokenError>>>(token: impl Fn() -> F) -> bool {
    let once = || {
        allocation_counter::measure(|| {
            let ready = pin!(token()).poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(ready, Poll::Ready(Ok(_))), "nobody waits for it");
        })
    };
    (0..10_000).all(|_| once().count_total == 0)
}

#[tokio::test]
async fn a_cached_token_on_behalf_of_a_caller_costs_none() {
    let (client, alice) = (client(), caller().await);
    let stock = client.on_behalf_of(["stock.read"]).unwrap();
    stock.token(&alice).await.unwrap();
    assert!(is_free(|| stock.token(&alice)));
}

#[tokio::test]
async fn a_cached_token_by_token_exchange_costs_none() {
    let transport = service_fn(|_: Request<Full<Bytes>>| async {
        let answer = r#"{"access_token":"a","token_type":"Bearer","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer))))
    });
    let issuer = Issuer::new("https://issuer.test").unwrap().token_endpoint("https://issuer.test/token").unwrap();
    let client = issuer.transport(transport).client("orders", Credential::none());
    let (stock, alice) = (client.token_exchange(["stock.read"]).unwrap(), caller().await);
    stock.token(&alice).await.unwrap();
    assert!(is_free(|| stock.token(&alice)));
}

#[tokio::test]
async fn a_cached_token_of_the_application_costs_none() {
    let jobs = client().client_credentials(["stock.read"]).unwrap();
    jobs.token().await.unwrap();
    assert!(is_free(|| jobs.token()));
}
