//! The token endpoints of a directory: of which tenant, for which API, in which version, with which roles.

use std::time::Duration;

use serde_json::json;
use tower_bearer::Entra;
use tower_bearer::testing::{Endpoint, TestDirectory};

use super::{Answer, request, send};

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const FABRIKAM: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const JOBS: &str = "c1c1c1c1-0000-4000-8000-000000000009";
const STOCK: &str = "66666666-7777-8888-9999-000000000000";
const HOST: &str = "https://login.microsoftonline.com";
const SECRET: &str = "correct horse";

/// The API `api://stock`, and the client that may process its items; both in Contoso.
fn contoso() -> TestDirectory {
    let directory = TestDirectory::new();
    let tenant = directory.tenant(CONTOSO);
    let stock = tenant
        .register(STOCK)
        .app_id_uri("api://stock")
        .expose_scope("Items.Read")
        .app_role("Items.Process")
        .app_role("Items.Delete");
    tenant.register(JOBS).secret(SECRET).assign_role(&stock, "Items.Process").allow_scope(&stock, "Items.Read");
    directory
}

async fn ask_at(directory: &TestDirectory, path: &str, form: &[(&str, &str)]) -> Answer {
    let client = [("grant_type", "client_credentials"), ("client_id", JOBS), ("client_secret", SECRET)];
    let url = format!("{}/{path}", directory.authority_host());
    send(directory.transport(), request(&url, &[&client, form].concat())).await
}

async fn ask_v2(directory: &TestDirectory, tenant: &str, scope: &str) -> Answer {
    ask_at(directory, &format!("{tenant}/oauth2/v2.0/token"), &[("scope", scope)]).await
}

async fn ask_v1(directory: &TestDirectory, tenant: &str, resource: &str) -> Answer {
    ask_at(directory, &format!("{tenant}/oauth2/token"), &[("resource", resource)]).await
}

/// The number after `AADSTS`.
fn number(answer: &Answer) -> u64 {
    answer.body["error_codes"][0].as_u64().unwrap()
}

#[tokio::test]
async fn the_v2_endpoint_gives_an_application_token_with_the_assigned_roles() {
    let directory = contoso();
    let answer = ask_v2(&directory, CONTOSO, "api://stock/.default").await;
    let mut body = answer.body.clone();
    body["access_token"].take();
    let expected = json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": null });
    assert_eq!(body, expected);

    let validator = directory.issuer(Entra::tenant(CONTOSO).unwrap()).validator(STOCK);
    let token = validator.verify(answer.token()).await.unwrap();
    assert_eq!(token.is_application(), Some(true));
    assert!(token.has_role("Items.Process") && !token.has_role("Items.Delete") && !token.has_scope("Items.Read"));
    let claims = answer.claims();
    assert_eq!((&claims["ver"], &claims["aud"]), (&json!("2.0"), &json!(STOCK)));
    assert_eq!((&claims["azp"], &claims["azpacr"], &claims["tid"]), (&json!(JOBS), &json!("1"), &json!(CONTOSO)));
    assert_eq!((claims["oid"].as_str(), claims["oid"].as_str()), (claims["sub"].as_str(), token.subject()));
    assert_eq!(claims["iss"], format!("{HOST}/{CONTOSO}/v2.0"));
}

#[tokio::test]
async fn the_v1_endpoint_takes_a_resource_and_has_its_numbers_in_strings() {
    let directory = TestDirectory::new();
    let tenant = directory.tenant(CONTOSO).v1();
    let stock = tenant.register(STOCK).app_id_uri("api://stock").app_role("Items.Process");
    tenant.register(JOBS).secret(SECRET).assign_role(&stock, "Items.Process");
    let answer = ask_v1(&directory, CONTOSO, "api://stock").await;
    let claims = answer.claims();
    let issued = claims["iat"].as_u64().unwrap();
    let mut body = answer.body.clone();
    body["access_token"].take();
    let expected = json!({
        "token_type": "Bearer",
        "expires_in": "3599",
        "ext_expires_in": "3599",
        "expires_on": (issued + 3599).to_string(),
        "not_before": issued.to_string(),
        "resource": "api://stock",
        "access_token": null,
    });
    assert_eq!(body, expected);

    let validator = directory.issuer(Entra::tenant(CONTOSO).unwrap()).validator("api://stock");
    assert!(validator.verify(answer.token()).await.unwrap().has_role("Items.Process"));
    assert_eq!((&claims["ver"], &claims["appid"], &claims["appidacr"]), (&json!("1.0"), &json!(JOBS), &json!("1")));
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{CONTOSO}/"));
    assert_eq!(claims["idp"], claims["iss"]);
}

