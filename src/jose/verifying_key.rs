//! A key that checks signatures of one algorithm, parsed ahead.

use std::fmt;

use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};

use super::algorithm::{Algorithm, KeyFamily};
use super::crypto::PublicKey;
use super::jwk::Jwk;
use super::jws::{CompactJws, VerifiedJws};
use super::key_material::{KeyMaterial, RsaPublicNumbers};
use super::skip_reason::SkipReason;

/// A public key, or a shared secret, bound to one algorithm.
///
/// All parsing is done when the key is made; verifying only verifies. What else a token must fulfil
/// (issuer, audience, time) isn't checked here. The [module](super) has an example.
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: PublicKey,
}

impl VerifyingKey {
    /// One key for each algorithm that the JWK may be used with: its `alg`, or without one every
    /// algorithm that fits. An Ed25519 key gives two in any case, `EdDSA` and `Ed25519`, as both names
    /// stand for the same algorithm (RFC 9864 §2.2).
    ///
    /// # Errors
    /// [`SkipReason::RejectedByBackend`] when the key's point isn't on its curve or the like;
    /// [`SkipReason::NoBackend`] when the crate was built without one.
    pub fn from_jwk(jwk: &Jwk) -> Result<Vec<Self>, SkipReason> {
        jwk.algorithms().map(|algorithm| Self::from_material(algorithm, jwk.material())).collect()
    }

    /// The key whose numbers these are; they fit the algorithm.
    pub(super) fn from_material(algorithm: Algorithm, material: &KeyMaterial) -> Result<Self, SkipReason> {
        let key = match material {
            KeyMaterial::Rsa(numbers) => PublicKey::rsa(algorithm, numbers)?,
            KeyMaterial::Ec(_, point) => PublicKey::from_bytes(algorithm, point)?,
            KeyMaterial::Ed25519(x) => PublicKey::from_bytes(algorithm, x)?,
        };
        Ok(Self { algorithm, key })
    }

    /// A static key, for an application that already has a `jsonwebtoken::DecodingKey`: made from a PEM,
    /// from DER, from the members of a JWK or from a shared secret.
    ///
    /// RSA keys may be modulus and exponent or DER (PKCS#1 or SubjectPublicKeyInfo), EC keys a SEC 1
    /// point or SubjectPublicKeyInfo, Ed25519 keys 32 bytes or SubjectPublicKeyInfo. For `ES512` and
    /// `Ed25519`, which `jsonwebtoken` doesn't name, its EC and Ed keys are taken too.
    ///
    /// # Errors
    /// [`SkipReason::AlgorithmDoesNotFit`] when the key is of another family than the algorithm;
    /// [`SkipReason::RsaTooSmall`], [`SkipReason::RsaTooLarge`], [`SkipReason::SecretTooShort`] (RFC 7518
    /// §3.2) or [`SkipReason::MalformedMember`] when its numbers won't do;
    /// [`SkipReason::RejectedByBackend`] when the bytes aren't such a key;
    /// [`SkipReason::NoBackend`] when the crate was built without one.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
    /// use jsonwebtoken::DecodingKey;
    /// use tower_bearer::jose::{Algorithm, SkipReason, VerifyingKey};
    ///
    /// let short = DecodingKey::from_secret(b"correct horse");
    /// let refused = VerifyingKey::from_decoding_key(Algorithm::HS256, &short).unwrap_err();
    /// assert_eq!(refused, SkipReason::SecretTooShort);
    /// # }
    /// ```
    pub fn from_decoding_key(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, SkipReason> {
        let key = match (algorithm.key_family(), key.family(), key.kind()) {
            (KeyFamily::Rsa, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                PublicKey::rsa(algorithm, &RsaPublicNumbers::new(n, e)?)?
            }
            (KeyFamily::Rsa, AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der)) => {
                PublicKey::rsa(algorithm, &PublicKey::rsa_numbers(der)?)?
            }
            (
                KeyFamily::P256 | KeyFamily::P384 | KeyFamily::P521,
                AlgorithmFamily::Ec,
                DecodingKeyKind::SecretOrDer(bytes),
            )
            | (KeyFamily::Ed25519, AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(bytes)) => {
                PublicKey::from_bytes(algorithm, bytes)?
            }
            (KeyFamily::Hmac { hash_bytes }, AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
                if secret.len() < hash_bytes {
                    return Err(SkipReason::SecretTooShort);
                }
                PublicKey::hmac(algorithm, secret)?
            }
            _ => return Err(SkipReason::AlgorithmDoesNotFit),
        };
        Ok(Self { algorithm, key })
    }

    /// The only algorithm that this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks a token's signature (RFC 7515 §5.2).
    ///
    /// # Errors
    /// [`InvalidSignature`], whatever is wrong: the header can't be read, names another algorithm, or the
    /// signature isn't this key's over this header and payload.
    pub fn verify<'j>(&self, jws: &'j CompactJws<'_>) -> Result<VerifiedJws<'j>, InvalidSignature> {
        if jws.algorithm() != Ok(Some(self.algorithm)) {
            return Err(InvalidSignature);
        }
        self.verify_detached(jws.signing_input(), jws.signature())?;
        Ok(jws.to_verified())
    }

    /// Checks a bare signature over a message: what test vectors need. ECDSA signatures are the two
    /// numbers side by side (RFC 7518 §3.4), not DER.
    ///
    /// # Errors
    /// [`InvalidSignature`] when the signature isn't this key's over this message.
    pub fn verify_detached(&self, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if self.key.verify(message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }
}

/// Shows the algorithm only: the key may be a secret.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The signature isn't this key's. It doesn't say more, as nobody could act on more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSignature;

impl fmt::Display for InvalidSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not valid")
    }
}

impl std::error::Error for InvalidSignature {}
