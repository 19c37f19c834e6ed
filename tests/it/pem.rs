//! Private keys and certificates from PEM files: what is read, and what is said of all else. The files in `pem/` were
//! written by openssl.

use std::iter::once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rcgen::{CertificateParams, KeyPair, PublicKeyData, date_time_ymd};
use serde_json::Value;
use tower_bearer::jose::*;

use crate::hostile::world::pem;
use crate::jose::der;

const RSA_A: &[u8] = include_bytes!("../../src/testing/rsa_2048_a.pk8");
const RSA_B: &[u8] = include_bytes!("../../src/testing/rsa_2048_b.pk8");

const OPENSSL_P256: &str = include_str!("pem/p256_openssl.pem");
const OPENSSL_P256_ENCRYPTED: &str = include_str!("pem/p256_encrypted.pem");
const OPENSSL_P256_ENCRYPTED_TRADITIONAL: &str = include_str!("pem/p256_encrypted_traditional.pem");
/// A key and its certificate.
const OPENSSL_RSA_1024: &str = include_str!("pem/rsa_1024.pem");
const OPENSSL_ED25519: &str = include_str!("pem/ed25519_key.pem");
/// Of the key before, valid from the beginning of 2026 to the beginning of 2036.
const OPENSSL_CERTIFICATE: &str = include_str!("pem/ed25519_certificate.pem");

const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const OID_SECP256K1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];

/// A key of each kind, and the algorithms that it serves.
fn keys() -> Vec<(KeyPair, &'static [Algorithm])> {
    use Algorithm::*;
    let generate = |algorithm| KeyPair::generate_for(algorithm).unwrap();
    vec![
        (KeyPair::try_from(RSA_A).unwrap(), &[RS256, RS384, RS512, PS256, PS384, PS512]),
        (generate(&rcgen::PKCS_ECDSA_P256_SHA256), &[ES256]),
        (generate(&rcgen::PKCS_ECDSA_P384_SHA384), &[ES384]),
        (generate(&rcgen::PKCS_ECDSA_P521_SHA512), &[ES512]),
        (generate(&rcgen::PKCS_ED25519), &[EdDSA, Ed25519]),
    ]
}

fn key_for(algorithm: Algorithm) -> KeyPair {
    keys().into_iter().find(|(_, algorithms)| algorithms.contains(&algorithm)).unwrap().0
}

/// An RSA key's PKCS#1, which PKCS#8 holds after 26 bytes that are always the same.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    assert_eq!(pkcs8[4..7], [0x02, 0x01, 0x00]);
    assert_eq!(pkcs8[22..24], [0x04, 0x82]);
    &pkcs8[26..]
}

/// The number that an EC key is made of, from its PKCS#8.
fn secret(key: &KeyPair) -> Vec<u8> {
    let pkcs8 = key.serialized_der();
    let version = pkcs8.windows(4).position(|bytes| bytes == [0x02, 0x01, 0x01, 0x04]).unwrap();
    let length = usize::from(pkcs8[version + 4]);
    pkcs8[version + 5..][..length].to_vec()
}

/// ECPrivateKey (RFC 5915).
fn sec1(secret: &[u8], curve: Option<&[u8]>, point: Option<&[u8]>) -> Vec<u8> {
    let curve = curve.map(|curve| der(0xa0, &[&der(0x06, &[curve])]));
    let point = point.map(|point| der(0xa1, &[&der(0x03, &[&[0], point])]));
    let [curve, point] = [curve, point].map(Option::unwrap_or_default);
    der(0x30, &[&[0x02, 0x01, 0x01], &der(0x04, &[secret]), &curve, &point])
}

fn sec1_of(key: &KeyPair, curve: &[u8]) -> Vec<u8> {
    sec1(&secret(key), Some(curve), Some(key.der_bytes()))
}

fn read(algorithm: Algorithm, text: &str) -> Result<SigningKey, KeyPemError> {
    SigningKey::from_pem(algorithm, text.as_bytes())
}

fn refused(algorithm: Algorithm, text: &str) -> KeyPemError {
    read(algorithm, text).unwrap_err()
}

fn published(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk()).unwrap()
}

