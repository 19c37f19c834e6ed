//! An API refuses a token that was had for a caller: it is forgotten, wherever it is held, and what that costs the issuer.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AddBearerLayer, ClaimsChallenge, OnBehalfOf, TokenError, VerifiedToken};

use super::{ALICE, BOB, CLIENT, TENANT, World, answer, ok, token_for, whose};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
const READ: &str = "api://stock/Items.Read";
const WRITE: &str = "api://stock/Items.Write";
const ITEMS: &str = "https://stock.internal/items";

type Answer = Response<String>;

fn layer(stock: OnBehalfOf) -> AddBearerLayer {
    AddBearerLayer::new(stock).for_origins(["https://stock.internal"]).unwrap()
}

fn request(caller: &VerifiedToken, url: &str, body: &'static str) -> Request<Full<Bytes>> {
    let mut request = Request::post(url).body(Full::from(body)).unwrap();
    request.extensions_mut().insert(caller.clone());
    request
}

/// Whether the request has the first token that the issuer gave.
fn has_first_token(request: &Request<Full<Bytes>>) -> bool {
    request.headers()[AUTHORIZATION].to_str().unwrap().starts_with("Bearer 1~")
}

fn refusal(challenge: &str) -> Answer {
    Response::builder().status(401).header(WWW_AUTHENTICATE, challenge).body(String::new()).unwrap()
}

fn wanting(claims: &str) -> Answer {
    refusal(&format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims)))
}

// --- forgotten ---

#[tokio::test]
async fn a_forgotten_token_is_not_given_out_again_and_that_of_nobody_else_is() {
    let world = World::new();
    let (alice, bob) = (world.person(ALICE).await, world.person(BOB).await);
    let stock = world.client().on_behalf_of([READ]).unwrap();
    let (first, bobs) = (stock.token(&alice).await.unwrap(), stock.token(&bob).await.unwrap());
    stock.forget(&bob, &first);
    assert_eq!(stock.token(&alice).await.unwrap().secret(), first.secret(), "it is not Bob's");
    stock.forget(&alice, &first);
    let second = stock.token(&alice).await.unwrap();
    assert_ne!(second.secret(), first.secret());
    stock.forget(&alice, &first);
    assert_eq!(stock.token(&alice).await.unwrap().secret(), second.secret(), "that one was forgotten before");
    assert_eq!(stock.token(&bob).await.unwrap().secret(), bobs.secret());
    assert_eq!(world.requests(), 3);
}

#[tokio::test]
async fn one_that_was_had_for_more_scopes_is_forgotten_by_who_got_it_for_fewer() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let client = world.client();
    let (both, read) = (client.on_behalf_of([READ, WRITE]).unwrap(), client.on_behalf_of([READ]).unwrap());
    let first = both.token(&alice).await.unwrap();
    assert_eq!(read.token(&alice).await.unwrap().secret(), first.secret());
    read.forget(&alice, &first);
    assert_ne!(read.token(&alice).await.unwrap().secret(), first.secret());
    assert_ne!(both.token(&alice).await.unwrap().secret(), first.secret());
}

#[tokio::test]
async fn nor_is_it_sent_again_after_a_request_that_can_not_be() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let client = world.client();
    client.on_behalf_of([READ, WRITE]).unwrap().token(&alice).await.unwrap();
    let api = service_fn(|request| {
        ready(Ok::<_, Infallible>(if has_first_token(&request) { refusal("Bearer") } else { Answer::default() }))
    });
    let stock = layer(client.on_behalf_of([READ]).unwrap()).layer(api);
    for status in [401, 200, 200] {
        let answer = stock.clone().oneshot(request(&alice, ITEMS, "seven")).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(world.requests(), 2);
}

// --- challenged ---

/// Sends 100 requests at once to an API that wants claims, as soon as all have come with the first token: the statuses.
async fn challenged_together(world: &World) -> Vec<u16> {
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of([READ]).unwrap();
    stock.token(&alice).await.unwrap();
    let all_came = Arc::new(Barrier::new(100));
    let api = service_fn(move |request| {
        let all_came = Arc::clone(&all_came);
        async move {
            if has_first_token(&request) {
                all_came.wait().await;
                return Ok::<_, Infallible>(wanting(CLAIMS));
            }
            Ok(Answer::default())
        }
    });
    let service = layer(stock).layer(api);
    let calls = (0..100).map(|_| {
        let call = service.clone().oneshot(request(&alice, ITEMS, ""));
        async move { call.await.unwrap().status().as_u16() }
    });
    calls.collect::<JoinSet<_>>().join_all().await
}

#[tokio::test]
async fn a_hundred_requests_that_are_challenged_together_cost_one_token_and_all_succeed() {
    let world = World::new();
    assert_eq!(challenged_together(&world).await, [200; 100]);
    assert_eq!(world.requests(), 2);
    assert_eq!(world.asked()[1].form("claims"), Some(CLAIMS));
}

