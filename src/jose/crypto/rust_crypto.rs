//! The back end on RustCrypto, without any C.

use std::marker::PhantomData;

#[cfg(feature = "client")]
use aes_gcm::Aes256Gcm;
#[cfg(feature = "client")]
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hmac::{Hmac, Mac};
use p256::elliptic_curve::sec1::{FromEncodedPoint, ModulusSize, ToEncodedPoint};
use p256::elliptic_curve::{self as ec, AffinePoint, CurveArithmetic, FieldBytesSize};
use rsa::pkcs8::{self, DecodePrivateKey, DecodePublicKey, PrivateKeyInfo, SubjectPublicKeyInfoRef};
use rsa::rand_core::{OsRng, RngCore};
use rsa::sha2::{Digest, Sha256, Sha384, Sha512};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer, Verifier};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey, pkcs1, pkcs1v15, pss};

use crate::jose::algorithm::Algorithm;
use crate::jose::key_material::{Curve, KeyMaterial, RsaPublicNumbers};
use crate::jose::signing_key::SigningError;
use crate::jose::skip_reason::SkipReason;

/// Longest RSA modulus in bits that `rsa` takes.
pub(in crate::jose) const RSA_MAX_BITS: usize = RsaPublicKey::MAX_SIZE;

pub(in crate::jose) fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// With SHA-1, which is broken: as a name for what is known by a better one.
#[cfg(feature = "client")]
pub(in crate::jose) fn sha1(message: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(message).into()
}

pub(in crate::jose) fn random<const N: usize>() -> Result<[u8; N], SigningError> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| SigningError::Failed)?;
    Ok(bytes)
}

#[cfg(feature = "client")]
pub(in crate::jose) fn seal(
    key: &[u8; 32],
    nonce: [u8; 12],
    bound_to: &[u8],
    text: &[u8],
) -> Result<Vec<u8>, SigningError> {
    let payload = Payload { msg: text, aad: bound_to };
    Aes256Gcm::new(key.into()).encrypt(&nonce.into(), payload).map_err(|_| SigningError::Failed)
}

#[cfg(feature = "client")]
pub(in crate::jose) fn open(key: &[u8; 32], nonce: [u8; 12], bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: sealed, aad: bound_to };
    Aes256Gcm::new(key.into()).decrypt(&nonce.into(), payload).ok()
}

/// What checks signatures, bound to its algorithm.
pub(in crate::jose) struct PublicKey(Box<dyn Verify>);

impl PublicKey {
    pub(in crate::jose) fn rsa(algorithm: Algorithm, numbers: &RsaPublicNumbers) -> Result<Self, SkipReason> {
        let number = BigUint::from_bytes_be;
        let key = RsaPublicKey::new(number(numbers.modulus()), number(numbers.exponent()))
            .map_err(|_| SkipReason::RejectedByBackend)?;
        Ok(match algorithm {
            Algorithm::RS256 => Self::new::<_, pkcs1v15::Signature>(pkcs1v15::VerifyingKey::<Sha256>::new(key)),
            Algorithm::RS384 => Self::new::<_, pkcs1v15::Signature>(pkcs1v15::VerifyingKey::<Sha384>::new(key)),
            Algorithm::RS512 => Self::new::<_, pkcs1v15::Signature>(pkcs1v15::VerifyingKey::<Sha512>::new(key)),
            // The salt must be as long as the hash: that is what `new` demands.
            Algorithm::PS256 => Self::new::<_, pss::Signature>(pss::VerifyingKey::<Sha256>::new(key)),
            Algorithm::PS384 => Self::new::<_, pss::Signature>(pss::VerifyingKey::<Sha384>::new(key)),
            Algorithm::PS512 => Self::new::<_, pss::Signature>(pss::VerifyingKey::<Sha512>::new(key)),
            _ => return Err(SkipReason::AlgorithmDoesNotFit),
        })
    }