/// Whether what the key signs is verified by the public key that it publishes.
fn agrees_with_itself(key: &SigningKey) -> bool {
    let jwk = Jwk::parse(key.public_jwk().as_bytes()).unwrap();
    let verifying = VerifyingKey::from_jwk(&jwk).unwrap();
    let verifying = verifying.iter().find(|verifying| verifying.algorithm() == key.algorithm()).unwrap();
    verifying.verify_detached(b"message", &key.sign(b"message").unwrap()).is_ok()
}

fn certificate(key: &KeyPair) -> rcgen::Certificate {
    CertificateParams::new(["orders.test".to_owned()]).unwrap().self_signed(key).unwrap()
}

fn chain(text: &str) -> Result<Vec<Certificate>, CertificateError> {
    Certificate::chain_from_pem(text.as_bytes())
}

fn first(text: &str) -> Certificate {
    chain(text).unwrap().remove(0)
}

// --- keys that are read ---

#[test]
fn a_key_is_the_same_in_each_encoding() {
    for (key, algorithms) in keys() {
        let pkcs8 = key.serialized_der();
        let traditional = match algorithms[0] {
            Algorithm::RS256 => Some(("RSA PRIVATE KEY", pkcs1(pkcs8).to_vec())),
            Algorithm::ES256 => Some(("EC PRIVATE KEY", sec1_of(&key, OID_P256))),
            Algorithm::ES384 => Some(("EC PRIVATE KEY", sec1_of(&key, OID_P384))),
            Algorithm::ES512 => Some(("EC PRIVATE KEY", sec1_of(&key, OID_P521))),
            _ => None,
        };
        for &algorithm in algorithms {
            let expected = SigningKey::from_pkcs8(algorithm, pkcs8).unwrap().public_jwk();
            for (label, der) in once(("PRIVATE KEY", pkcs8.to_vec())).chain(traditional.clone()) {
                let read = read(algorithm, &pem(label, &der)).unwrap();
                assert_eq!(read.public_jwk(), expected, "{algorithm} {label}");
                assert_eq!(read.algorithm(), algorithm);
                assert!(agrees_with_itself(&read), "{algorithm} {label}");
            }
        }
    }
}

#[test]
fn the_numbers_of_a_key_are_those_that_openssl_shows() {
    let jwk = published(&read(Algorithm::ES256, OPENSSL_P256).unwrap());
    let [x, y] = ["x", "y"].map(|member| BASE64URL.decode(jwk[member].as_str().unwrap()).unwrap());
    assert_eq!(x[..4], [0x4f, 0xd7, 0xc3, 0x0f]);
    assert_eq!(y[28..], [0xe0, 0x48, 0x86, 0xf7]);
    assert!(agrees_with_itself(&read(Algorithm::Ed25519, OPENSSL_ED25519).unwrap()));
}

#[test]
fn whatever_else_a_file_holds_is_skipped() {
    let key = key_for(Algorithm::ES256);
    let text = key.serialize_pem();
    let certificate = certificate(&key).pem();
    let parameters = pem("EC PARAMETERS", &der(0x06, &[OID_P256]));
    let expected = SigningKey::from_pkcs8(Algorithm::ES256, key.serialized_der()).unwrap().public_jwk();
    for (file, name) in [
        (format!("{certificate}{text}"), "a certificate before it"),
        (format!("{text}{certificate}{certificate}"), "certificates after it"),
        (format!("{parameters}{text}"), "parameters before it"),
        (format!("{text}{}", pem("PUBLIC KEY", b"not looked at")), "a public key"),
        (format!("{text}{}", pem("CANARY", b"not looked at")), "an unknown block"),
        (format!("Bag Attributes\n    localKeyID: 1E CB\nsubject=CN = orders\n{text}"), "attributes"),
        (format!("\u{feff}{text}"), "a byte order mark"),
        (text.replace('\n', "\r\n"), "line ends of Windows"),
        (text.replace('\n', "\r"), "line ends of old"),
        (text.replace('\n', " \n"), "white space at the line ends"),
        (text.trim_end().to_owned(), "no last line end"),
        (format!("\n\n{text}\n\n"), "empty lines"),
    ] {
        let read = read(Algorithm::ES256, &file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.public_jwk(), expected, "{name}");
    }
}

