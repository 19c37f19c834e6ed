//! How our client gets tokens for a person from a real provider, by grants of our own making (`delegation.mjs`).

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tower_bearer::testing::TestClock;
use tower_bearer::{
    AccessToken, Client, Credential, Issuer, OnBehalfOf, Resource, Target, TokenError, TokenErrorKind, TokenExchange,
    TokenType, VerifiedToken,
};

use crate::provider::{Provider, shared};
use crate::wire::Wire;

const ALICE: &str = "alice";
const ORDERS: &str = "api://orders";
const STOCK: &str = "api://stock";
const SECRET: &str = r#"se:cr%t+/~ &="q"#;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

fn issuer(provider: &Provider) -> Issuer {
    Issuer::new(provider.issuer()).expect("sound")
}

/// An API, which is also registered as a client with both grants, unless it has none.
async fn registered(provider: &Provider, wire: &Wire, id: &str, grants: &[&str]) -> Client {
    let metadata = json!({ "client_id": id, "client_secret": SECRET, "grant_types": grants });
    provider.register(&metadata).await;
    wire.to(issuer(provider)).client(id, Credential::secret(SECRET))
}

async fn orders(provider: &Provider, wire: &Wire) -> Client {
    registered(provider, wire, "orders", &[JWT_BEARER, TOKEN_EXCHANGE, "refresh_token", "client_credentials"]).await
}

/// The API that is called next, as on-behalf-of names it.
fn stock() -> Target {
    Target::from(Resource(STOCK)).scope("orders.read")
}

fn on_behalf_of(client: &Client) -> OnBehalfOf {
    client.on_behalf_of(stock()).expect("the target is sound")
}

fn token_exchange(client: &Client) -> TokenExchange {
    client.token_exchange(Target::new().audience(STOCK).scope("orders.read")).expect("the target is sound")
}

/// A token as this API has checked it.
async fn verified(provider: &Provider, audience: &str, token: &str) -> VerifiedToken {
    issuer(provider).validator(audience).verify(token).await.expect("the token is good")
}

async fn alice(provider: &Provider, audience: &str) -> VerifiedToken {
    verified(provider, audience, &provider.person(ALICE, audience).await).await
}

/// That the next API sees the person, and by whom it is called.
async fn is_alices(provider: &Provider, token: &AccessToken) -> VerifiedToken {
    let token = verified(provider, STOCK, token.secret()).await;
    assert_eq!((token.subject(), token.client_id()), (Some(ALICE), Some("orders")));
    assert_eq!(token.scopes().collect::<Vec<_>>(), ["orders.read"]);
    token
}

#[track_caller]
fn is(refused: Result<AccessToken, TokenError>, kind: TokenErrorKind, code: &str) {
    let error = refused.expect_err("the provider gives no token");
    assert_eq!((error.kind(), error.error_code()), (kind, Some(code)), "{error}");
}

fn forms(wire: &Wire) -> Vec<HashMap<String, String>> {
    let read = |request: &Request<Bytes>| form_urlencoded::parse(request.body()).into_owned().collect();
    wire.posted().iter().map(read).collect()
}

#[tokio::test]
async fn a_person_is_acted_for_at_the_next_api() {
    let (provider, wire) = (shared(), Wire::new());
    let (client, person) = (orders(provider, &wire).await, alice(provider, ORDERS).await);
    let token = on_behalf_of(&client).token(&person).await.expect("the provider gives a token");
    is_alices(provider, &token).await;
    let again = on_behalf_of(&client).token(&person).await.expect("it is cached");
    assert_eq!((again.secret(), wire.posted().len()), (token.secret(), 1));
}

#[tokio::test]
async fn a_session_goes_on_by_each_refresh_token_once_and_ends_when_one_is_used_again() {
    let (provider, wire, clock) = (shared(), Wire::new(), TestClock::new());
    orders(provider, &wire).await;
    let client = wire.to(issuer(provider)).clock(&clock).client("orders", Credential::secret(SECRET));
    let person = alice(provider, ORDERS).await;
    let session = on_behalf_of(&client).session(&person).await.expect("the provider gives a refresh token");
    for _ in 0..2 {
        let token = session.token().await.expect("it was just had");
        let next = session.token_in_place_of(&token).await.expect("the provider takes the refresh token");
        assert_ne!(next.secret(), token.secret());
        is_alices(provider, &next).await;
        clock.advance(Duration::from_secs(60));
    }
    let forms = forms(&wire);
    let grants: Vec<&str> = forms.iter().map(|form| form["grant_type"].as_str()).collect();
    assert_eq!(grants, [JWT_BEARER, "refresh_token", "refresh_token"]);
    assert_ne!(forms[1]["refresh_token"], forms[2]["refresh_token"]);

    // Somebody has stolen the first of them: the provider revokes them all.
    let (status, answer) = wire.replay(wire.posted().remove(1)).await;
    assert_eq!((status, answer.contains("invalid_grant")), (StatusCode::BAD_REQUEST, true), "{answer}");
    let token = session.token().await.expect("it was just had");
    let refused = session.token_in_place_of(&token).await;
    is(refused, TokenErrorKind::InteractionRequired, "invalid_grant");
    assert!(session.has_ended());
}

