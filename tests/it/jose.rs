//! Keys: which ones are taken from a key set or an application, and what each of them verifies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use tower_bearer::jose::*;

const RSA_A: &[u8] = include_bytes!("../../src/testing/rsa_2048_a.pk8");
const RSA_B: &[u8] = include_bytes!("../../src/testing/rsa_2048_b.pk8");

const ALL_ALGORITHMS: [&str; 14] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256",
    "HS384", "HS512",
];

fn signing_key(algorithm: Algorithm) -> SigningKey {
    match algorithm.as_str().get(..2) {
        Some("RS" | "PS") => SigningKey::from_pkcs8(algorithm, RSA_A).unwrap(),
        _ => SigningKey::generate(algorithm).unwrap(),
    }
}

fn published(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk()).unwrap()
}

/// The JWK with members replaced, or taken away where the value is null.
#[allow(clippy::needless_pass_by_value)] // `json!` reads better without a borrow
fn changed(jwk: &Value, changes: Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in changes.as_object().unwrap() {
        let members = jwk.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    jwk
}

fn parse(jwk: &Value) -> Result<Jwk, SkipReason> {
    Jwk::parse(jwk.to_string().as_bytes())
}

fn verifying_keys(jwk: &Value) -> Vec<VerifyingKey> {
    VerifyingKey::from_jwk(&parse(jwk).unwrap()).unwrap()
}

fn names(jwk: &Value) -> Vec<&'static str> {
    verifying_keys(jwk).iter().map(|key| key.algorithm().as_str()).collect()
}

fn bytes(jwk: &Value, member: &str) -> Vec<u8> {
    BASE64URL.decode(jwk[member].as_str().unwrap()).unwrap()
}

