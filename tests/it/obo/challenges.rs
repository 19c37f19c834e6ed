//! What an issuer or an API wants to know besides: claims challenges, relayed and answered.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::{
    AddBearerLayer, BearerLayer, ClaimsChallenge, Entra, Rejection, RejectionKind, TokenError, TokenErrorKind as Kind,
    VerifiedToken,
};

use super::{ALICE, BOB, CLIENT, TENANT, World, answer, ok, token_for};
use crate::support;

const CLAIMS: &str = r#"{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}"#;

fn wanting_claims() -> World {
    wanting_claims_by("interaction_required")
}

fn wanting_claims_by(error: &'static str) -> World {
    World::answering(move |number, asked| match asked.form("claims") {
        Some(CLAIMS) => ok(token_for(number, asked)),
        _ => answer(400, json!({ "error": error, "suberror": "basic_action", "claims": CLAIMS })),
    })
}

/// The error for a caller whose client can do this.
async fn refused(world: &World, xms_cc: Value) -> TokenError {
    let token = world.tenant(TENANT).delegated(CLIENT).claim("oid", ALICE).claim("xms_cc", xms_cc);
    let caller = world.verified(token).await;
    world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap().token(&caller).await.unwrap_err()
}

fn said(error: TokenError) -> (u16, Option<String>, HeaderMap) {
    let response: Response<String> = Rejection::from(error).respond();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge, response.headers().clone())
}

#[tokio::test]
async fn a_claims_challenge_is_relayed_to_a_client_that_can_answer_it() {
    for (code, capable) in [
        ("interaction_required", json!(["cp1"])),
        ("interaction_required", json!(["CP1", "other"])),
        ("consent_required", json!("cp1")),
        ("consent_required", json!(["protapp", "Cp1"])),
    ] {
        let error = refused(&wanting_claims_by(code), capable).await;
        assert_eq!(error.kind(), Kind::InteractionRequired);
        assert_eq!(error.claims().map(ClaimsChallenge::json), Some(CLAIMS));
        let (status, challenge, _) = said(error);
        let expected = format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/{TENANT}/oauth2/authorize\", \
             error=\"insufficient_claims\", claims=\"{}\"",
            STANDARD.encode(CLAIMS)
        );
        assert_eq!((status, challenge), (401, Some(expected)));
    }
}

#[tokio::test]
async fn a_client_that_can_not_answer_one_gets_a_403_without_claims() {
    for other in [json!(null), json!([]), json!(["cp2"]), json!("cp1 "), json!({ "cp1": true }), json!(1)] {
        let (status, challenge, _) = said(refused(&wanting_claims(), other.clone()).await);
        let challenge = challenge.unwrap();
        assert_eq!(status, 403, "{other}");
        assert!(challenge.contains("error=\"interaction_required\"") && !challenge.contains("claims="), "{challenge}");
    }
}

#[tokio::test]
async fn consent_that_is_missing_is_a_matter_for_the_person() {
    let world =
        World::answering(|_, _| answer(400, json!({ "error": "invalid_grant", "suberror": "consent_required" })));
    let error = refused(&world, json!(["cp1"])).await;
    assert_eq!(error.kind(), Kind::InteractionRequired);
    assert_eq!(said(error).0, 403, "there is nothing to relay");
}

#[tokio::test]
async fn other_failures_tell_the_caller_nothing_but_when_to_come_back() {
    let world = World::answering(|_, _| {
        let mut response = answer(503, json!({}));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("30"));
        response
    });
    let (status, challenge, headers) = said(refused(&world, json!(["cp1"])).await);
    assert_eq!((status, challenge), (503, None));
    assert_eq!(headers[RETRY_AFTER], "30");
    let world = World::answering(|_, _| answer(401, json!({ "error": "invalid_client", "claims": CLAIMS })));
    let error = refused(&world, json!(["cp1"])).await;
    assert_eq!(Rejection::from(error.clone()).kind(), RejectionKind::TokenRefused);
    assert_eq!((said(error.clone()).0, said(error).1), (500, None));
}

#[tokio::test]
async fn what_the_operator_has_to_do_stands_in_the_log_and_not_in_the_answer() {
    let world = World::new();
    let foreign = world.verified(world.tenant(TENANT).delegated("api://another")).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let error = stock.token(&foreign).await.unwrap_err();
    let log = support::Log::capture();
    assert_eq!(said(error), (500, None, HeaderMap::new()));
    let log = log.text();
    assert!(log.contains("ERROR") && log.contains("say its App ID URI by Client::app_id_uri(..)"), "{log}");
}

