//! `TestIssuer`: an issuer for tests, in memory and on loopback, whose tokens go through the real validator.

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, SkipReason};
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{Issuer, RejectionKind as Kind, Validator};

const AUDIENCE: &str = "api://orders";

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

fn fetches(authority: &TestIssuer) -> (usize, usize) {
    (authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks))
}

/// An issuer on loopback, and as any service reaches it: by the built-in client, with the system's clock.
async fn served() -> (TestIssuer, Issuer) {
    let authority = TestIssuer::serve().await.unwrap();
    let issuer = Issuer::new(authority.identifier()).unwrap();
    (authority, issuer)
}

/// Lets what goes on in the background go on until this holds.
async fn until(mut holds: impl FnMut() -> bool) {
    let come_about = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), come_about).await.expect("this never came about");
}

// --- on loopback ---

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn it_is_reached_on_loopback_by_the_built_in_client() {
    let (authority, issuer) = served().await;
    assert!(authority.identifier().starts_with("http://127.0.0.1:"));
    let validator = issuer.validator(AUDIENCE);
    assert_eq!(fetches(&authority), (0, 0));
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &authority.token("api://stock").sign()).await, Some(Kind::WrongAudience));
    assert_eq!(fetches(&authority), (1, 1));
    let metadata = issuer.metadata().await.unwrap();
    assert_eq!(metadata.issuer(), authority.identifier());
    assert_eq!(metadata.jwks_uri(), Some(format!("{}/jwks.json", authority.identifier())));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_rotation_on_loopback_is_followed_with_one_request() {
    let (authority, issuer) = served().await;
    let validator = issuer.validator(AUDIENCE);
    let old = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &old).await, None);
    authority.rotate();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &old).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 2));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn redirects_on_loopback_are_not_followed() {
    let (authority, issuer) = served().await;
    let target = TestIssuer::serve().await.unwrap();
    authority.fail(Endpoint::Jwks, Fault::Redirect(format!("{}/jwks.json", target.identifier())));
    let said = issuer.ready().await.unwrap_err().to_string();
    assert!(said.contains("302"), "{said}");
    assert_eq!(fetches(&target), (0, 0));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn faults_on_loopback_are_errors_that_repeat_nothing() {
    let oversized = Fault::Body(vec![b' '; 2 * 1024 * 1024].into());
    let html = Fault::Body("<html>do-not-repeat-me</html>".into());
    for (fault, expected) in [
        (Fault::Status(503), "503"),
        (Fault::Broken, "ended without an answer"),
        (html, "key set"),
        (oversized, "1048576 bytes"),
    ] {
        let (authority, issuer) = served().await;
        authority.fail(Endpoint::Jwks, fault.clone());
        let error = issuer.ready().await.unwrap_err();
        assert!(error.is_unavailable(), "{fault:?}");
        let said = error.to_string();
        assert!(said.contains(expected) && !said.contains("do-not-repeat-me"), "{said}");
        assert_eq!(issuer.status().last_error, Some(error));
        let token = authority.token(AUDIENCE).sign();
        assert_eq!(kind(&issuer.validator(AUDIENCE), &token).await, Some(Kind::KeysUnavailable));
        assert_eq!(authority.requests(Endpoint::Jwks), 1, "failed requests count too");
    }
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn nothing_listens_once_the_last_handle_is_gone() {
    let (authority, issuer) = served().await;
    let clone = authority.clone();
    drop(authority);
    issuer.metadata().await.unwrap();
    let identifier = clone.identifier().to_owned();
    drop(clone);
    tokio::task::yield_now().await; // the server's task ends
    let error = Issuer::new(identifier).unwrap().ready().await.unwrap_err();
    assert!(error.to_string().contains("no connection"), "{error}");
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_held_request_on_loopback_waits_until_it_is_let_go() {
    let (authority, issuer) = served().await;
    let hold = authority.hold(Endpoint::Jwks);
    let caller = tokio::spawn({
        let issuer = issuer.clone();
        async move { issuer.ready().await }
    });
    until(|| fetches(&authority) == (1, 1)).await;
    assert!(!issuer.status().is_ready && !caller.is_finished());
    drop(hold);
    caller.await.unwrap().unwrap();
    assert!(issuer.status().is_ready);
}

#[tokio::test]
async fn one_that_is_served_can_also_be_read_in_memory() {
    let authority = TestIssuer::serve().await.unwrap();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &token).await, None);
    authority.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(kind(&validator, &token).await, Some(Kind::Expired), "and lives by its clock");
}

// --- identifiers ---

#[tokio::test]
async fn it_may_have_any_identifier_that_a_real_issuer_has() {
    for identifier in [
        "https://login.example.com",
        "https://login.example.com:8443",
        "https://acme.eu.auth0.com/",
        "https://login.example.com/realms/acme",
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
    ] {
        let authority = TestIssuer::named(identifier);
        assert_eq!(authority.identifier(), identifier);
        let issuer = authority.issuer();
        assert_eq!(issuer.ready().await, Ok(()), "{identifier}");
        let verified = issuer.validator(AUDIENCE).verify(&authority.token(AUDIENCE).sign()).await.unwrap();
        assert_eq!(verified.issuer(), identifier);
        assert_eq!(fetches(&authority), (1, 1), "{identifier}");
    }
}

#[tokio::test]
async fn two_of_them_do_not_take_each_other_s_tokens() {
    let (one, other) = (TestIssuer::named("https://one.test"), TestIssuer::named("https://other.test"));
    let twin = TestIssuer::named("https://one.test");
    let validator = one.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &one.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &other.token(AUDIENCE).sign()).await, Some(Kind::UnknownIssuer));
    assert_eq!(kind(&validator, &twin.token(AUDIENCE).sign()).await, Some(Kind::BadSignature), "its keys are fresh");
}

