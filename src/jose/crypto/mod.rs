//! The one place that knows which cryptographic library is at work.
//!
//! Each back end has two types. `PublicKey` is made by `rsa`, `from_bytes` or `hmac`, all of which parse
//! ahead, and checks by `verify`; `rsa_numbers` takes an RSA key's DER apart. `PrivateKey` is made by
//! `from_pkcs8` or `generate`, signs by `sign` and tells its public part by `public`. Sizes and lengths have
//! been checked before; what needs arithmetic is up to the back end.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
#[cfg(feature = "aws-lc-rs")]
pub(super) use self::aws_lc_rs::{PrivateKey, PublicKey};

#[cfg(not(feature = "aws-lc-rs"))]
mod no_back_end;
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) use self::no_back_end::{PrivateKey, PublicKey};
