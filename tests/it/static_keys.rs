//! Keys that the application gives to an issuer: a JWK Set, or `DecodingKey`s of `jsonwebtoken`.

use std::io;
use std::time::SystemTime;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, Response};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, SigningKey, SkipReason};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, RejectionKind as Kind, Validator};

const AUDIENCE: &str = "api://orders";
const IDENTIFIER: &str = "https://issuer.test";
const RSA: &[u8] = include_bytes!("../../src/testing/rsa_2048_a.pk8");
const OTHER_RSA: &[u8] = include_bytes!("../../src/testing/rsa_2048_b.pk8");
const SECRET: &[u8] = b"a shared secret of 64 bytes, as long as HS512 needs it to be ...";

/// An issuer that can't fetch anything.
fn issuer() -> Issuer {
    Issuer::new(IDENTIFIER).unwrap().transport(tower::service_fn(|_: Request<_>| async {
        Err::<Response<String>, _>(io::Error::other("keys that were given need no request"))
    }))
}

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

fn claims() -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    json!({"iss": IDENTIFIER, "aud": AUDIENCE, "iat": now - 60, "exp": now + 600})
}

/// A token as `jsonwebtoken` makes it.
fn encode(algorithm: jsonwebtoken::Algorithm, key_id: Option<&str>, key: &EncodingKey) -> String {
    let header = Header { kid: key_id.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, &claims(), key).unwrap()
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(der).into_bytes();
    let lines: Vec<_> = encoded.chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}

fn public_pem(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    pem("PUBLIC KEY", key.as_der().unwrap().as_ref())
}

fn rsa() -> (EncodingKey, Vec<u8>) {
    let public = public_pem(RsaKeyPair::from_pkcs8(RSA).unwrap().public_key());
    (EncodingKey::from_rsa_pem(&pem("PRIVATE KEY", RSA)).unwrap(), public)
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> (EncodingKey, Vec<u8>) {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let public = public_pem(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap().public_key());
    (EncodingKey::from_ec_pem(&pem("PRIVATE KEY", pkcs8.as_ref())).unwrap(), public)
}

fn ed() -> (EncodingKey, Vec<u8>) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    let public = public_pem(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).unwrap().public_key());
    (EncodingKey::from_ed_pem(&pem("PRIVATE KEY", pkcs8.as_ref())).unwrap(), public)
}

