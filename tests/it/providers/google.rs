//! Google: ID tokens are what APIs take, of people and service accounts, and the issuer has two spellings.

use std::time::Duration;

use serde_json::json;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind as Kind, Validator};

use super::{Read, kind, verified};

const AUDIENCE: &str = "https://orders.example.com";

fn google() -> (TestIssuer, Validator) {
    let authority = TestIssuer::google();
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_a_service_accounts_token_are_read() {
    let (authority, validator) = google();
    let person = verified(&validator, authority.token(AUDIENCE)).await;
    let client = "000000000000-test.apps.googleusercontent.com";
    assert_eq!(Read::of(&person), Read::expected("100000000000000000001", Some(client), [&[], &[]], None, None));
    assert_eq!(person.claim::<bool>("email_verified"), Some(true));
    let machine = verified(&validator, authority.application_token(AUDIENCE)).await;
    let id = "100000000000000000002";
    assert_eq!(Read::of(&machine), Read::expected(id, Some(id), [&[], &[]], None, Some(true)));
}

#[tokio::test]
async fn both_spellings_of_the_issuer_are_one_issuer_and_a_third_is_refused() {
    let (authority, validator) = google();
    for iss in ["https://accounts.google.com", "accounts.google.com"] {
        let token = verified(&validator, authority.token(AUDIENCE).claim("iss", iss)).await;
        // One person, whichever way the token spells it.
        assert_eq!(token.issuer(), "https://accounts.google.com", "{iss}");
        assert_eq!(token.claim::<String>("iss").as_deref(), Some(iss));
    }
    for iss in [
        "https://accounts.google.com/",
        "http://accounts.google.com",
        "accounts.google.com/",
        "Accounts.google.com",
        "google.com",
        "https://accounts.google.com.evil.test",
        "",
    ] {
        assert_eq!(
            kind(&validator, authority.token(AUDIENCE).claim("iss", iss)).await,
            Some(Kind::UnknownIssuer),
            "{iss}"
        );
    }
}

#[tokio::test]
async fn the_audience_is_compared_and_the_client_that_asked_is_not() {
    let (authority, validator) = google();
    let client = "000000000000-test.apps.googleusercontent.com";
    assert_eq!(kind(&validator, authority.token(client)).await, Some(Kind::WrongAudience));
    let by_azp = authority.token(client).claim("azp", AUDIENCE);
    assert_eq!(kind(&validator, by_azp).await, Some(Kind::WrongAudience));
    assert_eq!(kind(&validator, authority.token(AUDIENCE).without("aud")).await, Some(Kind::MissingClaim));
}

#[tokio::test]
async fn an_expired_token_and_one_that_never_expires_are_refused() {
    let (authority, validator) = google();
    let token = authority.token(AUDIENCE);
    assert_eq!(kind(&validator, token.clone().expired()).await, Some(Kind::Expired));
    assert_eq!(kind(&validator, token.clone().without("exp")).await, Some(Kind::MissingClaim));
    let token = token.sign();
    validator.verify(&token).await.unwrap();
    authority.advance(Duration::from_secs(3600 + 61));
    assert_eq!(validator.verify(&token).await.unwrap_err().kind(), Kind::Expired);
}

#[tokio::test]
async fn access_tokens_are_opaque_and_refused() {
    let (_, validator) = google();
    for opaque in ["ya29.a0AfTestTestTestTest", "ya29.c.b0Test.Test"] {
        assert_eq!(validator.verify(opaque).await.unwrap_err().kind(), Kind::Malformed);
    }
}

#[tokio::test]
async fn a_security_event_is_refused() {
    let (authority, validator) = google();
    let disabled = json!({ "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {} });
    let event = authority.token(AUDIENCE).claim("events", disabled);
    assert_eq!(kind(&validator, event.clone()).await, Some(Kind::WrongTokenType));
    // As Google sends it: under an issuer with a slash.
    let sent = event.claim("iss", "https://accounts.google.com/");
    assert_eq!(kind(&validator, sent).await, Some(Kind::UnknownIssuer));
    assert_eq!(
        kind(&validator, authority.token(AUDIENCE).header("typ", "secevent+jwt")).await,
        Some(Kind::WrongTokenType)
    );
}
