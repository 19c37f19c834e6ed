//! Why a key isn't used.

use std::fmt;

use super::crypto::RSA_MAX_BITS;

/// Why a key was left aside: a member of a key set, a static key that was handed over, or the key of a
/// certificate.
///
/// The texts are constants and never quote the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The entry isn't a JSON object.
    NotAnObject,
    /// The entry isn't valid JSON text.
    Malformed,
    /// The entry is nested too deeply.
    TooDeep,
    /// A member name occurs twice (RFC 7517 §4).
    DuplicateMember,
    /// A required member is missing.
    MissingMember(&'static str),
    /// A member has the wrong type, length or encoding.
    MalformedMember(&'static str),
    /// The `kty` isn't one of RSA, EC, OKP.
    UnknownKeyType,
    /// The key is a shared secret (`oct`), which a published key set must not contain.
    Symmetric,
    /// The key has private members: whoever reads the key set can sign with it (RFC 7517 §9.2).
    PrivateMembers,
    /// The `use` is another than `sig`.
    NotForSignatures,
    /// The `key_ops` don't contain `verify`.
    NotForVerification,
    /// The `alg` isn't a supported signature algorithm.
    UnsupportedAlgorithm,
    /// The `crv` isn't one of P-256, P-384, P-521, Ed25519.
    UnsupportedCurve,
    /// The public key in a certificate is malformed, or none of RSA, uncompressed P-256, P-384 and P-521, Ed25519.
    UnsupportedPublicKey,
    /// The key is of another kind than its algorithm needs.
    AlgorithmDoesNotFit,
    /// The RSA modulus is shorter than 2048 bits (RFC 7518 §3.3).
    RsaTooSmall,
    /// The RSA modulus is longer than the back end takes: 8192 bits with the feature `aws-lc-rs`, beyond which verifying
    /// takes too long, and 4096 bits with `rust-crypto` alone.
    RsaTooLarge,
    /// The HMAC secret is shorter than the hash (RFC 7518 §3.2).
    SecretTooShort,
    /// The cryptographic library refused the key; its point may not be on the curve.
    RejectedByBackend,
    /// The key set has more keys than are looked at.
    TooManyKeys,
    /// The crate was built without a cryptographic back end.
    NoBackend,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "the key is not a JSON object",
            Self::Malformed => "the key is not valid JSON",
            Self::TooDeep => "the key is nested too deeply",
            Self::DuplicateMember => "a member of the key occurs twice",
            Self::MissingMember(name) => return write!(f, "the member `{name}` of the key is missing"),
            Self::MalformedMember(name) => {
                return write!(f, "the member `{name}` of the key has the wrong type, length or encoding");
            }
            Self::UnknownKeyType => "the `kty` of the key is none of RSA, EC, OKP",
            Self::Symmetric => "the key is a shared secret, which must not be published; publish public keys only",
            Self::PrivateMembers => {
                "the key has private members and must be considered leaked; publish its public members only"
            }
            Self::NotForSignatures => "the `use` of the key is not `sig`",
            Self::NotForVerification => "the `key_ops` of the key do not contain `verify`",
            Self::UnsupportedAlgorithm => "the `alg` of the key is not a supported signature algorithm",
            Self::UnsupportedCurve => "the `crv` of the key is none of P-256, P-384, P-521, Ed25519",
            Self::UnsupportedPublicKey => {
                "the public key is malformed or of no supported kind: RSA, P-256, P-384, P-521 (uncompressed), Ed25519"
            }
            Self::AlgorithmDoesNotFit => "the key is of another kind than its algorithm needs",
            Self::RsaTooSmall => "the RSA key is shorter than 2048 bits",
            Self::RsaTooLarge => return write!(f, "the RSA key is longer than {RSA_MAX_BITS} bits"),
            Self::SecretTooShort => "the HMAC secret is shorter than the hash of its algorithm",
            Self::RejectedByBackend => "the cryptographic library refused the key",
            Self::TooManyKeys => "the key set has too many keys; the rest is not looked at",
            Self::NoBackend => {
                "no cryptographic back end is enabled; turn on the feature `aws-lc-rs` or `rust-crypto` of tower-bearer"
            }
        })
    }
}

impl std::error::Error for SkipReason {}
