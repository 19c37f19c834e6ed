//! The back end on AWS-LC.

#[cfg(feature = "client")]
use ::aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ::aws_lc_rs::error::{KeyRejected, Unspecified};
use ::aws_lc_rs::rand::SystemRandom;
use ::aws_lc_rs::signature::{
    self as sig, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaEncoding,
    RsaKeyPair, RsaParameters, RsaPublicKeyComponents, RsaSubjectPublicKey, VerificationAlgorithm,
};
use ::aws_lc_rs::{digest, hmac};

use crate::jose::algorithm::Algorithm;
use crate::jose::key_material::{Curve, KeyMaterial, RsaPublicNumbers};
use crate::jose::signing_key::SigningError;
use crate::jose::skip_reason::SkipReason;

/// Longest RSA modulus in bits: beyond it, one verification takes milliseconds.
pub(in crate::jose) const RSA_MAX_BITS: usize = 8192;

pub(in crate::jose) fn sha256(message: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, message).as_ref());
    hash
}

/// With SHA-1, which is broken: as a name for what is known by a better one.
#[cfg(feature = "client")]
pub(in crate::jose) fn sha1(message: &[u8]) -> [u8; 20] {
    let mut hash = [0; 20];
    hash.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message).as_ref());
    hash
}

#[cfg(feature = "client")]
pub(in crate::jose) fn random<const N: usize>() -> Result<[u8; N], SigningError> {
    let mut bytes = [0; N];
    ::aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(feature = "client")]
pub(in crate::jose) fn seal(
    key: &[u8; 32],
    nonce: [u8; 12],
    bound_to: &[u8],
    text: &[u8],
) -> Result<Vec<u8>, SigningError> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?);
    let mut sealed = text.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut sealed)?;
    Ok(sealed)
}

#[cfg(feature = "client")]
pub(in crate::jose) fn open(key: &[u8; 32], nonce: [u8; 12], bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut text = sealed.to_vec();
    let length = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

/// What checks signatures, bound to its algorithm.
pub(in crate::jose) enum PublicKey {
    OverMessage(ParsedPublicKey),
    /// RSA, for which AWS-LC sets up less with a hash than with a message.
    OverHash(ParsedPublicKey, &'static digest::Algorithm),
    /// Boxed, as it is twenty times the size of the others, and rare.
    Hmac(Box<hmac::Key>),
}

impl PublicKey {
    pub(in crate::jose) fn rsa(algorithm: Algorithm, numbers: &RsaPublicNumbers) -> Result<Self, SkipReason> {
        let components = RsaPublicKeyComponents { n: numbers.modulus(), e: numbers.exponent() };
        let (parameters, hash) = rsa_parameters(algorithm).ok_or(SkipReason::AlgorithmDoesNotFit)?;
        let key = components.to_parsed_public_key(parameters)?;
        // In FIPS mode, nothing but signatures over messages is approved.
        Ok(if ::aws_lc_rs::try_fips_mode().is_ok() { Self::OverMessage(key) } else { Self::OverHash(key, hash) })
    }

    /// Takes an RSA public key apart: PKCS#1 (RFC 8017) or SubjectPublicKeyInfo (RFC 5280).
    pub(in crate::jose) fn rsa_numbers(der: &[u8]) -> Result<RsaPublicNumbers, SkipReason> {
        let key = RsaSubjectPublicKey::from_der(der)?;
        RsaPublicNumbers::new(
            key.modulus().big_endian_without_leading_zero(),
            key.exponent().big_endian_without_leading_zero(),
        )
    }

    /// An EC key as SEC 1 point, an Ed25519 key as 32 bytes, or either as SubjectPublicKeyInfo.
    pub(in crate::jose) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, SkipReason> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::ES256 => &sig::ECDSA_P256_SHA256_FIXED,
            Algorithm::ES384 => &sig::ECDSA_P384_SHA384_FIXED,
            Algorithm::ES512 => &sig::ECDSA_P521_SHA512_FIXED,
            Algorithm::EdDSA | Algorithm::Ed25519 => &sig::ED25519,
            _ => return Err(SkipReason::AlgorithmDoesNotFit),
        };
        Ok(Self::OverMessage(ParsedPublicKey::new(verification, bytes)?))
    }

    pub(in crate::jose) fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SkipReason> {
        let hash = match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => return Err(SkipReason::AlgorithmDoesNotFit),
        };
        Ok(Self::Hmac(Box::new(hmac::Key::new(hash, secret))))
    }

    pub(in crate::jose) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::OverMessage(key) => key.verify_sig(message, signature).is_ok(),
            Self::OverHash(key, hash) => key.verify_digest_sig(&digest::digest(hash, message), signature).is_ok(),
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<(&'static RsaParameters, &'static digest::Algorithm)> {
    Some(match algorithm {
        Algorithm::RS256 => (&sig::RSA_PKCS1_2048_8192_SHA256, &digest::SHA256),
        Algorithm::RS384 => (&sig::RSA_PKCS1_2048_8192_SHA384, &digest::SHA384),
        Algorithm::RS512 => (&sig::RSA_PKCS1_2048_8192_SHA512, &digest::SHA512),
        Algorithm::PS256 => (&sig::RSA_PSS_2048_8192_SHA256, &digest::SHA256),
        Algorithm::PS384 => (&sig::RSA_PSS_2048_8192_SHA384, &digest::SHA384),
        Algorithm::PS512 => (&sig::RSA_PSS_2048_8192_SHA512, &digest::SHA512),
        _ => return None,
    })
}

