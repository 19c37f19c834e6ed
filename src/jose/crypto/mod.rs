//! The one place that knows which cryptographic library is at work.
//!
//! Each back end has two types. `PublicKey` is made by `rsa`, `from_bytes` or `hmac`, all of which parse
//! ahead, and checks by `verify`; `rsa_numbers` takes an RSA key's DER apart. `PrivateKey` is made by
//! `from_pkcs8`, `from_pkcs1`, `from_sec1` or `generate`, signs by `sign` and tells its public part by `public`. Sizes and lengths have
//! been checked before, `RSA_MAX_BITS` among them; what needs arithmetic is up to the back end. `sha256` and
//! `sha1` are for thumbprints, `random` is for names that nobody may guess, `seal` and `open` are AES-256-GCM.
//!
//! With the features of both back ends on, AWS-LC is at work: features add up across a build, and that must neither
//! fail nor depend on who asked first.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
#[cfg(feature = "aws-lc-rs")]
use self::aws_lc_rs as back_end;

#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
mod rust_crypto;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use self::rust_crypto as back_end;

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod no_back_end;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
use self::no_back_end as back_end;

#[cfg(all(feature = "client", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
pub(super) use self::back_end::sha1;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub(super) use self::back_end::sha256;
pub(super) use self::back_end::{PrivateKey, PublicKey, RSA_MAX_BITS};
#[cfg(feature = "client")]
pub(super) use self::back_end::{open, random, seal};
