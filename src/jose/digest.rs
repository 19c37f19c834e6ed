//! Hashes as names for what is too long or too secret to be one, as far as there is a back end to compute them.

use super::signing_key::SigningError;

/// SHA-256, which only fails without a back end.
pub(crate) fn sha256(message: &[u8]) -> Result<[u8; 32], SigningError> {
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    return Ok(super::crypto::sha256(message));
    #[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
    return none(message);
}

/// SHA-1, which is broken and names only what is known by a better hash as well. It only fails without a back end.
pub(super) fn sha1(message: &[u8]) -> Result<[u8; 20], SigningError> {
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    return Ok(super::crypto::sha1(message));
    #[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
    return none(message);
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
fn none<const N: usize>(_: &[u8]) -> Result<[u8; N], SigningError> {
    Err(SigningError::NoBackend)
}
