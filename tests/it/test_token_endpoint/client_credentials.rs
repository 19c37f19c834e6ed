//! Client credentials at an issuer of the standards: for which API, with which scopes and roles.

use std::time::Duration;

use serde_json::json;
use tower_bearer::RejectionKind;
use tower_bearer::testing::TestIssuer;

use super::{Answer, ask};

/// The client `jobs` may read at `stock`, and is an auditor at `books`.
fn two_apis() -> TestIssuer {
    let authority = TestIssuer::new();
    let stock = authority
        .register("stock")
        .app_id_uri("api://stock")
        .app_id_uri("https://stock.test")
        .expose_scope("items.read")
        .expose_scope("items.count")
        .expose_scope("items.write");
    let books = authority.register("api://books").app_role("auditor");
    authority.register("api://secrets").expose_scope("read");
    let jobs = authority.register("jobs").secret("correct horse");
    jobs.allow_scope(&stock, "items.read").allow_scope(&stock, "items.count").assign_role(&books, "auditor");
    authority
}

async fn jobs(authority: &TestIssuer, form: &[(&str, &str)]) -> Answer {
    ask(authority, &[&[("client_id", "jobs"), ("client_secret", "correct horse")], form].concat()).await
}

#[tokio::test]
async fn resource_or_audience_chooses_the_api_by_any_of_its_identifiers() {
    let authority = two_apis();
    for name in ["resource", "audience"] {
        for identifier in ["stock", "api://stock", "https://stock.test"] {
            let answer = jobs(&authority, &[(name, identifier)]).await;
            let token = authority.issuer().validator(identifier).verify(answer.token()).await.unwrap();
            assert_eq!(token.audience(), identifier);
            assert_eq!(answer.claims()["aud"], identifier);
        }
    }
    let both = [("resource", "api://stock"), ("audience", "api://stock")];
    assert_eq!(jobs(&authority, &both).await.status, 200);
    for form in [
        &[][..],
        &[("scope", "items.read")],
        &[("resource", "api://stock"), ("resource", "api://books")],
        &[("resource", "api://stock"), ("audience", "api://books")],
        &[("resource", "api://unknown")],
        &[("audience", "api://stock/")],
        &[("resource", "api://secrets")],
        &[("resource", "jobs")],
    ] {
        assert_eq!(jobs(&authority, form).await.refusal(), (400, "invalid_target"), "{form:?}");
    }
}

#[tokio::test]
async fn the_only_api_of_a_client_needs_no_name() {
    let authority = TestIssuer::new();
    let stock = authority.register("stock").app_id_uri("api://stock").expose_scope("items.read");
    let client = authority.register("jobs").secret("correct horse");
    let nothing_yet = jobs(&authority, &[]).await;
    assert_eq!(nothing_yet.refusal(), (400, "invalid_target"));
    assert_eq!(nothing_yet.body["error_description"], "the client may do nothing at this API");
    client.allow_scope(&stock, "items.read");
    assert_eq!(jobs(&authority, &[]).await.claims()["aud"], "api://stock");
}

