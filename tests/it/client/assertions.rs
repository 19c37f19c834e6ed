//! `private_key_jwt`: the assertion by which a client proves that it has a key (RFC 7523 §2.2, §3).

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::TestClock;
use tower_bearer::{Credential, Entra, Error, Issuer};

use super::made::{ASYMMETRIC, RSA_A, RSA_B, public, rsa_public, signing_key};
use super::recorded::{Assertion, Recorded};
use super::{CLIENT, CONTOSO, ISSUER, asked_with, issuer, reader};
use crate::hostile::world::pem;

async fn assertion_with(credential: Credential) -> Assertion {
    asked_with(credential).await.assertion()
}

fn es256() -> Credential {
    Credential::private_key(SigningKey::generate(Algorithm::ES256).unwrap())
}

#[tokio::test]
async fn an_assertion_is_all_that_is_sent_beside_what_is_asked_for() {
    let asked = asked_with(es256()).await;
    assert_eq!(asked.names(), ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"]);
    assert_eq!(asked.field("client_id"), Some(CLIENT));
}

#[tokio::test]
async fn each_asymmetric_algorithm_signs_and_the_header_names_it_and_the_key_alone() {
    for algorithm in ASYMMETRIC {
        let key = signing_key(algorithm).with_key_id("of 2026");
        let verifying = public(&key);
        let assertion = assertion_with(Credential::private_key(key)).await;
        assert_eq!(assertion.header(), json!({ "alg": algorithm.as_str(), "kid": "of 2026" }));
        assert!(assertion.is_signed_for(&verifying), "{algorithm}");
        assert!(!assertion.is_signed_for(&public(&other_key(algorithm))), "{algorithm}");
    }
}

fn other_key(algorithm: Algorithm) -> SigningKey {
    match algorithm.as_str().get(..2) {
        Some("RS" | "PS") => SigningKey::from_pkcs8(algorithm, RSA_B).unwrap(),
        _ => SigningKey::generate(algorithm).unwrap(),
    }
}

#[tokio::test]
async fn an_assertion_is_one_to_jsonwebtoken_as_well() {
    let mut judged = 0;
    for algorithm in ASYMMETRIC {
        // It knows neither ES512 nor the name Ed25519.
        let Ok(theirs) = algorithm.as_str().parse::<jsonwebtoken::Algorithm>() else { continue };
        let key = signing_key(algorithm);
        let jwk = serde_json::from_str(&key.public_jwk()).unwrap();
        let assertion = assertion_with(Credential::private_key(key)).await;
        let mut validation = Validation::new(theirs);
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[CLIENT]);
        validation.sub = Some(CLIENT.to_owned());
        validation.validate_nbf = true;
        validation.leeway = 0;
        validation.set_required_spec_claims(&["iss", "sub", "aud", "exp", "nbf"]);
        let read = decode::<Value>(&assertion.0, &DecodingKey::from_jwk(&jwk).unwrap(), &validation);
        assert_eq!(read.unwrap().claims, assertion.claims(), "{algorithm}");
        judged += 1;
    }
    assert_eq!(judged, 9);
}

#[tokio::test]
async fn a_key_without_an_id_is_named_by_none() {
    assert_eq!(assertion_with(es256()).await.header(), json!({ "alg": "ES256" }));
}

