//! The directory for tests is like Microsoft's: what its tokens, key sets and metadata hold.

use std::time::Duration;

use serde_json::{Map, Value};
use tower_bearer::jose::{Algorithm, CompactJws};
use tower_bearer::testing::{TestDirectory, TestToken};
use tower_bearer::{Entra, Issuer, RejectionKind as Kind};

use crate::support::AUDIENCE;

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const API: &str = "66666666-7777-8888-9999-000000000000";

fn claims(token: TestToken) -> Map<String, Value> {
    let token = token.sign();
    serde_json::from_slice(CompactJws::parse(&token).unwrap().payload()).unwrap()
}

#[track_caller]
fn assert_names(claims: &Map<String, Value>, common: &str, own: &str) {
    let mut expected: Vec<_> = common.split(' ').chain(own.split(' ')).collect();
    expected.sort_unstable();
    let mut names: Vec<_> = claims.keys().collect();
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn tokens_have_the_claims_that_microsoft_documents() {
    let common = "aio aud exp iat iss nbf oid rh sub tid uti ver";
    let person_of_v1 = "acr amr family_name given_name ipaddr name unique_name upn";
    let directory = TestDirectory::new();
    let (v1, v2) = (directory.tenant(CONTOSO).v1(), directory.tenant(CONTOSO));

    assert_names(&claims(v1.delegated(AUDIENCE)), common, &format!("appid appidacr scp {person_of_v1}"));
    assert_names(&claims(v2.delegated(API)), common, "azp azpacr name preferred_username scp");
    assert_names(&claims(v1.application(AUDIENCE)), common, "appid appidacr idp roles");
    assert_names(&claims(v2.application(API)), common, "azp azpacr roles");
    assert_names(&claims(v1.id_token(API)), common, &format!("roles {person_of_v1}"));
    assert_names(&claims(v2.id_token(API)), common, "name preferred_username roles");

    for token in [v1.application(AUDIENCE), v2.application(API)] {
        let claims = claims(token);
        assert_eq!(claims["oid"], claims["sub"]);
    }
    for token in [v1.delegated(AUDIENCE), v2.delegated(API), v1.id_token(API), v2.id_token(API)] {
        let claims = claims(token);
        assert_ne!(claims["oid"], claims["sub"]);
    }
    for (token, version, issuer) in [
        (v1.delegated(AUDIENCE), "1.0", "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"),
        (v2.delegated(API), "2.0", "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"),
    ] {
        let claims = claims(token.scope("a b"));
        assert_eq!((&claims["ver"], &claims["iss"], &claims["scp"]), (&version.into(), &issuer.into(), &"a b".into()));
        assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|issued| issued + 3600));
        assert_eq!(claims["nbf"], claims["iat"]);
    }
    assert_eq!((v1.id(), v1.identifier().as_str()), (CONTOSO, claims(v1.id_token(API))["iss"].as_str().unwrap()));
}

#[test]
fn headers_are_those_of_microsoft() {
    let directory = TestDirectory::new();
    for tenant in [directory.tenant(CONTOSO), directory.tenant(CONTOSO).v1()] {
        let token = tenant.delegated(API).sign();
        let jws = CompactJws::parse(&token).unwrap();
        let header = jws.header().unwrap();
        assert_eq!((header.algorithm(), header.media_type()), (Some(Algorithm::RS256), Some("JWT")));
        assert_eq!(header.key_id(), directory.signing_key().key_id());
    }
    let token = directory.personal_accounts().delegated(API).sign();
    let jws = CompactJws::parse(&token).unwrap();
    assert_eq!(jws.header().unwrap().key_id(), directory.signing_key_of_personal_accounts().key_id());
}

#[tokio::test]
async fn keys_have_no_algorithm_and_a_custom_one_stands_alone() {
    let directory = TestDirectory::new();
    let custom = directory.custom_signing_key(API);
    assert_eq!(directory.custom_signing_key(API).key_id(), custom.key_id());
    let keys = async |issuer: Issuer| {
        issuer.ready().await.unwrap();
        issuer.status().keys
    };
    let all = keys(directory.issuer(Entra::any_tenant())).await;
    assert_eq!(all.len(), 2);
    // One whose algorithm is told would serve for that alone.
    assert!(all.iter().all(|key| key.algorithms.len() == 6), "{all:?}");
    let of_application = keys(directory.issuer(Entra::any_tenant().custom_signing_keys(API).unwrap())).await;
    assert_eq!(of_application.iter().map(|key| key.key_id.as_deref()).collect::<Vec<_>>(), [custom.key_id()]);
    let of_another = keys(directory.issuer(Entra::any_tenant().custom_signing_keys(CONTOSO).unwrap())).await;
    assert_eq!(of_another, all, "an application without a key of its own");
}

#[tokio::test]
async fn metadata_of_both_versions_is_served_for_each_tenant_and_for_all() {
    let directory = TestDirectory::new();
    let host = "https://login.microsoftonline.com";
    for (authority, named) in [(CONTOSO, CONTOSO), ("common", "{tenantid}"), ("organizations", "{tenantid}")] {
        for (version, issuer) in [
            ("", format!("https://sts.windows.net/{named}/")),
            ("v2.0/", format!("https://login.microsoftonline.com/{named}/v2.0")),
        ] {
            let url = format!("{host}/{authority}/{version}.well-known/openid-configuration");
            let trusted = directory.issuer(Issuer::new(issuer).unwrap().metadata_url(&url).unwrap());
            let metadata = trusted.metadata().await.unwrap();
            let at = |path: &str| Some(format!("{host}/{authority}/{path}"));
            assert_eq!(metadata.jwks_uri(), at(&format!("discovery/{version}keys")));
            assert_eq!(metadata.token_endpoint(), at(&format!("oauth2/{version}token")));
            trusted.ready().await.unwrap();
        }
    }
    let elsewhere = Entra::tenant(CONTOSO).unwrap().authority_host("https://login.microsoftonline.us").unwrap();
    assert!(directory.issuer(elsewhere).ready().await.is_err());
}

#[tokio::test]
async fn its_clock_is_that_of_its_tokens_and_of_those_who_check_them() {
    let directory = TestDirectory::new();
    let validator = directory.issuer(Entra::tenant(CONTOSO).unwrap()).validator(API);
    let tenant = directory.tenant(CONTOSO);
    let token = tenant.delegated(API).sign();
    assert!(validator.verify(&token).await.is_ok());
    directory.clock().advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(validator.verify(&token).await.unwrap_err().kind(), Kind::Expired);
    assert!(validator.verify(&tenant.delegated(API).sign()).await.is_ok());
}