    /// Takes an RSA public key apart: PKCS#1 (RFC 8017) or SubjectPublicKeyInfo (RFC 5280).
    pub(in crate::jose) fn rsa_numbers(der: &[u8]) -> Result<RsaPublicNumbers, SkipReason> {
        let pkcs1 = match SubjectPublicKeyInfoRef::try_from(der) {
            Ok(info) if info.algorithm.oid == pkcs1::ALGORITHM_OID => info.subject_public_key.as_bytes(),
            Ok(_) => None,
            Err(_) => Some(der),
        };
        let key = pkcs1.and_then(|der| pkcs1::RsaPublicKey::try_from(der).ok()).ok_or(SkipReason::RejectedByBackend)?;
        RsaPublicNumbers::new(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    /// An EC key as SEC 1 point, an Ed25519 key as 32 bytes, or either as SubjectPublicKeyInfo.
    pub(in crate::jose) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, SkipReason> {
        match algorithm {
            Algorithm::ES256 => p256::ecdsa::VerifyingKey::from_affine(point::<p256::NistP256>(bytes)?)
                .map(Self::new::<_, p256::ecdsa::Signature>),
            Algorithm::ES384 => p384::ecdsa::VerifyingKey::from_affine(point::<p384::NistP384>(bytes)?)
                .map(Self::new::<_, p384::ecdsa::Signature>),
            Algorithm::ES512 => p521::ecdsa::VerifyingKey::from_affine(point::<p521::NistP521>(bytes)?)
                .map(Self::new::<_, p521::ecdsa::Signature>),
            Algorithm::EdDSA | Algorithm::Ed25519 => ed25519_dalek::VerifyingKey::try_from(bytes)
                .or_else(|error| ed25519_dalek::VerifyingKey::from_public_key_der(bytes).map_err(|_| error))
                .map(Self::new::<_, ed25519_dalek::Signature>),
            _ => return Err(SkipReason::AlgorithmDoesNotFit),
        }
        .map_err(|_| SkipReason::RejectedByBackend)
    }

    pub(in crate::jose) fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SkipReason> {
        let key: Option<Box<dyn Verify>> = match algorithm {
            Algorithm::HS256 => keyed::<Hmac<Sha256>>(secret),
            Algorithm::HS384 => keyed::<Hmac<Sha384>>(secret),
            Algorithm::HS512 => keyed::<Hmac<Sha512>>(secret),
            _ => return Err(SkipReason::AlgorithmDoesNotFit),
        };
        key.map(Self).ok_or(SkipReason::RejectedByBackend)
    }

    pub(in crate::jose) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(message, signature)
    }

    fn new<K, S>(key: K) -> Self
    where
        K: Verifier<S> + Send + Sync + 'static,
        S: for<'a> TryFrom<&'a [u8]> + 'static,
    {
        Self(Box::new(Parsed { key, signature: PhantomData }))
    }
}

/// A key whatever its type, so that there need not be a variant for each algorithm.
trait Verify: Send + Sync {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// A public key and the type of its signatures. Those of ECDSA and Ed25519 are read at their fixed length only; the
/// length of an RSA signature is checked against the key.
struct Parsed<K, S> {
    key: K,
    signature: PhantomData<fn() -> S>,
}

impl<K, S> Verify for Parsed<K, S>
where
    K: Verifier<S> + Send + Sync,
    S: for<'a> TryFrom<&'a [u8]>,
{
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        S::try_from(signature).is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

/// An HMAC that has read its secret, and nothing yet of a message.
struct Keyed<M>(M);

impl<M: Mac + Clone + Send + Sync> Verify for Keyed<M> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.clone().chain_update(message).verify_slice(signature).is_ok()
    }
}

fn keyed<M: Mac + hmac::digest::KeyInit + Clone + Send + Sync + 'static>(secret: &[u8]) -> Option<Box<dyn Verify>> {
    let keyed = <M as Mac>::new_from_slice(secret).ok()?;
    Some(Box::new(Keyed(keyed)))
}