#[tokio::test]
async fn clones_are_handles_to_the_same_issuer() {
    let authority = TestIssuer::new();
    let clone = authority.clone();
    clone.rotate();
    clone.advance(Duration::from_secs(5));
    assert_eq!(authority.jwks(), clone.jwks());
    assert_eq!(authority.now(), clone.now());
    assert_eq!(kind(&authority.issuer().validator(AUDIENCE), &clone.token(AUDIENCE).sign()).await, None);
    assert_eq!(fetches(&authority), fetches(&clone));
}

// --- keys ---

#[tokio::test]
async fn rotating_withdraws_the_old_keys() {
    let authority = TestIssuer::new();
    let used = [Algorithm::ES256, Algorithm::RS256, Algorithm::PS512, Algorithm::EdDSA, Algorithm::ES512];
    let signed = || used.map(|algorithm| authority.token(AUDIENCE).algorithm(algorithm).sign());
    let first = signed();
    authority.rotate();
    let second = signed();
    authority.rotate();
    let validator = authority.issuer().validator(AUDIENCE);
    for token in signed() {
        assert_eq!(kind(&validator, &token).await, None);
    }
    for token in first.iter().chain(&second) {
        assert_eq!(kind(&validator, token).await, Some(Kind::UnknownKey));
    }
}

#[test]
fn rotating_brings_another_key_and_not_just_another_name() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, RS256};
    for used in [&[ES256][..], &[RS256], &[RS256, PS256], &[ES384, RS256], &[ES384, EdDSA, RS256, PS256]] {
        let authority = TestIssuer::new();
        used.iter().for_each(|&algorithm| drop(authority.signing_key(algorithm)));
        let keys = || -> Vec<Value> {
            let key = |&algorithm| serde_json::from_str(&authority.signing_key(algorithm).public_jwk()).unwrap();
            used.iter().map(key).collect()
        };
        for _ in 0..3 {
            let before = keys();
            authority.rotate();
            for (new, old) in keys().iter().zip(&before) {
                let numbers = |key: &Value| (key["n"].clone(), key["x"].clone());
                assert_eq!(new["alg"], old["alg"]);
                assert_ne!(new["kid"], old["kid"]);
                assert_ne!(numbers(new), numbers(old), "{} among {used:?}", new["alg"]);
            }
        }
    }
}

#[tokio::test]
async fn rotating_can_keep_the_old_keys_published() {
    let authority = TestIssuer::new();
    let first = authority.token(AUDIENCE).sign();
    authority.rotate_keeping_old();
    let second = authority.token(AUDIENCE).sign();
    authority.rotate_keeping_old();
    let third = authority.token(AUDIENCE).sign();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    for token in [&first, &second, &third] {
        assert_eq!(kind(&validator, token).await, None);
    }
    let ids: Vec<_> = issuer.status().keys.into_iter().map(|key| key.key_id.unwrap()).collect();
    assert_eq!(ids, ["es256-1", "es256-2", "es256-3"]);
    authority.rotate();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    for token in [first, second, third] {
        assert_eq!(kind(&validator, &token).await, Some(Kind::UnknownKey), "all old ones are withdrawn");
    }
}

