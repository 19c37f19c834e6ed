//! What a guarded request takes from the heap, beside the same request to the same routes behind a layer that does nothing.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tower::{Layer, Service, service_fn};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TestToken};
use tower_bearer::{BearerLayer, Claims, Validator, VerifiedToken};

const AUDIENCE: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

/// A layer whose service hands the request on, as it is or with something that is put into its extensions.
#[derive(Clone, Copy)]
struct HandOn {
    with: Option<Put>,
}

/// Whatever its size, it is one box; if it has none, there is no box.
type Put = u8;

#[derive(Clone)]
struct HandingOn<S> {
    inner: S,
    with: Option<Put>,
}

const NO_OP: HandOn = HandOn { with: None };
const PUTTING: HandOn = HandOn { with: Some(1) };

impl<S> Layer<S> for HandOn {
    type Service = HandingOn<S>;

    fn layer(&self, inner: S) -> HandingOn<S> {
        HandingOn { inner, with: self.with }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for HandingOn<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(put) = self.with {
            request.extensions_mut().insert(put);
        }
        self.inner.call(request)
    }
}

#[derive(Deserialize)]
struct Person {
    oid: String,
    roles: Vec<String>,
}

async fn nothing() {}

async fn of_token(token: VerifiedToken) {
    assert!(token.has_scope("Orders.Read"));
}

async fn of_claims(Claims(person): Claims<Person>) {
    assert_eq!((person.oid.len(), person.roles.len()), (36, 2));
}

/// The same routes behind each layer; those for the token are only asked behind a guard.
fn routes() -> Router {
    Router::new().route("/nothing", get(nothing)).route("/token", get(of_token)).route("/claims", get(of_claims))
}

/// An issuer with tokens of about a kilobyte, as Entra's are.
struct World {
    authority: TestIssuer,
}

impl World {
    fn new() -> Self {
        Self {
            authority: TestIssuer::named("https://login.microsoftonline.com/31537af4-6d77-4bb9-a681-d2394888ea26/v2.0"),
        }
    }

    async fn validator(&self) -> Validator {
        let issuer = self.authority.issuer();
        self.token(0); // whose key is published with it
        issuer.ready().await.unwrap();
        issuer.validator(AUDIENCE)
    }

    fn token(&self, number: usize) -> String {
        let token = self.token_with(number, |token| token);
        assert!((900..1400).contains(&token.len()), "{} bytes", token.len());
        token
    }

    fn token_with(&self, number: usize, change: impl Fn(TestToken) -> TestToken) -> String {
        let claims = json!({
            "aio": "AXQAi/8TAAAAFm+E/QTG+gFnVxLjWdw8K+61AGrSOuMMF6ebaMj7XO3IbmD3fGmrOyD+NvZyGn2VaT/kDKXw4MIhrgGVq6Bn8w",
            "azp": "00000003-0000-0000-c000-000000000000",
            "azpacr": "1",
            "name": "Alice Smith",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "preferred_username": "alice@example.com",
            "rh": "I",
            "roles": ["Reader", "Writer"],
            "scp": "Orders.Read Orders.Write",
            "tid": "31537af4-6d77-4bb9-a681-d2394888ea26",
            "uti": format!("fqiBqXLPj0eQa82S-{number:05}"),
            "ver": "2.0",
        });
        let start = self
            .authority
            .token(AUDIENCE)
            .algorithm(Algorithm::RS256)
            .subject("HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ");
        let claims = claims.as_object().unwrap().iter();
        change(claims.fold(start, |token, (name, content)| token.claim(name.as_str(), content))).sign()
    }
}

fn request(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

/// How many allocations this call takes, which nothing has to be waited for.
fn count<B, S>(service: &mut S, request: Request<B>) -> u64
where
    S: Service<Request<B>, Error = Infallible>,
    S::Response: Status,
{
    let measured = allocation_counter::measure(|| {
        let answer = pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answer, Poll::Ready(Ok(response)) if response.is_ok()));
    });
    measured.count_total
}

trait Status {
    fn is_ok(&self) -> bool;
}

impl<B> Status for Response<B> {
    fn is_ok(&self) -> bool {
        self.status() == 200
    }
}

/// The same for each of many calls with a token that was shown before.
fn count_warm(app: &mut Router, path: &str, token: &str) -> u64 {
    for _ in 0..3 {
        count(app, request(path, token));
    }
    let first = count(app, request(path, token));
    assert!((0..1_000).all(|_| count(app, request(path, token)) == first), "none takes more now and then");
    first
}

#[tokio::test]
async fn a_token_that_was_seen_before_costs_three_more_than_no_guard_whatever_a_handler_asks_for() {
    let world = World::new();
    let token = world.token(1);
    let mut guarded = routes().route_layer(BearerLayer::new(world.validator().await));
    let mut unguarded = routes().route_layer(NO_OP);
    let none = count_warm(&mut unguarded, "/nothing", &token);
    for path in ["/nothing", "/token", "/claims"] {
        let more = count_warm(&mut guarded, path, &token) - none;
        println!("warm, {path}: {more} more than {none}");
        assert!(more <= 3, "{path}: {more} more");
    }
}

