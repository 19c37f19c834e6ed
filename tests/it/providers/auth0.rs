//! Auth0: permissions are roles, and ID tokens name no client.

use serde_json::json;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind as Kind, Validator, role, scope};

use super::{Read, kind, verified};

const AUDIENCE: &str = "https://orders.example.com";

fn auth0() -> (TestIssuer, Validator) {
    let authority = TestIssuer::auth0();
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_an_applications_token_are_read() {
    let (authority, validator) = auth0();
    let person = verified(&validator, authority.token(AUDIENCE).roles(["read:orders"])).await;
    let scopes = ["openid", "profile", "email"];
    let subject = "auth0|0000000000000000000a11ce";
    let expected = Read::expected(subject, Some("test-client"), [&scopes, &["read:orders"]], None, Some(false));
    assert_eq!(Read::of(&person), expected);
    let machine = authority.application_token(AUDIENCE).scope("read:orders").roles(["read:orders"]);
    let machine = verified(&validator, machine).await;
    let both: [&[&str]; 2] = [&["read:orders"], &["read:orders"]];
    assert_eq!(Read::of(&machine), Read::expected("test-client@clients", Some("test-client"), both, None, Some(true)));
}

#[tokio::test]
async fn permissions_are_roles_and_never_scopes() {
    let (authority, validator) = auth0();
    let token = verified(&validator, authority.token(AUDIENCE).roles(["read:orders", "write:orders"])).await;
    token.require(role("write:orders")).unwrap();
    assert_eq!(token.require(scope("write:orders")).unwrap_err().kind(), Kind::InsufficientScope);
    let without = verified(&validator, authority.token(AUDIENCE).without("permissions").scope("write:orders")).await;
    assert_eq!(without.roles().count(), 0);
    without.require(scope("write:orders")).unwrap();
    assert!(without.require(role("write:orders")).is_err());
}

#[tokio::test]
async fn the_profile_of_rfc_9068_is_read_as_well() {
    let (authority, validator) = auth0();
    let rfc9068 = |token: tower_bearer::testing::TestToken| {
        token
            .header("typ", "at+jwt")
            .without("azp")
            .without("gty")
            .claim("client_id", "test-client")
            .claim("jti", "jti")
    };
    let strict = validator.clone().rfc9068();
    for validator in [&validator, &strict] {
        let person = verified(validator, rfc9068(authority.token(AUDIENCE))).await;
        assert_eq!((person.client_id(), person.is_application()), (Some("test-client"), Some(false)));
        let machine = verified(validator, rfc9068(authority.application_token(AUDIENCE))).await;
        assert_eq!((machine.client_id(), machine.is_application()), (Some("test-client"), Some(true)));
    }
    assert_eq!(kind(&strict, authority.token(AUDIENCE)).await, Some(Kind::WrongTokenType));
}

#[tokio::test]
async fn whether_a_client_acts_as_itself_is_told_by_the_grant_or_the_subject() {
    let (authority, validator) = auth0();
    let told = async |token| verified(&validator, token).await.is_application();
    let (person, machine) = (authority.token(AUDIENCE), authority.application_token(AUDIENCE));
    assert_eq!(told(machine.clone().without("gty")).await, Some(true));
    assert_eq!(told(machine.clone().claim("sub", "other")).await, Some(true));
    assert_eq!(told(person.clone().claim("gty", "password")).await, Some(false));
    assert_eq!(told(person.clone().claim("gty", json!(["refresh_token", "password"]))).await, Some(false));
    // Of another client than the token.
    assert_eq!(told(machine.without("gty").claim("sub", "other@clients")).await, None);
    assert_eq!(told(person.without("sub")).await, None);
}

#[tokio::test]
async fn a_token_that_names_no_client_is_an_id_token_whatever_else_is_in_it() {
    let (authority, validator) = auth0();
    // As a regular web application gets it, which sends no nonce.
    let id = authority.id_token(AUDIENCE).without("nonce");
    assert_eq!(kind(&validator, id.clone()).await, Some(Kind::WrongTokenType));
    let dressed = id.claim("scope", "read:orders").claim("permissions", ["read:orders"]);
    assert_eq!(kind(&validator, dressed.clone()).await, Some(Kind::WrongTokenType));
    for client in [json!(""), json!(null), json!(["test-client"]), json!(1)] {
        let token = dressed.clone().claim("azp", client);
        assert_eq!(kind(&validator, token).await, Some(Kind::WrongTokenType));
    }
    assert_eq!(kind(&validator, authority.token(AUDIENCE).without("azp")).await, Some(Kind::WrongTokenType));
    // Some clients send a nonce that comes back in the access token.
    assert_eq!(kind(&validator, authority.token(AUDIENCE).claim("nonce", "n")).await, None);
}

#[tokio::test]
async fn tokens_that_were_asked_for_without_an_audience_are_refused() {
    let (authority, validator) = auth0();
    let userinfo = authority.token("https://acme.auth0.test/userinfo");
    assert_eq!(kind(&validator, userinfo).await, Some(Kind::WrongAudience));
    // Opaque, and encrypted.
    for opaque in ["kOpaque0Token0Of0Thirty0Two0Chars", "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn"] {
        assert_eq!(validator.verify(opaque).await.unwrap_err().kind(), Kind::Malformed);
    }
}

#[tokio::test]
async fn the_slash_at_the_end_of_the_issuer_counts() {
    let (authority, validator) = auth0();
    for iss in ["https://acme.auth0.test", "https://acme.auth0.test//", "https://other.auth0.test/"] {
        assert_eq!(kind(&validator, authority.token(AUDIENCE).claim("iss", iss)).await, Some(Kind::UnknownIssuer));
    }
}
