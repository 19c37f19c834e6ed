//! `TestIssuer` in the shape of a provider: its preset, its documents, and what can be set on its tokens.

use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{RejectionKind as Kind, role, scope};

use super::{all, kind, verified};

#[tokio::test]
async fn documents_are_in_memory_where_the_provider_has_them() {
    let keys = [
        "https://keycloak.test/realms/acme/protocol/openid-connect/certs",
        "https://acme.auth0.test/.well-known/jwks.json",
        "https://acme.okta.test/oauth2/default/v1/keys",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E/.well-known/jwks.json",
        "https://www.googleapis.com/oauth2/v3/certs",
        "https://acme.ciamlogin.com/11111111-2222-3333-4444-555555555555/discovery/v2.0/keys",
        "https://acme.b2clogin.com/acme.onmicrosoft.com/b2c_1_signin/discovery/v2.0/keys",
    ];
    for ((authority, _), keys) in all().into_iter().zip(keys) {
        let issuer = authority.issuer();
        assert_eq!(issuer.identifier(), authority.identifier());
        issuer.ready().await.unwrap();
        assert_eq!(issuer.metadata().await.unwrap().jwks_uri().as_deref(), Some(keys));
        assert_eq!((authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks)), (1, 1));
    }
}

#[tokio::test]
async fn it_has_its_clock_and_its_keys_in_hand_as_any_other() {
    for (authority, audience) in all() {
        let validator = authority.issuer().validator(audience);
        let token = authority.token(audience).sign();
        validator.verify(&token).await.unwrap();
        authority.rotate();
        validator.verify(&authority.token(audience).subject("renewed").sign()).await.unwrap();
        assert_eq!(validator.verify(&token).await.unwrap_err().kind(), Kind::UnknownKey);
        assert_eq!(kind(&validator, authority.token(audience).expired()).await, Some(Kind::Expired));
    }
}

#[tokio::test]
async fn scopes_and_roles_are_set_where_the_preset_reads_them() {
    for (authority, audience) in all() {
        let validator = authority.issuer().validator(audience);
        let token = authority.token(audience).scope("orders.read orders.write").roles(["clerk", "manager"]);
        let token = verified(&validator, token).await;
        assert_eq!(token.scopes().collect::<Vec<_>>(), ["orders.read", "orders.write"], "{}", authority.identifier());
        assert_eq!(token.roles().collect::<Vec<_>>(), ["clerk", "manager"], "{}", authority.identifier());
        token.require(scope("orders.write")).unwrap();
        token.require(role("manager")).unwrap();
    }
}

#[tokio::test]
async fn a_token_of_a_provider_can_be_asked_for_with_several_audiences() {
    for (authority, audience) in all().into_iter().filter(|(one, _)| !one.identifier().contains("cognito")) {
        let validator = authority.issuer().validator(audience);
        for token in [authority.token(["other", audience]), authority.application_token([audience, "other"])] {
            assert_eq!(kind(&validator, token).await, None, "{}", authority.identifier());
        }
    }
}

#[tokio::test]
async fn by_the_standards_alone_there_are_tokens_of_each_kind_as_well() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator("api://orders");
    let strict = validator.clone().rfc9068();
    for (token, is_application) in
        [(authority.token("api://orders"), false), (authority.application_token("api://orders"), true)]
    {
        assert_eq!(verified(&strict, token).await.is_application(), Some(is_application));
    }
    let as_jwt = |token: tower_bearer::testing::TestToken| token.header("typ", "JWT");
    for token in [authority.id_token("api://orders"), authority.logout_token("api://orders")] {
        assert_eq!(kind(&validator, token.clone()).await, Some(Kind::WrongTokenType));
        assert_eq!(kind(&validator, as_jwt(token)).await, Some(Kind::WrongTokenType));
    }
}