#[tokio::test]
async fn a_key_in_pem_signs_and_its_id_is_set_beside_it() {
    let credential = Credential::private_key_pem(Algorithm::RS384, pem("PRIVATE KEY", RSA_A)).unwrap();
    let assertion = assertion_with(credential.key_id("a").unwrap().key_id("b").unwrap()).await;
    assert_eq!(assertion.header(), json!({ "alg": "RS384", "kid": "b" }));
    assert!(assertion.is_signed_for(&rsa_public(RSA_A, Algorithm::RS384)));

    for (algorithm, made) in [
        (Algorithm::ES256, &rcgen::PKCS_ECDSA_P256_SHA256),
        (Algorithm::ES384, &rcgen::PKCS_ECDSA_P384_SHA384),
        (Algorithm::EdDSA, &rcgen::PKCS_ED25519),
    ] {
        let made = rcgen::KeyPair::generate_for(made).unwrap().serialize_pem();
        let verifying = public(&SigningKey::from_pem(algorithm, made.as_bytes()).unwrap());
        let credential = Credential::private_key_pem(algorithm, made).unwrap();
        assert!(assertion_with(credential).await.is_signed_for(&verifying), "{algorithm}");
    }
}

#[tokio::test]
async fn an_id_set_on_the_credential_is_sent_in_place_of_the_keys_own() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap().with_key_id("own");
    let assertion = assertion_with(Credential::private_key(key).key_id("set").unwrap()).await;
    assert_eq!(assertion.header()["kid"], "set");
}

#[tokio::test]
async fn an_assertion_says_who_whom_and_when_by_the_issuers_clock_and_nothing_else() {
    let (endpoint, issuer) = issuer();
    let clock = TestClock::new();
    let jobs = reader(&issuer.clock(&clock).client(CLIENT, es256()));
    for (seconds, fraction) in [(1_800_000_000, 999), (1_700_000_000, 1)] {
        clock.set_wall_clock(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(fraction));
        let claims = endpoint.next_request(&jobs).await.assertion().claims();
        assert_eq!(
            claims,
            json!({
                "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": claims["jti"].as_str().unwrap(),
                "iat": seconds, "nbf": seconds, "exp": seconds + 300,
            })
        );
        assert!(["iat", "nbf", "exp"].iter().all(|name| claims[*name].is_u64()), "{claims}");
    }
}

