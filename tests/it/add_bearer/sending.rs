//! What a request is like when it is sent, and that it is not where there is no token.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full};
use tower::{Layer, service_fn};
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{AddBearerLayer, Credential, Target, TokenError, TokenErrorKind as Kind};

use super::{Api, BoxError, ITEMS, STOCK, World, get, post, send, status, status_of};

#[tokio::test]
async fn the_token_takes_the_place_of_what_is_in_authorization_and_does_not_show() {
    for (at_hand, earlier) in [(false, 0), (true, 0), (false, 1), (true, 1), (false, 2), (true, 2)] {
        let world = World::with_token(at_hand).await;
        let api = Api::open();
        let mut request = get(ITEMS);
        for value in ["Bearer canary", "Basic canary"].iter().take(earlier) {
            request.headers_mut().append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        assert_eq!(status_of(&world.layer().layer(api.clone()), request).await, 200);

        let sent = api.requests().remove(0);
        let token = world.jobs.token().await.unwrap();
        let values: Vec<_> = sent.headers().get_all(AUTHORIZATION).iter().collect();
        assert_eq!(values, [format!("Bearer {}", token.secret()).as_str()]);
        assert!(values[0].is_sensitive());
        let shown = format!("{sent:?}");
        assert!(!shown.contains(token.secret()) && shown.contains("Sensitive"), "{shown}");
        assert_eq!(world.token_requests(), 1);
    }
}

#[tokio::test]
async fn all_else_of_a_request_arrives_as_it_was_also_the_second_time() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let api = service_fn(move |request: Request<Full<Bytes>>| {
            let noted = Arc::clone(&noted);
            async move {
                let (mut parts, body) = request.into_parts();
                let token = parts.headers.remove(AUTHORIZATION).unwrap();
                assert!(token.is_sensitive());
                let body = body.collect().await.unwrap().to_bytes();
                let note = parts.extensions.get::<u8>().copied();
                noted.lock().unwrap().push((parts.method, parts.uri, parts.version, parts.headers, note, body));
                Ok::<_, Infallible>(status(401))
            }
        });
        let request = || {
            Request::put("https://stock.internal/items?a=b")
                .version(Version::HTTP_2)
                .header("x-many", "1")
                .header("x-many", "2")
                .extension(7_u8)
                .body(Full::from("seven"))
                .unwrap()
        };
        let mut with_old = request();
        with_old.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer old"));
        assert_eq!(status_of(&world.layer().replay_bodies().layer(api), with_old).await, 401);

        let (parts, _) = request().into_parts();
        let one = (parts.method, parts.uri, parts.version, parts.headers, Some(7), Bytes::from("seven"));
        assert_eq!(*seen.lock().unwrap(), [one.clone(), one]);
    }
}

/// Sends a request for which no token can be had.
async fn without_token(layer: &AddBearerLayer) -> TokenError {
    let api = Api::open();
    let error = send(&layer.layer(api.clone()), get(ITEMS)).await.unwrap_err();
    assert!(api.tokens().is_empty(), "it was sent");
    *error.downcast::<TokenError>().unwrap()
}

#[tokio::test]
async fn where_no_token_can_be_had_nothing_is_sent_and_the_error_says_who_must_act() {
    let world = World::new();
    world.authority.fail(Endpoint::Token, Fault::Broken);
    let error = without_token(&world.layer()).await;
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.retry_after().is_some());
    // At once as long as it cools down, and without another request.
    world.authority.recover(Endpoint::Token);
    assert_eq!(without_token(&world.layer()).await.kind(), Kind::Unavailable);
    assert_eq!(world.token_requests(), 1);
    world.authority.advance(Duration::from_secs(6));
    assert_eq!(status_of(&world.layer().layer(Api::open()), get(ITEMS)).await, 200);

    let authority = TestIssuer::new();
    authority.register("jobs").secret("right");
    let client = authority.issuer().client("jobs", Credential::secret("canary"));
    let jobs = client.client_credentials(Target::new()).unwrap();
    let error = without_token(&AddBearerLayer::new(jobs).for_origins([STOCK]).unwrap()).await;
    assert_eq!((error.kind(), error.error_code()), (Kind::Refused, Some("invalid_client")));
}

#[tokio::test]
async fn a_token_that_is_still_good_is_sent_while_the_next_one_can_not_be_had() {
    let world = World::with_token(true).await;
    world.authority.fail(Endpoint::Token, Fault::Status(500));
    let api = Api::open();
    let service = world.layer().layer(api.clone());
    for minute in 0..60 {
        assert_eq!(status_of(&service, get(ITEMS)).await, 200, "minute {minute}");
        // What was started in the background ends.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        world.authority.advance(Duration::from_secs(60));
    }
    assert!(api.tokens().iter().all(|token| *token == 1));
    assert!((3..=11).contains(&world.token_requests()), "{}: it was tried, not in a storm", world.token_requests());
    assert_eq!(without_token(&world.layer()).await.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn what_the_client_inside_says_is_said_to_the_caller() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let broken = service_fn(|_: Request<_>| async { Err::<super::Answer, _>("the connection broke") });
        let error: BoxError = send(&world.layer().layer(broken), post(ITEMS, "")).await.unwrap_err();
        assert_eq!(error.to_string(), "the connection broke");
        // Nothing was said of the token.
        assert_eq!(status_of(&world.layer().layer(Api::open()), get(ITEMS)).await, 200);
        assert_eq!(world.token_requests(), 1);
    }
}
