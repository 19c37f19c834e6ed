//! What an issuer says of its keys: `status()` and `ready()`.

use std::time::Duration;

use serde_json::json;
use tower_bearer::jose::{Algorithm, SkipReason};
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};

use super::{fetches, kind};
use crate::support::{AUDIENCE, until};

#[tokio::test]
async fn an_odd_key_costs_nobody_else_and_is_listed_with_its_reason() {
    let authority = TestIssuer::new();
    authority.publish_jwk(json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "from-the-future"}));
    authority.publish_jwk(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}));
    let issuer = authority.issuer();
    assert_eq!(kind(&issuer.validator(AUDIENCE), &authority.token(AUDIENCE).sign()).await, None);
    let status = issuer.status();
    assert_eq!(status.keys.len(), 1);
    let skipped: Vec<_> = status.skipped.iter().map(|key| (key.key_id().unwrap(), key.reason())).collect();
    assert_eq!(skipped, [("from-the-future", SkipReason::UnknownKeyType), ("secret", SkipReason::Symmetric)]);
}

#[tokio::test]
async fn the_status_tells_keys_their_ages_the_last_error_and_the_next_attempt() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let before = issuer.status();
    assert!(!before.is_ready && before.keys.is_empty());
    assert_eq!((before.age, before.next_attempt_in), (None, Some(Duration::ZERO)), "as soon as somebody asks");

    issuer.ready().await.unwrap();
    let fresh = issuer.status();
    assert!(fresh.is_ready);
    assert_eq!(fresh.keys[0].key_id.as_deref(), Some("es256-1"));
    assert_eq!(fresh.keys[0].algorithms, [Algorithm::ES256]);
    let renewal = fresh.next_attempt_in.unwrap();

    authority.rotate_keeping_old();
    authority.advance(renewal);
    assert_eq!(issuer.status().next_attempt_in, Some(Duration::ZERO));
    issuer.ready().await.unwrap();
    until(|| issuer.status().age == Some(Duration::ZERO)).await;
    authority.advance(Duration::from_secs(1));
    let renewed = issuer.status();
    let ages: Vec<_> = renewed.keys.iter().map(|key| (key.key_id.as_deref().unwrap(), key.age.unwrap())).collect();
    let second = Duration::from_secs(1);
    assert_eq!(ages, [("es256-1", renewal + second), ("es256-2", second)]);
    assert_eq!(renewed.age, Some(second));

    authority.fail(Endpoint::Jwks, Fault::Status(503));
    authority.advance(Duration::from_secs(900));
    issuer.ready().await.unwrap();
    until(|| issuer.status().last_error.is_some()).await;
    authority.advance(Duration::from_secs(5));
    let failing = issuer.status();
    assert!(failing.is_ready, "old keys serve");
    assert!(failing.last_error.unwrap().to_string().contains("status 503"));
    assert_eq!(failing.next_attempt_in, Some(Duration::from_secs(10)));
}

#[tokio::test]
async fn looking_at_the_status_starts_nothing() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    for _ in 0..3 {
        issuer.status();
        tokio::task::yield_now().await;
    }
    assert_eq!(fetches(&authority), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn ready_has_a_deadline() {
    for endpoint in [Endpoint::Metadata, Endpoint::Jwks] {
        let authority = TestIssuer::new();
        let _hold = authority.hold(endpoint);
        let issuer = authority.issuer();
        let before = tokio::time::Instant::now();
        let error = issuer.ready().await.unwrap_err();
        assert!(error.is_unavailable());
        assert!(before.elapsed() <= Duration::from_secs(10), "{endpoint:?}: {:?}", before.elapsed());
    }
}

#[tokio::test]
async fn given_keys_are_ready_and_have_no_age() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer().with_jwks(authority.jwks()).unwrap();
    issuer.ready().await.unwrap();
    let status = issuer.status();
    assert!(status.is_ready);
    assert_eq!((status.age, status.next_attempt_in, status.keys[0].age), (None, None, None));
    assert_eq!(fetches(&authority), (0, 0));
}
