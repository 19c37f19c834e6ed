//! Signed tokens as such: keys, algorithms, signatures (RFC 7515, 7517, 7518, 8037, 9864).
//!
//! This room verifies and signs, and decides nothing. It has no clock and does no I/O; it doesn't know
//! what a claim means, which algorithms are wanted or whose key is whose. A web API doesn't call it: the
//! validator does. It is public so that test vectors and fuzzers can reach it, and for other uses of signed
//! JSON.
//!
//! ```
//! # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_bearer::jose::{Algorithm, CompactJws, JwkSet, SigningKey, VerifyingKey};
//!
//! // an issuer signs, and publishes its key
//! let signing_key = SigningKey::generate(Algorithm::ES256)?.with_key_id("1");
//! let token = signing_key.sign_compact(br#"{"alg":"ES256","kid":"1"}"#, br#"{"sub":"alice"}"#)?;
//! let published = format!(r#"{{"keys":[{}]}}"#, signing_key.public_jwk());
//!
//! // an API reads the key set, once
//! let set = JwkSet::parse(published.as_bytes())?;
//! let keys = VerifyingKey::from_jwk(&set.keys()[0])?;
//!
//! // and verifies the token
//! let jws = CompactJws::parse(&token)?;
//! assert_eq!(jws.header()?.key_id(), set.keys()[0].key_id());
//! let verified = keys[0].verify(&jws)?;
//! assert_eq!(verified.payload(), br#"{"sub":"alice"}"#);
//! # Ok(())
//! # }
//! # #[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
//! # fn main() {}
//! ```
//!
//! # Rules
//! 1. A [`VerifyingKey`] is bound to one algorithm. The header's `alg` must equal it; it never selects one.
//! 2. `none` doesn't exist. Shared secrets never come from a [`Jwk`].
//! 3. A token has one spelling: strict base64url, unique member names, no `crit`.
//! 4. A token's own `jku`, `jwk`, `x5u` and `x5c` are never followed.
//! 5. RSA keys have 2048 to 8192 bits, with `rust-crypto` alone to 4096. ECDSA signatures have their fixed length (RFC 7518 §3.4).
//! 6. One odd key never costs the set.
//!
//! # Files
//! With the feature `client`, [`SigningKey::from_pem`] reads a private key from a PEM file and
//! [`Certificate::chain_from_pem`] the certificates that go with it. What else such a file may be is said in the error,
//! with the command that converts it. A certificate is read for its key, its dates and its thumbprints; whether it is to
//! be trusted isn't asked, as it is the client's own.
//!
//! # Cryptography
//! Signatures are computed by [AWS-LC](https://docs.rs/aws-lc-rs) or by [RustCrypto](https://github.com/RustCrypto),
//! depending on the features `aws-lc-rs` and `rust-crypto`; with both, by AWS-LC. They accept the same signatures. Their
//! differences:
//! * RustCrypto needs no C compiler, and is several times slower with RSA and the NIST curves.
//! * RSA keys of more than 4096 bits are too large for RustCrypto: such a key of a set is skipped
//!   ([`SkipReason::RsaTooLarge`]).

#[cfg(feature = "client")]
pub(crate) mod aead;
mod algorithm;
#[cfg(feature = "client")]
mod certificate;
mod crypto;
#[cfg(feature = "client")]
mod digest;
mod header;
pub(crate) mod json;
mod jwk;
mod jwk_set;
mod jws;
mod jws_error;
#[cfg(feature = "client")]
mod key_identifier;
mod key_material;
pub(crate) mod object;
#[cfg(feature = "client")]
mod pem;
mod reader;
mod signing_key;
#[cfg(feature = "client")]
mod signing_key_pem;
mod skip_reason;
mod text;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod thumbprint;
mod verifying_key;

pub use algorithm::{Algorithm, UnknownAlgorithm};
#[cfg(feature = "client")]
pub use certificate::{Certificate, CertificateError};
#[cfg(feature = "client")]
pub(crate) use digest::sha256;
pub use header::Header;
pub(crate) use header::KnownHeader;
pub use jwk::Jwk;
pub use jwk_set::{JwkSet, JwkSetError, SkippedKey};
pub use jws::{CompactJws, VerifiedJws};
pub use jws_error::JwsError;
#[cfg(feature = "client")]
pub use pem::PemError;
pub use signing_key::{SigningError, SigningKey};
#[cfg(feature = "client")]
pub use signing_key_pem::KeyPemError;
pub use skip_reason::SkipReason;
pub use verifying_key::{InvalidSignature, VerifyingKey};

/// Bytes that nobody can guess.
#[cfg(feature = "client")]
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SigningError> {
    crypto::random()
}
