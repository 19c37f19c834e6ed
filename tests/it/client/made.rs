//! Keys and certificates that are made for a test.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use tower_bearer::jose::{Algorithm, Jwk, SigningKey, VerifyingKey};

use crate::hostile::world::pem;

pub(crate) const RSA_A: &[u8] = include_bytes!("../../../src/testing/rsa_2048_a.pk8");
pub(crate) const RSA_B: &[u8] = include_bytes!("../../../src/testing/rsa_2048_b.pk8");

/// All algorithms by which an assertion can be signed.
pub(crate) const ASYMMETRIC: [Algorithm; 11] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
    Algorithm::Ed25519,
];

pub(crate) fn signing_key(algorithm: Algorithm) -> SigningKey {
    match algorithm.as_str().get(..2) {
        Some("RS" | "PS") => SigningKey::from_pkcs8(algorithm, RSA_A).unwrap(),
        _ => SigningKey::generate(algorithm).unwrap(),
    }
}

/// What verifies the signatures of this key.
pub(crate) fn public(key: &SigningKey) -> VerifyingKey {
    let jwk = Jwk::parse(key.public_jwk().as_bytes()).unwrap();
    let mut keys = VerifyingKey::from_jwk(&jwk).unwrap().into_iter();
    keys.find(|one| one.algorithm() == key.algorithm()).unwrap()
}

/// What verifies signatures of this RSA key.
pub(crate) fn rsa_public(pkcs8: &[u8], algorithm: Algorithm) -> VerifyingKey {
    public(&SigningKey::from_pkcs8(algorithm, pkcs8).unwrap())
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Pair {
    /// Of this RSA key, in PKCS#8.
    pub(crate) fn rsa(pkcs8: &[u8]) -> Self {
        Self::changed(&rsa(pkcs8), |_| {})
    }

    /// Of a key on P-256.
    pub(crate) fn ec() -> Self {
        Self::changed(&KeyPair::generate().unwrap(), |_| {})
    }

    /// Of this RSA key, good at these times alone.
    pub(crate) fn between(pkcs8: &[u8], from: SystemTime, to: SystemTime) -> Self {
        let at = |time: SystemTime| rcgen::date_time_ymd(1970, 1, 1) + time.duration_since(UNIX_EPOCH).unwrap();
        Self::changed(&rsa(pkcs8), |params| {
            params.not_before = at(from);
            params.not_after = at(to);
        })
    }

    /// Of this RSA key, good from an hour ago for so long from now.
    pub(crate) fn for_the_next(pkcs8: &[u8], time: Duration) -> Self {
        let now = SystemTime::now();
        Self::between(pkcs8, now - Duration::from_secs(3600), now + time)
    }

    fn changed(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params("orders");
        change(&mut params);
        let certificate = params.self_signed(key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }

    /// Of this RSA key and issued by somebody, whose certificate comes with it; that one's DER too.
    pub(crate) fn issued(pkcs8: &[u8]) -> (Self, Vec<u8>) {
        let mut of_authority = params("authority");
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority = of_authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(of_authority, authority_key);
        let key = rsa(pkcs8);
        let own = params("orders").signed_by(&key, &issuer).unwrap();
        let pair =
            Self { certificate: own.pem() + &authority.pem(), key: key.serialize_pem(), der: own.der().to_vec() };
        (pair, authority.der().to_vec())
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn rsa(pkcs8: &[u8]) -> KeyPair {
    KeyPair::from_pkcs8_pem_and_sign_algo(&pem("PRIVATE KEY", pkcs8), &rcgen::PKCS_RSA_SHA256).unwrap()
}