#[tokio::test]
async fn the_api_decides_on_the_version_of_its_tokens_whichever_endpoint_is_asked() {
    for (version, audience) in [(1, "api://stock"), (2, STOCK)] {
        let directory = TestDirectory::new();
        let tenant = directory.tenant(CONTOSO);
        tenant.register(STOCK).app_id_uri("api://stock").access_token_version(version);
        tenant.register(JOBS).secret(SECRET);
        for answer in [
            ask_v1(&directory, CONTOSO, "api://stock").await,
            ask_v2(&directory, CONTOSO, "api://stock/.default").await,
        ] {
            let claims = answer.claims();
            assert_eq!((&claims["ver"], &claims["aud"]), (&json!(format!("{version}.0")), &json!(audience)));
        }
    }
}

#[tokio::test]
async fn without_a_role_there_is_a_token_without_roles() {
    let directory = TestDirectory::new();
    let tenant = directory.tenant(CONTOSO);
    let stock = tenant.register(STOCK).app_id_uri("api://stock").app_role("Items.Process").expose_scope("Items.Read");
    tenant.register(JOBS).secret(SECRET).allow_scope(&stock, "Items.Read");
    let claims = ask_v2(&directory, CONTOSO, "api://stock/.default").await.claims();
    assert_eq!((claims.get("roles"), claims.get("scp")), (None, None));
    // Which the validator does not take for a permission.
    let validator = directory.issuer(Entra::tenant(CONTOSO).unwrap()).validator(STOCK);
    assert!(validator.verify(ask_v2(&directory, CONTOSO, "api://stock/.default").await.token()).await.is_err());
}

#[tokio::test]
async fn only_the_default_scope_of_one_api_of_the_tenant_will_do() {
    let directory = contoso();
    for (scope, error, code) in [
        ("api://stock/Items.Process", "invalid_scope", 1_002_012),
        ("api://stock", "invalid_scope", 1_002_012),
        ("api://stock/.default openid", "invalid_scope", 1_002_012),
        ("api://stock/.Default", "invalid_scope", 1_002_012),
        (".default", "invalid_scope", 1_002_012),
        ("api://stock/.default api://stock/.default", "invalid_scope", 70_011),
        ("", "invalid_request", 90_014),
        ("api://orders/.default", "invalid_resource", 500_011),
        ("api://stock//.default", "invalid_resource", 500_011),
        ("/.default", "invalid_resource", 500_011),
    ] {
        let answer = ask_v2(&directory, CONTOSO, scope).await;
        assert_eq!((answer.refusal(), number(&answer)), ((400, error), code), "{scope}");
    }
    for (resource, error) in
        [("", "invalid_request"), ("api://orders", "invalid_resource"), ("api://stock/.default", "invalid_resource")]
    {
        assert_eq!(ask_v1(&directory, CONTOSO, resource).await.refusal(), (400, error), "{resource}");
    }
    assert_eq!(ask_v2(&directory, CONTOSO, &format!("{STOCK}/.default")).await.status, 200, "by its client id");
}

#[tokio::test]
async fn an_application_that_is_absent_from_a_tenant_is_refused_there() {
    let directory = contoso();
    let absent = ask_v2(&directory, FABRIKAM, "api://stock/.default").await;
    assert_eq!((absent.refusal(), number(&absent)), ((400, "unauthorized_client"), 700_016));
    for authority in ["common", "organizations", "consumers", "contoso.onmicrosoft.com"] {
        let answer = ask_v2(&directory, authority, "api://stock/.default").await;
        assert_eq!(answer.refusal(), (400, "unauthorized_client"), "{authority}");
    }
}

#[tokio::test]
async fn each_tenant_agrees_for_itself() {
    let directory = TestDirectory::new();
    let (contoso, fabrikam) = (directory.tenant(CONTOSO), directory.tenant(FABRIKAM));
    let stock = contoso.register(STOCK).app_id_uri("api://stock").app_role("Items.Process");
    let jobs = contoso.register(JOBS).secret(SECRET).assign_role(&stock, "Items.Process");

    let jobs_there = fabrikam.add(&jobs);
    let answer = ask_v2(&directory, FABRIKAM, "api://stock/.default").await;
    assert_eq!((answer.refusal(), number(&answer)), ((400, "invalid_resource"), 500_011), "the API is absent");

    let stock_there = fabrikam.add(&stock);
    let claims = ask_v2(&directory, FABRIKAM, "api://stock/.default").await.claims();
    assert_eq!(claims.get("roles"), None, "what Contoso agreed to is nothing here");
    assert_eq!((&claims["tid"], &claims["oid"]), (&json!(FABRIKAM), &json!(jobs_there.object_id())));
    assert_ne!(jobs.object_id(), jobs_there.object_id());

    jobs_there.assign_role(&stock_there, "Items.Process");
    let claims = ask_v2(&directory, FABRIKAM, "api://stock/.default").await.claims();
    assert_eq!(claims["roles"], json!(["Items.Process"]));
}