fn point<C>(bytes: &[u8]) -> Result<AffinePoint<C>, SkipReason>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
    FieldBytesSize<C>: ModulusSize,
    ec::PublicKey<C>: DecodePublicKey,
{
    // The compact form, whose tag is 5, isn't one of SEC 1.
    let sec1 = bytes.first() != Some(&5);
    let key = sec1.then(|| ec::PublicKey::<C>::from_sec1_bytes(bytes).ok()).flatten();
    let key = key.or_else(|| ec::PublicKey::from_public_key_der(bytes).ok());
    key.map(|key| *key.as_affine()).ok_or(SkipReason::RejectedByBackend)
}

/// What makes signatures, bound to its algorithm.
pub(in crate::jose) struct PrivateKey {
    key: Box<dyn Sign>,
    public: KeyMaterial,
}

impl PrivateKey {
    pub(in crate::jose) fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        match algorithm {
            Algorithm::ES256 => Self::p256(&ec_secret(der)?),
            Algorithm::ES384 => Self::p384(&ec_secret(der)?),
            Algorithm::ES512 => Self::p521(&ec_secret(der)?),
            Algorithm::EdDSA | Algorithm::Ed25519 => {
                ed25519_dalek::SigningKey::from_pkcs8_der(der).map(Self::ed25519).map_err(|_| SigningError::KeyRejected)
            }
            _ => Self::rsa(algorithm, || RsaPrivateKey::from_pkcs8_der(der).ok()),
        }
    }

    #[cfg(feature = "client")]
    pub(in crate::jose) fn from_pkcs1(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        Self::rsa(algorithm, || pkcs1::DecodeRsaPrivateKey::from_pkcs1_der(der).ok())
    }

    #[cfg(feature = "client")]
    pub(in crate::jose) fn from_sec1(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        let rejected = |_| SigningError::KeyRejected;
        match algorithm {
            Algorithm::ES256 => Self::p256(&ec::SecretKey::from_sec1_der(der).map_err(rejected)?),
            Algorithm::ES384 => Self::p384(&ec::SecretKey::from_sec1_der(der).map_err(rejected)?),
            Algorithm::ES512 => Self::p521(&ec::SecretKey::from_sec1_der(der).map_err(rejected)?),
            _ => Err(SigningError::UnsupportedAlgorithm),
        }
    }

    pub(in crate::jose) fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        match algorithm {
            Algorithm::ES256 => Self::p256(&ec::SecretKey::random(&mut system_random()?)),
            Algorithm::ES384 => Self::p384(&ec::SecretKey::random(&mut system_random()?)),
            Algorithm::ES512 => Self::p521(&ec::SecretKey::random(&mut system_random()?)),
            Algorithm::EdDSA | Algorithm::Ed25519 => {
                Ok(Self::ed25519(ed25519_dalek::SigningKey::from_bytes(&random()?)))
            }
            _ => Err(SigningError::UnsupportedAlgorithm),
        }
    }

    pub(in crate::jose) fn public(&self) -> Result<KeyMaterial, SigningError> {
        Ok(self.public.clone())
    }

    pub(in crate::jose) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.key.sign(message)
    }

    fn rsa(algorithm: Algorithm, key: impl Fn() -> Option<RsaPrivateKey>) -> Result<Self, SigningError> {
        let key = || key().ok_or(SigningError::KeyRejected);
        match algorithm {
            Algorithm::RS256 => Self::bound::<_, pkcs1v15::Signature>(key()?, pkcs1v15::SigningKey::<Sha256>::new),
            Algorithm::RS384 => Self::bound::<_, pkcs1v15::Signature>(key()?, pkcs1v15::SigningKey::<Sha384>::new),
            Algorithm::RS512 => Self::bound::<_, pkcs1v15::Signature>(key()?, pkcs1v15::SigningKey::<Sha512>::new),
            Algorithm::PS256 => Self::bound::<_, pss::Signature>(key()?, pss::BlindedSigningKey::<Sha256>::new),
            Algorithm::PS384 => Self::bound::<_, pss::Signature>(key()?, pss::BlindedSigningKey::<Sha384>::new),
            Algorithm::PS512 => Self::bound::<_, pss::Signature>(key()?, pss::BlindedSigningKey::<Sha512>::new),
            _ => Err(SigningError::UnsupportedAlgorithm),
        }
    }

    fn bound<K, S>(key: RsaPrivateKey, bind: fn(RsaPrivateKey) -> K) -> Result<Self, SigningError>
    where
        K: RandomizedSigner<S> + Send + Sync + 'static,
        S: SignatureEncoding + 'static,
    {
        let numbers = RsaPublicNumbers::new(&key.n().to_bytes_be(), &key.e().to_bytes_be())
            .map_err(|_| SigningError::KeyRejected)?;
        Ok(Self { key: randomized::<K, S>(bind(key)), public: KeyMaterial::Rsa(numbers) })
    }

    fn p256(secret: &p256::SecretKey) -> Result<Self, SigningError> {
        let key = p256::ecdsa::SigningKey::from_slice(&secret.to_bytes()).map_err(|_| SigningError::KeyRejected)?;
        Ok(Self { key: randomized::<_, p256::ecdsa::Signature>(key), public: ec_public(Curve::P256, secret) })
    }

    fn p384(secret: &p384::SecretKey) -> Result<Self, SigningError> {
        let key = p384::ecdsa::SigningKey::from_slice(&secret.to_bytes()).map_err(|_| SigningError::KeyRejected)?;
        Ok(Self { key: randomized::<_, p384::ecdsa::Signature>(key), public: ec_public(Curve::P384, secret) })
    }

    fn p521(secret: &p521::SecretKey) -> Result<Self, SigningError> {
        let key = p521::ecdsa::SigningKey::from_slice(&secret.to_bytes()).map_err(|_| SigningError::KeyRejected)?;
        Ok(Self { key: randomized::<_, p521::ecdsa::Signature>(key), public: ec_public(Curve::P521, secret) })
    }

    fn ed25519(key: ed25519_dalek::SigningKey) -> Self {
        let public = KeyMaterial::Ed25519(key.verifying_key().to_bytes());
        Self { key: Box::new(key), public }
    }
}

