//! JWT Profile for OAuth 2.0 Access Tokens: the strict profile, by one call.

use serde_json::{Value, json};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{RejectionKind as Kind, Validator};

const AUDIENCE: &str = "api://orders";

fn api() -> (TestIssuer, Validator) {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE).rfc9068();
    (authority, validator)
}

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

#[tokio::test]
async fn a_token_of_the_profile_is_accepted() {
    let (authority, validator) = api();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
}

#[tokio::test]
async fn every_claim_of_the_profile_has_to_be_there() {
    let (authority, validator) = api();
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let missing = authority.token(AUDIENCE).without(name).sign();
        assert_eq!(kind(&validator, &missing).await, Some(Kind::MissingClaim), "{name}");
        let null = authority.token(AUDIENCE).claim(name, Value::Null).sign();
        assert_eq!(kind(&validator, &null).await, Some(Kind::MissingClaim), "null {name}");
    }
}

#[tokio::test]
async fn without_the_profile_only_iss_aud_and_exp_have_to_be_there() {
    let authority = TestIssuer::new();
    let lenient = authority.issuer().validator(AUDIENCE);
    for name in ["sub", "client_id", "iat", "jti"] {
        assert_eq!(kind(&lenient, &authority.token(AUDIENCE).without(name).sign()).await, None, "{name}");
    }
}

#[tokio::test]
async fn a_claim_of_the_profile_with_nothing_in_it_is_missing() {
    let (authority, validator) = api();
    for name in ["sub", "client_id", "jti"] {
        let empty = authority.token(AUDIENCE).claim(name, "").sign();
        assert_eq!(kind(&validator, &empty).await, Some(Kind::MissingClaim), "{name}");
        for odd in [json!(1), json!(["x"]), json!({})] {
            let token = authority.token(AUDIENCE).claim(name, &odd).sign();
            assert!(kind(&validator, &token).await.is_some(), "{name} {odd}");
        }
    }
}

#[tokio::test]
async fn no_other_name_of_the_client_will_do() {
    let (authority, validator) = api();
    for other in ["azp", "appid", "cid"] {
        let token = authority.token(AUDIENCE).without("client_id").claim(other, "orders-web").sign();
        assert_eq!(kind(&validator, &token).await, Some(Kind::MissingClaim), "{other}");
    }
}

#[tokio::test]
async fn typ_is_at_jwt_in_any_case_with_or_without_application() {
    let (authority, validator) = api();
    for typ in ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "Application/AT+jwt"] {
        assert_eq!(kind(&validator, &authority.token(AUDIENCE).header("typ", typ).sign()).await, None, "{typ}");
    }
    for typ in ["JWT", "jwt", "application/jwt", "", "at+jwt ", "at", "dpop+jwt", "application/application/at+jwt"] {
        let token = authority.token(AUDIENCE).header("typ", typ).sign();
        assert_eq!(kind(&validator, &token).await, Some(Kind::WrongTokenType), "{typ}");
    }
    let untyped = authority.token(AUDIENCE).without_header("typ").sign();
    assert_eq!(kind(&validator, &untyped).await, Some(Kind::WrongTokenType));
}

#[tokio::test]
async fn what_every_token_is_refused_for_is_refused_as_well() {
    let (authority, validator) = api();
    let token = || authority.token(AUDIENCE);
    for (token, expected) in [
        (token().expired(), Kind::Expired),
        (token().claim("aud", "api://stock"), Kind::WrongAudience),
        (token().claim("iss", "https://other.test"), Kind::UnknownIssuer),
        (token().claim("cnf", json!({"jkt": "x"})), Kind::SenderConstrained),
        (token().signed_by(&TestIssuer::new().signing_key(tower_bearer::jose::Algorithm::ES256)), Kind::BadSignature),
    ] {
        assert_eq!(kind(&validator, &token.sign()).await, Some(expected));
    }
}