#[tokio::test]
async fn a_thousand_requests_have_a_thousand_ids() {
    let (endpoint, issuer) = issuer();
    let jobs = reader(&issuer.client(CLIENT, es256()));
    for _ in 0..1_000 {
        endpoint.next_request(&jobs).await;
    }
    let ids: HashSet<String> =
        endpoint.asked().iter().map(|asked| asked.assertion().claims()["jti"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1_000);
    // 16 bytes that nobody can guess.
    assert!(ids.iter().all(|id| id.len() == 22));
}

/// The `aud` of assertions for this issuer.
async fn audience(issuer: Issuer, credential: Credential) -> Value {
    let metadata = json!({ "issuer": issuer.identifier(), "token_endpoint": "https://issuer.test/token?p=1" });
    let endpoint = Recorded::new().with_metadata(&metadata);
    let client = endpoint.serve(issuer).client(CLIENT, credential);
    let jobs = client.client_credentials(["https://stock.test/.default"]).unwrap();
    endpoint.next_request(&jobs).await.assertion().claims()["aud"].clone()
}

#[tokio::test]
async fn an_assertion_is_for_the_issuer_and_with_microsoft_for_its_token_endpoint() {
    let contoso = || Entra::tenant(CONTOSO).unwrap();
    let v2 = format!("https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token");
    let v1 = format!("https://login.microsoftonline.com/{CONTOSO}/oauth2/token");
    let us = format!("https://login.microsoftonline.us/{CONTOSO}/oauth2/v2.0/token");
    let set = "https://proxy.test/oauth2/v2.0/token";
    for (issuer, expected) in [
        (Issuer::new("https://issuer.test/realms/acme/").unwrap(), "https://issuer.test/realms/acme/"),
        (Issuer::new(ISSUER).unwrap().token_endpoint("https://elsewhere.test/token").unwrap(), ISSUER),
        (Issuer::keycloak("https://issuer.test/realms/acme").unwrap(), "https://issuer.test/realms/acme"),
        (contoso().issuer(), &v2),
        (contoso().v1_token_endpoint().issuer(), &v1),
        (contoso().authority_host("https://login.microsoftonline.us").unwrap().issuer(), &us),
        (contoso().issuer().token_endpoint(set).unwrap(), set),
        (Issuer::entra_external_id("acme", CONTOSO).unwrap(), "https://issuer.test/token?p=1"),
        (Issuer::azure_ad_b2c("acme", CONTOSO, "B2C_1_signin").unwrap(), "https://issuer.test/token?p=1"),
    ] {
        assert_eq!(audience(issuer.clone(), es256()).await, expected);
        let set = es256().assertion_audience("urn:whom").unwrap();
        assert_eq!(audience(issuer, set).await, "urn:whom");
    }
}

#[track_caller]
fn says(error: Error, expected: &str) {
    assert!(error.is_configuration());
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_key_in_pem_that_wont_do_is_an_error_that_says_why() {
    let rsa = pem("PRIVATE KEY", RSA_A);
    let ec = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let certificate = super::made::Pair::rsa(RSA_A).certificate;
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"0123456789abcdef");
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
                  -----END RSA PRIVATE KEY-----\n";
    let cut = &rsa[..rsa.len() / 2];
    let two = rsa.clone() + &pem("PRIVATE KEY", RSA_B);
    for (algorithm, given, expected) in [
        (Algorithm::RS256, RSA_A, "this is not PEM but binary"),
        (Algorithm::RS256, b"".as_slice(), "this is not PEM"),
        (Algorithm::RS256, b"my key".as_slice(), "this is not PEM"),
        (Algorithm::RS256, certificate.as_bytes(), "holds no private key, only a certificate"),
        (Algorithm::RS256, encrypted.as_bytes(), "is encrypted"),
        (Algorithm::RS256, legacy.as_bytes(), "is encrypted"),
        (Algorithm::RS256, cut.as_bytes(), "may have been cut short"),
        (Algorithm::RS256, two.as_bytes(), "more than one private key"),
        (Algorithm::RS256, ec.as_bytes(), "RS256 needs an RSA key, but the PEM holds an EC key on P-256"),
        (Algorithm::ES384, ec.as_bytes(), "ES384 needs an EC key on P-384, but the PEM holds an EC key on P-256"),
        (Algorithm::HS256, rsa.as_bytes(), "HS256 signs with a shared secret"),
    ] {
        let error = Credential::private_key_pem(algorithm, given).unwrap_err();
        assert!(error.to_string().starts_with("the client's private key can't be used: "), "{error}");
        says(error, expected);
    }
}

#[test]
fn a_setting_that_would_do_nothing_is_an_error() {
    let key = || Credential::private_key(SigningKey::generate(Algorithm::ES256).unwrap());
    let without_assertion = || {
        [
            Credential::none(),
            Credential::secret("secret"),
            Credential::client_secret_basic("secret"),
            Credential::client_secret_post("secret"),
            Credential::assertion(async || Ok::<_, ()>("a.b.c".to_owned())),
        ]
    };
    let nothing_signed = "no assertion is signed with this credential";
    for credential in without_assertion() {
        says(credential.key_id("1").unwrap_err(), nothing_signed);
    }
    for credential in without_assertion() {
        says(credential.assertion_audience("https://issuer.test").unwrap_err(), nothing_signed);
    }
    for credential in without_assertion() {
        says(credential.certificate_chain().unwrap_err(), nothing_signed);
    }
    for credential in without_assertion() {
        says(credential.sha1_thumbprint().unwrap_err(), nothing_signed);
    }
    says(key().certificate_chain().unwrap_err(), "certificate_chain() does nothing here: it is no certificate");
    says(key().sha1_thumbprint().unwrap_err(), "sha1_thumbprint() does nothing here: it is no certificate");
    says(key().key_id("").unwrap_err(), "key_id(..) does nothing here: it is empty");
    says(key().assertion_audience("").unwrap_err(), "assertion_audience(..) does nothing here: it is empty");
}
