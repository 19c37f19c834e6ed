//! Identity providers: what each preset accepts, reads and refuses, by tokens of the documented shape.

mod auth0;
mod azure_ad_b2c;
mod cognito;
mod external_id;
mod google;
mod keycloak;
mod okta;
mod shapes;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use tower_bearer::testing::{TestIssuer, TestToken};
use tower_bearer::{Issuer, Rejection, RejectionKind as Kind, Validator, VerifiedToken};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

async fn kind(validator: &Validator, token: TestToken) -> Option<Kind> {
    validator.verify(&token.sign()).await.err().map(|rejection| rejection.kind())
}

async fn verified(validator: &Validator, token: TestToken) -> VerifiedToken {
    validator.verify(&token.sign()).await.unwrap()
}

/// What a handler learns of a token.
#[derive(Debug, PartialEq)]
struct Read {
    subject: Option<String>,
    client: Option<String>,
    scopes: Vec<String>,
    roles: Vec<String>,
    tenant: Option<String>,
    is_application: Option<bool>,
}

impl Read {
    fn of(token: &VerifiedToken) -> Self {
        Self {
            subject: token.subject().map(str::to_owned),
            client: token.client_id().map(str::to_owned),
            scopes: token.scopes().map(str::to_owned).collect(),
            roles: token.roles().map(str::to_owned).collect(),
            tenant: token.tenant().map(str::to_owned),
            is_application: token.is_application(),
        }
    }

    fn expected(
        subject: &str,
        client: Option<&str>,
        [scopes, roles]: [&[&str]; 2],
        tenant: Option<&str>,
        is_application: Option<bool>,
    ) -> Self {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            subject: Some(subject.to_owned()),
            client: client.map(str::to_owned),
            scopes: owned(scopes),
            roles: owned(roles),
            tenant: tenant.map(str::to_owned),
            is_application,
        }
    }
}

/// Where an issuer looks for its metadata.
async fn metadata_locations(issuer: Issuer) -> Vec<String> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let nowhere = tower::service_fn(move |request: http::Request<Full<Bytes>>| {
        seen.lock().unwrap().push(request.uri().to_string());
        let missing = http::Response::builder().status(404).body(Full::<Bytes>::default()).unwrap();
        std::future::ready(Ok::<_, std::io::Error>(missing))
    });
    assert!(issuer.transport(nowhere).metadata().await.is_err());
    let asked = asked.lock().unwrap();
    asked.clone()
}

/// Each shape with an audience that its tokens may have.
fn all() -> Vec<(TestIssuer, &'static str)> {
    vec![
        (TestIssuer::keycloak(), "orders"),
        (TestIssuer::auth0(), "https://orders.example.com"),
        (TestIssuer::okta(), "api://orders"),
        (TestIssuer::cognito(), "5example2client7id0"),
        (TestIssuer::google(), "https://orders.example.com"),
        (TestIssuer::external_id(), "66666666-7777-8888-9999-000000000000"),
        (TestIssuer::azure_ad_b2c(), "66666666-7777-8888-9999-000000000000"),
    ]
}

#[tokio::test]
async fn tokens_of_a_person_and_of_an_application_are_accepted_and_no_other_audience() {
    for (authority, audience) in all() {
        let name = authority.identifier().to_owned();
        let validator = authority.issuer().validator(audience);
        for token in [authority.token(audience), authority.application_token(audience)] {
            let token = verified(&validator, token).await;
            assert_eq!((token.issuer(), token.audience()), (&*name, audience));
        }
        for other in ["other", "", "ORDERS"] {
            assert_eq!(kind(&validator, authority.token(other)).await, Some(Kind::WrongAudience), "{name}");
            assert_eq!(kind(&validator, authority.application_token(other)).await, Some(Kind::WrongAudience), "{name}");
        }
    }
}