#[tokio::test]
async fn an_application_that_calls_where_a_person_is_acted_for_gets_a_403() {
    let world = World::new();
    let daemon = world.verified(world.tenant(TENANT).application(CLIENT)).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let error = stock.token(&daemon).await.unwrap_err();
    super::is(&error, Kind::Refused, "require(delegated())");
    assert_eq!(Rejection::from(error.clone()).kind(), RejectionKind::InsufficientScope);
    assert_eq!((said(error).0, world.requests()), (403, 0));
}

#[tokio::test]
async fn odd_claims_are_not_relayed() {
    let long = json!({ "a": "x".repeat(10_000) }).to_string();
    for odd in [json!("not json"), json!("[]"), json!(7), json!(null), json!(long), json!("{\"a\":1,\"a\":2}")] {
        let world =
            World::answering(move |_, _| answer(400, json!({ "error": "interaction_required", "claims": odd })));
        let error = refused(&world, json!(["cp1"])).await;
        assert!(error.claims().is_none());
        assert_eq!(said(error).0, 403);
    }
    // As an object it is one.
    let world = World::answering(|_, _| answer(400, json!({ "error": "interaction_required", "claims": { "a": 1 } })));
    assert_eq!(refused(&world, json!(["cp1"])).await.claims().unwrap().json(), r#"{"a":1}"#);
}

#[tokio::test]
async fn a_token_with_claims_never_comes_from_the_cache_and_takes_the_old_ones_place() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let first = stock.token(&alice).await.unwrap();
    let claims = ClaimsChallenge::from_headers(&challenge(CLAIMS)).unwrap();
    for _ in 0..2 {
        let next = stock.token_with_claims(&alice, &claims).await.unwrap();
        assert_ne!(next.secret(), first.secret());
        assert_eq!(stock.token(&alice).await.unwrap().secret(), next.secret());
    }
    assert_eq!(world.requests(), 3);
    assert_eq!(world.asked()[1].form("claims"), Some(CLAIMS));
}

fn challenge(claims: &str) -> HeaderMap {
    let value = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims));
    HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::try_from(value).unwrap())])
}

#[test]
fn challenges_are_read_however_they_are_written() {
    let base64 = STANDARD.encode(CLAIMS);
    let unpadded = base64.trim_end_matches('=');
    for value in [
        format!("Bearer error=\"insufficient_claims\", claims=\"{base64}\""),
        format!("bearer claims=\"{unpadded}\",error=insufficient_claims"),
        format!("Basic realm=\"a, b=c\", Bearer realm=\"\\\"\", ERROR=\"insufficient_claims\", Claims=\"{base64}\""),
        format!("Negotiate, Bearer   error = \"insufficient_claims\" , claims = \"{base64}\""),
    ] {
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::try_from(&value).unwrap())]);
        let read = ClaimsChallenge::from_headers(&headers);
        assert_eq!(read.as_ref().map(ClaimsChallenge::json), Some(CLAIMS), "{value}");
    }
    // Each alphabet, with padding and without.
    let json = r#"{"a":"???>>>"}"#;
    let odd = STANDARD.encode(json);
    assert!(odd.contains('+') && odd.contains('/') && odd.ends_with('='), "{odd}");
    let for_urls = odd.replace('+', "-").replace('/', "_");
    for written in [&*odd, odd.trim_end_matches('='), &for_urls, for_urls.trim_end_matches('=')] {
        let value = format!("Bearer error=\"insufficient_claims\", claims=\"{written}\"");
        let mut headers = HeaderMap::new();
        for value in ["Negotiate", "Bearer error=\"invalid_token\"", &value] {
            headers.append(WWW_AUTHENTICATE, HeaderValue::try_from(value).unwrap());
        }
        assert_eq!(ClaimsChallenge::from_headers(&headers).unwrap().json(), json, "{written}");
    }
    for value in [
        "Bearer".to_owned(),
        String::new(),
        format!("Bearer error=\"invalid_token\", claims=\"{base64}\""),
        format!("Basic error=\"insufficient_claims\", claims=\"{base64}\""),
        "Bearer error=\"insufficient_claims\"".to_owned(),
        "Bearer error=\"insufficient_claims\", claims=\"!!!\"".to_owned(),
        format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode("[1]")),
        "Bearer error=\"insufficient_claims\", claims=\"".to_owned(),
        "Bearer =,=,=\"\\".to_owned(),
    ] {
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::try_from(&value).unwrap())]);
        assert_eq!(ClaimsChallenge::from_headers(&headers), None, "{value}");
    }
}

// --- attached ---

/// An API that answers with a challenge until a token is not this one.
fn api(
    refused: &'static str,
) -> impl tower::Service<
    Request<Full<Bytes>>,
    Response = Response<String>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<String>, Infallible>> + Send,
> + Clone
+ Send
+ 'static {
    service_fn(move |request: Request<Full<Bytes>>| async move {
        let token = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let mut response = Response::new(token.clone());
        if token.starts_with(refused) {
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
            *response.headers_mut() = challenge(CLAIMS);
        }
        Ok(response)
    })
}

