//! From the credential to the API: a token endpoint that really checks takes what is sent, and the API takes the token.

use std::future::ready;
use std::time::Duration;

use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::{TestApp, TestDirectory, TestIssuer};
use tower_bearer::{Credential, Entra, Resource, TokenError, TokenErrorKind};

use super::folder::Folder;
use super::made::{ASYMMETRIC, Pair, RSA_A, RSA_B, signing_key};
use super::{CONTOSO, FABRIKAM};
use crate::hostile::world::pem;

const STOCK: &str = "api://stock";
const ODD: &str = r#"se:cr%t+/~ &="qü€"#;

/// An issuer with an API, and a client that may read its items and has no credential yet.
fn stock() -> (TestIssuer, TestApp) {
    let authority = TestIssuer::new();
    let api = authority.register(STOCK).expose_scope("items.read");
    let client = authority.register("https://jobs.test/a b").allow_scope(&api, "items.read");
    (authority, client)
}

/// Two tokens after each other, of which the API takes both.
async fn calls_twice(authority: &TestIssuer, app: &TestApp, credential: Credential) -> Result<(), TokenError> {
    let issuer = authority.issuer();
    let validator = issuer.validator(STOCK);
    let jobs = issuer.client(app.client_id(), credential).client_credentials(["items.read"]).unwrap();
    let first = jobs.token().await?;
    jobs.forget(&first);
    let second = jobs.token().await?;
    assert_ne!(first.secret(), second.secret());
    for token in [first, second] {
        let verified = validator.verify(token.secret()).await.unwrap();
        assert!(verified.has_scope("items.read"));
        assert_eq!(verified.client_id(), Some(app.client_id()));
    }
    Ok(())
}

async fn is_refused(authority: &TestIssuer, app: &TestApp, credential: Credential) {
    let error = calls_twice(authority, app, credential).await.unwrap_err();
    assert_eq!((error.kind(), error.error_code()), (TokenErrorKind::Refused, Some("invalid_client")), "{error}");
}

#[tokio::test]
async fn a_secret_full_of_odd_characters_is_taken_in_the_header_and_in_the_form_and_another_one_is_not() {
    let (authority, app) = stock();
    app.secret(ODD);
    for sent in [
        |secret: &str| Credential::secret(secret),
        |secret: &str| Credential::client_secret_basic(secret),
        |secret: &str| Credential::client_secret_post(secret),
    ] {
        calls_twice(&authority, &app, sent(ODD)).await.unwrap();
        is_refused(&authority, &app, sent("another")).await;
    }
    is_refused(&authority, &app, Credential::none()).await;
}

#[tokio::test]
async fn a_key_of_each_algorithm_is_taken_and_another_one_is_not() {
    for algorithm in ASYMMETRIC {
        let (authority, app) = stock();
        let key = || signing_key(algorithm).with_key_id("jobs-1");
        let good = key();
        app.public_key(&good.public_jwk());
        calls_twice(&authority, &app, Credential::private_key(good)).await.unwrap();
        let other = match algorithm.as_str().get(..2) {
            Some("RS" | "PS") => SigningKey::from_pkcs8(algorithm, RSA_B).unwrap().with_key_id("jobs-1"),
            _ => key(),
        };
        is_refused(&authority, &app, Credential::private_key(other)).await;
    }
}

#[tokio::test]
async fn an_assertion_for_the_token_endpoint_is_taken_and_one_for_another_server_is_not() {
    let (authority, app) = stock();
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let public = SigningKey::from_pem(Algorithm::ES256, pem.as_bytes()).unwrap().with_key_id("jobs-1").public_jwk();
    app.public_key(&public);
    let credential = || Credential::private_key_pem(Algorithm::ES256, &pem).unwrap().key_id("jobs-1").unwrap();
    let endpoint = authority.issuer().metadata().await.unwrap().token_endpoint().unwrap();
    let to = |audience: &str| credential().assertion_audience(audience).unwrap();
    calls_twice(&authority, &app, to(&endpoint)).await.unwrap();
    is_refused(&authority, &app, to("https://another.test")).await;
    is_refused(&authority, &app, credential().key_id("jobs-2").unwrap()).await;
}

#[tokio::test]
async fn a_certificate_is_taken_in_each_of_its_forms_and_another_one_is_not() {
    let (authority, app) = stock();
    let (pair, _) = Pair::issued(RSA_A);
    app.certificate(&pair.certificate);
    let credential = |pair: &Pair| Credential::certificate(&pair.certificate, &pair.key).unwrap();
    let sign =
        |algorithm, message: bytes::Bytes| ready(SigningKey::from_pkcs8(algorithm, RSA_A).unwrap().sign(&message));
    for good in [
        credential(&pair),
        credential(&pair).certificate_chain().unwrap(),
        credential(&pair).sha1_thumbprint().unwrap(),
        credential(&pair).sha1_thumbprint().unwrap().certificate_chain().unwrap(),
        Credential::certificate_signer(&pair.certificate, sign).unwrap(),
    ] {
        calls_twice(&authority, &app, good).await.unwrap();
    }
    for other in [Pair::rsa(RSA_B), Pair::for_the_next(RSA_A, Duration::from_secs(3600))] {
        is_refused(&authority, &app, credential(&other)).await;
    }
}