#[test]
fn a_sec1_key_that_does_not_name_its_curve_is_taken_by_its_point() {
    for (algorithm, other) in [(Algorithm::ES256, Algorithm::ES384), (Algorithm::ES384, Algorithm::ES512)] {
        let key = key_for(algorithm);
        let text = pem("EC PRIVATE KEY", &sec1(&secret(&key), None, Some(key.der_bytes())));
        let read = read(algorithm, &text).unwrap();
        assert_eq!(read.public_jwk(), SigningKey::from_pkcs8(algorithm, key.serialized_der()).unwrap().public_jwk());
        assert!(matches!(refused(other, &text), KeyPemError::AnotherKind { .. }));
    }
}

// --- keys that aren't ---

#[test]
fn what_is_not_pem_is_said_to_be_what_it_is() {
    let key = key_for(Algorithm::ES256);
    let text = key.serialize_pem();
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect() };
    for (bytes, expected) in [
        (Vec::new(), PemError::NoPem),
        (b"0 days to go".to_vec(), PemError::NoPem),
        (b"{\"kty\":\"EC\"}".to_vec(), PemError::NoPem),
        (text.replace("-----BEGIN", " -----BEGIN").into_bytes(), PemError::NoPem),
        (text.replace("-----BEGIN", "----BEGIN").into_bytes(), PemError::NoPem),
        (key.serialized_der().to_vec(), PemError::Der),
        (certificate(&key).der().to_vec(), PemError::Der),
        (utf16(u16::to_le_bytes), PemError::Utf16),
        (utf16(u16::to_be_bytes), PemError::Utf16),
        (text.replace('\n', "\\n").into_bytes(), PemError::BrokenLines),
        (text.replace('\n', "").into_bytes(), PemError::BrokenLines),
        (text.replace('\n', " ").into_bytes(), PemError::BrokenLines),
        (text.replacen("KEY-----", "KEY----", 1).into_bytes(), PemError::BrokenLines),
        (text.as_bytes()[..text.len() / 2].to_vec(), PemError::Unfinished),
        (text.replace("END PRIVATE", "END EC PRIVATE").into_bytes(), PemError::Unfinished),
        (text.replacen("-----\nM", "-----\n!", 1).into_bytes(), PemError::BrokenBase64),
        (text.replacen("-----\nM", "-----\n=", 1).into_bytes(), PemError::BrokenBase64),
    ] {
        let shown = String::from_utf8_lossy(&bytes);
        let key = SigningKey::from_pem(Algorithm::ES256, &bytes).unwrap_err();
        assert_eq!(key, KeyPemError::Pem(expected), "{shown}");
        assert_eq!(key.to_string(), expected.to_string());
        let certificate = Certificate::chain_from_pem(&bytes).unwrap_err();
        assert_eq!(certificate, CertificateError::Pem(expected), "{shown}");
        assert_eq!(certificate.to_string(), expected.to_string());
    }
}

