//! Assertions of the client's own, signed with its key or that of its certificate: good once, here alone, for a while.

use std::time::Duration;

use rcgen::KeyPair;
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::{TestDirectory, TestIssuer};

use super::{Identity, JWT_BEARER, ask, ask_by_assertion, assertion_claims, key, request, seconds, send, sign, with};
use crate::hostile::world::base64url;

const SELF: &str = "https://issuer.test";

fn rsa(algorithm: Algorithm) -> SigningKey {
    let pkcs8 = include_bytes!("../../../src/testing/rsa_2048_a.pk8");
    SigningKey::from_pkcs8(algorithm, pkcs8).unwrap().with_key_id("rsa")
}

/// An issuer with the client `jobs`, which has this key or certificate, and is allowed something.
fn with_client(give: impl FnOnce(&tower_bearer::testing::TestApp)) -> TestIssuer {
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
        json!({ "exp": 1e12 }),
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

#[tokio::test]
async fn a_certificate_is_named_by_its_thumbprint() {
    let (own, other) = (Identity::rsa('a', 2020, 2099), Identity::rsa('b', 2020, 2099));
    let twin = Identity::rsa('a', 2021, 2099);
    let authority = with_client(|jobs| drop(jobs.certificate(&own.pem)));
    authority.register("other").certificate(&other.pem);
    let signed = |by: &Identity, algorithm, header: Value| {
        sign(&by.key(algorithm), header, assertion_claims("jobs", SELF, seconds(&authority)))
    };
    let (ps256, rs256) = (Algorithm::PS256, Algorithm::RS256);
    for (assertion, what) in [
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "typ": "JWT" })), "SHA-256"),
        (signed(&own, rs256, json!({ "x5t": own.x5t })), "SHA-1"),
        (signed(&own, rs256, json!({ "x5t": own.x5t, "x5t#S256": own.x5t_s256, "kid": "any" })), "both"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5c": [own.x5c, other.x5c] })), "with its chain"),
    ] {
        assert_eq!(ask_by_assertion(&authority, &assertion).await.status, 200, "{what}");
    }
    for (assertion, what) in [
        (signed(&other, ps256, json!({ "x5t#S256": other.x5t_s256 })), "the certificate of another application"),
        (signed(&other, rs256, json!({ "x5t": other.x5t })), "the same by SHA-1"),
        (signed(&other, ps256, json!({ "x5t#S256": own.x5t_s256 })), "the key of another certificate"),
        (signed(&own, ps256, json!({ "x5t#S256": other.x5t_s256 })), "the name of another certificate"),
        (signed(&twin, ps256, json!({ "x5t#S256": twin.x5t_s256 })), "another certificate of the same key"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5t": other.x5t })), "two names"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5c": [other.x5c, own.x5c] })), "the chain of another"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5c": own.x5c })), "a chain that is no array"),
        (signed(&own, ps256, json!({ "x5c": [own.x5c] })), "no thumbprint"),
        (signed(&own, ps256, json!({ "kid": own.x5t_s256 })), "the thumbprint as a key id"),
        (signed(&own, ps256, json!({ "x5t#S256": format!("{}=", own.x5t_s256) })), "padding"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "alg": "RS256" })), "another algorithm than it says"),
        (signed(&own, ps256, json!({})), "no name"),
    ] {
        assert_eq!(ask_by_assertion(&authority, &assertion).await.refusal(), (401, "invalid_client"), "{what}");
    }
}

#[tokio::test]
async fn a_certificate_is_good_between_its_dates() {
    for (from, to, status) in [(2020, 2099, 200), (2020, 2021, 401), (2098, 2099, 401)] {
        let identity = Identity::rsa('a', from, to);
        let authority = with_client(|jobs| drop(jobs.certificate(&identity.pem)));
        let claims = assertion_claims("jobs", SELF, seconds(&authority));
        let assertion = sign(&identity.key(Algorithm::PS256), json!({ "x5t#S256": identity.x5t_s256 }), claims);
        assert_eq!(ask_by_assertion(&authority, &assertion).await.status, status, "{from} to {to}");
    }
}

#[tokio::test]
async fn a_certificate_of_an_elliptic_curve_serves_where_the_standards_alone_count() {
    let key_pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let identity = Identity::of(&key_pair, 2020, 2099);
    let authority = with_client(|jobs| drop(jobs.certificate(&identity.pem)));
    let claims = assertion_claims("jobs", SELF, seconds(&authority));
    let assertion = sign(&identity.key(Algorithm::ES256), json!({ "x5t#S256": identity.x5t_s256 }), claims);
    assert_eq!(ask_by_assertion(&authority, &assertion).await.status, 200);
}

// --- at a directory ---

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const FABRIKAM: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const JOBS: &str = "c1c1c1c1-0000-4000-8000-000000000009";

#[tokio::test]
async fn entra_takes_a_certificate_at_the_endpoint_that_the_assertion_names_and_nowhere_else() {
    let identity = Identity::rsa('a', 2020, 2099);
    let directory = TestDirectory::new();
    let contoso = directory.tenant(CONTOSO);
    let stock = contoso.register("api").app_id_uri("api://stock");
    let jobs = contoso.register(JOBS).certificate(&identity.pem);
    directory.tenant(FABRIKAM).add(&jobs);
    directory.tenant(FABRIKAM).add(&stock);
    let at = |path: &str| format!("https://login.microsoftonline.com/{path}");
    let (v1, v2) = (format!("{CONTOSO}/oauth2/token"), format!("{CONTOSO}/oauth2/v2.0/token"));
    let elsewhere = format!("{FABRIKAM}/oauth2/v2.0/token");
    let now = directory.clock().now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ask = async |path: &str, audience: String, algorithm, header: Value| {
        let assertion = sign(&identity.key(algorithm), header, assertion_claims(JOBS, &audience, now));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", JOBS),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
            ("scope", "api://stock/.default"),
            ("resource", "api://stock"),
        ];
        let answer = send(directory.transport(), request(&at(path), &form)).await;
        let replayed = send(directory.transport(), request(&at(path), &form)).await;
        assert_eq!(replayed.refusal(), (401, "invalid_client"), "once alone");
        answer
    };
    let (sha256, sha1) = (json!({ "x5t#S256": identity.x5t_s256 }), json!({ "x5t": identity.x5t }));
    let (ps256, rs256) = (Algorithm::PS256, Algorithm::RS256);
    for (path, algorithm, header) in
        [(&v2, ps256, &sha256), (&v1, ps256, &sha256), (&v2, rs256, &sha1), (&elsewhere, ps256, &sha256)]
    {
        let answer = ask(path, at(path), algorithm, header.clone()).await;
        assert_eq!(answer.claims()["azpacr"], "2", "{path}");
    }
    let number = |answer: super::Answer| {
        assert_eq!(answer.refusal(), (401, "invalid_client"));
        answer.body["error_codes"][0].as_u64().unwrap()
    };
    for (path, audience) in [
        (&v2, at(&v1)),
        (&v1, at(&v2)),
        (&v2, at(&elsewhere)),
        (&v2, at(&format!("{CONTOSO}/v2.0"))),
        (&v2, at("common/oauth2/v2.0/token")),
        (&v2, "https://login.microsoftonline.us".to_owned()),
    ] {
        assert_eq!(number(ask(path, audience.clone(), ps256, sha256.clone()).await), 700_023, "{audience} at {path}");
    }
    for algorithm in [Algorithm::RS512, Algorithm::PS384] {
        assert_eq!(number(ask(&v2, at(&v2), algorithm, sha256.clone()).await), 700_027, "{algorithm}");
    }
}
