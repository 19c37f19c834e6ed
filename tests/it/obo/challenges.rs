//! What an issuer or an API wants to know besides: claims challenges, relayed and answered.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::{AddBearerLayer, ClaimsChallenge, Rejection, RejectionKind, TokenError, TokenErrorKind as Kind};

use super::{ALICE, CLIENT, TENANT, World, answer, ok, token_for};

const CLAIMS: &str = r#"{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}"#;

fn wanting_claims() -> World {
    World::answering(|number, asked| match asked.form("claims") {
        Some(CLAIMS) => ok(token_for(number, asked)),
        _ => answer(400, json!({ "error": "interaction_required", "suberror": "basic_action", "claims": CLAIMS })),
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
    for capable in [json!(["cp1"]), json!(["CP1", "other"]), json!("cp1"), json!(["protapp", "Cp1"])] {
        let error = refused(&wanting_claims(), capable).await;
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

async fn called(world: &World, refused: &'static str) -> Result<Response<String>, tower::BoxError> {
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let layer = AddBearerLayer::new(stock).for_origins(["https://stock.internal"]).unwrap();
    let mut request = Request::get("https://stock.internal/items").body(Full::default()).unwrap();
    request.extensions_mut().insert(alice);
    layer.layer(api(refused)).oneshot(request).await
}

#[tokio::test]
async fn a_request_carries_the_token_for_the_caller_in_its_extensions() {
    let response = called(&World::new(), "nobody").await.unwrap();
    assert_eq!(response.body(), &format!("Bearer 1~{ALICE}~{TENANT}"));
}

#[tokio::test]
async fn a_request_without_a_caller_fails_and_is_not_sent() {
    let world = World::new();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let layer = AddBearerLayer::new(stock).for_origins(["https://stock.internal"]).unwrap();
    let request = Request::get("https://stock.internal/items").body(Full::default()).unwrap();
    let never = service_fn(|_: Request<Full<Bytes>>| async { Err::<Response<String>, _>("it was sent") });
    let error = layer.layer(never).oneshot(request).await.unwrap_err();
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
