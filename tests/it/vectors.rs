//! Project Wycheproof: signatures that go wrong in every way known, for each algorithm that JOSE has.

#![allow(clippy::print_stdout)] // the counts

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::DecodingKey;
use serde_json::json;
use tower_bearer::jose::{Algorithm, Jwk, SkipReason, VerifyingKey};
use wycheproof::{
    EdwardsCurve, EllipticCurve, HashFunction, Mgf, TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify,
};

const BACK_END: &str = if cfg!(feature = "aws-lc-rs") { "aws-lc-rs" } else { "rust-crypto" };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Rejected,
    /// There is no key that could verify.
    NoKey(SkipReason),
}

/// The kinds of signatures, with a test for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Pkcs1,
    Pss,
    Ecdsa,
    Ed25519,
    Hmac,
}

/// Where the verdict is another than the vector's, or the vector leaves it open ("acceptable").
struct Exception {
    family: Family,
    /// A label that such a vector has.
    label: &'static str,
    verdict: Verdict,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        family: Family::Pkcs1,
        label: "MissingNull",
        verdict: Verdict::Rejected,
        reason: "RFC 8017 §9.2 note 1: with SHA-2 the NULL is part of the encoding",
    },
    #[cfg(not(feature = "aws-lc-rs"))]
    Exception {
        family: Family::Pkcs1,
        label: "RSA of 8192 bits",
        verdict: Verdict::NoKey(SkipReason::RsaTooLarge),
        reason: "the crate `rsa` takes 4096 bits at most",
    },
    Exception {
        family: Family::Pss,
        label: "salt of another length",
        verdict: Verdict::Rejected,
        reason: "RFC 7518 §3.5: the salt is as long as the hash",
    },
    Exception {
        family: Family::Pss,
        label: "s_len changed to 32",
        verdict: Verdict::Accepted,
        reason: "RFC 7518 §3.5: wrong where the vectors want no salt, but just right for PS256",
    },
    Exception {
        family: Family::Pss,
        label: "mask of another hash",
        verdict: Verdict::Rejected,
        reason: "RFC 7518 §3.5: the mask is made with the hash of the message",
    },
    Exception {
        family: Family::Hmac,
        label: "short secret",
        verdict: Verdict::NoKey(SkipReason::SecretTooShort),
        reason: "RFC 7518 §3.2: the secret is at least as long as the hash",
    },
    Exception {
        family: Family::Hmac,
        label: "truncated tag",
        verdict: Verdict::Rejected,
        reason: "RFC 7518 §3.2: the tag is as long as the hash",
    },
];

/// What a vector is of, in words that exceptions can name.
type Labels = Vec<String>;

/// All vectors of one family.
struct Run {
    family: Family,
    counts: BTreeMap<Algorithm, BTreeMap<String, usize>>,
    exceptions_used: [usize; EXCEPTIONS.len()],
    failures: Vec<String>,
}

impl Run {
    fn new(family: Family) -> Self {
        Self { family, counts: BTreeMap::new(), exceptions_used: [0; EXCEPTIONS.len()], failures: Vec::new() }
    }

    fn vector(
        &mut self,
        algorithm: Algorithm,
        id: impl fmt::Display,
        expected: TestResult,
        labels: &Labels,
        verdict: Verdict,
    ) {
        *self.counts.entry(algorithm).or_default().entry(format!("{verdict:?}")).or_default() += 1;
        let as_expected = match expected {
            TestResult::Valid => verdict == Verdict::Accepted,
            TestResult::Invalid => verdict == Verdict::Rejected,
            TestResult::Acceptable => false,
        };
        if as_expected {
            return;
        }
        let exception = EXCEPTIONS.iter().position(|exception| {
            let applies = labels.iter().any(|label| label == exception.label);
            exception.family == self.family && exception.verdict == verdict && applies
        });
        match exception {
            Some(row) => self.exceptions_used[row] += 1,
            None => self.failures.push(format!("{algorithm} {id} {labels:?}: {expected:?}, but {verdict:?}")),
        }
    }

