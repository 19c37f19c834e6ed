//! Authenticated encryption with AES-256-GCM, for what the user stores.

use super::SigningError;
use super::crypto;

/// Encrypts the text under the key, with a nonce made for it that precedes the result. `bound_to` has to be given again to open it.
pub(crate) fn seal(key: &[u8; 32], bound_to: &[u8], text: &[u8]) -> Result<Vec<u8>, SigningError> {
    let nonce = super::random::<12>()?;
    let sealed = crypto::seal(key, nonce, bound_to, text)?;
    Ok([&nonce[..], &sealed].concat())
}

/// Decrypts it, unless it was sealed under another key or bound to something else, or was changed.
pub(crate) fn open(key: &[u8; 32], bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>()?;
    crypto::open(key, *nonce, bound_to, sealed)
}