/// Every algorithm of `jsonwebtoken`, with the name that it has here, a key that signs and the key that verifies.
fn all() -> Vec<(jsonwebtoken::Algorithm, Algorithm, EncodingKey, DecodingKey)> {
    use jsonwebtoken::Algorithm as Theirs;
    let (rsa_private, rsa_public) = rsa();
    let rsa_public = DecodingKey::from_rsa_pem(&rsa_public).unwrap();
    let rsa = |theirs, ours| (theirs, ours, rsa_private.clone(), rsa_public.clone());
    let ec = |theirs, ours, algorithm| {
        let (private, public) = ec(algorithm);
        (theirs, ours, private, DecodingKey::from_ec_pem(&public).unwrap())
    };
    let hmac = |theirs, ours| (theirs, ours, EncodingKey::from_secret(SECRET), DecodingKey::from_secret(SECRET));
    let (ed_private, ed_public) = ed();
    vec![
        rsa(Theirs::RS256, Algorithm::RS256),
        rsa(Theirs::RS384, Algorithm::RS384),
        rsa(Theirs::RS512, Algorithm::RS512),
        rsa(Theirs::PS256, Algorithm::PS256),
        rsa(Theirs::PS384, Algorithm::PS384),
        rsa(Theirs::PS512, Algorithm::PS512),
        ec(Theirs::ES256, Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ec(Theirs::ES384, Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        (Theirs::EdDSA, Algorithm::EdDSA, ed_private, DecodingKey::from_ed_pem(&ed_public).unwrap()),
        hmac(Theirs::HS256, Algorithm::HS256),
        hmac(Theirs::HS384, Algorithm::HS384),
        hmac(Theirs::HS512, Algorithm::HS512),
    ]
}

// --- decoding keys ---

#[tokio::test]
async fn a_decoding_key_verifies_what_jsonwebtoken_signed_under_its_algorithm_alone() {
    for (theirs, ours, private, public) in all() {
        let validator = issuer().with_decoding_key(None, ours, &public).unwrap().validator(AUDIENCE);
        assert_eq!(kind(&validator, &encode(theirs, None, &private)).await, None, "{ours}");
        for (other_theirs, other, other_private, _) in all() {
            if other != ours {
                let token = encode(other_theirs, None, &other_private);
                let expected = Some(Kind::UnknownKey);
                assert_eq!(kind(&validator, &token).await, expected, "{other} by a key for {ours}");
            }
        }
    }
}

#[tokio::test]
async fn of_several_keys_the_one_that_the_token_names_counts() {
    let (first, first_public) = ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let (second, second_public) = ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let issuer = issuer()
        .with_decoding_key(Some("first"), Algorithm::ES256, &DecodingKey::from_ec_pem(&first_public).unwrap())
        .unwrap()
        .with_decoding_key(Some("second"), Algorithm::ES256, &DecodingKey::from_ec_pem(&second_public).unwrap())
        .unwrap();
    let validator = issuer.validator(AUDIENCE);
    let es256 = jsonwebtoken::Algorithm::ES256;
    for (key_id, key, expected) in [
        (Some("first"), &first, None),
        (Some("second"), &second, None),
        (None, &first, None),
        (None, &second, None),
        (Some("first"), &second, Some(Kind::BadSignature)),
        (Some("second"), &first, Some(Kind::BadSignature)),
        (Some("third"), &first, Some(Kind::UnknownKey)),
        (Some("FIRST"), &first, Some(Kind::UnknownKey)),
    ] {
        assert_eq!(kind(&validator, &encode(es256, key_id, key)).await, expected, "{key_id:?}");
    }
}

#[tokio::test]
async fn a_key_without_an_id_serves_tokens_that_name_any() {
    let validator = issuer().with_decoding_key(None, Algorithm::HS256, &DecodingKey::from_secret(SECRET)).unwrap();
    let validator = validator.validator(AUDIENCE);
    let token = encode(jsonwebtoken::Algorithm::HS256, Some("whatever"), &EncodingKey::from_secret(SECRET));
    assert_eq!(kind(&validator, &token).await, None);
    let forged = encode(jsonwebtoken::Algorithm::HS256, Some("whatever"), &EncodingKey::from_secret(b"guessed"));
    assert_eq!(kind(&validator, &forged).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn a_token_that_names_a_key_which_was_not_given_is_refused_by_its_header_alone() {
    let authority = TestIssuer::new();
    let (first, other) = (issuer().with_jwks(authority.jwks()).unwrap(), TestIssuer::named("https://other.test"));
    let unread = |key_id: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"{key_id}"}}"#);
        [header.as_bytes(), b"no claims", b"no signature"].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
    };
    let known = authority.signing_key(Algorithm::ES256);
    for (validator, named, not_named) in [
        (first.validator(AUDIENCE), Kind::Malformed, Kind::UnknownKey),
        (
            Validator::any_of([first.validator(AUDIENCE), other.issuer().validator(AUDIENCE)]).unwrap(),
            Kind::Malformed,
            Kind::Malformed,
        ),
        (other.issuer().validator(AUDIENCE), Kind::Malformed, Kind::Malformed),
    ] {
        assert_eq!(kind(&validator, &unread(known.key_id().unwrap())).await, Some(named));
        assert_eq!(kind(&validator, &unread("another")).await, Some(not_named));
    }
    assert_eq!(other.requests(tower_bearer::testing::Endpoint::Jwks), 0);
}

#[test]
fn a_decoding_key_of_another_family_than_its_algorithm_is_refused() {
    let family = |algorithm: Algorithm| match algorithm.as_str().as_bytes() {
        [b'R' | b'P', ..] => "RSA",
        [b'E', b'S', ..] => "EC",
        [b'E', ..] => "Ed",
        _ => "HMAC",
    };
    for (_, owner, _, public) in all() {
        for (_, algorithm, _, _) in all() {
            let given = issuer().with_decoding_key(Some("k"), algorithm, &public);
            let same_curve = owner == algorithm || family(owner) != "EC";
            if family(owner) == family(algorithm) && same_curve {
                assert!(given.is_ok(), "{owner} as {algorithm}");
            } else {
                let error = given.unwrap_err();
                assert!(error.is_configuration(), "{owner} as {algorithm}");
                let said = error.to_string();
                assert!(said.contains("with_decoding_key(..)") && said.contains(algorithm.as_str()), "{said}");
            }
        }
    }
}

#[test]
fn a_secret_that_is_too_short_is_refused_without_being_repeated() {
    for (algorithm, length) in [(Algorithm::HS256, 31), (Algorithm::HS384, 47), (Algorithm::HS512, 63)] {
        let secret = "s".repeat(length);
        let error =
            issuer().with_decoding_key(None, algorithm, &DecodingKey::from_secret(secret.as_bytes())).unwrap_err();
        assert!(error.is_configuration());
        assert!(error.to_string().contains("shorter") && !error.to_string().contains(&secret), "{error}");
        let enough = "s".repeat(length + 1);
        assert!(issuer().with_decoding_key(None, algorithm, &DecodingKey::from_secret(enough.as_bytes())).is_ok());
    }
}

#[test]
fn a_decoding_key_of_garbage_is_refused() {
    for (algorithm, key) in [
        (Algorithm::RS256, DecodingKey::from_rsa_der(b"garbage")),
        (Algorithm::ES256, DecodingKey::from_ec_der(b"garbage")),
        (Algorithm::ES256, DecodingKey::from_ec_der(&[4; 65])),
        (Algorithm::EdDSA, DecodingKey::from_ed_der(b"short")),
    ] {
        assert!(issuer().with_decoding_key(None, algorithm, &key).unwrap_err().is_configuration(), "{algorithm}");
    }
}

// --- symmetric algorithms ---

fn hs256(key_id: Option<&str>, secret: &[u8]) -> String {
    encode(jsonwebtoken::Algorithm::HS256, key_id, &EncodingKey::from_secret(secret))
}

#[tokio::test]
async fn a_symmetric_key_that_was_fetched_or_stands_in_a_key_set_verifies_nothing() {
    let authority = TestIssuer::new();
    authority.publish_jwk(json!({"kty": "oct", "kid": "shared", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)}));
    let token = hs256(Some("shared"), SECRET);
    let fetched = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&fetched, &token).await, Some(Kind::AlgorithmNotAllowed));
    assert_eq!(kind(&fetched, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&fetched, &token).await, Some(Kind::AlgorithmNotAllowed), "with keys as well");

    let asked_for = fetched.algorithms([Algorithm::HS256, Algorithm::ES256]);
    assert_eq!(kind(&asked_for, &token).await, Some(Kind::UnknownKey));
    assert_eq!(kind(&asked_for, &hs256(None, SECRET)).await, Some(Kind::UnknownKey));

    let given = issuer().with_jwks(authority.jwks()).unwrap();
    assert_eq!(given.status().skipped[0].reason(), SkipReason::Symmetric);
    for validator in [given.validator(AUDIENCE), given.validator(AUDIENCE).algorithms([Algorithm::HS256])] {
        assert_eq!(kind(&validator, &token).await, Some(Kind::UnknownKey));
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let authority = TestIssuer::new();
    let signing = authority.signing_key(Algorithm::RS256);
    let jwk: Value = serde_json::from_str(&signing.public_jwk()).unwrap();
    let (public, spki) = [RSA, OTHER_RSA]
        .into_iter()
        .find(|pkcs8| {
            SigningKey::from_pkcs8(Algorithm::RS256, pkcs8).unwrap().public_jwk().contains(jwk["n"].as_str().unwrap())
        })
        .map(|pkcs8| {
            let pair = RsaKeyPair::from_pkcs8(pkcs8).unwrap();
            let spki: PublicKeyX509Der<'static> = pair.public_key().as_der().unwrap();
            (public_pem(pair.public_key()), spki)
        })
        .expect("RS256 is signed with one of the fixed keys");
    let decoding_key = DecodingKey::from_rsa_pem(&public).unwrap();

    let fetched = authority.issuer();
    let from_jwks = issuer().with_jwks(authority.jwks()).unwrap();
    let from_pem = issuer().with_decoding_key(signing.key_id(), Algorithm::RS256, &decoding_key).unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets: [&[u8]; 6] = [
        &public,
        public.trim_ascii_end(),
        spki.as_ref(),
        &modulus,
        jwk["n"].as_str().unwrap().as_bytes(),
        signing.public_jwk().leak().as_bytes(),
    ];
    for secret in secrets {
        for key_id in [None, signing.key_id(), Some("other")] {
            let token = hs256(key_id, secret);
            let expected = match key_id {
                Some(id) if signing.key_id() == Some(id) => Kind::BadSignature,
                _ => Kind::UnknownKey,
            };
            assert_eq!(kind(&fetched.validator(AUDIENCE), &token).await, Some(Kind::AlgorithmNotAllowed));
            for given in [&from_jwks, &from_pem] {
                assert_eq!(kind(&given.validator(AUDIENCE), &token).await, Some(expected), "{key_id:?}");
                let asked_for = given.validator(AUDIENCE).algorithms([Algorithm::HS256]);
                assert_eq!(kind(&asked_for, &token).await, Some(expected), "{key_id:?}");
            }
        }
    }
}