#[test]
fn a_key_is_made_once_per_algorithm_and_published() {
    let authority = TestIssuer::new();
    for &algorithm in Algorithm::ASYMMETRIC {
        let key = authority.signing_key(algorithm);
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.key_id(), authority.signing_key(algorithm).key_id());
        assert!(authority.jwks().contains(key.key_id().unwrap()), "{algorithm}");
    }
}

#[test]
#[should_panic(expected = "TestIssuer can't make a key for HS256")]
fn a_symmetric_algorithm_is_a_misuse_that_it_names() {
    TestIssuer::new().token(AUDIENCE).algorithm(Algorithm::HS256).sign();
}

// --- tokens ---

#[tokio::test]
async fn a_token_has_what_was_set_and_lacks_what_was_left_out() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority
        .token(["api://stock", AUDIENCE])
        .subject("alice")
        .scope("orders.read")
        .roles(["Manager"])
        .claim("department", "sales")
        .expires_in(Duration::from_secs(60))
        .without("client_id")
        .header("x-own", 1)
        .without_header("typ")
        .sign();
    let verified = validator.verify(&token).await.unwrap();
    let claims = verified.claims::<Value>().unwrap();
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "department", "exp", "iat", "iss", "jti", "roles", "scope", "sub"]);
    assert_eq!(claims["aud"], json!(["api://stock", "api://orders"]));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
    let header = tower_bearer::jose::CompactJws::parse(&token).unwrap();
    assert_eq!(header.header().unwrap().media_type(), None);
    assert_eq!(header.header().unwrap().key_id(), Some("es256-1"));
}

#[tokio::test]
async fn an_expired_token_is_expired() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).expired().sign()).await, Some(Kind::Expired));
}

#[tokio::test]
async fn two_tokens_are_never_the_same() {
    let authority = TestIssuer::new();
    let (one, other) = (authority.token(AUDIENCE), authority.token(AUDIENCE));
    let validator = authority.issuer().validator(AUDIENCE);
    let id = async |token: &str| validator.verify(token).await.unwrap().claim::<String>("jti").unwrap();
    assert_ne!(id(&one.sign()).await, id(&other.sign()).await);
}

// --- endpoints ---

#[tokio::test]
async fn the_clock_stands_still_until_it_is_moved() {
    let authority = TestIssuer::new();
    let start = authority.now();
    assert_eq!(authority.now(), start);
    authority.advance(Duration::from_millis(1500));
    assert_eq!(authority.now(), start + Duration::from_millis(1500));
    authority.set_wall_clock(start - Duration::from_secs(1));
    assert_eq!(authority.now(), start - Duration::from_secs(1));
}

