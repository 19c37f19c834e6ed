//! What happens when a real provider rotates its keys while the service runs.

use axum::Router;
use axum::http::StatusCode;
use tokio::task::JoinSet;
use tower_bearer::{Issuer, RejectionKind};

use crate::guarded::{Answer, app, ask, ask_at_once};
use crate::provider::{Keys, Provider};
use crate::service::{AUDIENCE, COOL_DOWN, Service, requests, token, welcome};

/// A provider, a service that has already accepted a token of it, and that token.
async fn in_use() -> (Provider, Router, String) {
    let provider = Provider::start();
    let app = app(Issuer::new(provider.issuer()).expect("sound").validator(AUDIENCE));
    let token = token(&provider).await;
    assert_eq!(ask(&app, "/orders", &token).await.status, StatusCode::OK);
    assert_eq!(provider.jwks_requests().await, 1);
    (provider, app, token)
}

#[tokio::test]
async fn after_a_rotation_the_next_token_is_accepted_with_one_more_request_for_keys() {
    let (provider, app, old) = in_use().await;
    provider.rotate(Keys::Added).await;
    let new = token(&provider).await;
    assert_eq!(ask(&app, "/orders", &new).await.status, StatusCode::OK);
    assert_eq!(ask(&app, "/orders", &old).await.status, StatusCode::OK, "the old key is still published");
    assert_eq!(provider.jwks_requests().await, 2);
}

#[tokio::test]
async fn tokens_of_keys_that_a_rotation_withdrew_are_refused_once_the_new_keys_are_known() {
    let (provider, app, old) = in_use().await;
    provider.rotate(Keys::Replaced).await;
    let new = token(&provider).await;
    assert_eq!(ask(&app, "/orders", &new).await.status, StatusCode::OK);
    let answer = ask(&app, "/orders", &old).await;
    assert_eq!((answer.status, answer.kind), (StatusCode::UNAUTHORIZED, Some(RejectionKind::UnknownKey)));
    assert_eq!(provider.jwks_requests().await, 2);
}

#[tokio::test]
async fn many_requests_at_once_after_a_rotation_share_one_request_for_keys() {
    let (provider, app, _old) = in_use().await;
    provider.rotate(Keys::Replaced).await;
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let (app, token) = (app.clone(), token(&provider).await);
        requests.spawn(async move { ask(&app, "/orders", &token).await.status });
    }
    let statuses = requests.join_all().await;
    assert_eq!(statuses, [StatusCode::OK; 50]);
    assert_eq!(provider.jwks_requests().await, 2);
}

#[tokio::test]
async fn a_token_of_an_impostor_with_an_unknown_key_costs_one_request_for_keys_in_a_cool_down_and_is_refused() {
    let provider = Provider::start();
    let service = Service::of(&provider);
    let genuine = token(&provider).await;
    assert_eq!(service.answer(&genuine).await, welcome());
    let impostor = Provider::start_as(provider.issuer());
    impostor.rotate(Keys::Replaced).await;
    let forged = token(&impostor).await;
    for fetched in 2..4 {
        let answer = service.answer(&forged).await;
        assert_eq!((answer.status, answer.kind), (StatusCode::UNAUTHORIZED, Some(RejectionKind::UnknownKey)));
        for answer in ask_at_once(&service.app, 50, &forged).await {
            assert_eq!(answer, Answer::try_again_in(COOL_DOWN), "its key may have been published since");
        }
        assert_eq!(requests(&provider).await, (1, fetched));
        assert_eq!(service.answer(&genuine).await, welcome());
        service.pass(COOL_DOWN);
    }
}

#[tokio::test]
async fn the_token_after_a_second_rotation_within_the_cool_down_is_accepted_when_that_has_passed() {
    let provider = Provider::start();
    let service = Service::of(&provider);
    assert_eq!(service.answer(&token(&provider).await).await, welcome());
    provider.rotate(Keys::Replaced).await;
    let second = token(&provider).await;
    assert_eq!(service.answer(&second).await, welcome());
    service.pass(5);
    provider.rotate(Keys::Added).await;
    let third = token(&provider).await;
    assert_eq!(service.answer(&third).await, Answer::try_again_in(COOL_DOWN - 5));
    assert_eq!(service.answer(&second).await, welcome());
    assert_eq!(requests(&provider).await, (1, 2));
    service.pass(COOL_DOWN - 5);
    assert_eq!(service.answer(&third).await, welcome());
    assert_eq!(service.answer(&second).await, welcome());
    assert_eq!(requests(&provider).await, (1, 3));
}
