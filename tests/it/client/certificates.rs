//! Certificates, as Entra takes them: what assertions say of them, and which ones won't do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestClock;
use tower_bearer::{Credential, Entra, Error, TokenErrorKind};

use super::made::{Pair, RSA_A, RSA_B, rsa_public};
use super::recorded::{Assertion, Recorded};
use super::{CLIENT, CONTOSO, asked_with, issuer, reader};
use crate::hostile::world::pem;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn credential(pair: &Pair) -> Credential {
    Credential::certificate(&pair.certificate, &pair.key).unwrap()
}

async fn assertion_with(credential: Credential) -> Assertion {
    asked_with(credential).await.assertion()
}

fn sha256(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, der))
}

fn sha1(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der))
}

// --- what is sent ---

#[tokio::test]
async fn a_certificate_is_named_by_sha_256_and_its_key_signs_with_ps256() {
    let pair = Pair::rsa(RSA_A);
    let assertion = assertion_with(credential(&pair)).await;
    let thumbprint = sha256(&pair.der);
    assert_eq!(assertion.header(), json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
    assert_eq!((thumbprint.len(), thumbprint.contains('=')), (43, false));
    assert!(assertion.is_signed_for(&rsa_public(RSA_A, Algorithm::PS256)));
}

#[tokio::test]
async fn an_assertion_of_a_certificate_has_the_claims_of_any_other() {
    let endpoint = Recorded::new();
    let entra = endpoint.serve(Entra::tenant(CONTOSO).unwrap());
    let client = entra.client(CLIENT, credential(&Pair::rsa(RSA_A)));
    let asked = endpoint.next_request(&client.client_credentials(["api://stock"]).unwrap()).await;
    let claims = asked.assertion().claims();
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]);
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
    assert_eq!(claims["aud"], asked.url);
    assert_eq!(asked.names(), ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"]);
}

#[tokio::test]
async fn the_chain_goes_along_when_asked_for_the_clients_own_first_in_standard_base64() {
    let (pair, authority) = Pair::issued(RSA_A);
    let assertion = assertion_with(credential(&pair).certificate_chain().unwrap()).await;
    let chain = json!([STANDARD.encode(&pair.der), STANDARD.encode(authority)]);
    assert_eq!(
        assertion.header(),
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": sha256(&pair.der), "x5c": chain })
    );
    // Else the chain stays here.
    assert_eq!(assertion_with(credential(&pair)).await.header().get("x5c"), None);
}

#[tokio::test]
async fn an_older_server_gets_sha_1_and_rs256_and_no_sha_256() {
    let pair = Pair::rsa(RSA_A);
    let assertion = assertion_with(credential(&pair).sha1_thumbprint().unwrap()).await;
    assert_eq!(assertion.header(), json!({ "alg": "RS256", "typ": "JWT", "x5t": sha1(&pair.der) }));
    assert!(assertion.is_signed_for(&rsa_public(RSA_A, Algorithm::RS256)));
    let with_chain = credential(&pair).certificate_chain().unwrap().sha1_thumbprint().unwrap();
    let header = assertion_with(with_chain).await.header();
    assert_eq!(header["x5c"], json!([STANDARD.encode(&pair.der)]));
    assert_eq!(header["alg"], "RS256");
}

#[tokio::test]
async fn certificate_and_key_may_stand_in_one_text_in_any_order() {
    let pair = Pair::rsa(RSA_A);
    for one in [pair.certificate.clone() + &pair.key, pair.key.clone() + &pair.certificate] {
        let assertion = assertion_with(Credential::certificate(&one, &one).unwrap()).await;
        assert_eq!(assertion.header()["x5t#S256"], sha256(&pair.der));
        assert!(assertion.is_signed_for(&rsa_public(RSA_A, Algorithm::PS256)));
    }
}

// --- what won't do ---

/// Of an RSA key of 1,024 bits.
const OF_A_SHORT_KEY: &str = "\
-----BEGIN CERTIFICATE-----
MIICADCCAWmgAwIBAgIUGLJ94HtpCPGnCaCUSAcEquRQtJEwDQYJKoZIhvcNAQEL
BQAwETEPMA0GA1UEAwwGb3JkZXJzMCAXDTI2MTEyNTEzMTE1NFoYDzIxMjYxMTAx
MTMxMTU0WjARMQ8wDQYDVQQDDAZvcmRlcnMwgZ8wDQYJKoZIhvcNAQEBBQADgY0A
MIGJAoGBAMpQypR3hRarwpiTq5HGrJ79c5VsAQ4+mRZmEsw14zEKqw4ey0Gql8/b
8IEun+5S97Jp9cYARpyOxQS+62xJBtRAba2/9OM3WG741i+bJUlGxAGfbC1Qvdj2
7VoZ02GOAkLW7qLCbnT/ygLPRMIjTkzlv8XRbgjFzyEeuhLWxmT5AgMBAAGjUzBR
MB0GA1UdDgQWBBQcaN+v5jwcTkjF/IuIUz/8ViQ4OTAfBgNVHSMEGDAWgBQcaN+v
5jwcTkjF/IuIUz/8ViQ4OTAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUA
A4GBAHjUdzoBtibFDY/qJAu8ZPVuoBK3pjDBYvkXiZzf3zVRiifBjUomb/HGoUe2
qDUuV4SguJ17KW8qW6rx86U0VTOyLqvqDBuDSIpPRJkms+eNzijtsmTtrkicT5NN
b/qdIgyLKlCKQxTeUCXL2Pjv/W44ewcBtJQX+kCGHWev9ob0
-----END CERTIFICATE-----";

