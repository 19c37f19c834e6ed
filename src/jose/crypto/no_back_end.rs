//! Stands in when no back end is enabled: there are no keys then, and every attempt to make one says so.

use std::convert::Infallible;

use crate::jose::algorithm::Algorithm;
use crate::jose::key_material::{KeyMaterial, RsaPublicNumbers};
use crate::jose::signing_key::SigningError;
use crate::jose::skip_reason::SkipReason;

pub(in crate::jose) const RSA_MAX_BITS: usize = 8192;

#[cfg(feature = "client")]
pub(in crate::jose) fn random<const N: usize>() -> Result<[u8; N], SigningError> {
    Err(SigningError::NoBackend)
}

pub(in crate::jose) struct PublicKey(Infallible);

impl PublicKey {
    pub(in crate::jose) fn rsa(_: Algorithm, _: &RsaPublicNumbers) -> Result<Self, SkipReason> {
        Err(SkipReason::NoBackend)
    }

    pub(in crate::jose) fn rsa_numbers(_: &[u8]) -> Result<RsaPublicNumbers, SkipReason> {
        Err(SkipReason::NoBackend)
    }

    pub(in crate::jose) fn from_bytes(_: Algorithm, _: &[u8]) -> Result<Self, SkipReason> {
        Err(SkipReason::NoBackend)
    }

    pub(in crate::jose) fn hmac(_: Algorithm, _: &[u8]) -> Result<Self, SkipReason> {
        Err(SkipReason::NoBackend)
    }

    pub(in crate::jose) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match self.0 {}
    }
}

#[cfg(feature = "client")]
pub(in crate::jose) fn seal(_: &[u8; 32], _: [u8; 12], _: &[u8], _: &[u8]) -> Result<Vec<u8>, SigningError> {
    Err(SigningError::NoBackend)
}

#[cfg(feature = "client")]
pub(in crate::jose) fn open(_: &[u8; 32], _: [u8; 12], _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    None
}

pub(in crate::jose) struct PrivateKey(Infallible);

impl PrivateKey {
    pub(in crate::jose) fn from_pkcs8(_: Algorithm, _: &[u8]) -> Result<Self, SigningError> {
        Err(SigningError::NoBackend)
    }

    #[cfg(feature = "client")]
    pub(in crate::jose) fn from_pkcs1(_: Algorithm, _: &[u8]) -> Result<Self, SigningError> {
        Err(SigningError::NoBackend)
    }

    #[cfg(feature = "client")]
    pub(in crate::jose) fn from_sec1(_: Algorithm, _: &[u8]) -> Result<Self, SigningError> {
        Err(SigningError::NoBackend)
    }

    pub(in crate::jose) fn generate(_: Algorithm) -> Result<Self, SigningError> {
        Err(SigningError::NoBackend)
    }

    pub(in crate::jose) fn public(&self) -> Result<KeyMaterial, SigningError> {
        match self.0 {}
    }

    pub(in crate::jose) fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningError> {
        match self.0 {}
    }
}