/// A private key whatever its type.
trait Sign: Send + Sync {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// Signs with randomness: RSA is blinded by it, as its arithmetic takes a time that depends on the key.
struct Randomized<K, S> {
    key: K,
    signature: PhantomData<fn() -> S>,
}

impl<K, S> Sign for Randomized<K, S>
where
    K: RandomizedSigner<S> + Send + Sync,
    S: SignatureEncoding,
{
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.key.try_sign_with_rng(&mut system_random()?, message).map_err(|_| SigningError::Failed)?;
        Ok(signature.to_vec())
    }
}

fn randomized<K, S>(key: K) -> Box<dyn Sign>
where
    K: RandomizedSigner<S> + Send + Sync + 'static,
    S: SignatureEncoding + 'static,
{
    Box::new(Randomized { key, signature: PhantomData })
}

impl Sign for ed25519_dalek::SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.try_sign(message).map(|signature| signature.to_vec()).map_err(|_| SigningError::Failed)
    }
}

fn ec_secret<C>(der: &[u8]) -> Result<ec::SecretKey<C>, SigningError>
where
    C: CurveArithmetic,
    ec::SecretKey<C>: for<'a> TryFrom<PrivateKeyInfo<'a>, Error = pkcs8::Error>,
{
    ec::SecretKey::from_pkcs8_der(der).map_err(|_| SigningError::KeyRejected)
}

fn ec_public<C>(curve: Curve, secret: &ec::SecretKey<C>) -> KeyMaterial
where
    C: CurveArithmetic,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
    FieldBytesSize<C>: ModulusSize,
{
    KeyMaterial::Ec(curve, secret.public_key().to_encoded_point(false).as_bytes().to_vec())
}

/// The system's randomness. `OsRng` panics where there is none, so that is found out first.
fn system_random() -> Result<OsRng, SigningError> {
    OsRng.try_fill_bytes(&mut [0]).map_err(|_| SigningError::Failed)?;
    Ok(OsRng)
}