#[tokio::test]
async fn and_one_request_where_the_issuer_refuses_so_that_the_challenge_is_the_callers() {
    let world = World::answering(|number, asked| match asked.form("claims") {
        None => ok(token_for(number, asked)),
        Some(_) => answer(400, json!({ "error": "interaction_required", "claims": CLAIMS })),
    });
    assert_eq!(challenged_together(&world).await, [401; 100]);
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn and_is_asked_again_later_as_the_person_may_have_done_what_it_wanted() {
    let world = World::answering(|number, asked| match number {
        2 => answer(400, json!({ "error": "interaction_required", "claims": CLAIMS })),
        _ => ok(token_for(number, asked)),
    });
    let alice = world.person(ALICE).await;
    let api = service_fn(|request: Request<Full<Bytes>>| {
        let is_good = request.headers()[AUTHORIZATION].to_str().unwrap().starts_with("Bearer 4~");
        ready(Ok::<_, Infallible>(if is_good { Answer::default() } else { wanting(CLAIMS) }))
    });
    let service = layer(world.client().on_behalf_of([READ]).unwrap()).layer(api);
    for status in [401, 200] {
        assert_eq!(service.clone().oneshot(request(&alice, ITEMS, "")).await.unwrap().status(), status);
        world.clock().advance(Duration::from_secs(15));
    }
    assert_eq!(world.requests(), 4);
}

#[tokio::test]
async fn each_of_two_challenges_at_once_is_answered_by_itself() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of([READ]).unwrap();
    stock.token(&alice).await.unwrap();
    let both_came = Arc::new(Barrier::new(2));
    let api = service_fn(move |request: Request<Full<Bytes>>| {
        let both_came = Arc::clone(&both_came);
        async move {
            if has_first_token(&request) {
                both_came.wait().await;
                return Ok::<_, Infallible>(wanting(&json!({ "path": request.uri().path() }).to_string()));
            }
            Ok(Answer::default())
        }
    });
    let service = layer(stock).layer(api);
    let call = |url: &str| service.clone().oneshot(request(&alice, url, ""));
    let (one, other) = tokio::join!(call("https://stock.internal/a"), call("https://stock.internal/b"));
    assert_eq!((one.unwrap().status(), other.unwrap().status()), (StatusCode::OK, StatusCode::OK));
    let mut claims: Vec<_> = world.asked().iter().map(|asked| asked.form("claims").map(str::to_owned)).collect();
    claims.sort();
    assert_eq!(claims, [None, Some("{\"path\":\"/a\"}".to_owned()), Some("{\"path\":\"/b\"}".to_owned())]);
}

#[tokio::test]
async fn a_token_that_answered_a_challenge_and_was_forgotten_does_so_no_more() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of([READ]).unwrap();
    stock.token(&alice).await.unwrap();
    let gate = Arc::new(Barrier::new(2));
    let api = {
        let gate = Arc::clone(&gate);
        service_fn(move |request: Request<Full<Bytes>>| {
            let gate = Arc::clone(&gate);
            async move {
                if request.uri().path() == "/late" {
                    gate.wait().await; // it has come
                    gate.wait().await;
                }
                Ok::<_, Infallible>(if has_first_token(&request) { wanting(CLAIMS) } else { Answer::default() })
            }
        })
    };
    let service = layer(stock.clone()).layer(api);
    let late = async {
        let answer = service.clone().oneshot(request(&alice, "https://stock.internal/late", "")).await.unwrap();
        answer.status().as_u16()
    };
    let meanwhile = async {
        gate.wait().await;
        service.clone().oneshot(request(&alice, ITEMS, "")).await.unwrap();
        let second = stock.token(&alice).await.unwrap();
        stock.forget(&alice, &second);
        gate.wait().await;
        // Sent once more, it comes again.
        gate.wait().await;
        gate.wait().await;
    };
    assert_eq!(tokio::join!(late, meanwhile).0, 200);
    let claims: Vec<_> = world.asked().iter().map(|asked| asked.form("claims").is_some()).collect();
    assert_eq!(claims, [false, true, true]);
}