#[tokio::test]
async fn allowed_algorithms_limit_keys_that_were_given() {
    let mut given = issuer();
    for (_, ours, _, public) in all() {
        given = given.with_decoding_key(Some(ours.as_str()), ours, &public).unwrap();
    }
    let (_, public) = ed();
    given =
        given.with_decoding_key(Some("ed"), Algorithm::Ed25519, &DecodingKey::from_ed_pem(&public).unwrap()).unwrap();
    let only = given.validator(AUDIENCE).algorithms([Algorithm::PS256, Algorithm::HS384]);
    for (theirs, ours, private, _) in all() {
        if !matches!(ours, Algorithm::PS256 | Algorithm::HS384) {
            let token = encode(theirs, Some(ours.as_str()), &private);
            assert_eq!(kind(&only, &token).await, Some(Kind::AlgorithmNotAllowed), "{ours}");
        }
    }
    let ps256 = encode(jsonwebtoken::Algorithm::PS256, Some("PS256"), &rsa().0);
    assert_eq!(kind(&only, &ps256).await, None);
    let hs384 = encode(jsonwebtoken::Algorithm::HS384, Some("HS384"), &EncodingKey::from_secret(SECRET));
    assert_eq!(kind(&only, &hs384).await, None);
}

// --- key sets ---