#[tokio::test]
async fn scopes_are_those_that_are_allowed_and_were_asked_for() {
    let authority = two_apis();
    let stock = ("resource", "api://stock");
    let scope = async |scope| {
        let answer = jobs(&authority, &[stock, ("scope", scope)]).await;
        assert_eq!(answer.claims()["scope"], answer.body["scope"]);
        answer.body["scope"].as_str().unwrap().to_owned()
    };
    assert_eq!(scope("items.count").await, "items.count");
    assert_eq!(scope("items.count items.read").await, "items.count items.read");
    assert_eq!(scope("").await, "items.read items.count", "all, where none is asked for");
    for scope in ["items.write", "items.read items.write", "read", "Items.Read", "items.read,items.count"] {
        let answer = jobs(&authority, &[stock, ("scope", scope)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_scope"), "{scope}");
    }
}

#[tokio::test]
async fn roles_come_with_the_token_of_their_api_alone() {
    let authority = two_apis();
    let answer = jobs(&authority, &[("resource", "api://books")]).await;
    assert_eq!(answer.claims()["roles"], json!(["auditor"]));
    assert_eq!((answer.claims().get("scope"), answer.body.get("scope")), (None, None));
    assert_eq!(jobs(&authority, &[("resource", "api://stock")]).await.claims().get("roles"), None);
}

#[tokio::test]
async fn a_token_lives_as_long_as_its_api_says_and_by_the_clock_of_the_issuer() {
    let authority = TestIssuer::new();
    let stock = authority.register("api://stock").app_role("auditor").token_lifetime(Duration::from_secs(60));
    stock.optional_claim("department", "sales");
    authority.register("jobs").secret("correct horse").assign_role(&stock, "auditor");
    let answer = jobs(&authority, &[]).await;
    let claims = answer.claims();
    assert_eq!(answer.body["expires_in"], 60);
    assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|issued| issued + 60));
    assert_eq!(claims["department"], "sales");
    let validator = authority.issuer().validator("api://stock");
    assert!(validator.verify(answer.token()).await.is_ok());
    authority.advance(Duration::from_secs(60 + 60)); // the leeway
    assert_eq!(validator.verify(answer.token()).await.unwrap_err().kind(), RejectionKind::Expired);
    assert!(validator.verify(jobs(&authority, &[]).await.token()).await.is_ok());
}

#[tokio::test]
async fn tokens_have_the_shape_of_the_provider_and_name_the_client() {
    for (authority, client, subject) in [
        (TestIssuer::new(), "client_id", "jobs"),
        (TestIssuer::keycloak(), "azp", "5f3c9f1e-0000-4000-8000-00000c11e117"),
        (TestIssuer::auth0(), "azp", "jobs@clients"),
        (TestIssuer::okta(), "cid", "jobs"),
    ] {
        let stock = authority.register("api://stock").expose_scope("items.read").app_role("auditor");
        let client_app = authority.register("jobs").secret("correct horse");
        client_app.allow_scope(&stock, "items.read").assign_role(&stock, "auditor");
        let answer = jobs(&authority, &[]).await;
        let claims = answer.claims();
        assert_eq!((&claims[client], &claims["sub"]), (&json!("jobs"), &json!(subject)), "{}", authority.identifier());
        let token = authority.issuer().validator("api://stock").verify(answer.token()).await.unwrap();
        assert_eq!(token.is_application(), Some(true), "{}", authority.identifier());
        assert!(token.has_scope("items.read") && token.has_role("auditor"), "{}", authority.identifier());
        client_app.assign_role(&authority.register("api://books").app_role("reader"), "reader");
        let claims = jobs(&authority, &[("resource", "api://books")]).await.claims();
        assert_eq!((claims.get("scope"), claims.get("scp")), (None, None), "{}", authority.identifier());
    }
}

#[tokio::test]
async fn the_metadata_document_says_where_the_token_endpoint_is_and_how_to_authenticate_there() {
    for identifier in ["https://login.example.com/realms/acme", "https://acme.eu.auth0.com/"] {
        let authority = TestIssuer::named(identifier);
        let metadata = authority.issuer().metadata().await.unwrap();
        assert_eq!(metadata.token_endpoint(), Some(format!("{}/token", identifier.trim_end_matches('/'))));
    }
}

#[test]
#[should_panic(expected = "the API has no role \"auditor\"")]
fn a_role_that_the_api_has_not_is_a_misuse_that_is_named() {
    let authority = TestIssuer::new();
    let api = authority.register("api://stock").app_role("Auditor");
    authority.register("jobs").assign_role(&api, "auditor");
}

#[test]
#[should_panic(expected = "there is an application \"jobs\" already")]
fn one_client_id_is_registered_once() {
    let authority = TestIssuer::new();
    authority.register("jobs");
    authority.register("jobs");
}