#[tokio::test]
async fn another_challenge_is_answered_by_itself_and_so_is_the_same_one_later() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of([READ]).unwrap();
    let wanted = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&wanted);
    // Each time it wants something else than what the token was had with, which its number tells.
    let api = service_fn(move |request: Request<Full<Bytes>>| {
        let wanted = now.load(Ordering::Relaxed);
        let token = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let is_good = token.starts_with(&format!("Bearer {wanted}~"));
        let claims = json!({ "wanted": wanted.min(4) }).to_string();
        ready(Ok::<_, Infallible>(if is_good { Answer::default() } else { wanting(&claims) }))
    });
    let service = layer(stock).layer(api);
    for token in 2..=5 {
        wanted.store(token, Ordering::Relaxed);
        assert_eq!(service.clone().oneshot(request(&alice, ITEMS, "")).await.unwrap().status(), 200, "{token}");
        world.clock().advance(Duration::from_secs(15));
    }
    let claims: Vec<_> = world.asked().iter().map(|asked| asked.form("claims").map(str::to_owned)).collect();
    let wanted = |number: u32| Some(format!("{{\"wanted\":{number}}}"));
    assert_eq!(claims, [None, wanted(2), wanted(3), wanted(4), wanted(4)]);
}

#[tokio::test]
async fn an_api_that_challenges_each_token_costs_one_in_15_seconds() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let api = service_fn(|_: Request<Full<Bytes>>| ready(Ok::<_, Infallible>(wanting(CLAIMS))));
    let service = layer(world.client().on_behalf_of([READ]).unwrap()).layer(api);
    for rounds in 1..=3 {
        for _ in 0..50 {
            let answer = service.clone().oneshot(request(&alice, ITEMS, "")).await.unwrap();
            assert_eq!(ClaimsChallenge::from_headers(answer.headers()).unwrap().json(), CLAIMS, "it is relayed");
            world.clock().advance(Duration::from_millis(299));
        }
        assert_eq!(world.requests(), 1 + rounds);
        world.clock().advance(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn an_api_whose_challenge_nobody_can_read_is_one_that_refuses_and_costs_one_token() {
    let long = STANDARD.encode(json!({ "a": "x".repeat(20_000) }).to_string());
    let deep = STANDARD.encode(format!("{{\"a\":{}{}}}", "[".repeat(3_000), "]".repeat(3_000)));
    for claims in ["!!!", "", &long, &deep, "bm90IGpzb24=", "W10="] {
        let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
        let world = World::new();
        let alice = world.person(ALICE).await;
        let api = service_fn(move |_: Request<Full<Bytes>>| ready(Ok::<_, Infallible>(refusal(&challenge))));
        let service = layer(world.client().on_behalf_of([READ]).unwrap()).layer(api);
        for _ in 0..50 {
            assert_eq!(service.clone().oneshot(request(&alice, ITEMS, "")).await.unwrap().status(), 401);
        }
        assert_eq!(world.requests(), 2, "{claims:.20}");
        assert!(world.asked().iter().all(|asked| asked.form("claims").is_none()), "{claims:.20}");
    }
}

#[tokio::test]
async fn a_token_with_claims_for_one_person_is_none_for_another() {
    let world = World::new();
    let (alice, bob) = (world.person(ALICE).await, world.person(BOB).await);
    let stock = world.client().on_behalf_of([READ]).unwrap();
    let claims = ClaimsChallenge::from_headers(wanting(CLAIMS).headers()).unwrap();
    let with_claims = stock.token_with_claims(&alice, &claims).await.unwrap();
    assert_eq!(stock.token(&alice).await.unwrap().secret(), with_claims.secret());
    assert_eq!(whose(&stock.token(&bob).await.unwrap()).0, BOB);
}

// --- not sent at all ---

#[tokio::test]
async fn nothing_is_asked_nor_sent_for_a_caller_who_can_not_be_acted_for_or_to_another_origin() {
    let world = World::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let api = {
        let sent = Arc::clone(&sent);
        service_fn(move |_: Request<Full<Bytes>>| {
            sent.fetch_add(1, Ordering::Relaxed);
            ready(Ok::<_, Infallible>(Answer::default()))
        })
    };
    let service = layer(world.client().on_behalf_of([READ]).unwrap()).layer(api);
    let failed = async |caller: &VerifiedToken, url: &str| -> BoxError {
        service.clone().oneshot(request(caller, url, "")).await.unwrap_err()
    };
    let elsewhere = TestIssuer::named("https://elsewhere.test");
    let foreign = elsewhere.token("api://orders").subject("alice").sign();
    let foreign = elsewhere.issuer().validator("api://orders").verify(&foreign).await.unwrap();
    let application = world.verified(world.tenant(TENANT).application(CLIENT)).await;
    let of_another_api = world.verified(world.tenant(TENANT).delegated("api://another")).await;
    for caller in [foreign, application, of_another_api] {
        assert!(failed(&caller, ITEMS).await.is::<TokenError>());
    }
    let alice = world.person(ALICE).await;
    for url in ["https://evil.example/items", "http://stock.internal/items", "https://stock.internal:8443/", "/items"] {
        assert!(failed(&alice, url).await.is::<tower_bearer::Error>(), "{url}");
    }
    assert_eq!((sent.load(Ordering::Relaxed), world.requests()), (0, 0));
}