#[test]
fn a_file_without_a_private_key_that_can_be_read_says_what_it_holds_instead() {
    let key = key_for(Algorithm::ES256);
    let certificate = certificate(&key).pem();
    let public = key.public_key_pem();
    let openssh = pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0");
    for (text, expected, said) in [
        (&certificate, KeyPemError::NoPrivateKey, "only a certificate, a public key"),
        (&public, KeyPemError::NoPrivateKey, "`-----BEGIN PRIVATE KEY-----`"),
        (&pem("EC PARAMETERS", &der(0x06, &[OID_P256])), KeyPemError::NoPrivateKey, "no private key"),
        (&OPENSSL_P256_ENCRYPTED.to_owned(), KeyPemError::Encrypted, "`openssl pkey -in FILE -out NEW`"),
        (&OPENSSL_P256_ENCRYPTED_TRADITIONAL.to_owned(), KeyPemError::Encrypted, "is encrypted"),
        (&OPENSSL_P256_ENCRYPTED_TRADITIONAL.replace('\n', "\r\n"), KeyPemError::Encrypted, "is encrypted"),
        (&format!("{certificate}{OPENSSL_P256_ENCRYPTED}"), KeyPemError::Encrypted, "is encrypted"),
        (&openssh, KeyPemError::OpenSsh, "`ssh-keygen -p -N \"\" -m PKCS8 -f FILE`"),
        (&format!("{OPENSSL_P256}{}", key.serialize_pem()), KeyPemError::SeveralKeys, "more than one private key"),
        (&format!("{OPENSSL_P256}{OPENSSL_P256}"), KeyPemError::SeveralKeys, "more than one private key"),
    ] {
        let error = refused(Algorithm::ES256, text);
        assert_eq!(error, expected, "{text}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_key_of_another_kind_than_the_algorithm_needs_is_named() {
    for (key, algorithms) in keys() {
        for &algorithm in Algorithm::ASYMMETRIC {
            let refused = read(algorithm, &key.serialize_pem()).err();
            if algorithms.contains(&algorithm) {
                assert_eq!(refused, None, "{algorithm}");
            } else {
                assert!(matches!(refused, Some(KeyPemError::AnotherKind { .. })), "{algorithm} {refused:?}");
            }
        }
    }
    let rsa = pem("RSA PRIVATE KEY", pkcs1(RSA_A));
    let said = refused(Algorithm::ES384, &rsa).to_string();
    assert_eq!(said, "ES384 needs an EC key on P-384, but the PEM holds an RSA key");
    let said = refused(Algorithm::EdDSA, OPENSSL_P256).to_string();
    assert_eq!(said, "EdDSA needs an Ed25519 key, but the PEM holds an EC key on P-256");
    let said = refused(Algorithm::HS256, OPENSSL_P256);
    assert_eq!(said, KeyPemError::UnsupportedAlgorithm(Algorithm::HS256));
    assert_eq!(said.to_string(), "HS256 signs with a shared secret; a private key can't be used with it");
}

#[test]
fn a_key_of_another_curve_is_never_taken_for_one_of_the_same_size() {
    let key = key_for(Algorithm::ES256);
    let unsupported = KeyPemError::AnotherKind {
        algorithm: Algorithm::ES256,
        found: "a key of another kind or curve than is supported",
    };
    for sec1 in [
        sec1_of(&key, OID_SECP256K1),
        sec1(&secret(&key), Some(OID_SECP256K1), None),
        sec1(&secret(&key), None, None),
        sec1(&secret(&key), None, Some(&key.der_bytes()[..33])),
    ] {
        assert_eq!(refused(Algorithm::ES256, &pem("EC PRIVATE KEY", &sec1)), unsupported);
    }
    let mut pkcs8 = key.serialized_der().to_vec();
    let curve = pkcs8.windows(OID_P256.len()).position(|bytes| bytes == OID_P256).unwrap();
    pkcs8[curve + 7] = 0x08;
    assert_eq!(refused(Algorithm::ES256, &pem("PRIVATE KEY", &pkcs8)), unsupported);
}

#[test]
fn a_key_that_is_malformed_small_or_put_together_of_two_is_refused() {
    let [key, other] = [key_for(Algorithm::ES256), key_for(Algorithm::ES256)];
    let mixed = sec1(&secret(&key), Some(OID_P256), Some(other.der_bytes()));
    let mixed_without_name = sec1(&secret(&key), None, Some(other.der_bytes()));
    // The halves of two keys with the same layout.
    let mixed_rsa = [&pkcs1(RSA_A)[..600], &pkcs1(RSA_B)[600..]].concat();
    for (algorithm, text) in [
        (Algorithm::ES256, pem("EC PRIVATE KEY", &mixed)),
        (Algorithm::ES256, pem("EC PRIVATE KEY", &mixed_without_name)),
        (Algorithm::ES256, pem("EC PRIVATE KEY", &sec1(&[0; 32], Some(OID_P256), None))),
        (Algorithm::ES256, pem("EC PRIVATE KEY", &sec1(&[0xff; 32], Some(OID_P256), None))),
        (Algorithm::ES256, pem("EC PRIVATE KEY", b"not a key")),
        (Algorithm::ES256, pem("PRIVATE KEY", b"not a key")),
        (Algorithm::ES256, pem("PRIVATE KEY", b"")),
        (Algorithm::RS256, pem("RSA PRIVATE KEY", b"not a key")),
        (Algorithm::RS256, pem("RSA PRIVATE KEY", RSA_A)),
        (Algorithm::RS256, pem("PRIVATE KEY", pkcs1(RSA_A))),
        (Algorithm::RS256, pem("RSA PRIVATE KEY", &mixed_rsa)),
        (Algorithm::PS256, OPENSSL_RSA_1024.to_owned()),
    ] {
        assert_eq!(refused(algorithm, &text), KeyPemError::Rejected, "{text}");
    }
    let said = refused(Algorithm::PS256, OPENSSL_RSA_1024).to_string();
    assert!(
        said.starts_with("the private key in the PEM was refused; it is malformed, or an RSA key of fewer than 2048")
    );
}

// --- certificates ---

#[test]
fn a_certificate_verifies_what_its_key_signed_and_knows_that_key() {
    let keys = keys();
    let other_rsa = SigningKey::from_pkcs8(Algorithm::RS256, RSA_B).unwrap();
    for (key, algorithms) in &keys {
        let certificate = first(&certificate(key).pem());
        for &algorithm in Algorithm::ASYMMETRIC {
            if !algorithms.contains(&algorithm) {
                let reason = certificate.verifying_key(algorithm).unwrap_err();
                assert_eq!(reason, SkipReason::AlgorithmDoesNotFit, "{algorithm}");
                continue;
            }
            let verifying = certificate.verifying_key(algorithm).unwrap();
            let signing = read(algorithm, &key.serialize_pem()).unwrap();
            assert_eq!(verifying.algorithm(), algorithm);
            assert_eq!(verifying.verify_detached(b"message", &signing.sign(b"message").unwrap()), Ok(()));
            assert!(verifying.verify_detached(b"another", &signing.sign(b"message").unwrap()).is_err());
        }
        assert_eq!(certificate.verifying_key(Algorithm::HS256).unwrap_err(), SkipReason::AlgorithmDoesNotFit);
        assert!(!certificate.is_of(&other_rsa));
        for (candidate, its_algorithms) in &keys {
            for &algorithm in *its_algorithms {
                let signing = read(algorithm, &candidate.serialize_pem()).unwrap();
                assert_eq!(certificate.is_of(&signing), its_algorithms == algorithms, "{algorithm}");
            }
        }
        let another = key_for(algorithms[0]);
        let another = read(algorithms[0], &another.serialize_pem()).unwrap();
        // There is one RSA key only, and the others are made anew.
        assert_eq!(certificate.is_of(&another), algorithms[0] == Algorithm::RS256);
    }
}

#[test]
fn the_thumbprints_of_a_certificate_are_those_that_openssl_shows() {
    let certificate = first(OPENSSL_CERTIFICATE);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    assert_eq!(
        hex(&certificate.thumbprint_sha256()),
        "7E54F123C6D37677B8B33B0FAC20262D450B22B6B1D2AD624A64B7620ECF560E"
    );
    assert_eq!(hex(&certificate.thumbprint_sha1()), "1ECB73DA587C1704386517C3AC8D4C14D28D7C47");
    assert!(certificate.is_of(&read(Algorithm::Ed25519, OPENSSL_ED25519).unwrap()));
}

#[test]
fn the_dates_of_a_certificate_are_told_to_the_second_far_ahead_as_well() {
    let years = |from: i32, to: i32| {
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 12, 31));
        let certificate = first(&params.self_signed(&key_for(Algorithm::ES256)).unwrap().pem());
        (certificate.not_before(), certificate.not_after())
    };
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
    assert_eq!(years(1970, 2049), (UNIX_EPOCH, at(2_524_521_600)));
    // From 2050 on, another type of time.
    assert_eq!(years(2050, 9999), (at(2_524_608_000), at(253_402_214_400)));
    let openssl = first(OPENSSL_CERTIFICATE);
    assert_eq!((openssl.not_before(), openssl.not_after()), (at(1_767_225_600), at(2_082_758_400)));
    assert!(openssl.not_before() < SystemTime::now());
}