fn sign(key: &SigningKey) -> String {
    let header = format!(r#"{{"alg":"{}"}}"#, key.algorithm());
    key.sign_compact(header.as_bytes(), br#"{"sub":"alice"}"#).unwrap()
}

fn verifies(key: &VerifyingKey, token: &str) -> bool {
    key.verify(&CompactJws::parse(token).unwrap()).is_ok()
}

/// A DER value with the shortest length there is.
pub(crate) fn der(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = match u8::try_from(contents.len()) {
        Ok(short @ ..0x80) => vec![short],
        Ok(byte) => vec![0x81, byte],
        Err(_) => [&[0x82][..], &u16::try_from(contents.len()).unwrap().to_be_bytes()].concat(),
    };
    [&[tag][..], &length, &contents].concat()
}

/// A positive DER integer with the fewest bytes there are.
fn der_integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let sign: &[u8] = if number.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    der(0x02, &[sign, number])
}

// --- algorithms ---

#[test]
fn an_algorithm_is_known_by_its_exact_name_only() {
    for name in ALL_ALGORITHMS {
        let algorithm: Algorithm = name.parse().unwrap();
        assert_eq!((algorithm.as_str(), algorithm.to_string().as_str()), (name, name));
        assert_eq!(algorithm.is_symmetric(), name.starts_with("HS"));
        assert_eq!(Algorithm::ASYMMETRIC.contains(&algorithm), !name.starts_with("HS"));
        for other in [name.to_lowercase(), format!("{name} "), format!(" {name}")] {
            assert_eq!(other.parse::<Algorithm>(), Err(UnknownAlgorithm));
        }
    }
    assert_eq!("none".parse::<Algorithm>(), Err(UnknownAlgorithm));
}

#[test]
fn every_algorithm_verifies_what_its_key_signed_and_nothing_else() {
    for &algorithm in Algorithm::ASYMMETRIC {
        let signing = signing_key(algorithm);
        let token = sign(&signing);
        let keys = verifying_keys(&published(&signing));
        let key = keys.iter().find(|key| key.algorithm() == algorithm).unwrap();
        let jws = CompactJws::parse(&token).unwrap();
        let verified = key.verify(&jws).unwrap();
        assert_eq!(verified.payload(), br#"{"sub":"alice"}"#, "{algorithm}");

        let message = b"message";
        let signature = signing.sign(message).unwrap();
        assert_eq!(key.verify_detached(message, &signature), Ok(()), "{algorithm}");
        assert_eq!(key.verify_detached(b"massage", &signature), Err(InvalidSignature), "{algorithm}");
        for position in [0, signature.len() / 2, signature.len() - 1] {
            let mut tampered = signature.clone();
            tampered[position] ^= 1;
            assert_eq!(key.verify_detached(message, &tampered), Err(InvalidSignature), "{algorithm}");
        }
        let longer = [signature.as_slice(), &[0]].concat();
        for other in [&[][..], &signature[1..], &longer, &vec![0; signature.len()]] {
            assert_eq!(key.verify_detached(message, other), Err(InvalidSignature), "{algorithm}");
        }
    }
}

#[test]
fn another_key_of_the_same_kind_does_not_verify() {
    for &algorithm in Algorithm::ASYMMETRIC {
        let other = match algorithm.as_str().get(..2) {
            Some("RS" | "PS") => SigningKey::from_pkcs8(algorithm, RSA_B).unwrap(),
            _ => SigningKey::generate(algorithm).unwrap(),
        };
        let token = sign(&signing_key(algorithm));
        assert!(!verifying_keys(&published(&other)).iter().any(|key| verifies(key, &token)), "{algorithm}");
    }
}

#[test]
fn a_key_verifies_its_one_algorithm_only() {
    let jwk = changed(&published(&signing_key(Algorithm::RS256)), json!({ "alg": null }));
    let keys = verifying_keys(&jwk);
    for &algorithm in &Algorithm::ASYMMETRIC[..6] {
        let token = sign(&signing_key(algorithm));
        for key in &keys {
            assert_eq!(verifies(key, &token), key.algorithm() == algorithm, "{algorithm} {key:?}");
        }
    }
}

#[test]
fn the_header_never_selects_the_algorithm() {
    let signing = signing_key(Algorithm::RS256);
    let key = &verifying_keys(&published(&signing))[0];
    for name in ["RS384", "PS256", "HS256", "none", "rs256", "EdDSA"] {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let token = signing.sign_compact(header.as_bytes(), b"{}").unwrap();
        assert!(!verifies(key, &token), "{name}");
    }
}

#[test]
fn eddsa_and_ed25519_are_two_names_of_one_key_but_never_of_one_token() {
    for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
        let signing = signing_key(algorithm);
        let jwk = published(&signing);
        assert_eq!(jwk["alg"], algorithm.as_str());
        assert_eq!(names(&jwk), ["EdDSA", "Ed25519"]);
        assert_eq!(names(&changed(&jwk, json!({ "alg": null }))), ["EdDSA", "Ed25519"]);
        let token = sign(&signing);
        for key in verifying_keys(&jwk) {
            assert_eq!(verifies(&key, &token), key.algorithm() == algorithm, "{algorithm}");
        }
    }
}

#[test]
fn a_key_without_algorithm_serves_all_that_fit() {
    let without = |algorithm| changed(&published(&signing_key(algorithm)), json!({ "alg": null }));
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    assert_eq!(names(&without(Algorithm::RS256)), rsa);
    assert_eq!(names(&without(Algorithm::ES256)), ["ES256"]);
    assert_eq!(names(&without(Algorithm::ES384)), ["ES384"]);
    assert_eq!(names(&without(Algorithm::ES512)), ["ES512"]);
    assert_eq!(names(&published(&signing_key(Algorithm::PS384))), ["PS384"]);
}

#[test]
fn ecdsa_signatures_have_a_fixed_length_and_are_not_der() {
    for (algorithm, half) in [(Algorithm::ES256, 32), (Algorithm::ES384, 48), (Algorithm::ES512, 66)] {
        let signing = signing_key(algorithm);
        let key = &verifying_keys(&published(&signing))[0];
        let signature = signing.sign(b"message").unwrap();
        assert_eq!(signature.len(), 2 * half, "{algorithm}");
        assert_eq!(key.verify_detached(b"message", &signature), Ok(()));

        let (r, s) = signature.split_at(half);
        let in_der = der(0x30, &[&der_integer(r), &der_integer(s)]);
        assert_eq!(key.verify_detached(b"message", &in_der), Err(InvalidSignature), "{algorithm}");
    }
}

#[test]
fn an_ecdsa_signature_of_zeros_verifies_nothing() {
    for (algorithm, length) in [(Algorithm::ES256, 64), (Algorithm::ES384, 96), (Algorithm::ES512, 132)] {
        let key = &verifying_keys(&published(&signing_key(algorithm)))[0];
        assert_eq!(key.verify_detached(b"message", &vec![0; length]), Err(InvalidSignature));
    }
}

// --- key sets ---

/// Every reason to leave a key aside, with a key that gives it.
fn odd_keys() -> Vec<(SkipReason, Value)> {
    use SkipReason::*;
    let rsa = &published(&signing_key(Algorithm::RS256));
    let ec = &published(&signing_key(Algorithm::ES256));
    let ed = &published(&signing_key(Algorithm::EdDSA));
    let number = |bytes: &[u8]| BASE64URL.encode(bytes);
    let modulus =
        |bits: usize| number(&[vec![0xff_u8 >> ((8 - bits % 8) % 8)], vec![0xff; bits.div_ceil(8) - 1]].concat());
    vec![
        (NotAnObject, json!("a key")),
        (NotAnObject, json!(null)),
        (NotAnObject, json!([1])),
        (MissingMember("kty"), changed(rsa, json!({ "kty": null }))),
        (MalformedMember("kty"), changed(rsa, json!({ "kty": 1 }))),
        (UnknownKeyType, changed(rsa, json!({ "kty": "AKP", "alg": "ML-DSA-44" }))),
        (UnknownKeyType, changed(rsa, json!({ "kty": "rsa" }))),
        (Symmetric, json!({ "kty": "oct", "k": number(&[1; 64]), "alg": "HS256" })),
        (PrivateMembers, changed(rsa, json!({ "d": "AQAB" }))),
        (PrivateMembers, changed(rsa, json!({ "qi": 1 }))),
        (PrivateMembers, changed(ec, json!({ "d": "AQAB" }))),
        (PrivateMembers, changed(ed, json!({ "d": "AQAB" }))),
        (PrivateMembers, changed(ed, json!({ "k": "AQAB" }))),
        (NotForSignatures, changed(rsa, json!({ "use": "enc" }))),
        (NotForSignatures, changed(rsa, json!({ "use": "SIG" }))),
        (MalformedMember("use"), changed(rsa, json!({ "use": 1 }))),
        (NotForVerification, changed(rsa, json!({ "key_ops": ["sign"] }))),
        (NotForVerification, changed(rsa, json!({ "key_ops": [] }))),
        (MalformedMember("key_ops"), changed(rsa, json!({ "key_ops": "verify" }))),
        (MalformedMember("key_ops"), changed(rsa, json!({ "key_ops": ["verify", 1] }))),
        (UnsupportedAlgorithm, changed(rsa, json!({ "alg": "RSA-OAEP" }))),
        (UnsupportedAlgorithm, changed(rsa, json!({ "alg": "none" }))),
        (UnsupportedAlgorithm, changed(rsa, json!({ "alg": "rs256" }))),
        (MalformedMember("alg"), changed(rsa, json!({ "alg": ["RS256"] }))),
        (AlgorithmDoesNotFit, changed(rsa, json!({ "alg": "HS256" }))),
        (AlgorithmDoesNotFit, changed(rsa, json!({ "alg": "ES256" }))),
        (AlgorithmDoesNotFit, changed(ec, json!({ "alg": "RS256" }))),
        (AlgorithmDoesNotFit, changed(ec, json!({ "alg": "ES384" }))),
        (AlgorithmDoesNotFit, changed(ed, json!({ "alg": "ES256" }))),
        (MissingMember("crv"), changed(ec, json!({ "crv": null }))),
        (MissingMember("crv"), changed(ed, json!({ "crv": null }))),
        (UnsupportedCurve, changed(ec, json!({ "crv": "secp256k1" }))),
        (UnsupportedCurve, changed(ec, json!({ "crv": "Ed25519" }))),
        (UnsupportedCurve, changed(ed, json!({ "crv": "Ed448" }))),
        (UnsupportedCurve, changed(ed, json!({ "crv": "P-256" }))),
        (MissingMember("n"), changed(rsa, json!({ "n": null }))),
        (MissingMember("e"), changed(rsa, json!({ "e": null }))),
        (MissingMember("x"), changed(ec, json!({ "x": null }))),
        (MissingMember("y"), changed(ec, json!({ "y": null }))),
        (MissingMember("x"), changed(ed, json!({ "x": null }))),
        (MalformedMember("n"), changed(rsa, json!({ "n": "" }))),
        (MalformedMember("n"), changed(rsa, json!({ "n": "AAAA" }))),
        (MalformedMember("n"), changed(rsa, json!({ "n": "????" }))),
        (MalformedMember("n"), changed(rsa, json!({ "n": number(&[0xfe; 256]) }))),
        (MalformedMember("e"), changed(rsa, json!({ "e": "" }))),
        (MalformedMember("e"), changed(rsa, json!({ "e": "AQAB=" }))),
        (MalformedMember("e"), changed(rsa, json!({ "e": number(&[1]) }))),
        (MalformedMember("e"), changed(rsa, json!({ "e": number(&[1, 0, 0]) }))),
        (MalformedMember("e"), changed(rsa, json!({ "e": number(&[2, 0, 0, 0, 1]) }))),
        (RsaTooSmall, changed(rsa, json!({ "n": modulus(2047) }))),
        (RsaTooSmall, changed(rsa, json!({ "n": modulus(1024) }))),
        (RsaTooSmall, changed(rsa, json!({ "n": number(&[1]) }))),
        (RsaTooLarge, changed(rsa, json!({ "n": modulus(8193) }))),
        (MalformedMember("x"), changed(ec, json!({ "x": number(&[1; 31]) }))),
        (MalformedMember("x"), changed(ec, json!({ "x": number(&[0; 33]) }))),
        (MalformedMember("y"), changed(ec, json!({ "y": number(&[1; 31]) }))),
        (MalformedMember("y"), changed(ec, json!({ "y": "" }))),
        (MalformedMember("x"), changed(ed, json!({ "x": number(&[1; 31]) }))),
        (MalformedMember("x"), changed(ed, json!({ "x": number(&[1; 33]) }))),
        (MalformedMember("x"), changed(ed, json!({ "x": "" }))),
        (MalformedMember("kid"), changed(ed, json!({ "kid": 1 }))),
        (MalformedMember("issuer"), changed(ed, json!({ "issuer": 1 }))),
    ]
}

#[test]
fn each_odd_key_is_skipped_for_its_own_reason_while_the_good_ones_survive() {
    let good = signing_key(Algorithm::ES256).with_key_id("good");
    let odd = odd_keys();
    let mut keys = vec![published(&good)];
    keys.extend(odd.iter().map(|(_, key)| key.clone()));
    keys.push(published(&good));
    let set = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();

    for (index, (skipped, (reason, key))) in set.skipped().iter().zip(&odd).enumerate() {
        assert_eq!((skipped.reason(), skipped.position()), (*reason, index + 1), "{key}");
        assert!(!reason.to_string().is_empty());
    }
    assert_eq!(set.skipped().len(), odd.len());
    assert_eq!(set.keys().len(), 2);
    for key in set.keys() {
        assert_eq!(key.key_id(), Some("good"));
        assert!(verifies(&VerifyingKey::from_jwk(key).unwrap()[0], &sign(&good)));
    }
}

#[test]
fn faults_that_only_raw_text_can_have_cost_one_key_as_well() {
    let good = signing_key(Algorithm::EdDSA).public_jwk();
    let twice = good.replacen('{', r#"{"kty":"OKP","#, 1);
    let twice_escaped = good.replacen('{', r#"{"\u006bty":"OKP","#, 1);
    let deep = good.replacen('{', &format!(r#"{{"x5c":{}{},"#, "[".repeat(99), "]".repeat(99)), 1);
    let surrogate = good.replacen('{', r#"{"kid":"\ud800","#, 1);
    let surrogate_name = good.replacen('{', r#"{"\ud800":1,"#, 1);
    let json = format!(r#"{{"keys":[{twice},{twice_escaped},{deep},{surrogate},{surrogate_name},{good}]}}"#);
    let set = JwkSet::parse(json.as_bytes()).unwrap();
    let reasons: Vec<_> = set.skipped().iter().map(SkippedKey::reason).collect();
    assert_eq!(
        reasons,
        [
            SkipReason::DuplicateMember,
            SkipReason::DuplicateMember,
            SkipReason::TooDeep,
            SkipReason::MalformedMember("kid"),
            SkipReason::Malformed,
        ]
    );
    assert_eq!(set.keys().len(), 1);
}

#[test]
fn a_point_off_its_curve_is_refused_by_the_back_end() {
    let jwk = published(&signing_key(Algorithm::ES256));
    let off = changed(&jwk, json!({ "y": BASE64URL.encode([7; 32]) }));
    let refused = VerifyingKey::from_jwk(&parse(&off).unwrap()).unwrap_err();
    assert_eq!(refused, SkipReason::RejectedByBackend);
}

#[test]
fn members_that_nobody_asks_for_are_ignored() {
    let jwk = published(&signing_key(Algorithm::ES256));
    let more = json!({ "x5t": 1, "x5c": [{}], "x5u": false, "nbf": 1e10, "key_ops": ["verify", "other"] });
    let parsed = parse(&changed(&jwk, more)).unwrap();
    assert_eq!(parsed, parse(&jwk).unwrap());
    let huge_number = jwk.to_string().replacen('{', r#"{"exp":1e400,"#, 1);
    assert!(Jwk::parse(huge_number.as_bytes()).is_ok());
}

#[test]
fn an_optional_member_that_is_null_counts_as_absent() {
    let jwk = published(&signing_key(Algorithm::RS256));
    let nulls = jwk.to_string().replace(r#""alg":"RS256""#, r#""alg":null,"kid":null,"key_ops":null,"d":null"#);
    let parsed = Jwk::parse(nulls.as_bytes()).unwrap();
    assert_eq!((parsed.algorithm(), parsed.key_id()), (None, None));
}

#[test]
fn a_leading_zero_in_an_rsa_number_is_forgiven() {
    let jwk = published(&signing_key(Algorithm::RS256));
    let padded = |member| BASE64URL.encode([&[0][..], &bytes(&jwk, member)].concat());
    let zeros = changed(&jwk, json!({ "n": padded("n"), "e": padded("e") }));
    assert_eq!(parse(&zeros).unwrap(), parse(&jwk).unwrap());
}

#[test]
fn an_unchanged_key_equals_itself_and_any_change_shows() {
    let jwk = published(&signing_key(Algorithm::ES256).with_key_id("1"));
    let other = published(&signing_key(Algorithm::ES256).with_key_id("1"));
    let same = parse(&jwk).unwrap();
    assert_eq!(parse(&jwk).unwrap(), same);
    assert_ne!(parse(&other).unwrap(), same);
    for change in [json!({ "kid": "2" }), json!({ "alg": null }), json!({ "issuer": "https://a.example" })] {
        assert_ne!(parse(&changed(&jwk, change)).unwrap(), same);
    }
}

#[test]
fn the_issuer_of_a_key_is_handed_on_verbatim() {
    let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let jwk = changed(&published(&signing_key(Algorithm::RS256)), json!({ "issuer": issuer }));
    assert_eq!(parse(&jwk).unwrap().issuer(), Some(issuer));
}

#[test]
fn a_skipped_key_is_named_where_its_name_can_be_read() {
    let json = br#"{"keys":[{"kty":"oct","kid":"a\u0062"},{"kty":"oct"},{"kty":"oct","kid":1},7]}"#;
    let set = JwkSet::parse(json).unwrap();
    let names: Vec<_> = set.skipped().iter().map(SkippedKey::key_id).collect();
    assert_eq!(names, [Some("ab"), None, None, None]);
}

#[test]
fn a_key_set_may_be_empty() {
    let set = JwkSet::parse(br#"{"keys":[],"more":[{}]}"#).unwrap();
    assert!(set.keys().is_empty() && set.skipped().is_empty());
}

#[test]
fn keys_beyond_the_limit_are_reported_once() {
    let key = published(&signing_key(Algorithm::EdDSA));
    let set = |count: usize| JwkSet::parse(json!({ "keys": vec![&key; count] }).to_string().as_bytes()).unwrap();
    let full = set(JwkSet::MAX_KEYS);
    assert_eq!((full.keys().len(), full.skipped().len()), (JwkSet::MAX_KEYS, 0));
    let over = set(JwkSet::MAX_KEYS + 5);
    assert_eq!(over.keys().len(), JwkSet::MAX_KEYS);
    assert_eq!(over.skipped().len(), 1);
    assert_eq!(over.skipped()[0].reason(), SkipReason::TooManyKeys);
    assert_eq!(over.skipped()[0].position(), JwkSet::MAX_KEYS);
}

#[test]
fn what_is_not_a_key_set_is_an_error() {
    use JwkSetError::*;
    let malformed = |line, column| Malformed { line, column };
    for (json, error) in [
        (&b""[..], NotAnObject),
        (b"<html>secret</html>", NotAnObject),
        (b"[]", NotAnObject),
        (b"\xef\xbb\xbf{\"keys\":[]}", NotAnObject),
        (b"\xff", NotUtf8),
        (b"{}", NoKeys),
        (b"{\"keys\":null}", NoKeys),
        (b"{\"keys\":{}}", NoKeys),
        (b"{\"keys\":\"secret\"}", NoKeys),
        (b"{\"keys\":[],\"keys\":[]}", DuplicateMember),
        (b"{\"keys\":[],\"key\\u0073\":[]}", DuplicateMember),
        (b"{\"keys\":[", EndsEarly),
        (b"{\"keys\":[{\"kty\":\"secret", EndsEarly),
        (b"{\"keys\":[]}{}", malformed(0, 0)),
        (b"{\"keys\":\n[secret]}", malformed(2, 2)),
    ] {
        let refused = JwkSet::parse(json).unwrap_err();
        assert_eq!(refused, error, "{}", String::from_utf8_lossy(json));
        assert!(!refused.to_string().contains("secret"));
    }
}

// --- static keys ---

#[test]
fn an_rsa_decoding_key_may_be_numbers_or_der() {
    let signing = signing_key(Algorithm::RS256);
    let jwk = published(&signing);
    let (n, e) = (bytes(&jwk, "n"), bytes(&jwk, "e"));
    let pkcs1 = der(0x30, &[&der_integer(&n), &der_integer(&e)]);
    let rsa_encryption = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let spki = der(0x30, &[&rsa_encryption, &der(0x03, &[&[0], &pkcs1])]);
    let token = sign(&signing);
    for key in [
        DecodingKey::from_rsa_raw_components(&n, &e),
        DecodingKey::from_rsa_components(jwk["n"].as_str().unwrap(), "AQAB").unwrap(),
        DecodingKey::from_rsa_der(&pkcs1),
        DecodingKey::from_rsa_der(&spki),
    ] {
        let key = VerifyingKey::from_decoding_key(Algorithm::RS256, &key).unwrap();
        assert!(verifies(&key, &token));
    }
    for garbage in [&pkcs1[1..], b"", b"garbage", &spki[..spki.len() - 1]] {
        let key = DecodingKey::from_rsa_der(garbage);
        let refused = VerifyingKey::from_decoding_key(Algorithm::RS256, &key).unwrap_err();
        assert_eq!(refused, SkipReason::RejectedByBackend);
    }
}

#[test]
fn the_size_of_a_static_rsa_key_is_checked_as_well() {
    let numbers = |n: &[u8]| DecodingKey::from_rsa_raw_components(n, &[1, 0, 1]);
    let make = |key| VerifyingKey::from_decoding_key(Algorithm::RS256, &key).unwrap_err();
    assert_eq!(make(numbers(&[0xff; 128])), SkipReason::RsaTooSmall);
    assert_eq!(make(numbers(&[0xff; 1025])), SkipReason::RsaTooLarge);
    assert_eq!(make(numbers(&[])), SkipReason::MalformedMember("n"));
}

#[test]
fn how_long_an_rsa_key_may_be_is_up_to_the_back_end() {
    let bits = if cfg!(feature = "aws-lc-rs") { 8192 } else { 4096 };
    let fits = vec![0xff; bits / 8];
    let too_long = [&[1], fits.as_slice()].concat();
    let make = |n: &[u8]| {
        VerifyingKey::from_decoding_key(
            Algorithm::RS256,
            &DecodingKey::from_rsa_der(&der(0x30, &[&der_integer(n), &der_integer(&[1, 0, 1])])),
        )
    };
    assert!(make(&fits).is_ok());
    assert_eq!(make(&too_long).unwrap_err(), SkipReason::RsaTooLarge);
    assert_eq!(SkipReason::RsaTooLarge.to_string(), format!("the RSA key is longer than {bits} bits"));

    let jwk = |n: &[u8]| json!({ "kty": "RSA", "n": BASE64URL.encode(n), "e": "AQAB" });
    assert_eq!(parse(&jwk(&too_long)).unwrap_err(), SkipReason::RsaTooLarge);
    assert_eq!(verifying_keys(&jwk(&fits)).len(), 6);
}

#[test]
fn an_ec_decoding_key_may_be_a_point_or_der_for_its_own_curve_only() {
    let curves: [(Algorithm, &[u8]); 3] = [
        (
            Algorithm::ES256,
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
        ),
        (
            Algorithm::ES384,
            b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
        ),
        (
            Algorithm::ES512,
            b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00",
        ),
    ];
    for (algorithm, spki_start) in curves {
        let signing = signing_key(algorithm);
        let jwk = published(&signing);
        let point = [&[4][..], &bytes(&jwk, "x"), &bytes(&jwk, "y")].concat();
        let token = sign(&signing);
        for key in [
            DecodingKey::from_ec_components(jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap()).unwrap(),
            DecodingKey::from_ec_der(&point),
            DecodingKey::from_ec_der(&[spki_start, &point].concat()),
        ] {
            let good = VerifyingKey::from_decoding_key(algorithm, &key).unwrap();
            assert!(verifies(&good, &token), "{algorithm}");
            for other in curves.map(|(other, _)| other).into_iter().filter(|other| *other != algorithm) {
                let refused = VerifyingKey::from_decoding_key(other, &key).unwrap_err();
                assert_eq!(refused, SkipReason::RejectedByBackend, "{algorithm} as {other}");
            }
        }
        let short = DecodingKey::from_ec_der(&point[..point.len() - 1]);
        let refused = VerifyingKey::from_decoding_key(algorithm, &short).unwrap_err();
        assert_eq!(refused, SkipReason::RejectedByBackend);
    }
}

#[test]
fn a_point_may_be_compressed_but_nothing_odder() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512] {
        let signing = signing_key(algorithm);
        let jwk = published(&signing);
        let (x, y) = (bytes(&jwk, "x"), bytes(&jwk, "y"));
        let key = |point: &[u8]| VerifyingKey::from_decoding_key(algorithm, &DecodingKey::from_ec_der(point));
        let compressed = [&[2 + (y[y.len() - 1] & 1)][..], &x].concat();
        assert!(verifies(&key(&compressed).unwrap(), &sign(&signing)), "{algorithm}");

        let compact = [&[5][..], &x].concat();
        let without_tag = [&x[..], &y].concat();
        let longer = [&[4][..], &x, &y, &[0]].concat();
        for odd in [&[][..], &[0], &compact, &without_tag, &longer] {
            assert_eq!(key(odd).unwrap_err(), SkipReason::RejectedByBackend, "{algorithm}");
        }
    }
}

#[test]
fn an_ed25519_decoding_key_may_be_raw_or_der_and_a_short_one_does_not_panic() {
    for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
        let signing = signing_key(algorithm);
        let jwk = published(&signing);
        let raw = bytes(&jwk, "x");
        let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &raw].concat();
        let token = sign(&signing);
        for key in [
            DecodingKey::from_ed_components(jwk["x"].as_str().unwrap()).unwrap(),
            DecodingKey::from_ed_der(&raw),
            DecodingKey::from_ed_der(&spki),
        ] {
            assert!(verifies(&VerifyingKey::from_decoding_key(algorithm, &key).unwrap(), &token));
        }
        for length in (0..32).chain([33, 43, 45, 64]) {
            let key = DecodingKey::from_ed_der(&vec![1; length]);
            let refused = VerifyingKey::from_decoding_key(algorithm, &key).unwrap_err();
            assert_eq!(refused, SkipReason::RejectedByBackend, "{length} bytes");
        }
    }
}

#[test]
fn a_secret_must_be_as_long_as_the_hash() {
    for (algorithm, length) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let make = |length| {
            let secret = DecodingKey::from_secret(&vec![7; length]);
            VerifyingKey::from_decoding_key(algorithm, &secret)
        };
        assert_eq!(make(length).unwrap().algorithm(), algorithm);
        for short in [0, 1, length - 1] {
            assert_eq!(make(short).unwrap_err(), SkipReason::SecretTooShort, "{algorithm}");
        }
    }
}

#[test]
fn a_static_key_of_another_family_is_refused() {
    let keys = [
        ("HS", DecodingKey::from_secret(&[7; 64])),
        ("RS", DecodingKey::from_rsa_raw_components(&[0xff; 256], &[1, 0, 1])),
        ("ES", DecodingKey::from_ec_der(&[4; 65])),
        ("Ed", DecodingKey::from_ed_der(&[1; 32])),
    ];
    for name in ALL_ALGORITHMS {
        for (family, key) in &keys {
            if name.starts_with(family) || (name.starts_with("PS") && *family == "RS") {
                continue;
            }
            let refused = VerifyingKey::from_decoding_key(name.parse().unwrap(), key).unwrap_err();
            assert_eq!(refused, SkipReason::AlgorithmDoesNotFit, "{name} {family}");
        }
    }
}

// --- signing keys ---

#[test]
fn a_published_key_says_what_it_is_for() {
    for &algorithm in Algorithm::ASYMMETRIC {
        let key = signing_key(algorithm);
        assert_eq!((key.algorithm(), key.key_id()), (algorithm, None));
        let jwk = published(&key);
        assert_eq!((&jwk["alg"], &jwk["use"]), (&json!(algorithm.as_str()), &json!("sig")));
        assert_eq!(jwk.get("kid"), None);
        assert_eq!(jwk.get("d"), None);
    }
    let odd = "a \"quoted\" \u{1f511}\n";
    let key = signing_key(Algorithm::ES256).with_key_id(odd);
    assert_eq!(key.key_id(), Some(odd));
    assert_eq!(published(&key)["kid"], odd);
}

#[test]
fn a_private_key_must_fit_its_algorithm() {
    for name in ALL_ALGORITHMS {
        let algorithm: Algorithm = name.parse().unwrap();
        let expected = match name.get(..2) {
            Some("RS" | "PS") => None,
            Some("HS") => Some(SigningError::UnsupportedAlgorithm),
            _ => Some(SigningError::KeyRejected),
        };
        assert_eq!(SigningKey::from_pkcs8(algorithm, RSA_A).err(), expected, "{name}");
    }
    for garbage in [&b""[..], b"-----BEGIN PRIVATE KEY-----", &RSA_A[..RSA_A.len() - 1]] {
        let refused = SigningKey::from_pkcs8(Algorithm::RS256, garbage).unwrap_err();
        assert_eq!(refused, SigningError::KeyRejected);
    }
}

#[test]
fn only_elliptic_curve_keys_are_generated() {
    for name in ALL_ALGORITHMS {
        let generated = SigningKey::generate(name.parse().unwrap());
        let expected = (!name.starts_with('E')).then_some(SigningError::UnsupportedAlgorithm);
        assert_eq!(generated.err(), expected, "{name}");
    }
}

#[test]
fn debug_shows_no_key() {
    let signing = signing_key(Algorithm::ES256).with_key_id("1");
    let jwk = published(&signing);
    let key = &verifying_keys(&jwk)[0];
    assert_eq!(format!("{key:?}"), "VerifyingKey { algorithm: ES256, .. }");
    assert_eq!(format!("{signing:?}"), "SigningKey { algorithm: ES256, key_id: Some(\"1\"), .. }");
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<VerifyingKey>();
    shared::<SigningKey>();
    shared::<JwkSet>();
    shared::<CompactJws<'static>>();
    shared::<VerifiedJws>();
}