#[tokio::test]
async fn what_it_costs_is_what_anything_costs_that_is_put_into_the_extensions_and_no_future_in_a_box() {
    let world = World::new();
    let (token, layer) = (world.token(1), BearerLayer::new(world.validator().await));
    // In axum, something else stands there already; without it, the guard is the first.
    let mut putting = routes().route_layer(PUTTING);
    let mut guarded = routes().route_layer(layer.clone());
    let put = count_warm(&mut putting, "/nothing", &token);
    for path in ["/nothing", "/token", "/claims"] {
        assert_eq!(count_warm(&mut guarded, path, &token), put, "{path}");
    }

    let answer = |_: Request<()>| -> Ready<Result<Response<()>, Infallible>> { ready(Ok(Response::new(()))) };
    let request = || request("/", &token).map(drop);
    let mut guarded = layer.layer(service_fn(answer));
    count(&mut guarded, request());
    // The map, its table, and the box of what is in it.
    let three = allocation_counter::measure(|| assert!(http::Extensions::new().insert(1_u8).is_none())).count_total;
    assert_eq!(three, 3);
    for _ in 0..100 {
        assert_eq!(count(&mut NO_OP.layer(service_fn(answer)), request()), 0);
        assert_eq!(count(&mut PUTTING.layer(service_fn(answer)), request()), three);
        assert_eq!(count(&mut guarded, request()), three);
    }
}

#[tokio::test]
async fn a_token_of_rs256_that_was_never_seen_costs_twenty_more_at_most() {
    let world = World::new();
    let validator = world.validator().await;
    let mut unguarded = routes().route_layer(NO_OP);
    let none = count_warm(&mut unguarded, "/nothing", &world.token(0));
    for (name, validator) in [("held", validator.clone()), ("not held", validator.without_cache())] {
        let mut guarded = routes().route_layer(BearerLayer::new(validator));
        count(&mut guarded, request("/nothing", &world.token(0))); // for which the cache itself is made
        for path in ["/nothing", "/token", "/claims"] {
            let numbers = (0..100).map(|number| number * 10 + path.len());
            let counted: Vec<_> =
                numbers.map(|number| count(&mut guarded, request(path, &world.token(number))) - none).collect();
            let (least, most) = (counted.iter().min().unwrap(), counted.iter().max().unwrap());
            println!("never seen and {name}, {path}: {least} to {most} more than {none}");
            assert!(*most <= 20, "{name}, {path}: {most} more");
        }
    }
}

#[tokio::test]
async fn a_header_that_the_token_before_had_is_not_read_again() {
    let world = World::new();
    let mut guarded = routes().route_layer(BearerLayer::new(world.validator().await.without_cache()));
    // Two names that are not written as they read take memory.
    let odd = |number| world.token_with(number, |token| token.header("\"a\"", "b").header("\"c\"", "d"));
    let long = |number| world.token_with(number, |token| token.header("\"a\"", "b".repeat(1024)));
    let mut count = |token: String| count(&mut guarded, request("/nothing", &token));

    count(world.token(0));
    let plain = count(world.token(1));
    let (first, second, third) = (count(odd(2)), count(odd(3)), count(odd(4)));
    assert!(first > second, "{first}, then {second}");
    assert_eq!([second, third], [plain; 2]);

    let (first, second) = (count(long(5)), count(long(6)));
    assert!(first > plain && second > plain, "one that is very long is not kept: {first}, then {second}");
    assert_eq!(count(odd(7)), plain, "and leaves the one before in its place");
}

#[tokio::test]
async fn the_header_of_a_token_that_is_refused_is_not_kept_in_place_of_a_good_one() {
    let world = World::new();
    let mut guarded = routes().route_layer(BearerLayer::new(world.validator().await.without_cache()));
    count(&mut guarded, request("/nothing", &world.token(0)));
    let known = count(&mut guarded, request("/nothing", &world.token(1)));

    let refused = world.token_with(2, |token| token.header("x", "y").claim("aud", "api://stock"));
    let answer = guarded.call(request("/nothing", &refused)).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(count(&mut guarded, request("/nothing", &world.token(3))), known);
}

#[tokio::test]
async fn typed_claims_of_a_token_that_was_seen_before_take_nothing_and_are_the_same_ones() {
    let world = World::new();
    let (validator, text) = (world.validator().await, world.token(1));
    let first = validator.verify(&text).await.unwrap().claims::<Person>().unwrap();
    for _ in 0..100 {
        let token = validator.verify(&text).await.unwrap();
        let measured = allocation_counter::measure(|| {
            assert!(Arc::ptr_eq(&first, &token.claims::<Person>().unwrap()));
        });
        assert_eq!(measured.count_total, 0);
    }
}

#[tokio::test]
async fn typed_claims_are_parsed_once_for_a_hundred_requests() {
    static PARSED: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl<'de> Deserialize<'de> for Counted {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            PARSED.fetch_add(1, Ordering::Relaxed);
            IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }
    let world = World::new();
    let (layer, token) = (BearerLayer::new(world.validator().await), world.token(1));
    let mut app = Router::new().route("/", get(|_: Claims<Counted>, _: Claims<Person>| async {})).route_layer(layer);
    for _ in 0..100 {
        count(&mut app, request("/", &token));
    }
    assert_eq!(PARSED.load(Ordering::Relaxed), 1);
}
