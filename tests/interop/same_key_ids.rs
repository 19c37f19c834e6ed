//! What happens when a real provider has new keys under the key ids of its old ones, and when somebody pretends that it has.

use axum::http::StatusCode;
use tower_bearer::RejectionKind;

use crate::guarded::{Answer, ask_at_once};
use crate::load::Load;
use crate::provider::{Keys, Provider};
use crate::service::{COOL_DOWN, Service, requests, token, welcome};

fn bad_signature() -> Answer {
    Answer::rejected(
        StatusCode::UNAUTHORIZED,
        RejectionKind::BadSignature,
        r#"Bearer realm="api://es256", error="invalid_token", error_description="the token's signature is invalid""#,
    )
}

/// A provider, and a service that has already accepted this token of it.
async fn in_use() -> (Provider, Service, String) {
    let provider = Provider::start();
    let service = Service::of(&provider);
    let token = token(&provider).await;
    assert_eq!(service.answer(&token).await, welcome());
    assert_eq!(requests(&provider).await, (1, 1));
    (provider, service, token)
}

#[tokio::test]
async fn a_new_key_under_a_known_key_id_is_picked_up_with_one_more_request_for_keys_and_ends_the_old_one() {
    let (provider, service, old) = in_use().await;
    provider.rotate(Keys::SameIds).await;
    let new = token(&provider).await;
    assert_eq!(service.answer(&old).await, welcome(), "nobody has told the service yet");
    for answer in ask_at_once(&service.app, 50, &new).await {
        assert_eq!(answer, welcome());
    }
    assert_eq!(service.answer(&old).await, bad_signature());
    assert_eq!(service.answer(&new).await, welcome());
    assert_eq!(requests(&provider).await, (1, 2));
}

#[tokio::test]
async fn a_provider_that_comes_back_with_new_keys_under_its_key_ids_is_asked_for_them_once() {
    let (mut provider, service, old) = in_use().await;
    provider.stop().await;
    provider.start_again(Some(Keys::SameIds)).await;
    let new = token(&provider).await;
    for answer in ask_at_once(&service.app, 50, &new).await {
        assert_eq!(answer, welcome());
    }
    assert_eq!(service.answer(&old).await, bad_signature());
    assert_eq!(requests(&provider).await, (0, 1));
}

#[tokio::test]
async fn forged_tokens_under_a_known_key_id_cost_one_request_for_keys_in_a_cool_down_and_trouble_no_caller() {
    let (provider, service, genuine) = in_use().await;
    let impostor = Provider::start_as(provider.issuer());
    let forged = token(&impostor).await;
    let load = Load::start(&service.app, &genuine);
    for fetched in 2..5 {
        for answer in ask_at_once(&service.app, 50, &forged).await {
            assert_eq!(answer, bad_signature());
        }
        service.pass(COOL_DOWN - 1);
        for answer in ask_at_once(&service.app, 50, &forged).await {
            assert_eq!(answer, bad_signature());
        }
        assert_eq!(requests(&provider).await, (1, fetched));
        service.pass(1);
    }
    load.goes_on(100).await;
    assert_eq!(load.waited(), 0);
    assert_eq!(load.end().await, 0, "no genuine token was refused");
    assert_eq!(requests(&provider).await, (1, 4));
}

#[tokio::test]
async fn a_forged_token_under_a_known_key_id_that_is_for_another_audience_costs_no_request() {
    let (provider, service, _) = in_use().await;
    let impostor = Provider::start_as(provider.issuer());
    let forged = impostor.token("api://es384", "orders.read").await;
    assert_eq!(service.answer(&forged).await.status, StatusCode::UNAUTHORIZED);
    let forged = impostor.token("api://expired", "orders.read").await;
    assert_eq!(service.answer(&forged).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(requests(&provider).await, (1, 1));
}
