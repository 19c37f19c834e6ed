//! Assertions that are signed with the client's own key: good once, here alone, for a while.

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::{TestApp, TestIssuer};

use super::{JWT_BEARER, ask, ask_by_assertion, assertion_claims, key, seconds, sign, with};
use crate::hostile::world::base64url;

pub(super) const SELF: &str = "https://issuer.test";

fn rsa(algorithm: Algorithm) -> SigningKey {
    let pkcs8 = include_bytes!("../../../src/testing/rsa_2048_a.pk8");
    SigningKey::from_pkcs8(algorithm, pkcs8).unwrap().with_key_id("rsa")
}

/// An issuer with the client `jobs`, which has this key or certificate, and is allowed something.
pub(super) fn with_client(give: impl FnOnce(&TestApp)) -> TestIssuer {
    let authority = TestIssuer::new();
    let api = authority.register("api://stock").app_role("auditor");
    give(&authority.register("jobs").assign_role(&api, "auditor"));
    authority
}

#[tokio::test]
async fn a_key_of_every_algorithm_proves_who_it_is() {
    for &algorithm in Algorithm::ASYMMETRIC {
        let key = match algorithm.as_str().get(..2) {
            Some("RS" | "PS") => rsa(algorithm),
            _ => SigningKey::generate(algorithm).unwrap().with_key_id("1"),
        };
        let authority = with_client(|jobs| drop(jobs.public_key(&key.public_jwk())));
        let claims = assertion_claims("jobs", SELF, seconds(&authority));
        let answer = ask_by_assertion(&authority, &sign(&key, json!({ "kid": key.key_id() }), claims)).await;
        assert!(authority.issuer().validator("api://stock").verify(answer.token()).await.is_ok(), "{algorithm}");
    }
}

#[tokio::test]
async fn a_client_may_have_several_keys_even_under_one_id() {
    let keys = [key(Algorithm::ES256, "1"), key(Algorithm::ES256, "1"), key(Algorithm::ES384, "1")];
    let authority = with_client(|jobs| keys.iter().for_each(|key| drop(jobs.public_key(&key.public_jwk()))));
    for key in keys {
        let claims = assertion_claims("jobs", SELF, seconds(&authority));
        assert_eq!(ask_by_assertion(&authority, &sign(&key, json!({ "kid": "1" }), claims)).await.status, 200);
    }
}