#[test]
fn a_chain_is_read_in_the_order_of_the_file_and_all_else_is_skipped() {
    let [leaf, root] = [key_for(Algorithm::ES256), key_for(Algorithm::EdDSA)];
    let certificates = [&leaf, &root].map(certificate);
    let [leaf_pem, root_pem] = certificates.each_ref().map(rcgen::Certificate::pem);
    for text in [
        format!("{leaf_pem}{root_pem}"),
        format!("{}{leaf_pem}{OPENSSL_P256}{root_pem}", pem("CANARY", b"")),
        format!("Bag Attributes\n{leaf_pem}\r\n{OPENSSL_P256_ENCRYPTED}{root_pem}"),
    ] {
        let chain = chain(&text).unwrap();
        assert_eq!(chain.len(), 2);
        for (read, written) in chain.iter().zip(&certificates) {
            assert_eq!(read.der(), written.der().as_ref());
        }
    }
    assert_eq!(format!("{:?}", first(OPENSSL_CERTIFICATE)).matches("orders").count(), 0);
}

#[test]
fn a_file_without_certificates_says_so_and_a_malformed_one_is_counted() {
    let key = key_for(Algorithm::ES256);
    let good = certificate(&key).pem();
    let whole = certificate(&key).der().to_vec();
    assert_eq!(chain(&key.serialize_pem()).unwrap_err(), CertificateError::NoCertificate);
    assert!(CertificateError::NoCertificate.to_string().contains("holds no certificate, only a key"));
    for bad in [&b""[..], b"not one", &whole[1..], &whole[..whole.len() - 1], &[&whole[..], &[0]].concat(), RSA_A] {
        let bad = pem("CERTIFICATE", bad);
        assert_eq!(chain(&bad).unwrap_err(), CertificateError::Malformed { position: 1 });
        let error = chain(&format!("{good}{OPENSSL_P256}{bad}{good}")).unwrap_err();
        assert_eq!(error.to_string(), "certificate 2 in the PEM is not an X.509 certificate");
    }
}