#[tokio::test]
async fn a_key_set_that_was_given_is_all_that_is_needed() {
    let authority = TestIssuer::named(IDENTIFIER);
    authority.signing_key(Algorithm::ES512);
    authority.signing_key(Algorithm::Ed25519);
    let given = issuer().with_jwks(authority.jwks()).unwrap();
    given.ready().await.unwrap();
    let validator = given.validator(AUDIENCE);
    for algorithm in [Algorithm::ES256, Algorithm::ES512, Algorithm::Ed25519] {
        assert_eq!(kind(&validator, &authority.token(AUDIENCE).algorithm(algorithm).sign()).await, None, "{algorithm}");
    }
    authority.rotate();
    let newer = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &newer).await, Some(Kind::UnknownKey), "and nothing is fetched for a new key");

    let status = given.status();
    assert!(status.is_ready);
    let keys: Vec<_> =
        status.keys.iter().map(|key| (key.key_id.as_deref().unwrap(), key.algorithms.as_slice())).collect();
    let ed = [Algorithm::EdDSA, Algorithm::Ed25519];
    assert_eq!(keys, [("es256-1", &[Algorithm::ES256][..]), ("es512-1", &[Algorithm::ES512]), ("ed25519-1", &ed)]);
    assert_eq!((status.age, status.last_error, status.next_attempt_in), (None, None, None));
}

