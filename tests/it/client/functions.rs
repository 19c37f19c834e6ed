//! Keys that are elsewhere, and assertions that somebody else gives: functions of the user's, which may do anything.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::json;
use tokio::time::Instant;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::TestClock;
use tower_bearer::{Credential, TokenError, TokenErrorKind};

use super::made::{Pair, RSA_A, RSA_B, public, rsa_public};
use super::{CLIENT, asked_with, issuer, reader};
use crate::hostile::world::der_signature;
use crate::support::Log;

/// What a caller is told, where no request may be made.
async fn failure(credential: Credential) -> TokenError {
    let (endpoint, issuer) = issuer();
    let error = reader(&issuer.client(CLIENT, credential)).token().await.unwrap_err();
    assert_eq!(endpoint.count(), 0, "a request was sent all the same");
    error
}

const SIGNER: &str = "the function given to Credential::signer(..) or certificate_signer(..)";
const ASSERTION: &str = "the function given to Credential::assertion(..)";

// --- signers ---

#[tokio::test]
async fn a_signer_is_given_the_algorithm_and_what_to_sign_and_may_take_its_time() {
    let key = Arc::new(SigningKey::generate(Algorithm::ES384).unwrap());
    let verifying = public(&key);
    let vault = Arc::clone(&key);
    let credential = Credential::signer(Algorithm::ES384, move |algorithm, message| {
        let vault = Arc::clone(&vault);
        async move {
            assert_eq!(algorithm, Algorithm::ES384);
            tokio::task::yield_now().await;
            vault.sign(&message)
        }
    });
    let assertion = asked_with(credential.key_id("vault-1").unwrap()).await.assertion();
    assert_eq!(assertion.header(), json!({ "alg": "ES384", "kid": "vault-1" }));
    assert!(assertion.is_signed_for(&verifying));
}

/// Signs with this RSA key, whatever is asked for, and writes down what was.
fn vault(pkcs8: &'static [u8]) -> (Arc<Mutex<Vec<Algorithm>>>, impl Fn(Algorithm, Bytes) -> Signed) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&asked);
    let sign = move |algorithm, message: Bytes| {
        written.lock().unwrap().push(algorithm);
        ready(SigningKey::from_pkcs8(algorithm, pkcs8).unwrap().sign(&message).map_err(drop))
    };
    (asked, sign)
}

type Signed = std::future::Ready<Result<Vec<u8>, ()>>;

#[tokio::test]
async fn the_key_of_a_certificate_may_be_elsewhere_and_is_asked_for_ps256_or_on_demand_rs256() {
    let pair = Pair::rsa(RSA_A);
    let (asked, sign) = vault(RSA_A);
    let credential = Credential::certificate_signer(&pair.certificate, sign).unwrap();
    let newer = asked_with(credential.clone().certificate_chain().unwrap()).await.assertion();
    let older = asked_with(credential.sha1_thumbprint().unwrap()).await.assertion();
    assert_eq!(*asked.lock().unwrap(), [Algorithm::PS256, Algorithm::RS256]);
    assert!(newer.is_signed_for(&rsa_public(RSA_A, Algorithm::PS256)));
    assert!(older.is_signed_for(&rsa_public(RSA_A, Algorithm::RS256)));
    let names = |header: serde_json::Value| header.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(newer.header()), ["alg", "typ", "x5c", "x5t#S256"]);
    assert_eq!(names(older.header()), ["alg", "typ", "x5t"]);
}

#[tokio::test]
async fn a_signature_that_is_not_of_the_certificates_key_is_not_sent() {
    let certificate = Pair::rsa(RSA_A).certificate;
    let (_, other_key) = vault(RSA_B);
    let other_algorithm = |_, message: Bytes| {
        ready(SigningKey::from_pkcs8(Algorithm::RS256, RSA_A).unwrap().sign(&message).map_err(drop))
    };
    let other_message =
        |algorithm, _| ready(SigningKey::from_pkcs8(algorithm, RSA_A).unwrap().sign(b"another").map_err(drop));
    for credential in [
        Credential::certificate_signer(&certificate, other_key),
        Credential::certificate_signer(&certificate, other_algorithm),
        Credential::certificate_signer(&certificate, other_message),
        Credential::certificate_signer(&certificate, |_, _| ready(Ok::<_, ()>(vec![0; 256]))),
    ] {
        let error = failure(credential.unwrap()).await;
        assert_eq!(error.kind(), TokenErrorKind::Refused);
        assert_eq!(error.to_string(), format!("{SIGNER} gave a signature that is not of the certificate's key"));
    }
}

#[tokio::test]
async fn a_signature_that_cant_be_one_is_not_sent() {
    let key = Arc::new(SigningKey::generate(Algorithm::ES256).unwrap());
    // As most vaults give it.
    let der = move |_, message: Bytes| ready(key.sign(&message).map(|fixed| der_signature(&fixed)));
    let bytes = |length: usize| move |_, _| ready(Ok::<_, ()>(vec![7; length]));
    for credential in [
        Credential::signer(Algorithm::ES256, der),
        Credential::signer(Algorithm::ES256, bytes(63)),
        Credential::signer(Algorithm::ES384, bytes(64)),
        Credential::signer(Algorithm::ES512, bytes(128)),
        Credential::signer(Algorithm::EdDSA, bytes(32)),
        Credential::signer(Algorithm::Ed25519, bytes(65)),
        Credential::signer(Algorithm::RS256, bytes(0)),
    ] {
        let error = failure(credential).await;
        assert_eq!(error.kind(), TokenErrorKind::Refused);
        assert!(error.to_string().contains("two numbers side by side (RFC 7518 §3.4), not DER"), "{error}");
    }
}