#[test]
fn a_certificate_whose_key_is_of_no_use_costs_only_that_key() {
    let (p256, rsa) = (key_for(Algorithm::ES256), KeyPair::try_from(RSA_A).unwrap());
    let (p256_der, rsa_der) = (certificate(&p256).der().to_vec(), certificate(&rsa).der().to_vec());
    let place = |der: &[u8], bytes: &[u8]| der.windows(bytes.len()).position(|found| found == bytes).unwrap();
    let changed = |der: &[u8], at: usize, byte: u8| {
        let mut der = der.to_vec();
        der[at] = byte;
        first(&pem("CERTIFICATE", &der))
    };
    let (curve, point) = (place(&p256_der, OID_P256), place(&p256_der, p256.der_bytes()));
    let numbers = place(&rsa_der, rsa.der_bytes());
    let p384_der = certificate(&key_for(Algorithm::ES384)).der().to_vec();
    let p384 = place(&p384_der, OID_P384);
    let unsupported = SkipReason::UnsupportedPublicKey;
    for (certificate, algorithm, expected) in [
        (changed(&p256_der, curve + 7, 0x08), Algorithm::ES256, unsupported),
        // The kind of key: now it is none.
        (changed(&p256_der, curve - 3, 0x7f), Algorithm::ES256, unsupported),
        (changed(&p256_der, point, 0x05), Algorithm::ES256, unsupported),
        // A point that is of another curve by its length.
        (changed(&p384_der, p384 + 4, OID_P521[4]), Algorithm::ES384, unsupported),
        (changed(&rsa_der, numbers, 0x31), Algorithm::RS256, unsupported),
        (changed(&p256_der, point + 64, p256_der[point + 64] ^ 1), Algorithm::ES256, SkipReason::RejectedByBackend),
        (changed(&rsa_der, numbers + 8 + 256, 0), Algorithm::RS256, SkipReason::MalformedMember("n")),
        (first(OPENSSL_RSA_1024), Algorithm::PS256, SkipReason::RsaTooSmall),
    ] {
        assert_eq!(certificate.verifying_key(algorithm).unwrap_err(), expected);
        for key in [&p256, &rsa] {
            let algorithm = if key.der_bytes().len() == 65 { Algorithm::ES256 } else { Algorithm::RS256 };
            assert!(!certificate.is_of(&read(algorithm, &key.serialize_pem()).unwrap()));
        }
        assert!(certificate.not_before() < certificate.not_after());
    }
    let said = unsupported.to_string();
    assert!(said.contains("RSA, P-256, P-384, P-521 (uncompressed), Ed25519"), "{said}");
}

// --- whatever may come ---

