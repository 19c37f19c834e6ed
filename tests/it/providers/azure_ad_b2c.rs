//! Azure AD B2C: a scope tells an access token from an ID token, and all policies have one issuer.

use tower_bearer::testing::TestIssuer;
use tower_bearer::{Rejection, RejectionKind as Kind, Validator, application, client_id, delegated};

use super::{Read, TENANT, kind, verified};

const AUDIENCE: &str = "66666666-7777-8888-9999-000000000000";
const CLIENT: &str = "00000000-0000-4000-8000-00000c11e117";
const PERSON: &str = "00000000-0000-4000-8000-0000000a11ce";

fn b2c() -> (TestIssuer, Validator) {
    let authority = TestIssuer::azure_ad_b2c();
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_an_applications_token_are_read_and_look_the_same() {
    let (authority, validator) = b2c();
    let person = verified(&validator, authority.token(AUDIENCE).scope("orders.read orders.write")).await;
    let scopes: [&[&str]; 2] = [&["orders.read", "orders.write"], &[]];
    assert_eq!(Read::of(&person), Read::expected(PERSON, Some(CLIENT), scopes, None, None));
    let machine = verified(&validator, authority.application_token(AUDIENCE).scope("orders.read")).await;
    let scopes: [&[&str]; 2] = [&["orders.read"], &[]];
    let subject = "00000000-0000-4000-8000-0000005e81ce";
    assert_eq!(Read::of(&machine), Read::expected(subject, Some(CLIENT), scopes, None, None));
    for token in [person, machine] {
        for told in [application(), delegated(), client_id(CLIENT)] {
            assert_eq!(token.require(told).unwrap_err().kind(), Kind::InsufficientScope);
        }
    }
}

#[tokio::test]
async fn a_token_without_a_scope_is_an_id_token_even_with_roles_and_a_subject_that_is_the_object_id() {
    let (authority, validator) = b2c();
    let lenient = validator.clone().dangerous_allow_unscoped();
    // `oid` is `sub`, as in the application tokens of Entra.
    let bare = authority.id_token(AUDIENCE).without("nonce").claim("oid", PERSON);
    for token in [
        bare.clone(),
        bare.clone().roles(["Orders.All"]),
        bare.clone().roles(["Orders.All"]).claim("azp", CLIENT),
        bare.clone().roles(["Orders.All"]).claim("idtyp", "app"),
        authority.token(AUDIENCE).without("scp").without("nonce"),
        authority.application_token(AUDIENCE).without("scp").roles(["Orders.All"]),
    ] {
        for validator in [&validator, &lenient] {
            assert_eq!(kind(validator, token.clone()).await, Some(Kind::WrongTokenType));
        }
    }
}

#[tokio::test]
async fn a_policy_is_told_by_a_check_as_all_have_one_issuer() {
    let (authority, validator) = b2c();
    let other = || authority.token(AUDIENCE).claim("tfp", "B2C_1_other");
    assert_eq!(kind(&validator, other()).await, None);
    let validator = validator.check(|token| match token.claim("tfp") {
        Some("B2C_1_signin") => Ok(()),
        _ => Err(Rejection::new(Kind::Refused)),
    });
    assert_eq!(kind(&validator, other()).await, Some(Kind::Refused));
    assert_eq!(kind(&validator, authority.token(AUDIENCE)).await, None);
}

#[tokio::test]
async fn the_metadata_of_another_policy_is_another_document() {
    let (authority, _) = b2c();
    let url = "https://acme.b2clogin.com/acme.onmicrosoft.com/B2C_1_other/v2.0/.well-known/openid-configuration";
    assert!(authority.issuer().metadata_url(url).unwrap().ready().await.is_err());
    authority.issuer().ready().await.unwrap();
}

#[tokio::test]
async fn tokens_of_another_tenant_or_of_another_form_of_the_issuer_are_refused() {
    let (authority, validator) = b2c();
    let other = "99999999-2222-3333-4444-555555555555";
    for iss in [
        format!("https://acme.b2clogin.com/{other}/v2.0/"),
        format!("https://other.b2clogin.com/{TENANT}/v2.0/"),
        format!("https://acme.b2clogin.com/{TENANT}/v2.0"),
        format!("https://acme.b2clogin.com/tfp/{TENANT}/b2c_1_signin/v2.0/"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0/"),
    ] {
        let token = authority.token(AUDIENCE).claim("iss", &iss);
        assert_eq!(kind(&validator, token).await, Some(Kind::UnknownIssuer), "{iss}");
    }
}