    /// Fails where a verdict is wrong, an exception is not needed, or too few vectors were seen to mean anything.
    fn finish(self, algorithms: &[Algorithm]) {
        assert!(self.failures.is_empty(), "{BACK_END}:\n{}", self.failures.join("\n"));
        for (algorithm, verdicts) in &self.counts {
            println!("{BACK_END} {algorithm}: {} vectors, {verdicts:?}", verdicts.values().sum::<usize>());
        }
        let family =
            EXCEPTIONS.iter().zip(self.exceptions_used).filter(|(exception, _)| exception.family == self.family);
        for (Exception { label, verdict, reason, .. }, used) in family {
            assert!(used > 0, "{BACK_END}: no vector needs the exception for `{label}`");
            println!("{BACK_END} exception: {label}, {used} vectors, {verdict:?}; {reason}");
        }
        for algorithm in algorithms {
            for verdict in ["Accepted", "Rejected"] {
                let seen = self.counts.get(algorithm).and_then(|verdicts| verdicts.get(verdict));
                assert!(seen.is_some_and(|seen| *seen > 10), "{BACK_END} {algorithm}: {verdict} {seen:?}");
            }
        }
    }
}

fn keys(jwk: &serde_json::Value) -> Result<Vec<VerifyingKey>, SkipReason> {
    VerifyingKey::from_jwk(&Jwk::parse(jwk.to_string().as_bytes())?)
}

fn verdict(key: Result<&VerifyingKey, SkipReason>, message: &[u8], signature: &[u8]) -> Verdict {
    match key.map(|key| key.verify_detached(message, signature)) {
        Ok(Ok(())) => Verdict::Accepted,
        Ok(Err(_)) => Verdict::Rejected,
        Err(reason) => Verdict::NoKey(reason),
    }
}

/// The algorithm for this hash out of those for SHA-256, SHA-384 and SHA-512.
fn by_hash(hash: HashFunction, [sha256, sha384, sha512]: [Algorithm; 3]) -> Option<Algorithm> {
    match hash {
        HashFunction::Sha2_256 => Some(sha256),
        HashFunction::Sha2_384 => Some(sha384),
        HashFunction::Sha2_512 => Some(sha512),
        _ => None,
    }
}

fn hash_bytes(hash: HashFunction) -> usize {
    match hash {
        HashFunction::Sha2_256 => 32,
        HashFunction::Sha2_384 => 48,
        _ => 64,
    }
}

fn flags<F: fmt::Debug>(flags: &[F]) -> impl Iterator<Item = String> + '_ {
    flags.iter().map(|flag| format!("{flag:?}"))
}

fn rsa_jwk(algorithm: Algorithm, n: &[u8], e: &[u8]) -> serde_json::Value {
    json!({ "kty": "RSA", "alg": algorithm.as_str(), "n": BASE64URL.encode(n), "e": BASE64URL.encode(e) })
}

#[test]
fn rsa_with_pkcs1_padding() {
    const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
    let mut run = Run::new(Family::Pkcs1);
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Some(algorithm) = by_hash(group.hash, ALGORITHMS) else { continue };
            let keys = keys(&rsa_jwk(algorithm, &group.key.n, &group.key.e));
            for test in group.tests {
                let key = keys.as_ref().map(|keys| &keys[0]).map_err(|reason| *reason);
                let labels = flags(&test.flags).chain([format!("RSA of {} bits", group.key_size)]).collect();
                let verdict = verdict(key, &test.msg, &test.sig);
                run.vector(algorithm, format_args!("{name:?} {}", test.tc_id), test.result, &labels, verdict);
            }
        }
    }
    run.finish(&ALGORITHMS);
}

#[test]
fn rsa_with_pss_padding() {
    const ALGORITHMS: [Algorithm; 3] = [Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
    let mut run = Run::new(Family::Pss);
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let Some(algorithm) = by_hash(group.hash, ALGORITHMS) else { continue };
            let keys = keys(&rsa_jwk(algorithm, &group.key.n, &group.key.e));
            let other_mask = group.mgf != Mgf::Mgf1 || group.mgf_hash != Some(group.hash);
            let other_salt = group.salt_size != hash_bytes(group.hash);
            let group_labels = [(other_mask, "mask of another hash"), (other_salt, "salt of another length")];
            for test in group.tests {
                let key = keys.as_ref().map(|keys| &keys[0]).map_err(|reason| *reason);
                let group_labels = group_labels.iter().filter(|(is, _)| *is).map(|(_, label)| (*label).to_owned());
                let labels = flags(&test.flags).chain(group_labels).chain([test.comment]).collect();
                let verdict = verdict(key, &test.msg, &test.sig);
                run.vector(algorithm, format_args!("{name:?} {}", test.tc_id), test.result, &labels, verdict);
            }
        }
    }
    run.finish(&ALGORITHMS);
}

