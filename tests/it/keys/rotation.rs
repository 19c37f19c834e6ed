//! New keys, withdrawn keys, and new keys under an old id.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, RejectionKind as Kind};

use super::{fetches, kind};
use crate::support::{AUDIENCE, together, until};

#[tokio::test]
async fn the_first_token_under_a_new_key_is_accepted_with_one_more_fetch() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.rotate();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(fetches(&authority), (1, 2));
}

#[tokio::test]
async fn a_thousand_callers_under_a_new_key_wait_for_one_fetch() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.rotate();
    let callers = (0..1_000).map(|_| {
        let (validator, token) = (validator.clone(), authority.token(AUDIENCE).sign());
        async move { kind(&validator, &token).await }
    });
    assert!(together(callers).await.iter().all(Option::is_none));
    assert_eq!(fetches(&authority), (1, 2));
}

#[tokio::test]
async fn a_new_key_under_an_old_id_is_picked_up_by_its_first_token() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let old = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &old).await, None);

    authority.rotate_under_old_ids();
    let new = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &new).await, None);
    assert_eq!(fetches(&authority), (1, 2));
    assert_eq!(kind(&validator, &old).await, Some(Kind::BadSignature), "it was verified before, by a key that is gone");
}

#[tokio::test]
async fn a_new_key_under_an_old_id_is_picked_up_within_one_gap_whatever_was_sent_before() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    let forged = authority.token(AUDIENCE).signed_by(&stranger).sign();
    assert_eq!(kind(&validator, &forged).await, Some(Kind::BadSignature));
    assert_eq!(fetches(&authority), (1, 2), "it might have been a new key");

    authority.rotate_under_old_ids();
    for second in 0..15 {
        let new = authority.token(AUDIENCE).sign();
        assert_eq!(kind(&validator, &new).await, Some(Kind::BadSignature), "second {second}");
        assert_eq!(fetches(&authority), (1, 2), "second {second}");
        authority.advance(Duration::from_secs(1));
    }
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(fetches(&authority), (1, 3));
}

#[tokio::test]
async fn forged_signatures_under_a_known_id_cause_one_fetch_per_gap_and_are_never_a_503() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    for second in 0..45 {
        for n in 0..20 {
            let forged = authority.token(AUDIENCE).subject(&format!("mallory-{n}")).signed_by(&stranger).sign();
            assert_eq!(kind(&validator, &forged).await, Some(Kind::BadSignature));
        }
        assert_eq!(fetches(&authority), (1, 2 + second / 15));
        authority.advance(Duration::from_secs(1));
    }
    let foreign = authority.token("api://stock").signed_by(&stranger).sign();
    let expired = authority.token(AUDIENCE).expired().signed_by(&stranger).sign();
    for token in [foreign, expired] {
        assert_eq!(kind(&validator, &token).await, Some(Kind::BadSignature));
        assert_eq!(fetches(&authority), (1, 4), "not for a token that would be refused anyway");
    }
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_once_the_new_set_is_in() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let old = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &old).await, None);
    authority.rotate();
    assert_eq!(kind(&validator, &old).await, None, "nobody knows yet");
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &old).await, Some(Kind::UnknownKey), "it was verified before");
    assert_eq!(fetches(&authority), (1, 2));
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_a_renewal_in_the_background_too() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let old = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &old).await, None);
    authority.rotate();
    authority.advance(Duration::from_secs(811));
    assert_eq!(kind(&validator, &old).await, None, "the old keys serve while the new ones come");
    until(|| issuer.status().age == Some(Duration::ZERO)).await;
    assert_eq!(kind(&validator, &old).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn a_key_that_comes_back_counts_again() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let key = authority.signing_key(Algorithm::ES256);
    let old = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &old).await, None);
    authority.rotate();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &old).await, Some(Kind::UnknownKey));

    authority.publish_jwk(serde_json::from_str::<serde_json::Value>(&key.public_jwk()).unwrap());
    authority.advance(Duration::from_secs(15));
    assert_eq!(kind(&validator, &old).await, None);
}

