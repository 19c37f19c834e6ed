//! The fuzzers' targets on inputs that proptest makes: bytes of any kind, and such as are almost right. `tests/fuzz/run` goes on
//! from there, guided by coverage.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

// A library to the fuzzers.
#[allow(unreachable_pub, dead_code)]
#[path = "../fuzz/targets.rs"]
mod targets;

type Target = fn(&[u8]);
const TARGETS: [(&str, Target); 8] = [
    ("jws", targets::jws),
    ("jwks", targets::jwks),
    ("metadata", targets::metadata),
    ("token_answer", targets::token_answer),
    ("pem", targets::pem),
    ("authorization", targets::authorization),
    ("www_authenticate", targets::www_authenticate),
    ("scopes", targets::scopes),
];

/// The seeds that the fuzzers start from, and inputs that were bugs once.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The second: as seen from the package `tests/rust_crypto`.
    let seeds =
        ["tests/fuzz/seeds", "../fuzz/seeds"].map(|seeds| root.join(seeds)).into_iter().find(|seeds| seeds.exists());
    let files = fs::read_dir(seeds.unwrap().join(target)).unwrap().map(|file| file.unwrap().path());
    files.map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn every_seed_holds() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        seeds.iter().for_each(|seed| target(seed));
    }
}

/// A seed with a few places changed.
fn mutated(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let change =
        (any::<Index>(), 0..4_u8, any::<u8>(), select(vec!["\"", "\\", "{", "]", ",", "null", "1e400", "\\ud800"]));
    (select(seeds(target)), vec(change, 0..6)).prop_map(|(mut input, changes)| {
        for (at, how, byte, text) in changes {
            let at = at.index(input.len() + 1);
            match how {
                0 => input.truncate(at),
                1 if at < input.len() => input[at] = byte,
                2 => drop(input.splice(at..at, text.bytes())),
                _ => input.insert(at, byte),
            }
        }
        input
    })
}

/// JSON of any kind, with the names that matter here.
fn any_json() -> impl Strategy<Value = Value> {
    const NAMES: &[&str] = &[
        "alg",
        "typ",
        "kid",
        "crit",
        "iss",
        "aud",
        "exp",
        "nbf",
        "iat",
        "sub",
        "cnf",
        "scope",
        "keys",
        "kty",
        "crv",
        "x",
        "y",
        "n",
        "e",
        "use",
        "key_ops",
        "issuer",
        "jwks_uri",
        "token_endpoint",
        "access_token",
        "token_type",
        "issued_token_type",
        "expires_in",
        "refresh_in",
        "error",
        "error_codes",
        "correlation_id",
        "claims",
        "é",
    ];
    const TEXTS: &[&str] = &[
        "EdDSA",
        "1",
        "at+jwt",
        "https://issuer.test",
        "api://orders",
        "RSA",
        "EC",
        "OKP",
        "Ed25519",
        "P-256",
        "sig",
        "verify",
        "Bearer",
        "invalid_client",
        "urn:ietf:params:oauth:token-type:access_token",
        "AQAB",
        "http://127.0.0.1/",
        "https://",
        "",
        "\u{0}\"\\",
    ];
    let leaf = prop_oneof![
        select(TEXTS).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(targets::EXPIRES_AT)),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            vec((select(NAMES), inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_hold(bytes in vec(any::<u8>(), 0..300)) {
        TARGETS.iter().for_each(|(_, target)| target(&bytes));
    }

    #[test]
    fn any_text_holds(text in "\\PC{0,60}(\n\\PC{0,20}){0,5}") {
        TARGETS.iter().for_each(|(_, target)| target(text.as_bytes()));
    }

    #[test]
    fn any_json_holds(value in any_json()) {
        TARGETS.iter().for_each(|(_, target)| target(value.to_string().as_bytes()));
    }

    #[test]
    fn changed_seeds_of_tokens_hold(input in mutated("jws")) {
        targets::jws(&input);
    }

    #[test]
    fn changed_seeds_of_key_sets_hold(input in mutated("jwks")) {
        targets::jwks(&input);
    }

    #[test]
    fn changed_seeds_of_metadata_hold(input in mutated("metadata")) {
        targets::metadata(&input);
    }

    #[test]
    fn changed_seeds_of_token_answers_hold(input in mutated("token_answer")) {
        targets::token_answer(&input);
    }

    #[test]
    fn changed_seeds_of_pem_hold(input in mutated("pem")) {
        targets::pem(&input);
    }

    #[test]
    fn changed_seeds_of_credentials_hold(input in mutated("authorization")) {
        targets::authorization(&input);
    }

    #[test]
    fn changed_seeds_of_challenges_hold(input in mutated("www_authenticate")) {
        targets::www_authenticate(&input);
    }

    #[test]
    fn changed_seeds_of_scopes_hold(input in mutated("scopes")) {
        targets::scopes(&input);
    }

    #[test]
    fn any_signed_header_and_claims_hold(header in any_json(), claims in any_json()) {
        targets::jws(format!("{header}\n{claims}").as_bytes());
        // Good but for one of the two.
        targets::jws(format!("{}\n{claims}", targets::HEADER).as_bytes());
        targets::jws(format!("{}\n{}", targets::HEADER, targets::claims_and(&claims)).as_bytes());
        targets::jws(format!("{header}\n{}", targets::claims_and(&json!({}))).as_bytes());
    }

    /// A good token holds, and with any change to it is no good.
    #[test]
    fn a_changed_token_holds(claims in any_json(), at in any::<Index>(), byte in any::<u8>(), inserted in any::<bool>()) {
        let token = targets::token_with(&claims);
        targets::jws(token.as_bytes());
        targets::authorization(format!("Bearer {token}").as_bytes());
        let mut changed = token.into_bytes();
        let at = at.index(changed.len());
        if inserted { changed.insert(at, byte) } else { changed[at] = byte }
        targets::jws(&changed);
        targets::authorization(&[b"Bearer ", &changed[..]].concat());
    }

    /// Good but for what is put in.
    #[test]
    fn any_token_answer_holds(members in any_json(), status in 0..8_u8) {
        let mut answer = json!({
            "access_token": "token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        });
        answer.as_object_mut().unwrap().extend(members.as_object().cloned().unwrap_or_default());
        targets::token_answer(format!("{status}{answer}").as_bytes());
        targets::token_answer(format!("{status}{members}").as_bytes());
    }

    #[test]
    fn any_key_set_holds(keys in vec(any_json(), 0..6)) {
        targets::jwks(json!({ "keys": keys }).to_string().as_bytes());
    }
}

/// More entries than are looked at, and much of everything: it ends, and in reasonable time.
#[test]
fn large_inputs_hold() {
    targets::jwks(json!({ "keys": vec![0; 3_000] }).to_string().as_bytes());
    let many: String = (0..20_000).map(|n| format!("\"\\u0061{n}\":[],")).collect();
    let object = format!("{{{many}\"a\":1}}");
    for input in [
        object.clone(),
        format!("{object}\n{object}"),
        "[".repeat(1 << 20),
        "{\"a\":".repeat(1 << 18),
        "\\".repeat(1 << 20),
    ] {
        TARGETS.iter().for_each(|(_, target)| target(input.as_bytes()));
    }
}
