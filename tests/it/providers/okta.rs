//! Okta: scopes in an array, the client in `cid`, and one kind of authorization server that is for Okta alone.

use serde_json::json;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, RejectionKind as Kind, Validator, client_id, scope};

use super::{Read, configuration_error, kind, verified, with_each};

const AUDIENCE: &str = "api://orders";
const CLIENT: &str = "0oa000000000000test0";

fn okta() -> (TestIssuer, Validator) {
    let authority = TestIssuer::okta();
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_an_applications_token_are_read() {
    let (authority, validator) = okta();
    let person = verified(&validator, authority.token(AUDIENCE)).await;
    let scopes: [&[&str]; 2] = [&["openid", "profile"], &[]];
    assert_eq!(Read::of(&person), Read::expected("alice@example.com", Some(CLIENT), scopes, None, Some(false)));
    assert_eq!(person.claim::<String>("uid").as_deref(), Some("00u00000000000a11ce0"));
    let machine = verified(&validator, authority.application_token(AUDIENCE).scope("orders.read")).await;
    assert_eq!(Read::of(&machine), Read::expected(CLIENT, Some(CLIENT), [&["orders.read"], &[]], None, Some(true)));
    machine.require(client_id(CLIENT)).unwrap();
}

#[tokio::test]
async fn scopes_are_the_elements_of_an_array() {
    let (authority, validator) = okta();
    let token = verified(&validator, authority.token(AUDIENCE).scope("orders.read orders.write")).await;
    assert_eq!(token.claim::<Vec<String>>("scp").unwrap(), ["orders.read", "orders.write"]);
    token.require(scope("orders.write")).unwrap();
    let joined = verified(&validator, authority.token(AUDIENCE).claim("scp", ["orders.read orders.write"])).await;
    assert_eq!(joined.require(scope("orders.write")).unwrap_err().kind(), Kind::InsufficientScope);
}

#[tokio::test]
async fn whether_a_client_acts_as_itself_is_told_by_the_user() {
    let (authority, validator) = okta();
    let told = async |token| verified(&validator, token).await.is_application();
    // A name that equals the id of the client makes no application of a person.
    assert_eq!(told(authority.token(AUDIENCE).subject(CLIENT)).await, Some(false));
    assert_eq!(told(authority.token(AUDIENCE).without("uid")).await, None);
    assert_eq!(told(authority.application_token(AUDIENCE).subject("renamed")).await, None);
}

#[tokio::test]
async fn a_token_without_cid_is_none_for_apis() {
    let (authority, validator) = okta();
    for token in with_each(&authority.token(AUDIENCE), "cid", &[json!(""), json!(null), json!([CLIENT])]) {
        assert_eq!(kind(&validator, token).await, Some(Kind::WrongTokenType));
    }
    // What an administrator can add to an ID token: `cid` is reserved.
    let id = authority.id_token(AUDIENCE).without("nonce").without("at_hash");
    let dressed = id.claim("azp", CLIENT).claim("client_id", CLIENT).claim("scp", ["orders.read"]);
    assert_eq!(kind(&validator, dressed).await, Some(Kind::WrongTokenType));
}

#[tokio::test]
async fn tokens_of_other_authorization_servers_are_refused() {
    let (authority, validator) = okta();
    for iss in
        ["https://acme.okta.test", "https://acme.okta.test/oauth2/other", "https://acme.okta.test/oauth2/default/"]
    {
        assert_eq!(kind(&validator, authority.token(AUDIENCE).claim("iss", iss)).await, Some(Kind::UnknownIssuer));
    }
}

#[test]
fn the_org_authorization_server_is_refused_at_construction() {
    for uri in [
        "https://acme.okta.com",
        "https://acme.okta.com/",
        "https://acme.okta.com/oauth2",
        "https://acme.okta.com/oauth2/",
        "https://acme.okta.com/oauth2/default/",
        "https://acme.okta.com/oauth2/default/.well-known/openid-configuration",
        "https://acme.okta.com/oauth2/v1/token",
    ] {
        let error = configuration_error(Issuer::okta(uri));
        assert!(error.contains("a custom authorization server"), "{uri}: {error}");
    }
}
