//! What a request takes that gets a token: nothing where the token is at hand.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::runtime::Builder;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AddBearerLayer, Credential, Target};

use super::{ALLOCATOR, Alone};

/// A request with a value of `Authorization` already, so that there is room for one.
fn request(body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post("https://stock.internal/items").header("authorization", "Bearer old");
    request.body(Full::from(body)).unwrap()
}

/// The most bytes that this took at a time, in the best of many times: the harness of the tests takes some now and then.
fn taken<T, R>(prepare: impl Fn() -> T, mut work: impl FnMut(T) -> R) -> usize {
    let once = |_| {
        let prepared = prepare();
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let result = work(prepared);
        let taken = ALLOCATOR.peak_usage().saturating_sub(before);
        drop(result);
        taken
    };
    (0..1_000).map(once).min().unwrap()
}

#[test]
fn a_request_takes_no_memory_where_the_token_is_at_hand_but_for_the_copy_that_may_be_sent_once_more() {
    let _alone = Alone::new();
    let authority = TestIssuer::new();
    let stock = authority.register("api://stock").app_role("reader");
    authority.register("jobs").secret("correct horse").assign_role(&stock, "reader");
    let client = authority.issuer().client("jobs", Credential::secret("correct horse"));
    let jobs = client.client_credentials(Target::new()).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(jobs.token()).unwrap();
    let _in_runtime = runtime.enter();

    let api = service_fn(|request: Request<Full<Bytes>>| {
        assert_ne!(request.headers()["authorization"], "Bearer old");
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let mut service = AddBearerLayer::new(jobs).for_origins(["https://stock.internal"]).unwrap().layer(api);
    let mut call = |request| {
        let answer = pin!(service.call(request));
        assert!(answer.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    };
    let copy = taken(|| request(""), |request| request.headers().clone());
    let with_body = taken(|| request("seven"), &mut call);
    let without = taken(|| request(""), &mut call);
    println!(
        "a request takes {with_body} bytes, one that can be sent once more {without}, a copy of its headers {copy}"
    );
    assert_eq!((with_body, without), (0, copy));
    assert!(copy > 0);
}
