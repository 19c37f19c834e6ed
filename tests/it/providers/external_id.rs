//! Entra External ID: judged as Entra, with an issuer of its own that is not where the metadata is.

use serde_json::json;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind as Kind, Validator, application, client_id, delegated, tenant};

use super::{Read, TENANT, kind, verified};

const AUDIENCE: &str = "66666666-7777-8888-9999-000000000000";
const CLIENT: &str = "00000000-0000-4000-8000-00000c11e117";

fn external_id() -> (TestIssuer, Validator) {
    let authority = TestIssuer::external_id();
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_an_applications_token_are_read() {
    let (authority, validator) = external_id();
    let person = verified(&validator, authority.token(AUDIENCE).scope("Orders.Read Orders.Write")).await;
    let subject = "dGVzdC1zdWJqZWN0LWZvci1vbmUtYXBp";
    let scopes: [&[&str]; 2] = [&["Orders.Read", "Orders.Write"], &[]];
    assert_eq!(Read::of(&person), Read::expected(subject, Some(CLIENT), scopes, Some(TENANT), Some(false)));
    person.require(tenant(TENANT)).unwrap();
    person.require(delegated()).unwrap();
    assert!(person.require(client_id(CLIENT)).is_err(), "any person may come by way of any client");
    let machine = verified(&validator, authority.application_token(AUDIENCE).roles(["Orders.All"])).await;
    let subject = "00000000-0000-4000-8000-0000005e81ce";
    let roles: [&[&str]; 2] = [&[], &["Orders.All"]];
    assert_eq!(Read::of(&machine), Read::expected(subject, Some(CLIENT), roles, Some(TENANT), Some(true)));
    machine.require(application()).unwrap();
    machine.require(client_id(CLIENT)).unwrap();
}

#[tokio::test]
async fn a_persons_token_without_a_scope_is_an_id_token_even_with_roles() {
    let (authority, validator) = external_id();
    let bare = authority.id_token(AUDIENCE).without("nonce");
    for token in [
        authority.id_token(AUDIENCE),
        bare.clone(),
        bare.clone().roles(["Orders.All"]),
        bare.clone().roles(["Orders.All"]).claim("azp", CLIENT),
        authority.token(AUDIENCE).without("scp").roles(["Orders.All"]),
        authority.token(AUDIENCE).scope("").roles(["Orders.All"]),
    ] {
        assert_eq!(kind(&validator, token.clone()).await, Some(Kind::WrongTokenType));
        let lenient = validator.clone().dangerous_allow_unscoped();
        assert_eq!(kind(&lenient, token).await, Some(Kind::WrongTokenType));
    }
}

#[tokio::test]
async fn an_application_without_a_role_is_refused() {
    let (authority, validator) = external_id();
    for token in
        [authority.application_token(AUDIENCE).without("roles"), authority.application_token(AUDIENCE).roles([])]
    {
        assert_eq!(kind(&validator, token.clone()).await, Some(Kind::NoPermission));
        assert_eq!(kind(&validator.clone().dangerous_allow_unscoped(), token).await, None);
    }
}

#[tokio::test]
async fn tokens_of_another_tenant_or_version_are_refused() {
    let (authority, validator) = external_id();
    let other = "99999999-2222-3333-4444-555555555555";
    for iss in [
        format!("https://{other}.ciamlogin.com/{other}/v2.0"),
        format!("https://{TENANT}.ciamlogin.com/{other}/v2.0"),
        format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0/"),
        // Where the metadata is.
        format!("https://acme.ciamlogin.com/{TENANT}/v2.0"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        format!("https://sts.windows.net/{TENANT}/"),
    ] {
        let token = authority.token(AUDIENCE).claim("iss", &iss);
        assert_eq!(kind(&validator, token).await, Some(Kind::UnknownIssuer), "{iss}");
    }
    let crossed = authority.token(AUDIENCE).claim("aud", json!(format!("api://{AUDIENCE}")));
    assert_eq!(kind(&validator, crossed).await, Some(Kind::WrongAudience));
}