#[tokio::test]
async fn a_tenant_is_the_same_however_its_id_is_spelled() {
    let directory = TestDirectory::new();
    let tenant = directory.tenant(&FABRIKAM.to_ascii_uppercase());
    tenant.register(STOCK).app_id_uri("api://stock");
    directory.tenant(FABRIKAM).register(JOBS).secret(SECRET);
    for spelled in [FABRIKAM, &FABRIKAM.to_ascii_uppercase()] {
        let claims = ask_v2(&directory, spelled, "api://stock/.default").await.claims();
        assert_eq!((&claims["tid"], &claims["iss"]), (&json!(FABRIKAM), &json!(format!("{HOST}/{FABRIKAM}/v2.0"))));
    }
}

#[test]
#[should_panic(expected = "is the identifier of another application of this tenant")]
fn two_apis_of_a_tenant_have_no_common_identifier() {
    let tenant = TestDirectory::new().tenant(CONTOSO);
    tenant.register(STOCK).app_id_uri("api://stock");
    tenant.register(JOBS).app_id_uri("api://stock");
}

#[test]
#[should_panic(expected = "is not there where")]
fn a_role_of_an_api_that_is_absent_from_the_tenant_is_a_misuse_that_is_named() {
    let directory = TestDirectory::new();
    let stock = directory.tenant(CONTOSO).register(STOCK).app_role("Items.Process");
    directory.tenant(FABRIKAM).register(JOBS).assign_role(&stock, "Items.Process");
}

#[test]
#[should_panic(expected = "Entra takes no bare keys")]
fn a_bare_key_is_a_misuse_that_is_named() {
    let key = super::key(tower_bearer::jose::Algorithm::ES256, "1");
    TestDirectory::new().tenant(CONTOSO).register(JOBS).public_key(&key.public_jwk());
}

#[tokio::test]
async fn errors_hold_what_microsoft_s_do() {
    let directory = contoso();
    let url = format!("{HOST}/{CONTOSO}/oauth2/v2.0/token");
    let form = [("grant_type", "client_credentials"), ("client_id", JOBS), ("client_secret", "wrong")];
    let mut request = request(&url, &[&form[..], &[("scope", "api://stock/.default")]].concat());
    let correlation = "5fc87507-4086-4e77-b415-cee677eb232e";
    request.headers_mut().insert("client-request-id", correlation.parse().unwrap());
    directory.clock().set_wall_clock(std::time::UNIX_EPOCH + Duration::from_secs(1_795_339_800));
    let answer = send(directory.transport(), request).await;
    assert_eq!(answer.refusal(), (401, "invalid_client"));
    let body = &answer.body;
    assert_eq!((&body["timestamp"], &body["correlation_id"]), (&json!("2026-11-22 09:30:00Z"), &json!(correlation)));
    assert_eq!(body["error_codes"], json!([7_000_215]));
    assert_eq!(body["error_uri"], format!("{HOST}/error?code=7000215"));
    let trace = body["trace_id"].as_str().unwrap();
    assert_eq!(trace.len(), 36);
    let description = body["error_description"].as_str().unwrap();
    assert!(description.starts_with("AADSTS7000215: "), "{description}");
    assert!(
        description
            .ends_with(&format!(" Trace ID: {trace} Correlation ID: {correlation} Timestamp: 2026-11-22 09:30:00Z"))
    );
}

#[tokio::test]
async fn a_long_life_brings_the_time_to_renew_ahead() {
    let directory = TestDirectory::new();
    let tenant = directory.tenant(CONTOSO);
    let stock = tenant.register(STOCK).app_id_uri("api://stock").token_lifetime(Duration::from_secs(24 * 60 * 60));
    tenant.register(JOBS).secret(SECRET);
    let long = ask_v2(&directory, CONTOSO, "api://stock/.default").await;
    assert_eq!((&long.body["expires_in"], &long.body["refresh_in"]), (&json!(86_399), &json!(43_200)));
    stock.token_lifetime(Duration::from_secs(60)).optional_claim("idtyp", "app");
    let short = ask_v2(&directory, CONTOSO, "api://stock/.default").await;
    assert_eq!((&short.body["expires_in"], short.body.get("refresh_in")), (&json!(59), None));
    let claims = short.claims();
    assert_eq!((&claims["idtyp"], claims["exp"].as_u64()), (&json!("app"), claims["iat"].as_u64().map(|iat| iat + 60)));
}

#[tokio::test]
async fn other_clouds_have_their_own_hosts() {
    for (directory, iss) in [
        (TestDirectory::us_government(), "https://login.microsoftonline.us"),
        (TestDirectory::china(), "https://login.partner.microsoftonline.cn"),
    ] {
        let tenant = directory.tenant(CONTOSO);
        tenant.register(STOCK).app_id_uri("api://stock");
        tenant.register(JOBS).secret(SECRET);
        let claims = ask_v2(&directory, CONTOSO, "api://stock/.default").await.claims();
        assert_eq!(claims["iss"], format!("{iss}/{CONTOSO}/v2.0"));
        let elsewhere = format!("{HOST}/{CONTOSO}/oauth2/v2.0/token");
        assert_eq!(send(directory.transport(), request(&elsewhere, &[])).await.status, 404);
        assert_eq!(directory.requests(Endpoint::Token), 1);
    }
}