fn error(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    let error: Error = Credential::certificate(certificate, key).unwrap_err();
    assert!(error.is_configuration());
    error.to_string()
}

#[test]
fn a_certificate_that_wont_do_is_an_error_that_says_why() {
    let Pair { certificate, key, der } = Pair::rsa(RSA_A);
    let no_certificate = pem("CERTIFICATE", b"no certificate");
    let cut = &certificate[..certificate.len() / 2];
    let ec = Pair::ec();
    let rows: [(&str, &[u8], &str); 9] = [
        ("DER", &der, "this is not PEM but binary"),
        ("empty", b"", "this is not PEM"),
        ("some text", b"certificate", "this is not PEM"),
        ("the key", key.as_bytes(), "the PEM holds no certificate, only a key"),
        ("something else in PEM", no_certificate.as_bytes(), "certificate 1 in the PEM is not an X.509 certificate"),
        ("cut short", cut.as_bytes(), "may have been cut short"),
        ("of an EC key", ec.certificate.as_bytes(), "it has to be for an RSA key"),
        ("of a short key", OF_A_SHORT_KEY.as_bytes(), "the RSA key is shorter than 2048 bits"),
        ("a damaged one behind", &[certificate.as_bytes(), no_certificate.as_bytes()].concat(), "certificate 2 in"),
    ];
    for (name, given, expected) in rows {
        let said = error(given, &key);
        assert!(said.starts_with("the client's certificate can't be used"), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        let signer = Credential::certificate_signer(given, async |_, _| Ok::<_, ()>(Vec::new())).unwrap_err();
        assert_eq!(signer.to_string(), said, "{name}");
    }
}

#[test]
fn a_key_that_wont_do_for_a_certificate_is_an_error_that_says_why() {
    let Pair { certificate, key, .. } = Pair::rsa(RSA_A);
    let ec = Pair::ec().key;
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"0123456789abcdef");
    let two = key.clone() + &key;
    let rows: [(&str, &[u8], &str); 7] = [
        ("DER", RSA_A, "this is not PEM but binary"),
        ("empty", b"", "this is not PEM"),
        ("a certificate", certificate.as_bytes(), "the PEM holds no private key, only a certificate"),
        ("encrypted", encrypted.as_bytes(), "is encrypted; decrypt it with `openssl pkey"),
        ("two", two.as_bytes(), "more than one private key"),
        ("EC", ec.as_bytes(), "the PEM holds an EC key on P-256; with a certificate, assertions are signed with PS256"),
        ("cut short", &key.as_bytes()[..800], "may have been cut short"),
    ];
    for (name, given, expected) in rows {
        let said = error(&certificate, given);
        assert!(said.starts_with("the key of the client's certificate can't be used: "), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        assert_eq!(said.contains("has to be for an RSA key"), name == "EC", "{name}: {said}");
    }
}

#[test]
fn a_key_and_a_certificate_that_dont_belong_together_are_an_error() {
    let (a, b) = (Pair::rsa(RSA_A), Pair::rsa(RSA_B));
    assert_eq!(
        error(&a.certificate, &b.key),
        "the client's certificate and its key don't belong together: the certificate is for another key"
    );
    let wrong_order = b.certificate.clone() + &a.certificate;
    assert_eq!(
        error(wrong_order, &a.key),
        "of several certificates, the client's own has to come first: the key belongs to a later one"
    );
}

#[test]
fn a_certificate_that_has_run_out_or_is_not_valid_yet_is_an_error() {
    let now = SystemTime::now();
    let key = Pair::rsa(RSA_A).key;
    let between = |from, to| Pair::between(RSA_A, from, to).certificate;
    let run_out = "the client's certificate has run out: register a new one and put it in its place";
    let too_early = "the client's certificate is not valid yet";
    assert_eq!(error(between(UNIX_EPOCH, now - DAY), &key), run_out);
    assert_eq!(error(between(UNIX_EPOCH, now - Duration::from_secs(2)), &key), run_out);
    assert_eq!(error(between(now + DAY, now + 2 * DAY), &key), too_early);
    // Their clock may be ahead of ours.
    let fresh = between(now + Duration::from_secs(60), now + DAY);
    assert!(Credential::certificate(fresh, &key).is_ok());
    let signer = |pem| Credential::certificate_signer(pem, async |_, _| Ok::<_, ()>(Vec::new()));
    assert_eq!(signer(between(UNIX_EPOCH, now - DAY)).unwrap_err().to_string(), run_out);
}

#[test]
fn a_certificate_has_no_key_id_that_could_be_set() {
    let error = credential(&Pair::rsa(RSA_A)).key_id("1").unwrap_err();
    assert_eq!(error.to_string(), "key_id(..) does nothing here: a certificate is named by its thumbprint");
}

#[tokio::test]
async fn a_certificate_that_runs_out_while_the_service_lives_is_not_sent_and_the_error_says_so() {
    let (endpoint, issuer) = issuer();
    let clock = TestClock::new();
    let pair = Pair::for_the_next(RSA_A, 2 * DAY);
    let jobs = reader(&issuer.clock(&clock).client(CLIENT, credential(&pair)));
    clock.advance(2 * DAY - Duration::from_secs(5));
    endpoint.next_request(&jobs).await;
    clock.advance(DAY);
    let error = jobs.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    assert_eq!(error.to_string(), "the client's certificate has run out: put a new one in its place");
    assert_eq!((error.retry_after(), endpoint.count()), (None, 1));
}
