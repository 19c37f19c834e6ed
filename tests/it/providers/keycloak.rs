//! Keycloak: the kind of a token is in its payload, roles are in the realm and at clients, and it has two addresses.

use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, RejectionKind as Kind, Validator, application, delegated, role, role_in};

use super::{Read, kind, verified, with_each};

const AUDIENCE: &str = "orders";

fn keycloak() -> (TestIssuer, Validator) {
    let authority = TestIssuer::keycloak();
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

#[tokio::test]
async fn a_persons_and_a_service_accounts_token_are_read() {
    let (authority, validator) = keycloak();
    let roles = ["default-roles-acme", "offline_access", "uma_authorization"];
    let person = verified(&validator, authority.token(AUDIENCE)).await;
    let expected = Read::expected(
        "5f3c9f1e-0000-4000-8000-0000000a11ce",
        Some("test-client"),
        [&["openid", "email", "profile"], &roles],
        None,
        Some(false),
    );
    assert_eq!(Read::of(&person), expected);
    assert_eq!(person.claim::<String>("email").as_deref(), Some("alice@example.com"));
    let machine = verified(&validator, authority.application_token(AUDIENCE)).await;
    let expected = Read::expected(
        "5f3c9f1e-0000-4000-8000-00000c11e117",
        Some("test-client"),
        [&["email", "profile"], &roles],
        None,
        Some(true),
    );
    assert_eq!(Read::of(&machine), expected);
    machine.require(application()).unwrap();
    person.require(delegated()).unwrap();
}

#[tokio::test]
async fn whether_a_client_acts_as_itself_is_told_only_where_username_and_client_say_the_same() {
    let (authority, validator) = keycloak();
    let told = async |token| verified(&validator, token).await.is_application();
    let (person, machine) = (authority.token(AUDIENCE), authority.application_token(AUDIENCE));
    // Usernames are in lower case.
    let odd = machine.clone().claim("client_id", "Test-Client");
    assert_eq!(told(odd).await, Some(true));
    for unclear in [
        machine.clone().without("client_id"),
        machine.clone().without("preferred_username"),
        machine.clone().claim("client_id", "other-client"),
        machine.clone().claim("preferred_username", "alice"),
        machine.clone().claim("preferred_username", ""),
        // A name that somebody chose.
        person.clone().claim("preferred_username", "service-account-test-client"),
        person.clone().without("preferred_username"),
    ] {
        assert_eq!(told(unclear).await, None);
    }
    // The header of RFC 9068, which a client can be set to, tells nothing more.
    assert_eq!(told(machine.header("typ", "at+jwt")).await, Some(true));
    assert_eq!(told(person.header("typ", "at+jwt")).await, Some(false));
}

#[tokio::test]
async fn only_a_token_whose_payload_says_bearer_is_accepted() {
    let (authority, validator) = keycloak();
    for token in [authority.token(AUDIENCE), authority.application_token(AUDIENCE)] {
        for header in ["JWT", "at+jwt"] {
            let token = token.clone().header("typ", header);
            for typ in ["Bearer", "bearer"] {
                assert_eq!(kind(&validator, token.clone().claim("typ", typ)).await, None, "{typ}");
            }
            let others = ["ID", "id", "Refresh", "Offline", "Logout", "RegistrationAccessToken", "JWT", ""];
            let mut values: Vec<_> = others.iter().map(|&typ| json!(typ)).collect();
            values.extend([json!(["Bearer"]), json!(null), json!(1)]);
            for (place, token) in with_each(&token, "typ", &values).into_iter().enumerate() {
                assert_eq!(
                    kind(&validator, token).await,
                    Some(Kind::WrongTokenType),
                    "{header} {:?}",
                    values.get(place)
                );
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_is_bound_by_dpop_is_refused_as_bound() {
    let (authority, validator) = keycloak();
    let bound = authority.token(AUDIENCE).claim("typ", "DPoP").claim("cnf", json!({ "jkt": "thumbprint" }));
    assert_eq!(kind(&validator, bound.clone()).await, Some(Kind::SenderConstrained));
    assert_eq!(kind(&validator.dangerous_ignore_binding(), bound).await, None);
}

#[tokio::test]
async fn refresh_and_offline_tokens_are_refused_in_the_shape_that_they_have() {
    let (authority, validator) = keycloak();
    let validator = validator.audience(authority.identifier());
    for typ in ["Refresh", "Offline"] {
        let token = authority
            .token(authority.identifier())
            .payload(
                json!({
                    "iss": authority.identifier(),
                    "aud": authority.identifier(),
                    "exp": 4_000_000_000_u64,
                    "iat": 1_800_000_000,
                    "jti": "test-jti",
                    "sub": "5f3c9f1e-0000-4000-8000-0000000a11ce",
                    "typ": typ,
                    "azp": "test-client",
                    "sid": "test-session",
                    "scope": "openid email profile",
                })
                .to_string(),
            )
            .without_header("typ");
        assert_eq!(kind(&validator, token).await, Some(Kind::WrongTokenType), "{typ}");
    }
}

#[tokio::test]
async fn a_token_without_an_audience_mapper_is_refused() {
    let (authority, validator) = keycloak();
    let token = authority.token(AUDIENCE);
    assert_eq!(kind(&validator, token.clone().claim("aud", "account")).await, Some(Kind::WrongAudience));
    assert_eq!(kind(&validator, token.without("aud")).await, Some(Kind::MissingClaim));
}

#[tokio::test]
async fn roles_are_the_realms_and_those_at_a_client_are_asked_for_by_its_id_whatever_is_in_it() {
    let (authority, validator) = keycloak();
    let clients = ["orders", "https://orders.example.com/api", "a/b~c", "~1", "~0", "", "a.b"];
    let at_clients: serde_json::Map<_, _> =
        clients.iter().map(|&client| (client.to_owned(), json!({ "roles": [format!("clerk of {client}")] }))).collect();
    let token = authority.token(AUDIENCE).roles(["manager"]).claim("resource_access", at_clients);
    let token = verified(&validator, token).await;
    assert_eq!(token.roles().collect::<Vec<_>>(), ["manager"]);
    token.require(role("manager")).unwrap();
    for client in clients {
        token.require(role_in(client, format!("clerk of {client}"))).unwrap();
        for other in clients.iter().filter(|&&other| other != client) {
            let rejection = token.require(role_in(client, format!("clerk of {other}"))).unwrap_err();
            assert_eq!(rejection.kind(), Kind::InsufficientScope);
        }
        assert!(token.require(role(format!("clerk of {client}"))).is_err(), "one at a client is none of the realm");
    }
    assert!(token.require(role_in("realm_access", "manager")).is_err());
    assert!(token.require(role_in("other", "clerk of other")).is_err());
}

#[tokio::test]
async fn roles_of_another_shape_are_none_and_break_nothing() {
    let (authority, validator) = keycloak();
    for realm in [json!(null), json!([]), json!({}), json!({ "roles": 1 }), json!({ "roles": [1, null] })] {
        let token = authority.token(AUDIENCE).claim("realm_access", realm).claim("resource_access", json!(["orders"]));
        let token = verified(&validator, token).await;
        assert_eq!(token.roles().count(), 0);
        assert!(token.require(role_in("orders", "clerk")).is_err());
    }
}

#[tokio::test]
async fn keys_are_fetched_inside_a_cluster_while_tokens_name_the_public_address() {
    let authority = TestIssuer::keycloak();
    authority.metadata("jwks_uri", "http://127.0.0.1:8080/realms/acme/protocol/openid-connect/certs");
    let inside =
        authority.issuer().metadata_url("http://127.0.0.1:8080/realms/acme/.well-known/openid-configuration").unwrap();
    let validator = inside.validator(AUDIENCE);
    assert_eq!(kind(&validator, authority.token(AUDIENCE)).await, None);
    let of_inside = authority.token(AUDIENCE).claim("iss", "http://127.0.0.1:8080/realms/acme");
    assert_eq!(kind(&validator, of_inside).await, Some(Kind::UnknownIssuer));
    // Keycloak without a fixed host name names itself as it was called.
    authority.metadata("issuer", "http://127.0.0.1:8080/realms/acme");
    let error = inside.grace(std::time::Duration::ZERO).ready().await.unwrap_err().to_string();
    assert!(error.contains("is for another issuer"), "{error}");
}

#[tokio::test]
async fn tokens_of_another_realm_are_refused() {
    let (authority, validator) = keycloak();
    for iss in [
        "https://keycloak.test/realms/other",
        "https://keycloak.test/realms/acme/",
        "https://keycloak.test/realms/ACME",
    ] {
        assert_eq!(kind(&validator, authority.token(AUDIENCE).claim("iss", iss)).await, Some(Kind::UnknownIssuer));
    }
}

#[test]
fn the_preset_is_for_the_realm_that_it_names() {
    let issuer = Issuer::keycloak("https://kc.example.com/auth/realms/acme%20two").unwrap();
    assert_eq!(issuer.identifier(), "https://kc.example.com/auth/realms/acme%20two");
}

#[tokio::test]
async fn a_realm_may_sign_with_other_algorithms() {
    let (authority, validator) = keycloak();
    for algorithm in [Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA] {
        authority.signing_key(algorithm);
    }
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA] {
        assert_eq!(kind(&validator, authority.token(AUDIENCE).algorithm(algorithm)).await, None, "{algorithm}");
    }
}