#[tokio::test]
async fn without_offline_access_no_session_begins() {
    let (provider, wire) = (shared(), Wire::new());
    let (client, person) = (orders(provider, &wire).await, alice(provider, ORDERS).await);
    let tokens = on_behalf_of(&client).without_offline_access();
    is_alices(provider, &tokens.token(&person).await.expect("the provider gives a token")).await;
    let error = tokens.session(&person).await.expect_err("there is no refresh token");
    assert_eq!(error.kind(), TokenErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn a_person_that_the_provider_does_not_take_has_to_sign_in_again() {
    let (provider, wire) = (shared(), Wire::new());
    let tokens = on_behalf_of(&orders(provider, &wire).await);
    let for_another = tokens.token(&alice(provider, STOCK).await).await;
    is(for_another, TokenErrorKind::InteractionRequired, "invalid_grant");

    let run_out = provider.person_of_an_hour_ago(ALICE, ORDERS).await;
    let forged = Provider::start_as(provider.issuer()).person(ALICE, ORDERS).await;
    for assertion in [run_out, forged, "no-token".to_owned()] {
        let refused = tokens.dangerous_token_for_unverified(assertion).await;
        is(refused, TokenErrorKind::InteractionRequired, "invalid_grant");
    }
}

#[tokio::test]
async fn whatever_else_the_provider_refuses_is_the_operators_business() {
    let (provider, wire) = (shared(), Wire::new());
    let (client, person) = (orders(provider, &wire).await, alice(provider, ORDERS).await);
    let unknown_api = Target::from(Resource("api://nobody")).scope("orders.read");
    let unknown_api = client.on_behalf_of(unknown_api).expect("sound").token(&person).await;
    is(unknown_api, TokenErrorKind::Refused, "invalid_target");
    let unknown_scope = Target::from(Resource(STOCK)).scope("orders.burn");
    let unknown_scope = client.on_behalf_of(unknown_scope).expect("sound").token(&person).await;
    is(unknown_scope, TokenErrorKind::Refused, "invalid_scope");
    let wrong_secret = wire.to(issuer(provider)).client("orders", Credential::secret("wrong"));
    is(on_behalf_of(&wrong_secret).token(&person).await, TokenErrorKind::Refused, "invalid_client");
    is(token_exchange(&wrong_secret).token(&person).await, TokenErrorKind::Refused, "invalid_client");
    // The provider has no `unauthorized_client` for it.
    let without_grants = registered(provider, &wire, "billing", &["client_credentials"]).await;
    is(on_behalf_of(&without_grants).token(&person).await, TokenErrorKind::Refused, "invalid_request");
    is(token_exchange(&without_grants).token(&person).await, TokenErrorKind::Refused, "invalid_request");
}

#[tokio::test]
async fn a_persons_token_is_exchanged_for_one_at_the_next_api() {
    let (provider, wire) = (shared(), Wire::new());
    let (client, person) = (orders(provider, &wire).await, alice(provider, ORDERS).await);
    let by_resource = client.token_exchange(stock()).expect("the target is sound");
    let jwt = token_exchange(&client).requested_token_type(TokenType::Jwt);
    for tokens in [token_exchange(&client), by_resource, jwt] {
        let token = tokens.token(&person).await.expect("the provider gives a token");
        assert_eq!(is_alices(provider, &token).await.claim::<Value>("act"), None);
    }
    assert_eq!(wire.posted().len(), 3);
}

#[tokio::test]
async fn the_actor_of_an_exchange_is_named_in_the_token() {
    let (provider, wire) = (shared(), Wire::new());
    let (client, person) = (orders(provider, &wire).await, alice(provider, ORDERS).await);
    let own = client.client_credentials(stock()).expect("the target is sound").token().await.expect("there is one");
    let tokens = token_exchange(&client).actor(own.secret()).expect("it can be hashed");
    let token = tokens.token(&person).await.expect("the provider gives a token");
    assert_eq!(is_alices(provider, &token).await.claim("act"), Some(json!({ "sub": "orders" })));
}

#[tokio::test]
async fn an_exchange_is_refused_in_the_words_of_rfc8693() {
    let (provider, wire) = (shared(), Wire::new());
    let (client, person) = (orders(provider, &wire).await, alice(provider, ORDERS).await);
    let tokens = token_exchange(&client);
    let for_another = tokens.token(&alice(provider, STOCK).await).await;
    is(for_another, TokenErrorKind::Refused, "invalid_request");
    let run_out = provider.person_of_an_hour_ago(ALICE, ORDERS).await;
    is(tokens.dangerous_token_for_unverified(run_out).await, TokenErrorKind::Refused, "invalid_request");

    let unknown_api = Target::new().audience("api://nobody").scope("orders.read");
    let unknown_api = client.token_exchange(unknown_api).expect("sound").token(&person).await;
    is(unknown_api, TokenErrorKind::Refused, "invalid_target");
    let id_token = tokens.clone().requested_token_type(TokenType::IdToken).token(&person).await;
    is(id_token, TokenErrorKind::Refused, "invalid_request");
    let actor = tokens.actor("no-token").expect("it can be hashed").token(&person).await;
    is(actor, TokenErrorKind::Refused, "invalid_request");
}
