//! Which tokens of a real provider are accepted, and how the others are refused.

use axum::Router;
use axum::http::StatusCode;
use tower_bearer::{Issuer, RejectionKind};

use crate::guarded::{Answer, app, ask};
use crate::provider::{ALGORITHMS, Provider, shared};

const READ: &str = "orders.read";

fn issuer(provider: &Provider) -> Issuer {
    Issuer::new(provider.issuer()).expect("the provider's identifier is sound")
}

fn api(provider: &Provider, audience: &str) -> Router {
    app(issuer(provider).validator(audience))
}

/// The answer to a bad token at the API `api://es256`.
fn invalid_token(kind: RejectionKind, description: &str) -> Answer {
    Answer::rejected(
        StatusCode::UNAUTHORIZED,
        kind,
        format!(r#"Bearer realm="api://es256", error="invalid_token", error_description="{description}""#),
    )
}

#[tokio::test]
async fn a_token_in_each_algorithm_is_accepted() {
    let provider = shared();
    for algorithm in ALGORITHMS {
        let audience = format!("api://{}", algorithm.to_lowercase());
        let token = provider.token(&audience, READ).await;
        let answer = ask(&api(provider, &audience), "/orders", &token).await;
        assert_eq!(answer, Answer::ok(format!("batch as batch at {audience} may orders.read")), "{algorithm}");
    }
}

#[tokio::test]
async fn tokens_of_all_algorithms_are_accepted_after_one_fetch_of_the_keys() {
    let provider = Provider::start();
    let audiences = ALGORITHMS.map(|algorithm| format!("api://{}", algorithm.to_lowercase()));
    let validator = audiences
        .iter()
        .fold(issuer(&provider).validator("api://first"), |validator, audience| validator.audience(audience.as_str()));
    let app = app(validator);
    for audience in &audiences {
        let token = provider.token(audience, READ).await;
        assert_eq!(ask(&app, "/orders", &token).await.status, StatusCode::OK, "{audience}");
    }
    assert_eq!((provider.metadata_requests().await, provider.jwks_requests().await), (1, 1));
}

#[tokio::test]
async fn its_tokens_follow_the_profile_of_rfc9068() {
    let provider = shared();
    let token = provider.token("api://es256", READ).await;
    let app = app(issuer(provider).validator("api://es256").rfc9068());
    assert_eq!(ask(&app, "/orders", &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_provider_that_is_ready_says_so() {
    let provider = shared();
    issuer(provider).ready().await.expect("metadata and keys are there");
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let provider = shared();
    let token = provider.token("api://es384", READ).await;
    let answer = ask(&api(provider, "api://es256"), "/orders", &token).await;
    assert_eq!(answer, invalid_token(RejectionKind::WrongAudience, "the token is for another audience"));
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused_though_its_key_is_known() {
    let provider = shared();
    let other = Issuer::new("https://login.example.com").expect("sound");
    let other = other.jwks_url(&provider.jwks_url()).expect("sound");
    let token = provider.token("api://es256", READ).await;
    let answer = ask(&app(other.validator("api://es256")), "/orders", &token).await;
    assert_eq!(answer, invalid_token(RejectionKind::UnknownIssuer, "the token's issuer is not accepted"));
}

#[tokio::test]
async fn a_token_that_ran_out_an_hour_ago_is_refused() {
    let provider = shared();
    let token = provider.token("api://expired", READ).await;
    let app = app(issuer(provider).validator("api://es256").audience("api://expired"));
    let answer = ask(&app, "/orders", &token).await;
    assert_eq!(answer, invalid_token(RejectionKind::Expired, "the token has expired"));
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused_and_one_with_it_accepted() {
    let provider = shared();
    let app = api(provider, "api://es256");
    let token = provider.token("api://es256", READ).await;
    let challenge = concat!(
        r#"Bearer realm="api://es256", error="insufficient_scope", "#,
        r#"error_description="the token lacks a permission that is required", scope="orders.write""#,
    );
    assert_eq!(
        ask(&app, "/orders/new", &token).await,
        Answer::rejected(StatusCode::FORBIDDEN, RejectionKind::InsufficientScope, challenge)
    );

    let token = provider.token("api://es256", "orders.read orders.write").await;
    let answer = ask(&app, "/orders/new", &token).await;
    assert_eq!(answer, Answer::ok("batch as batch at api://es256 may orders.read orders.write"));
}

#[tokio::test]
async fn an_opaque_token_is_refused() {
    let provider = shared();
    let token = provider.token("api://opaque", READ).await;
    let answer = ask(&api(provider, "api://es256"), "/orders", &token).await;
    assert_eq!(answer, invalid_token(RejectionKind::Malformed, "the token is malformed"));
}

#[tokio::test]
async fn a_token_of_another_provider_is_refused_without_asking_for_keys() {
    let (ours, theirs) = (Provider::start(), shared());
    let token = theirs.token("api://es256", READ).await;
    let answer = ask(&api(&ours, "api://es256"), "/orders", &token).await;
    assert_eq!(answer, invalid_token(RejectionKind::UnknownIssuer, "the token's issuer is not accepted"));
    assert_eq!((ours.metadata_requests().await, ours.jwks_requests().await), (0, 0));
}

#[tokio::test]
async fn a_token_of_an_impostor_that_uses_our_issuer_and_key_id_is_refused() {
    let ours = shared();
    let impostor = Provider::start_as(ours.issuer());
    let token = impostor.token("api://es256", READ).await;
    let answer = ask(&api(ours, "api://es256"), "/orders", &token).await;
    assert_eq!(answer, invalid_token(RejectionKind::BadSignature, "the token's signature is invalid"));
}

#[tokio::test]
async fn metadata_that_names_another_issuer_is_refused() {
    let provider = Provider::start_as("https://login.example.com");
    let expected = provider.metadata_url().replace("/.well-known/openid-configuration", "");
    let error = Issuer::new(expected).expect("sound").ready().await.expect_err("the issuers differ");
    assert!(error.to_string().contains("issuer"), "{error}");
    assert_eq!(provider.jwks_requests().await, 0);
}

#[tokio::test]
async fn an_issuer_whose_metadata_is_served_at_another_address_is_accepted() {
    let provider = Provider::start_as("https://login.example.com");
    let issuer = issuer(&provider).metadata_url(&provider.metadata_url()).expect("sound");
    let token = provider.token("api://es256", READ).await;
    let answer = ask(&app(issuer.validator("api://es256")), "/orders", &token).await;
    assert_eq!(answer, Answer::ok("batch as batch at api://es256 may orders.read"));
}