#[tokio::test]
async fn id_tokens_and_logout_tokens_are_refused_where_their_client_is_the_audience() {
    for (authority, audience) in all() {
        let name = authority.identifier().to_owned();
        let validator = authority.issuer().validator(audience);
        assert_eq!(kind(&validator, authority.logout_token(audience)).await, Some(Kind::WrongTokenType), "{name}");
        // Neither of which is in every ID token.
        let bare = || authority.id_token(audience).without("nonce").without("at_hash");
        let ids = [authority.id_token(audience), bare(), bare().claim("nonce", "n"), bare().claim("at_hash", "h")];
        for token in ids {
            // Those of Google are what APIs take of it.
            let expected = (name != "https://accounts.google.com").then_some(Kind::WrongTokenType);
            assert_eq!(kind(&validator, token).await, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn tokens_of_another_issuer_are_refused_and_keys_of_another() {
    let providers = all();
    for (authority, audience) in &providers {
        let validator = authority.issuer().validator(*audience);
        for (other, _) in providers.iter().filter(|(other, _)| other.identifier() != authority.identifier()) {
            let name = format!("{} at {}", other.identifier(), authority.identifier());
            assert_eq!(kind(&validator, other.token(*audience)).await, Some(Kind::UnknownIssuer), "{name}");
        }
        let stranger = TestIssuer::new();
        let key = stranger.signing_key(tower_bearer::jose::Algorithm::RS384);
        let forged = authority.token(*audience).signed_by(&key);
        assert_eq!(kind(&validator, forged).await, Some(Kind::UnknownKey), "{}", authority.identifier());
    }
}

#[tokio::test]
async fn all_of_them_stand_side_by_side_under_one_validator() {
    let providers = all();
    let each = providers.iter().map(|(authority, audience)| authority.issuer().validator(*audience));
    let validator = Validator::any_of(each).unwrap();
    for (authority, audience) in &providers {
        let token = verified(&validator, authority.token(*audience)).await;
        assert_eq!(token.issuer(), authority.identifier());
    }
}

#[tokio::test]
async fn metadata_is_looked_for_where_each_provider_has_it() {
    let tenant = TENANT;
    let discovery = ".well-known/openid-configuration";
    let cases = [
        (
            Issuer::keycloak("https://kc.example.com/realms/acme"),
            format!("https://kc.example.com/realms/acme/{discovery}"),
        ),
        (
            Issuer::keycloak("https://kc.example.com/auth/realms/acme"),
            format!("https://kc.example.com/auth/realms/acme/{discovery}"),
        ),
        (Issuer::auth0("acme.eu.auth0.com"), format!("https://acme.eu.auth0.com/{discovery}")),
        (
            Issuer::okta("https://acme.okta.com/oauth2/default"),
            format!("https://acme.okta.com/oauth2/default/{discovery}"),
        ),
        (
            Issuer::cognito("eu-central-1", "eu-central-1_Ab12Cd34E"),
            format!("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E/{discovery}"),
        ),
        (
            Issuer::cognito("cn-north-1", "cn-north-1_Ab12Cd34E"),
            format!("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Ab12Cd34E/{discovery}"),
        ),
        (Ok(Issuer::google()), format!("https://accounts.google.com/{discovery}")),
        (Issuer::entra_external_id("acme", tenant), format!("https://acme.ciamlogin.com/{tenant}/v2.0/{discovery}")),
        (
            Issuer::azure_ad_b2c("acme", tenant, "B2C_1_signin"),
            format!("https://acme.b2clogin.com/acme.onmicrosoft.com/B2C_1_signin/v2.0/{discovery}"),
        ),
    ];
    for (issuer, location) in cases {
        assert_eq!(metadata_locations(issuer.unwrap()).await.first(), Some(&location));
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_gives_no_keys() {
    for (authority, audience) in all() {
        authority.metadata("issuer", "https://other.test");
        let error = authority.issuer().ready().await.unwrap_err().to_string();
        assert!(error.contains("is for another issuer"), "{error}");
        let validator = authority.issuer().validator(audience);
        assert_eq!(kind(&validator, authority.token(audience)).await, Some(Kind::KeysUnavailable));
    }
}

#[test]
fn the_manual_quotes_each_refusal_as_it_is_said() {
    let pages = [
        include_str!("../../src/manual/keycloak.md"),
        include_str!("../../src/manual/auth0.md"),
        include_str!("../../src/manual/okta.md"),
        include_str!("../../src/manual/cognito.md"),
        include_str!("../../src/manual/google.md"),
        include_str!("../../src/manual/external_id.md"),
    ];
    for page in pages {
        let (_, table) = page.split_once("# What you see where something is missing\n").unwrap();
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(rows.len() > 4, "{rows:?}");
        for row in rows {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [_, refusal, description] = cells[..] else { panic!("not three cells: {row}") };
            let kind = Kind::ALL.iter().find(|kind| format!("`{kind:?}`") == refusal);
            let said = kind.map(|&kind| Rejection::new(kind).description());
            assert_eq!(said, Some(description), "{row}");
        }
    }
}

/// Each of these values in turn, and none at all.
fn with_each(token: &TestToken, claim: &str, values: &[Value]) -> Vec<TestToken> {
    let mut tokens: Vec<_> = values.iter().map(|value| token.clone().claim(claim, value)).collect();
    tokens.push(token.clone().without(claim));
    tokens
}

fn configuration_error(issuer: Result<Issuer, tower_bearer::Error>) -> String {
    let error = issuer.unwrap_err();
    assert!(error.is_configuration());
    error.to_string()
}

#[test]
fn what_no_token_could_name_is_refused_at_construction() {
    for url in [
        "",
        "acme",
        "https://kc.example.com",
        "https://kc.example.com/realms",
        "https://kc.example.com/realms/",
        "https://kc.example.com/realms/acme/",
        "https://kc.example.com/realms/acme/.well-known/openid-configuration",
        "https://kc.example.com/realms/acme?x",
        "https://kc.example.com/realms/ac me",
    ] {
        configuration_error(Issuer::keycloak(url));
    }
    for domain in
        ["", "https://acme.auth0.com", "acme.auth0.com/", "acme..auth0.com", "acme auth0.com", "a.com:8443", "a@b.com"]
    {
        assert!(configuration_error(Issuer::auth0(domain)).contains("a domain alone"), "{domain:?}");
    }
    for (region, pool) in [
        ("", "eu-central-1_Ab12"),
        ("eu-central-1", ""),
        ("eu-central-1", "Ab12"),
        ("eu-central-1", "_Ab12"),
        ("eu-central-1", "eu-central-1_"),
        ("eu-central-1_Ab12", "eu-central-1"),
        ("eu-central-1/", "eu-central-1_Ab12"),
        ("eu-central-1", "eu-central-1_Ab12/x"),
        ("eu.evil.test#", "eu-central-1_Ab12"),
    ] {
        assert!(configuration_error(Issuer::cognito(region, pool)).contains("a region"), "{region:?} {pool:?}");
    }
    for (name, tenant, policy) in [
        ("", TENANT, "B2C_1_signin"),
        ("acme.onmicrosoft.com", TENANT, "B2C_1_signin"),
        ("acme/x", TENANT, "B2C_1_signin"),
        ("acme", "acme.onmicrosoft.com", "B2C_1_signin"),
        ("acme", "", "B2C_1_signin"),
        ("acme", "11111111-2222-3333-4444-55555555555g", "B2C_1_signin"),
    ] {
        configuration_error(Issuer::azure_ad_b2c(name, tenant, policy));
        configuration_error(Issuer::entra_external_id(name, tenant));
    }
    for policy in ["", "B2C_1/signin", "B2C_1_signin?", "B2C 1"] {
        assert!(configuration_error(Issuer::azure_ad_b2c("acme", TENANT, policy)).contains("a policy"), "{policy:?}");
    }
}

#[test]
fn what_was_copied_in_another_case_is_spelled_as_tokens_have_it() {
    assert_eq!(Issuer::auth0("Acme.EU.Auth0.com").unwrap().identifier(), "https://acme.eu.auth0.com/");
    let tenant = "AAAAAAAA-2222-3333-4444-555555555555";
    let lower = tenant.to_lowercase();
    assert_eq!(
        Issuer::entra_external_id("Acme", tenant).unwrap().identifier(),
        format!("https://{lower}.ciamlogin.com/{lower}/v2.0")
    );
    assert_eq!(
        Issuer::azure_ad_b2c("Acme", tenant, "B2C_1_signin").unwrap().identifier(),
        format!("https://acme.b2clogin.com/{lower}/v2.0/")
    );
}

#[tokio::test]
async fn a_key_that_names_its_issuer_by_a_template_signs_for_the_tenant_of_the_token_alone() {
    let authority = TestIssuer::external_id();
    let audience = "66666666-7777-8888-9999-000000000000";
    let token = authority.token(audience).sign();
    let named = |issuer: &str| {
        let set: Value = serde_json::from_str(&authority.jwks()).unwrap();
        let mut key = set["keys"][0].clone();
        key["issuer"] = json!(issuer);
        authority.issuer().with_jwks(json!({ "keys": [key] }).to_string()).unwrap().validator(audience)
    };
    for own in [
        authority.identifier().to_owned(),
        "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0".to_owned(),
        format!("https://{TENANT}.ciamlogin.com/{{tenantid}}/v2.0"),
    ] {
        assert_eq!(named(&own).verify(&token).await.err().map(|rejection| rejection.kind()), None, "{own}");
    }
    for foreign in [
        "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0/",
        "https://{tenantid}{tenantid}.ciamlogin.com/{tenantid}/v2.0",
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "{tenantid}",
        "",
    ] {
        let rejection = named(foreign).verify(&token).await.unwrap_err();
        assert_eq!(rejection.kind(), Kind::KeyOfAnotherIssuer, "{foreign}");
    }
}
