//! Amazon Cognito: the client stands in for the audience, and `token_use` says what a token is.

use serde_json::json;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind as Kind, Validator, role, scope};

use super::{Read, kind, verified, with_each};

const CLIENT: &str = "5example2client7id0";
const RESOURCE: &str = "https://orders.example.com";

fn cognito() -> (TestIssuer, Validator) {
    let authority = TestIssuer::cognito();
    let validator = authority.issuer().validator(CLIENT);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_an_applications_token_are_read() {
    let (authority, validator) = cognito();
    let person = verified(&validator, authority.token(CLIENT)).await;
    let subject = "5f3c9f1e-0000-4000-8000-0000000a11ce";
    let scopes: [&[&str]; 2] = [&["openid", "profile"], &[]];
    assert_eq!(Read::of(&person), Read::expected(subject, Some(CLIENT), scopes, None, Some(false)));
    let machine = verified(&validator, authority.application_token(CLIENT).scope("orders/read")).await;
    assert_eq!(Read::of(&machine), Read::expected(CLIENT, Some(CLIENT), [&["orders/read"], &[]], None, Some(true)));
    machine.require(scope("orders/read")).unwrap();
}

#[tokio::test]
async fn groups_are_roles_where_that_is_asked_for() {
    let (authority, validator) = cognito();
    let token = authority.token(CLIENT).sign();
    assert!(validator.verify(&token).await.unwrap().require(role("staff")).is_err());
    let validator = validator.roles_at("/cognito:groups").unwrap();
    validator.verify(&token).await.unwrap().require(role("staff")).unwrap();
}

#[tokio::test]
async fn only_a_token_that_says_access_is_accepted() {
    let (authority, validator) = cognito();
    let values = [json!("id"), json!("refresh"), json!("ACCESS"), json!(""), json!(null), json!(["access"]), json!(1)];
    for token in [authority.token(CLIENT), authority.application_token(CLIENT)] {
        for token in with_each(&token, "token_use", &values) {
            assert_eq!(kind(&validator, token.clone()).await, Some(Kind::WrongTokenType));
            assert_eq!(kind(&validator, token.header("typ", "at+jwt")).await, Some(Kind::WrongTokenType));
        }
    }
}

#[tokio::test]
async fn the_client_is_the_audience_where_there_is_none() {
    let (authority, validator) = cognito();
    let token = authority.token(CLIENT);
    assert_eq!(verified(&validator, token.clone()).await.audience(), CLIENT);
    for client in ["5EXAMPLE2CLIENT7ID0", "5example2client7id0 ", ""] {
        let token = token.clone().claim("client_id", client);
        assert_eq!(kind(&validator, token).await, Some(Kind::WrongAudience), "{client:?}");
    }
    for token in with_each(&token, "client_id", &[json!(null), json!([CLIENT]), json!(1)]) {
        assert_eq!(kind(&validator, token.clone()).await, Some(Kind::MissingClaim));
        // The names that others have for it are none here.
        assert_eq!(kind(&validator, token.claim("azp", CLIENT)).await, Some(Kind::MissingClaim));
    }
}

#[tokio::test]
async fn a_resource_that_was_asked_for_is_compared_and_the_client_is_not() {
    let (authority, by_client) = cognito();
    let by_resource = authority.issuer().validator(RESOURCE);
    let bound = authority.token(CLIENT).claim("aud", RESOURCE);
    assert_eq!(verified(&by_resource, bound.clone()).await.audience(), RESOURCE);
    assert_eq!(kind(&by_client, bound.clone()).await, Some(Kind::WrongAudience));
    assert_eq!(kind(&by_client, bound.claim("aud", json!([]))).await, Some(Kind::WrongAudience));
    assert_eq!(kind(&by_client, authority.token(CLIENT).claim("aud", json!({}))).await, Some(Kind::Malformed));
    assert_eq!(kind(&by_resource, authority.token(CLIENT)).await, Some(Kind::WrongAudience));
}

#[tokio::test]
async fn several_clients_of_a_pool_may_call() {
    let (authority, validator) = cognito();
    let validator = validator.audience("6other3client8id1");
    for client in [CLIENT, "6other3client8id1"] {
        assert_eq!(verified(&validator, authority.token(client)).await.client_id(), Some(client));
    }
    assert_eq!(kind(&validator, authority.token("7third4client9id2")).await, Some(Kind::WrongAudience));
}

#[tokio::test]
async fn whether_a_client_acts_as_itself_is_told_by_the_username() {
    let (authority, validator) = cognito();
    let told = async |token| verified(&validator, token).await.is_application();
    assert_eq!(told(authority.token(CLIENT).subject(CLIENT)).await, Some(false));
    assert_eq!(told(authority.token(CLIENT).without("username")).await, None);
}

#[tokio::test]
async fn tokens_of_another_pool_are_refused() {
    let (authority, validator) = cognito();
    for iss in [
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-central-1_Ab12Cd34E",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_ab12cd34e",
    ] {
        assert_eq!(kind(&validator, authority.token(CLIENT).claim("iss", iss)).await, Some(Kind::UnknownIssuer));
    }
}
