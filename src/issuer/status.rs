//! [`IssuerStatus`]: how an issuer's keys stand, for a health page or a person.

use std::time::Duration;

use crate::error::Error;
use crate::jose::{Algorithm, SkippedKey};

/// How an [`Issuer`](super::Issuer) stands at one moment. Looking at it starts nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// Whether keys are there that still serve. An outage does not change this before the grace has ended.
    pub is_ready: bool,
    /// The keys, in the order in which they are published.
    pub keys: Vec<KeyStatus>,
    /// The published keys that are not used, and why.
    pub skipped: Vec<SkippedKey>,
    /// How long ago the fetch of these keys began. `None` where there are none, and for keys that were given.
    pub age: Option<Duration>,
    /// How the last attempt to fetch keys failed, or else that to fetch metadata, unless one succeeded since.
    pub last_error: Option<Error>,
    /// How long until the keys are fetched again, if a request comes then: until they are due for renewal, or until a failed
    /// attempt may be repeated. `None` for keys that were given.
    pub next_attempt_in: Option<Duration>,
}

/// One key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// Its `kid`.
    pub key_id: Option<String>,
    /// The algorithms whose signatures it verifies.
    pub algorithms: Vec<Algorithm>,
    /// How long ago it was first seen here. `None` for keys that were given.
    pub age: Option<Duration>,
}