#[tokio::test]
async fn the_issuer_or_its_token_endpoint_is_the_only_audience() {
    let key = key(Algorithm::ES256, "1");
    let authority = with_client(|jobs| drop(jobs.public_key(&key.public_jwk())));
    for (audience, status) in [
        (json!(SELF), 200),
        (json!("https://issuer.test/token"), 200),
        (json!([SELF]), 200),
        (json!([SELF, "https://other.test"]), 401),
        (json!([SELF, SELF]), 401),
        (json!("https://other.test"), 401),
        (json!("https://issuer.test/"), 401),
        (json!("HTTPS://issuer.test"), 401),
        (json!("jobs"), 401),
        (json!([]), 401),
        (json!(""), 401),
        (json!({ "0": SELF }), 401),
        (Value::Null, 401),
    ] {
        let claims = with(assertion_claims("jobs", "", seconds(&authority)), json!({ "aud": audience }));
        let answer = ask_by_assertion(&authority, &sign(&key, json!({ "kid": "1" }), claims)).await;
        assert_eq!(answer.status, status, "{audience}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_assertion_that_is_not_all_right_is_refused() {
    let key = key(Algorithm::ES256, "1");
    let authority = with_client(|jobs| drop(jobs.public_key(&key.public_jwk())));
    authority.register("other").public_key(&super::key(Algorithm::ES256, "2").public_jwk());
    let now = seconds(&authority);
    let good = || assertion_claims("jobs", SELF, now);
    assert_eq!(ask_by_assertion(&authority, &sign(&key, json!({ "kid": "1" }), good())).await.status, 200);
    for changes in [
        json!({ "iss": "other" }),
        json!({ "iss": null }),
        json!({ "iss": ["jobs"] }),
        json!({ "sub": "other" }),
        json!({ "sub": null }),
        json!({ "iss": "other", "sub": "other" }),
        json!({ "iss": SELF }),
        json!({ "exp": null }),
        json!({ "exp": now }),
        json!({ "exp": now - 1 }),
        json!({ "exp": (now + 60).to_string() }),
        json!({ "exp": now as f64 + 60.5 }),
        json!({ "exp": 1e12 }),
        json!({ "iat": now as f64 - 0.5 }),
        json!({ "exp": -1 }),
        json!({ "exp": now + 901 }),
        json!({ "nbf": now + 301 }),
        json!({ "nbf": "now" }),
        json!({ "iat": now + 301 }),
        json!({ "iat": (now).to_string() }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": 7 }),
    ] {
        let assertion = sign(&key, json!({ "kid": "1" }), with(good(), changes.clone()));
        assert_eq!(ask_by_assertion(&authority, &assertion).await.refusal(), (401, "invalid_client"), "{changes}");
        let named = [("client_id", "jobs"), ("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
        assert_eq!(ask(&authority, &named).await.refusal(), (401, "invalid_client"), "{changes}");
    }
    let header = |changes: Value| sign(&key, with(json!({ "kid": "1" }), changes), good());
    for changes in [
        json!({ "kid": null }),
        json!({ "kid": "2" }),
        json!({ "kid": "" }),
        json!({ "alg": "none" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "es256" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "b64": false }),
        json!({ "x5t": "AA" }),
        json!({ "x5c": [] }),
    ] {
        let answer = ask_by_assertion(&authority, &header(changes.clone())).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"), "{changes}");
    }
    for media_type in ["JWT", "jwt", "client-authentication+jwt"] {
        assert_eq!(ask_by_assertion(&authority, &header(json!({ "typ": media_type }))).await.status, 200);
    }
}

#[tokio::test]
async fn a_signature_that_is_not_of_the_client_s_key_is_refused() {
    let (key, other) = (key(Algorithm::ES256, "1"), key(Algorithm::ES256, "1"));
    let authority =
        with_client(|jobs| drop(jobs.secret("correct horse battery staple secret").public_key(&key.public_jwk())));
    authority.register("other").public_key(&other.public_jwk());
    let claims = || assertion_claims("jobs", SELF, seconds(&authority));
    let good = sign(&key, json!({ "kid": "1" }), claims());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let public: Value = serde_json::from_str(&other.public_jwk()).unwrap();
    let tampered = base64url(claims().to_string());
    let unsigned = base64url(r#"{"alg":"none","kid":"1"}"#);
    let by_secret = |secret: &[u8]| {
        let input = format!("{}.{}", base64url(r#"{"alg":"HS256","kid":"1"}"#), base64url(claims().to_string()));
        let key = jsonwebtoken::EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        format!("{input}.{signature}")
    };
    for (assertion, what) in [
        (sign(&other, json!({ "kid": "1" }), claims()), "by the key of another client"),
        (sign(&other, json!({ "kid": "1", "jwk": public }), claims()), "with its own key along"),
        (format!("{header}.{tampered}.{signature}"), "with other claims"),
        (format!("{unsigned}.{payload}."), "unsigned"),
        (format!("{unsigned}.{payload}.{signature}"), "with alg none"),
        (format!("{header}.{payload}."), "without its signature"),
        (format!("{header}.{payload}.{signature}A"), "with more at its end"),
        (by_secret(b"correct horse battery staple secret"), "by the secret"),
        (by_secret(key.public_jwk().as_bytes()), "by the public key as a secret"),
        (authority.token(SELF).claim("iss", "jobs").subject("jobs").claim("jti", "1").sign(), "a token of the issuer"),
        ("a.b.c".to_owned(), "no JWT"),
        ("jobs".to_owned(), "no JWT at all"),
    ] {
        assert_eq!(ask_by_assertion(&authority, &assertion).await.refusal(), (401, "invalid_client"), "{what}");
    }
    assert_eq!(ask_by_assertion(&authority, &good).await.status, 200, "which used up no jti");
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let (key, other) = (key(Algorithm::ES256, "1"), key(Algorithm::ES256, "2"));
    let authority = with_client(|jobs| drop(jobs.public_key(&key.public_jwk())));
    let api = authority.register("api://books").app_role("auditor");
    authority.register("other").public_key(&other.public_jwk()).assign_role(&api, "auditor");
    let now = seconds(&authority);
    let with_id = |key: &SigningKey, client: &str, changes: Value| {
        let claims = with(with(assertion_claims(client, SELF, now), json!({ "jti": "the same" })), changes);
        sign(key, json!({ "kid": key.key_id() }), claims)
    };
    let first = with_id(&key, "jobs", json!({}));
    assert_eq!(ask_by_assertion(&authority, &with_id(&key, "jobs", json!({ "exp": now }))).await.status, 401);
    assert_eq!(ask_by_assertion(&authority, &first).await.status, 200, "what was refused used up no jti");
    for replayed in [first.clone(), with_id(&key, "jobs", json!({ "exp": now + 5 })), first.clone()] {
        let answer = ask_by_assertion(&authority, &replayed).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"));
        assert!(answer.body["error_description"].as_str().unwrap().contains("jti"));
    }
    assert_eq!(
        ask_by_assertion(&authority, &with_id(&other, "other", json!({}))).await.status,
        200,
        "each has its own"
    );
    // Somebody sets the clock forwards and back: it is remembered nevertheless.
    let begin = authority.now();
    authority.set_wall_clock(begin + Duration::from_secs(3600));
    ask_by_assertion(&authority, &with_id(&key, "jobs", json!({ "exp": now + 3700, "jti": "another" }))).await;
    authority.set_wall_clock(begin);
    assert_eq!(ask_by_assertion(&authority, &first).await.status, 401);
}

#[tokio::test]
async fn times_are_those_of_the_issuer_s_clock() {
    let key = key(Algorithm::ES256, "1");
    let authority = with_client(|jobs| drop(jobs.public_key(&key.public_jwk())));
    let signed = |now: u64| sign(&key, json!({ "kid": "1" }), assertion_claims("jobs", SELF, now));
    let old = signed(seconds(&authority));
    authority.advance(Duration::from_secs(600));
    assert_eq!(ask_by_assertion(&authority, &old).await.status, 401);
    assert_eq!(ask_by_assertion(&authority, &signed(seconds(&authority))).await.status, 200);
    assert_eq!(ask_by_assertion(&authority, &signed(seconds(&authority) + 299)).await.status, 200, "a clock ahead");
    assert_eq!(ask_by_assertion(&authority, &signed(seconds(&authority) + 301)).await.status, 401);
    let bare = with(assertion_claims("jobs", SELF, seconds(&authority)), json!({ "iat": null, "nbf": null }));
    assert_eq!(ask_by_assertion(&authority, &sign(&key, json!({ "kid": "1" }), bare)).await.status, 200);
}

#[tokio::test]
async fn the_form_may_name_the_client_but_no_other_and_has_to_name_the_type() {
    let key = key(Algorithm::ES256, "1");
    let authority = with_client(|jobs| drop(jobs.public_key(&key.public_jwk())));
    authority.register("other").public_key(&key.public_jwk());
    let fresh = || sign(&key, json!({ "kid": "1" }), assertion_claims("jobs", SELF, seconds(&authority)));
    let kind = ("client_assertion_type", JWT_BEARER);
    let named = |id| ("client_id", id);
    assert_eq!(ask(&authority, &[named("jobs"), kind, ("client_assertion", &fresh())]).await.status, 200);
    for id in ["other", "nobody", "Jobs"] {
        let answer = ask(&authority, &[named(id), kind, ("client_assertion", &fresh())]).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"), "{id}");
    }
    for form in [
        &[named("jobs"), ("client_assertion", &fresh())][..],
        &[named("jobs"), kind],
        &[named("jobs"), kind, ("client_assertion", "")],
        &[
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
            ("client_assertion", &fresh()),
        ],
    ] {
        assert_eq!(ask(&authority, form).await.refusal(), (401, "invalid_client"), "{form:?}");
    }
}
