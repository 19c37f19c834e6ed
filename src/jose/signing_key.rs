//! A key that makes signatures: for client assertions, and for issuers in tests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::algorithm::Algorithm;
use super::crypto::PrivateKey;
use super::key_material::KeyMaterial;

/// A private key bound to one algorithm. The [module](super) has an example.
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    key: PrivateKey,
    public: KeyMaterial,
}

impl SigningKey {
    /// Reads an unencrypted private key: PKCS#8 in DER (RFC 5208), without PEM armour.
    ///
    /// # Errors
    /// [`SigningError::KeyRejected`] when the bytes aren't such a key or it doesn't fit the algorithm: an
    /// RSA key needs 2048 to 8192 bits (4096 with the feature `rust-crypto` alone), an EC key the algorithm's curve;
    /// [`SigningError::UnsupportedAlgorithm`] for the HMACs; [`SigningError::NoBackend`] when the crate was
    /// built without one.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        Self::new(algorithm, PrivateKey::from_pkcs8(algorithm, der)?)
    }

    /// Makes a new key for an algorithm on an elliptic curve, Ed25519 included.
    ///
    /// # Errors
    /// [`SigningError::UnsupportedAlgorithm`] for the RSA algorithms, whose keys take seconds to
    /// make, and for the HMACs; [`SigningError::Failed`] when the system has no randomness to give;
    /// [`SigningError::NoBackend`] when the crate was built without one.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        Self::new(algorithm, PrivateKey::generate(algorithm)?)
    }

    pub(super) fn new(algorithm: Algorithm, key: PrivateKey) -> Result<Self, SigningError> {
        let public = key.public()?;
        Ok(Self { algorithm, key_id: None, key, public })
    }

    /// Names the key, for `kid` in its JWK. Headers are the caller's: nothing is added to them.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The only algorithm that this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    #[cfg(feature = "client")]
    pub(super) fn public(&self) -> &KeyMaterial {
        &self.public
    }

    /// The name given by [`with_key_id`](Self::with_key_id).
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The public key as a JWK in JSON (RFC 7517), with `use`, `alg` and, if the key has a name, `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.public {
            KeyMaterial::Rsa(numbers) => {
                json!({ "kty": "RSA", "n": encode(numbers.modulus()), "e": encode(numbers.exponent()) })
            }
            KeyMaterial::Ec(curve, point) => {
                let (x, y) = curve.coordinates(point);
                json!({ "kty": "EC", "crv": curve.name(), "x": encode(x), "y": encode(y) })
            }
            KeyMaterial::Ed25519(x) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) }),
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".to_owned(), "sig".into());
            members.insert("alg".to_owned(), self.algorithm.as_str().into());
            members.extend(self.key_id.as_deref().map(|kid| ("kid".to_owned(), kid.into())));
        }
        jwk.to_string()
    }

    /// Signs the bytes. ECDSA signatures are the two numbers side by side (RFC 7518 §3.4), not DER.
    ///
    /// # Errors
    /// [`SigningError::Failed`] when the cryptographic library fails, as without randomness.
    pub fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.key.sign(signing_input)
    }

    /// Makes a JWS in compact serialization (RFC 7515 §7.1) from a header and a payload exactly as given.
    ///
    /// Neither is looked at. That the header is JSON and names [`algorithm`](Self::algorithm) is up to the
    /// caller, so that tests can also write headers that no honest issuer would.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_compact(&self, header_json: &[u8], payload: &[u8]) -> Result<String, SigningError> {
        let mut compact = URL_SAFE_NO_PAD.encode(header_json);
        compact.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut compact);
        let signature = self.sign(compact.as_bytes())?;
        compact.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut compact);
        Ok(compact)
    }
}

/// Shows no key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Why a key couldn't be made, or couldn't sign. It never quotes the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SigningError {
    /// The bytes aren't an unencrypted PKCS#8 private key that fits the algorithm.
    KeyRejected,
    /// Keys of this algorithm can't be made in this way.
    UnsupportedAlgorithm,
    /// The cryptographic library failed.
    Failed,
    /// The crate was built without a cryptographic back end.
    NoBackend,
}

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyRejected => {
                "the private key was refused; it must be unencrypted PKCS#8 in DER and fit its algorithm"
            }
            Self::UnsupportedAlgorithm => "signing keys of this algorithm can't be made in this way",
            Self::Failed => "the cryptographic library failed to sign or to make a key",
            Self::NoBackend => {
                "no cryptographic back end is enabled; turn on the feature `aws-lc-rs` or `rust-crypto` of tower-bearer"
            }
        })
    }
}

impl std::error::Error for SigningError {}