/// What makes signatures, bound to its algorithm.
pub(in crate::jose) enum PrivateKey {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair, Curve),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    pub(in crate::jose) fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        if let Some(encoding) = rsa_encoding(algorithm) {
            return Ok(Self::Rsa(RsaKeyPair::from_pkcs8(der)?, encoding));
        }
        if let Some((curve, signing)) = ecdsa_signing(algorithm) {
            return Ok(Self::Ecdsa(EcdsaKeyPair::from_pkcs8(signing, der)?, curve));
        }
        match algorithm {
            Algorithm::EdDSA | Algorithm::Ed25519 => Ok(Self::Ed25519(Ed25519KeyPair::from_pkcs8(der)?)),
            _ => Err(SigningError::UnsupportedAlgorithm),
        }
    }

    #[cfg(feature = "client")]
    pub(in crate::jose) fn from_pkcs1(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        let encoding = rsa_encoding(algorithm).ok_or(SigningError::UnsupportedAlgorithm)?;
        Ok(Self::Rsa(RsaKeyPair::from_der(der)?, encoding))
    }

    #[cfg(feature = "client")]
    pub(in crate::jose) fn from_sec1(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        let (curve, signing) = ecdsa_signing(algorithm).ok_or(SigningError::UnsupportedAlgorithm)?;
        Ok(Self::Ecdsa(EcdsaKeyPair::from_private_key_der(signing, der)?, curve))
    }

    pub(in crate::jose) fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        if let Some((curve, signing)) = ecdsa_signing(algorithm) {
            return Ok(Self::Ecdsa(EcdsaKeyPair::generate(signing)?, curve));
        }
        match algorithm {
            Algorithm::EdDSA | Algorithm::Ed25519 => Ok(Self::Ed25519(Ed25519KeyPair::generate()?)),
            _ => Err(SigningError::UnsupportedAlgorithm),
        }
    }

    pub(in crate::jose) fn public(&self) -> Result<KeyMaterial, SigningError> {
        match self {
            Self::Rsa(key, _) => PublicKey::rsa_numbers(key.public_key().as_ref()).map(KeyMaterial::Rsa),
            Self::Ecdsa(key, curve) => Ok(KeyMaterial::Ec(*curve, key.public_key().as_ref().to_vec())),
            Self::Ed25519(key) => KeyMaterial::ed25519(key.public_key().as_ref()),
        }
        .map_err(|_| SigningError::KeyRejected)
    }

    pub(in crate::jose) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        Ok(match self {
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature)?;
                signature
            }
            Self::Ecdsa(key, _) => key.sign(&random, message)?.as_ref().to_vec(),
            Self::Ed25519(key) => key.try_sign(message)?.as_ref().to_vec(),
        })
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::RS256 => &sig::RSA_PKCS1_SHA256,
        Algorithm::RS384 => &sig::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &sig::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &sig::RSA_PSS_SHA256,
        Algorithm::PS384 => &sig::RSA_PSS_SHA384,
        Algorithm::PS512 => &sig::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn ecdsa_signing(algorithm: Algorithm) -> Option<(Curve, &'static EcdsaSigningAlgorithm)> {
    Some(match algorithm {
        Algorithm::ES256 => (Curve::P256, &sig::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => (Curve::P384, &sig::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::ES512 => (Curve::P521, &sig::ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => return None,
    })
}

impl From<KeyRejected> for SkipReason {
    fn from(_: KeyRejected) -> Self {
        Self::RejectedByBackend
    }
}

impl From<KeyRejected> for SigningError {
    fn from(_: KeyRejected) -> Self {
        Self::KeyRejected
    }
}

impl From<Unspecified> for SigningError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}