// --- failures, of both ---

#[tokio::test]
async fn what_the_error_of_a_function_says_is_neither_told_nor_logged() {
    let log = Log::capture();
    let signer = Credential::signer(Algorithm::ES256, async |_, _| Err::<Vec<u8>, _>("canary"));
    let certificate = Pair::rsa(RSA_A).certificate;
    let certificate_signer = Credential::certificate_signer(certificate, async |_, _| Err::<Vec<u8>, _>("canary"));
    let assertion = Credential::assertion(async || Err::<String, _>("canary"));
    for (credential, what) in [(signer, SIGNER), (certificate_signer.unwrap(), SIGNER), (assertion, ASSERTION)] {
        let error = failure(credential).await;
        assert_eq!(error.to_string(), format!("{what} failed"));
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
        assert!(error.retry_after().is_some());
    }
    assert!(log.text().contains("no token could be had") && !log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn a_panic_in_a_function_is_an_error_and_the_function_is_called_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let panics = |calls: &Arc<AtomicUsize>| {
        let calls = Arc::clone(calls);
        move || -> std::future::Ready<Result<String, ()>> {
            calls.fetch_add(1, Ordering::Relaxed);
            panic!("canary")
        }
    };
    let panics_at_once = panics(&calls);
    let panics_later = panics(&calls);
    let signer_at_once = panics(&calls);
    let credentials = [
        (Credential::assertion(panics_at_once), ASSERTION),
        (
            Credential::assertion(move || {
                let panics = panics_later.clone();
                async move {
                    tokio::task::yield_now().await;
                    panics().await
                }
            }),
            ASSERTION,
        ),
        (
            Credential::signer(Algorithm::ES256, move |_, _| {
                let never = signer_at_once();
                async move { never.await.map(String::into_bytes) }
            }),
            SIGNER,
        ),
    ];
    let expected = credentials.len();
    for (credential, what) in credentials {
        let error = failure(credential).await;
        assert_eq!(error.to_string(), format!("{what} panicked"));
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    }
    assert_eq!(calls.load(Ordering::Relaxed), expected);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_never_ends_is_an_error_that_names_it_before_callers_give_up() {
    let signer = Credential::signer(Algorithm::ES256, |_, _| pending::<Result<Vec<u8>, ()>>());
    let assertion = Credential::assertion(pending::<Result<String, ()>>);
    for (credential, what) in [(signer, SIGNER), (assertion, ASSERTION)] {
        let start = Instant::now();
        let error = failure(credential).await;
        assert_eq!(error.to_string(), format!("{what} did not end within 8 s"));
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
        assert_eq!(start.elapsed(), Duration::from_secs(8));
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_failed_is_called_again_after_a_while_and_may_do_better() {
    let calls = Arc::new(AtomicUsize::new(0));
    let called = Arc::clone(&calls);
    let credential = Credential::assertion(move || {
        let call = called.fetch_add(1, Ordering::Relaxed);
        async move {
            match call {
                0 => pending().await,
                1 => panic!("once"),
                2 => Err("once"),
                _ => Ok("a.b.c".to_owned()),
            }
        }
    });
    let (endpoint, issuer) = issuer();
    let clock = TestClock::new();
    let jobs = reader(&issuer.clock(&clock).client(CLIENT, credential));
    for number in 1..=3 {
        assert_eq!(jobs.token().await.unwrap_err().kind(), TokenErrorKind::Unavailable);
        assert_eq!(calls.load(Ordering::Relaxed), number);
        // A moment later it is not.
        assert_eq!(jobs.token().await.unwrap_err().kind(), TokenErrorKind::Unavailable);
        assert_eq!(calls.load(Ordering::Relaxed), number);
        clock.advance(Duration::from_secs(5));
    }
    assert_eq!(endpoint.next_request(&jobs).await.assertion().0, "a.b.c");
}

// --- assertions ---

#[tokio::test]
async fn an_assertion_is_asked_for_at_each_token_request_and_sent_as_it_is() {
    let number = AtomicUsize::new(0);
    let credential = Credential::assertion(move || {
        ready(Ok::<_, ()>(SecretString::from(format!("a.b.{}", number.fetch_add(1, Ordering::Relaxed)))))
    });
    let (endpoint, issuer) = issuer();
    let jobs = reader(&issuer.client(CLIENT, credential));
    for number in 0..3 {
        let asked = endpoint.next_request(&jobs).await;
        assert_eq!(asked.assertion().0, format!("a.b.{number}"));
        assert_eq!(asked.field("client_id"), Some(CLIENT));
        jobs.token().await.unwrap(); // the cached one
    }
}

#[tokio::test]
async fn what_a_function_gives_that_is_no_assertion_is_not_sent() {
    for given in ["", " ", "a.b.c\n", " a.b.c", "a.b c.d", "opaque", "a.b", "a.b.c.d", ".b.c", "a.b.ö", "a.b.\u{0}"] {
        let error = failure(Credential::assertion(move || ready(Ok::<_, ()>(given.to_owned())))).await;
        assert_eq!(
            error.to_string(),
            format!(
                "{ASSERTION} gave no assertion: it has to be a JWT, parts joined by dots, without white space in it"
            ),
            "{given:?}"
        );
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    }
}