#[tokio::test]
async fn the_token_of_a_workload_is_taken_for_its_application_alone() {
    let (authority, app) = stock();
    let cluster = TestIssuer::named("https://cluster.test");
    app.federated(&cluster, "system:serviceaccount:shop:jobs");
    let folder = Folder::new();
    let token = |subject: &str| cluster.token(authority.identifier()).subject(subject).header("typ", "JWT").sign();
    let path = folder.put("token", token("system:serviceaccount:shop:jobs") + "\n");
    calls_twice(&authority, &app, Credential::assertion_file(&path).unwrap()).await.unwrap();
    folder.put("token", token("system:serviceaccount:shop:other"));
    is_refused(&authority, &app, Credential::assertion_file(&path).unwrap()).await;
    let given = token("system:serviceaccount:shop:jobs");
    let credential = Credential::assertion(move || ready(Ok::<_, ()>(given.clone())));
    calls_twice(&authority, &app, credential).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_replaced_on_both_sides_serves_on() {
    let (authority, app) = stock();
    let folder = Folder::new();
    let register = |pkcs8| {
        let key = SigningKey::from_pkcs8(Algorithm::PS256, pkcs8).unwrap().with_key_id("jobs");
        app.remove_credentials().public_key(&key.public_jwk());
    };
    register(RSA_A);
    let path = folder.put("key.pem", pem("PRIVATE KEY", RSA_A));
    let credential = Credential::private_key_file(Algorithm::PS256, path).unwrap().key_id("jobs").unwrap();
    calls_twice(&authority, &app, credential.clone()).await.unwrap();
    register(RSA_B);
    is_refused(&authority, &app, credential.clone()).await;
    folder.put("key.pem", pem("PRIVATE KEY", RSA_B));
    calls_twice(&authority, &app, credential).await.unwrap();
}

// --- Entra ---

const JOBS: &str = "c1c1c1c1-0000-4000-8000-000000000009";
const API: &str = "66666666-7777-8888-9999-000000000000";

/// The API, and the client that may process its items, in both tenants.
fn directory() -> (TestDirectory, TestApp) {
    let directory = TestDirectory::new();
    let (contoso, fabrikam) = (directory.tenant(CONTOSO), directory.tenant(FABRIKAM));
    let api = contoso.register(API).app_id_uri(STOCK).app_role("Items.Process");
    let jobs = contoso.register(JOBS).assign_role(&api, "Items.Process");
    let api = fabrikam.add(&api);
    fabrikam.add(&jobs).assign_role(&api, "Items.Process");
    (directory, jobs)
}

#[tokio::test]
async fn an_application_gets_its_roles_at_entra_by_secret_and_certificate_in_both_versions_and_each_tenant() {
    let (directory, jobs) = directory();
    let pair = Pair::rsa(RSA_A);
    jobs.secret("secret").certificate(&pair.certificate);
    let certificate = Credential::certificate(&pair.certificate, &pair.key).unwrap();
    for credential in [
        Credential::secret("secret"),
        certificate.clone(),
        certificate.clone().certificate_chain().unwrap(),
        certificate.sha1_thumbprint().unwrap(),
    ] {
        for entra in [Entra::any_tenant(), Entra::any_tenant().v1_token_endpoint()] {
            let issuer = directory.issuer(entra);
            let validator = issuer.validator(STOCK).audience(API);
            let client = issuer.client(JOBS, credential.clone());
            for tenant in [CONTOSO, FABRIKAM] {
                let client = client.for_tenant(tenant).unwrap();
                for source in [client.client_credentials([STOCK]), client.client_credentials(Resource(STOCK))] {
                    let token = source.unwrap().token().await.unwrap();
                    let verified = validator.verify(token.secret()).await.unwrap();
                    assert_eq!((verified.tenant(), verified.client_id()), (Some(tenant), Some(JOBS)));
                    assert!(verified.has_role("Items.Process"));
                    assert_eq!(verified.is_application(), Some(true));
                }
            }
        }
    }
}

#[tokio::test]
async fn what_entra_does_not_know_is_refused_and_the_operator_has_to_act() {
    let (directory, jobs) = directory();
    jobs.secret("secret").certificate(Pair::rsa(RSA_A).certificate);
    let issuer = directory.issuer(Entra::tenant(CONTOSO).unwrap());
    let other = Pair::rsa(RSA_B);
    let other = Credential::certificate(other.certificate, other.key).unwrap();
    for (client_id, credential, api) in [
        (JOBS, Credential::secret("another"), STOCK),
        (JOBS, other, STOCK),
        (JOBS, Credential::none(), STOCK),
        (API, Credential::secret("secret"), STOCK),
        (CONTOSO, Credential::secret("secret"), STOCK),
        (JOBS, Credential::secret("secret"), "api://unknown"),
    ] {
        let source = issuer.client(client_id, credential).client_credentials([api]).unwrap();
        let error = source.token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Refused, "{error}");
        assert!(!error.error_numbers().is_empty() && error.retry_after().is_none(), "{error}");
    }
}