#[tokio::test]
async fn a_token_without_a_key_id_is_tried_with_the_keys_that_fit() {
    let authority = TestIssuer::new();
    authority.rotate_keeping_old();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).without_header("kid").sign()).await, None);
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    let forged = authority.token(AUDIENCE).signed_by(&stranger).without_header("kid").sign();
    assert_eq!(kind(&validator, &forged).await, Some(Kind::UnknownKey));
}

/// What the threads of a service see of it: whoever judges by keys that are just being replaced must not be told that they came too
/// soon. Each round is another throw of the dice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_many_threads_are_accepted_with_one_fetch_wherever_it_lands_between_them() {
    for under_old_ids in [false, true] {
        let authority = TestIssuer::new();
        let validator = authority.issuer().validator(AUDIENCE).without_cache();
        assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
        for round in 0..50 {
            authority.advance(Duration::from_secs(16));
            if under_old_ids {
                authority.rotate_under_old_ids()
            } else {
                authority.rotate()
            }
            let before = fetches(&authority).1;
            let token = authority.token(AUDIENCE).sign();
            let callers = (0..100).map(|_| {
                let (validator, token) = (validator.clone(), token.clone());
                async move { kind(&validator, &token).await }
            });
            let refused: Vec<_> = together(callers).await.into_iter().flatten().collect();
            assert!(refused.is_empty(), "round {round}: {refused:?}");
            assert_eq!(fetches(&authority).1, before + 1, "round {round}");
        }
    }
}

/// The same two keys under ever other ids, and none. Each token comes again and again, so that it was verified under other sets.
#[tokio::test]
async fn a_token_is_judged_by_the_set_of_the_moment_however_ids_move_from_key_to_key() {
    let authority = TestIssuer::new();
    let keys = [authority.signing_key(Algorithm::ES256), TestIssuer::new().signing_key(Algorithm::ES256)];
    let jwk = |key: usize, id: Option<&str>| {
        let mut jwk: Map<String, Value> = serde_json::from_str(&keys[key].public_jwk()).unwrap();
        jwk.remove("kid");
        jwk.extend(id.map(|id| ("kid".to_owned(), json!(id))));
        jwk
    };
    let (one, two) = (Some("1"), Some("2"));
    // Tokens are named by their key and their `kid`.
    let sets = [
        ([jwk(0, one), jwk(1, two)], "0 01 1 12"),
        ([jwk(0, two), jwk(1, one)], "0 02 1 11"),
        ([jwk(0, one), jwk(0, two)], "0 01 02"),
        ([jwk(1, one), jwk(0, one)], "0 01 1 11"),
        ([jwk(0, None), jwk(1, None)], "0 01 02 1 11 12"),
        ([jwk(1, None), jwk(1, None)], "1 11 12"),
    ];
    let tokens = [(0, None), (0, one), (0, two), (1, None), (1, one), (1, two)].map(|(key, id)| {
        let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(1_000_000)).signed_by(&keys[key]);
        let token = match id {
            Some(id) => token.header("kid", id),
            None => token.without_header("kid"),
        };
        (format!("{key}{}", id.unwrap_or_default()), token.sign())
    });
    let published = Arc::new(Mutex::new(String::new()));
    let current = Arc::clone(&published);
    let transport = tower::service_fn(move |_: Request<Full<Bytes>>| {
        let set = current.lock().unwrap().clone();
        async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(set)))) }
    });
    let issuer = Issuer::new(authority.identifier()).unwrap().jwks_url("https://issuer.test/keys").unwrap();
    let issuer = issuer.transport(transport).clock(&authority.clock());
    let validator = issuer.validator(AUDIENCE);
    for before in 0..sets.len() {
        for after in 0..sets.len() {
            for (keys, expected) in [&sets[before], &sets[after]] {
                *published.lock().unwrap() = json!({ "keys": keys }).to_string();
                authority.advance(Duration::from_secs(1_000));
                issuer.ready().await.unwrap();
                let mut accepted = Vec::new();
                for (name, token) in &tokens {
                    if kind(&validator, token).await.is_none() {
                        accepted.push(name.as_str());
                    }
                }
                assert_eq!(accepted.join(" "), *expected, "set {after} after set {before}");
            }
        }
    }
}