/// For the API, with tokens on behalf of whoever is in the request.
fn layer(world: &World) -> AddBearerLayer {
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    AddBearerLayer::new(stock).for_origins(["https://stock.internal"]).unwrap()
}

fn of(caller: &VerifiedToken) -> Request<Full<Bytes>> {
    let mut request = Request::get("https://stock.internal/items").body(Full::default()).unwrap();
    request.extensions_mut().insert(caller.clone());
    request
}

async fn called(world: &World, refused: &'static str) -> Result<Response<String>, tower::BoxError> {
    let alice = world.person(ALICE).await;
    layer(world).layer(api(refused)).oneshot(of(&alice)).await
}

#[tokio::test]
async fn who_asks_with_claims_during_an_outage_learns_what_is_left_of_it() {
    let world = World::answering(|_, _| {
        let mut response = answer(503, json!({}));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("30"));
        response
    });
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let claims = ClaimsChallenge::from_headers(&challenge(CLAIMS)).unwrap();
    for left in [30, 20, 10] {
        let error = stock.token_with_claims(&alice, &claims).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(left))));
        world.clock().advance(Duration::from_secs(10));
    }
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn claims_that_an_issuer_refuses_are_not_asked_with_again_for_five_seconds() {
    let world = World::answering(|_, _| answer(400, json!({ "error": "interaction_required", "claims": CLAIMS })));
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let claims = ClaimsChallenge::from_headers(&challenge(CLAIMS)).unwrap();
    for _ in 0..10 {
        let error = stock.token_with_claims(&alice, &claims).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InteractionRequired);
    }
    assert_eq!(world.requests(), 1);
    world.clock().advance(Duration::from_secs(5));
    stock.token_with_claims(&alice, &claims).await.unwrap_err();
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn a_request_carries_the_token_for_the_caller_in_its_extensions() {
    let response = called(&World::new(), "nobody").await.unwrap();
    assert_eq!(response.body(), &format!("Bearer 1~{ALICE}~{TENANT}"));
}

#[tokio::test]
async fn one_that_is_passed_on_carries_it_for_whom_the_layer_let_in_unless_another_is_named() {
    let world = World::new();
    let (alice, bob) = (world.tenant(TENANT).delegated(CLIENT).claim("oid", ALICE).sign(), world.person(BOB).await);
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let outgoing = AddBearerLayer::new(stock).for_origins(["https://stock.internal"]).unwrap().layer(api("nobody"));
    let validator = world.directory.issuer(Entra::any_tenant()).validator(CLIENT);
    for (named, oid) in [(None, ALICE), (Some(bob), BOB)] {
        let outgoing = outgoing.clone();
        let passes_on = service_fn(move |mut request: Request<Full<Bytes>>| {
            if let Some(named) = named.clone() {
                request.extensions_mut().insert(named);
            }
            outgoing.clone().oneshot(request)
        });
        let request = Request::get("https://stock.internal/items").header(AUTHORIZATION, format!("Bearer {alice}"));
        let request = request.body(Full::default()).unwrap();
        let response = BearerLayer::new(validator.clone()).layer(passes_on).oneshot(request).await.unwrap();
        assert!(response.body().contains(oid), "{}", response.body());
    }
}

#[tokio::test]
async fn a_request_without_a_caller_fails_and_is_not_sent() {
    let world = World::new();
    let request = Request::get("https://stock.internal/items").body(Full::default()).unwrap();
    let never = service_fn(|_: Request<Full<Bytes>>| async { Err::<Response<String>, _>("it was sent") });
    let error = layer(&world).layer(never).oneshot(request).await.unwrap_err();
    let error = error.downcast::<TokenError>().unwrap();
    assert!(error.to_string().contains("no VerifiedToken"), "{error}");
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn an_apis_challenge_is_answered_once_with_the_claims() {
    let world = World::new();
    let response = called(&world, "Bearer 1~").await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(world.requests(), 2);
    assert_eq!(world.asked()[1].form("claims"), Some(CLAIMS));
}

#[tokio::test]
async fn and_relayed_where_that_does_not_help_or_can_not_be_had() {
    let world = World::new();
    let response = called(&world, "Bearer ").await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(ClaimsChallenge::from_headers(response.headers()).is_some());
    assert_eq!(world.requests(), 2);

    let world = World::answering(|number, asked| match asked.form("claims") {
        None => ok(token_for(number, asked)),
        Some(_) => answer(400, json!({ "error": "interaction_required", "claims": CLAIMS })),
    });
    let response = called(&world, "Bearer ").await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(ClaimsChallenge::from_headers(response.headers()).is_some());
}