#[tokio::test]
async fn key_sets_and_decoding_keys_add_up() {
    let (first, second) = (TestIssuer::named(IDENTIFIER), TestIssuer::named(IDENTIFIER));
    second.rotate(); // for another key id
    let given = issuer()
        .with_jwks(first.jwks())
        .unwrap()
        .with_jwks(second.jwks())
        .unwrap()
        .with_decoding_key(Some("secret"), Algorithm::HS256, &DecodingKey::from_secret(SECRET))
        .unwrap();
    let validator = given.validator(AUDIENCE);
    assert_eq!(kind(&validator, &first.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &second.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &hs256(Some("secret"), SECRET)).await, None);
    assert_eq!(given.status().keys.len(), 3);
}

#[test]
fn keys_are_given_or_fetched_from_a_set_address_but_not_both() {
    let jwks = TestIssuer::named(IDENTIFIER).jwks();
    let secret = DecodingKey::from_secret(SECRET);
    let by_url = |issuer: Issuer| issuer.jwks_url("https://keys.test/jwks");
    let by_jwks = |issuer: Issuer| issuer.with_jwks(&jwks);
    let by_secret = |issuer: Issuer| issuer.with_decoding_key(None, Algorithm::HS256, &secret);
    for both in [
        by_url(issuer()).and_then(by_jwks),
        by_url(issuer()).and_then(by_secret),
        by_jwks(issuer()).and_then(by_url),
        by_secret(issuer()).and_then(by_url),
    ] {
        let error = both.unwrap_err();
        assert!(error.is_configuration());
        assert_eq!(
            error.to_string(),
            "keys are either given, by with_jwks(..) or with_decoding_key(..), or fetched, by jwks_url(..): leave one out"
        );
    }
    // Where the metadata is and who gets tokens is another matter.
    let elsewhere = by_jwks(issuer()).and_then(|issuer| issuer.metadata_url("https://keys.test/metadata"));
    assert!(elsewhere.and_then(|issuer| issuer.token_endpoint("https://keys.test/token")).is_ok());
}

#[test]
fn a_key_set_without_a_usable_key_is_refused_where_it_is_given() {
    for json in [
        "",
        "<html>do-not-repeat-me</html>",
        "{}",
        "[]",
        r#"{"keys":"do-not-repeat-me"}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"do-not-repeat-me"}]}"#,
        r#"{"keys":[{"kty":"do-not-repeat-me"}]}"#,
    ] {
        let error = issuer().with_jwks(json).unwrap_err();
        assert!(error.is_configuration(), "{json}");
        let said = error.to_string();
        assert!(!said.contains("do-not-repeat-me"), "{said}");
        assert!(said.contains("with_jwks(..)"), "it names the setting: {said}");
    }
}

#[test]
fn an_odd_key_of_a_set_that_was_given_costs_no_other_and_is_listed() {
    let authority = TestIssuer::named(IDENTIFIER);
    authority.publish_jwk(json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "from-the-future"}));
    authority.publish_jwk(json!({"kty": "EC", "crv": "P-256", "kid": "off-the-curve", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([1; 32])}));
    let status = issuer().with_jwks(authority.jwks()).unwrap().status();
    assert_eq!(status.keys.len(), 1);
    let skipped: Vec<_> =
        status.skipped.iter().map(|key| (key.position(), key.key_id().unwrap(), key.reason())).collect();
    let expected =
        [(1, "from-the-future", SkipReason::UnknownKeyType), (2, "off-the-curve", SkipReason::RejectedByBackend)];
    assert_eq!(skipped, expected);
}