/// Files that are right.
fn files() -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        [OPENSSL_P256, OPENSSL_P256_ENCRYPTED, OPENSSL_P256_ENCRYPTED_TRADITIONAL, OPENSSL_RSA_1024]
            .map(str::to_owned)
            .into();
    files.push(format!("{OPENSSL_CERTIFICATE}{OPENSSL_ED25519}"));
    files.push(pem("PRIVATE KEY", RSA_A));
    files.push(pem("RSA PRIVATE KEY", pkcs1(RSA_B)));
    files.into_iter().map(String::into_bytes).collect()
}

/// A file with a few bytes of its text changed.
fn changed_text() -> impl Strategy<Value = Vec<u8>> {
    let pieces = ["-----", "\n", "\r", "=", "-----BEGIN CERTIFICATE-----", "-----END PRIVATE KEY-----", "Proc-Type:"];
    let change = (any::<Index>(), 0..4_u8, any::<u8>(), select(pieces.to_vec()));
    (select(files()), vec(change, 0..5)).prop_map(|(mut file, changes)| {
        for (at, how, byte, piece) in changes {
            let at = at.index(file.len() + 1);
            match how {
                0 => file.truncate(at),
                1 if at < file.len() => file[at] = byte,
                2 => drop(file.splice(at..at, piece.bytes())),
                _ => file.insert(at, byte),
            }
        }
        file
    })
}

/// A block whose text is right and whose value has a few bytes changed.
fn changed_value() -> impl Strategy<Value = Vec<u8>> {
    let p256 = key_for(Algorithm::ES256);
    let values = vec![
        ("PRIVATE KEY", RSA_A.to_vec()),
        ("RSA PRIVATE KEY", pkcs1(RSA_B).to_vec()),
        ("PRIVATE KEY", p256.serialized_der().to_vec()),
        ("EC PRIVATE KEY", sec1_of(&p256, OID_P256)),
        ("PRIVATE KEY", key_for(Algorithm::EdDSA).serialized_der().to_vec()),
        ("CERTIFICATE", certificate(&p256).der().to_vec()),
        ("CERTIFICATE", certificate(&KeyPair::try_from(RSA_A).unwrap()).der().to_vec()),
        ("CERTIFICATE", first(OPENSSL_CERTIFICATE).der().to_vec()),
    ];
    // Where the structure is, and anywhere.
    let at = prop_oneof![(0..64_usize).boxed(), any::<Index>().prop_map(|at| at.index(2048)).boxed()];
    (select(values), vec((at, any::<u8>()), 0..4)).prop_map(|((label, mut der), changes)| {
        for (at, byte) in changes {
            let at = at % der.len();
            der[at] = byte;
        }
        pem(label, &der).into_bytes()
    })
}

/// Reads a file in every way. What is accepted works, and what is said of it shows none of it.
fn reads_or_says_why(file: &[u8]) {
    let mut said = String::new();
    for algorithm in [Algorithm::RS256, Algorithm::PS512, Algorithm::ES256, Algorithm::Ed25519, Algorithm::HS256] {
        match SigningKey::from_pem(algorithm, file) {
            Ok(key) => assert!(agrees_with_itself(&key), "{algorithm}"),
            Err(error) => said += &format!("{error} {error:?} "),
        }
    }
    match Certificate::chain_from_pem(file) {
        Ok(chain) => {
            assert!(!chain.is_empty());
            for certificate in chain {
                for &algorithm in Algorithm::ASYMMETRIC {
                    said += &format!("{:?} ", certificate.verifying_key(algorithm).map(|key| key.algorithm()));
                }
            }
        }
        Err(error) => said += &format!("{error} {error:?}"),
    }
    let of_the_file = |window: &[u8]| window.iter().all(u8::is_ascii_alphanumeric) && contains(file, window);
    let shown = said.as_bytes().windows(12).find(|window| of_the_file(window));
    assert_eq!(shown.map(String::from_utf8_lossy), None);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic_or_show_what_it_read(file in changed_text()) {
        reads_or_says_why(&file);
    }

    #[test]
    fn no_value_makes_the_reader_panic_or_is_taken_for_a_key_that_does_not_sign(file in changed_value()) {
        reads_or_says_why(&file);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(file in vec(any::<u8>(), 0..200)) {
        reads_or_says_why(&file);
    }
}