#[tokio::test]
async fn setting_the_wall_clock_ages_no_key() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    issuer.ready().await.unwrap();
    authority.set_wall_clock(authority.now() + Duration::from_secs(10 * 24 * 60 * 60));
    assert_eq!(issuer.status().age, Some(Duration::ZERO));
    assert_eq!(kind(&issuer.validator(AUDIENCE), &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(fetches(&authority), (1, 1));
}

#[tokio::test]
async fn an_endpoint_fails_until_it_recovers() {
    for (endpoint, expected) in [(Endpoint::Metadata, "metadata"), (Endpoint::Jwks, "key set")] {
        for fault in
            [Fault::Status(500), Fault::Broken, Fault::Body("<html>".into()), Fault::Redirect("https://x/".into())]
        {
            let authority = TestIssuer::new();
            let issuer = authority.issuer();
            authority.fail(endpoint, fault.clone());
            let error = issuer.ready().await.unwrap_err();
            assert!(error.to_string().contains(expected), "{fault:?}: {error}");
            let status = issuer.status();
            assert!(!status.is_ready && status.keys.is_empty(), "{fault:?}");
            assert_eq!((status.age, status.last_error), (None, Some(error)));
            assert_eq!(status.next_attempt_in, Some(Duration::from_secs(15)));

            authority.recover(endpoint);
            authority.advance(Duration::from_secs(15));
            issuer.ready().await.unwrap();
            let status = issuer.status();
            assert!(status.is_ready && status.keys.len() == 1, "{fault:?}");
            assert_eq!(status.last_error, None);
            assert!(status.next_attempt_in > Some(Duration::from_secs(60)), "when they are due for renewal");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_answers_late_where_it_was_told_to() {
    let authority = TestIssuer::new();
    authority.delay(Endpoint::Jwks, Duration::from_secs(3));
    let before = tokio::time::Instant::now();
    authority.issuer().ready().await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    authority.recover(Endpoint::Jwks);
    let before = tokio::time::Instant::now();
    authority.issuer().ready().await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_member_of_the_metadata_can_be_set() {
    let authority = TestIssuer::new();
    authority.metadata("issuer", "https://other.test");
    let error = authority.issuer().ready().await.unwrap_err();
    assert!(error.to_string().contains("another issuer"), "{error}");
    authority.metadata("issuer", authority.identifier());
    authority.metadata("token_endpoint", "https://issuer.test/token");
    let metadata = authority.issuer().metadata().await.unwrap();
    assert_eq!(metadata.token_endpoint().as_deref(), Some("https://issuer.test/token"));
}

#[tokio::test]
async fn an_unchanged_key_set_is_not_sent_again() {
    let authority = TestIssuer::new();
    authority.cache_control("max-age=60");
    let issuer = authority.issuer();
    issuer.ready().await.unwrap();
    authority.advance(Duration::from_secs(60 * 60));
    assert_eq!(kind(&issuer.validator(AUDIENCE), &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(authority.requests(Endpoint::Jwks), 2);
    assert_eq!(issuer.status().age, Some(Duration::ZERO), "the answer 304 renews what is held");
    assert_eq!(issuer.status().last_error, None);
}

// --- status ---

#[tokio::test]
async fn the_status_lists_keys_and_those_that_were_skipped_with_their_reasons() {
    let authority = TestIssuer::new();
    let own = authority.signing_key(Algorithm::ES384);
    let own: Value = serde_json::from_str(&own.public_jwk()).unwrap();
    let changed = |kid: &str, changes: Value| {
        let mut jwk = own.clone();
        jwk["kid"] = json!(kid);
        jwk.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        jwk
    };
    let odd = [
        (json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "future"}), SkipReason::UnknownKeyType),
        (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}), SkipReason::Symmetric),
        (changed("encryption", json!({"use": "enc"})), SkipReason::NotForSignatures),
        (changed("signer", json!({"key_ops": ["sign"]})), SkipReason::NotForVerification),
        (changed("leaked", json!({"d": "AA"})), SkipReason::PrivateMembers),
        (changed("mismatch", json!({"alg": "ES256"})), SkipReason::AlgorithmDoesNotFit),
        (changed("curve", json!({"crv": "secp256k1"})), SkipReason::UnsupportedCurve),
        (changed("typed", json!({"use": 1})), SkipReason::MalformedMember("use")),
        (json!({"kty": "RSA", "kid": "hollow"}), SkipReason::MissingMember("n")),
    ];
    odd.iter().for_each(|(jwk, _)| authority.publish_jwk(jwk));
    authority.publish_jwk("no object");
    let issuer = authority.issuer();
    let before = issuer.status();
    assert!(!before.is_ready && before.keys.is_empty() && before.skipped.is_empty());
    assert_eq!((before.age, before.last_error, before.next_attempt_in), (None, None, Some(Duration::ZERO)));
    assert_eq!(fetches(&authority), (0, 0), "looking starts nothing");

    issuer.ready().await.unwrap();
    authority.advance(Duration::from_secs(7));
    let status = issuer.status();
    assert_eq!(status.age, Some(Duration::from_secs(7)));
    let keys: Vec<_> =
        status.keys.iter().map(|key| (key.key_id.as_deref().unwrap(), key.algorithms.as_slice())).collect();
    assert_eq!(keys, [("es256-1", &[Algorithm::ES256][..]), ("es384-1", &[Algorithm::ES384])]);
    let skipped: Vec<_> = status.skipped.iter().map(|key| (key.position(), key.key_id(), key.reason())).collect();
    let expected: Vec<_> = odd
        .iter()
        .enumerate()
        .map(|(number, (jwk, reason))| (number + 2, jwk["kid"].as_str(), *reason))
        .chain([(11, None, SkipReason::NotAnObject)])
        .collect();
    assert_eq!(skipped, expected);
}

#[tokio::test]
async fn a_failed_renewal_shows_in_the_status_while_the_keys_serve_on() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.fail(Endpoint::Jwks, Fault::Status(502));
    authority.advance(Duration::from_secs(60 * 60));
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let status = issuer.status();
    assert!(status.is_ready && status.keys.len() == 1);
    assert!(status.last_error.unwrap().to_string().contains("502"));
}