/// The algorithm of this curve and hash, if JOSE has it.
fn ecdsa_algorithm(curve: EllipticCurve, hash: HashFunction) -> Option<Algorithm> {
    match (curve, hash) {
        (EllipticCurve::Secp256r1, HashFunction::Sha2_256) => Some(Algorithm::ES256),
        (EllipticCurve::Secp384r1, HashFunction::Sha2_384) => Some(Algorithm::ES384),
        (EllipticCurve::Secp521r1, HashFunction::Sha2_512) => Some(Algorithm::ES512),
        _ => None,
    }
}

fn ec_jwk(algorithm: Algorithm, point: &[u8]) -> serde_json::Value {
    let curve = match algorithm {
        Algorithm::ES256 => "P-256",
        Algorithm::ES384 => "P-384",
        _ => "P-521",
    };
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": BASE64URL.encode(x), "y": BASE64URL.encode(y) })
}

#[test]
fn ecdsa_with_signatures_of_fixed_length_and_none_in_der() {
    const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512];
    let mut run = Run::new(Family::Ecdsa);
    let mut in_der = 0;
    for name in ecdsa::TestName::all() {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let Some(algorithm) = ecdsa_algorithm(group.key.curve, group.hash) else { continue };
            let keys = keys(&ec_jwk(algorithm, &group.key.key));
            for test in group.tests {
                let key = keys.as_ref().map(|keys| &keys[0]).map_err(|reason| *reason);
                let verdict = verdict(key, &test.msg, &test.sig);
                if group.test_type == ecdsa::TestGroupTypeId::EcdsaP1363 {
                    let labels = flags(&test.flags).collect();
                    run.vector(algorithm, format_args!("{name:?} {}", test.tc_id), test.result, &labels, verdict);
                } else {
                    in_der += 1;
                    assert_eq!(verdict, Verdict::Rejected, "{BACK_END}: {name:?} {}, a signature in DER", test.tc_id);
                }
            }
        }
    }
    println!("{BACK_END} ECDSA in DER: {in_der} vectors, all rejected");
    assert!(in_der > 100);
    run.finish(&ALGORITHMS);
}

#[test]
fn ed25519_under_both_its_names() {
    let mut run = Run::new(Family::Ed25519);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        assert_eq!(group.key.curve, EdwardsCurve::Ed25519);
        let keys = keys(&json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(&*group.key.pk) })).unwrap();
        assert_eq!(keys.len(), 2);
        for test in group.tests {
            for key in &keys {
                let labels = flags(&test.flags).collect();
                let verdict = verdict(Ok(key), &test.msg, &test.sig);
                run.vector(key.algorithm(), test.tc_id, test.result, &labels, verdict);
            }
        }
    }
    run.finish(&[Algorithm::EdDSA, Algorithm::Ed25519]);
}

#[test]
fn hmac_with_static_secrets() {
    use mac::TestName::{HmacSha256, HmacSha384, HmacSha512};
    const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    let mut run = Run::new(Family::Hmac);
    for ((name, algorithm), hash) in
        [HmacSha256, HmacSha384, HmacSha512].into_iter().zip(ALGORITHMS).zip([256, 384, 512])
    {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            let group_labels = [(group.key_size < hash, "short secret"), (group.tag_size < hash, "truncated tag")];
            for test in group.tests {
                let key = VerifyingKey::from_decoding_key(algorithm, &DecodingKey::from_secret(&test.key));
                let group_labels = group_labels.iter().filter(|(is, _)| *is).map(|(_, label)| (*label).to_owned());
                let labels = flags(&test.flags).chain(group_labels).collect();
                let verdict = verdict(key.as_ref().map_err(|reason| *reason), &test.msg, &test.tag);
                run.vector(algorithm, format_args!("{name:?} {}", test.tc_id), test.result, &labels, verdict);
            }
        }
    }
    run.finish(&ALGORITHMS);
}
