//! Private keys from PEM files, as `openssl` and identity providers write them.

use std::fmt;

use rustls_pki_types::pem::SectionKind;

use super::algorithm::{Algorithm, KeyFamily};
use super::crypto::{PrivateKey, RSA_MAX_BITS};
use super::key_identifier::{pkcs8_family, sec1_family};
use super::pem::{self, PemError};
use super::signing_key::{SigningError, SigningKey};

impl SigningKey {
    /// Reads the one unencrypted private key in a PEM text: PKCS#8 (`PRIVATE KEY`, RFC 5958), PKCS#1 (`RSA PRIVATE KEY`,
    /// RFC 8017) or SEC 1 (`EC PRIVATE KEY`, RFC 5915). Other blocks, such as certificates, may stand around it.
    ///
    /// # Errors
    /// A [`KeyPemError`] that says what is there instead, and how to convert what can be.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
    /// use tower_bearer::jose::{Algorithm, KeyPemError, SigningKey};
    ///
    /// let pem = "\
    /// -----BEGIN PRIVATE KEY-----
    /// MC4CAQAwBQYDK2VwBCIEIJs7sk/WEQZPtObf9EqdKY/rZKmkuhBGgFonMAsELrKV
    /// -----END PRIVATE KEY-----";
    /// let key = SigningKey::from_pem(Algorithm::Ed25519, pem.as_bytes())?;
    /// assert!(key.public_jwk().contains("Ed25519"));
    ///
    /// let error = SigningKey::from_pem(Algorithm::PS256, pem.as_bytes()).unwrap_err();
    /// assert_eq!(error.to_string(), "PS256 needs an RSA key, but the PEM holds an Ed25519 key");
    /// # }
    /// # Ok::<(), tower_bearer::jose::KeyPemError>(())
    /// ```
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyPemError> {
        let needed = algorithm.key_family();
        if let KeyFamily::Hmac { .. } = needed {
            return Err(KeyPemError::UnsupportedAlgorithm(algorithm));
        }
        // The headers of an encrypted block aren't base64, and one that is encrypted in PKCS#8 is left out.
        let encrypted = pem::lines(pem)
            .any(|line| line.starts_with(b"Proc-Type:") && line.trim_ascii_end().ends_with(b"ENCRYPTED"));
        if encrypted {
            return Err(KeyPemError::Encrypted);
        }
        let blocks = pem::blocks(pem)?;
        let mut keys = blocks.iter().filter(|(kind, _)| is_private_key(*kind));
        let (kind, der) = keys.next().ok_or_else(|| KeyPemError::without_key(pem))?;
        if keys.next().is_some() {
            return Err(KeyPemError::SeveralKeys);
        }
        let found = match kind {
            SectionKind::RsaPrivateKey => Some(KeyFamily::Rsa),
            SectionKind::EcPrivateKey => sec1_family(der).map_err(|_| KeyPemError::Rejected)?,
            _ => pkcs8_family(der).map_err(|_| KeyPemError::Rejected)?,
        };
        if found != Some(needed) {
            return Err(KeyPemError::AnotherKind { algorithm, found: described(found) });
        }
        let key = match kind {
            SectionKind::RsaPrivateKey => PrivateKey::from_pkcs1(algorithm, der)?,
            SectionKind::EcPrivateKey => PrivateKey::from_sec1(algorithm, der)?,
            _ => PrivateKey::from_pkcs8(algorithm, der)?,
        };
        Ok(Self::new(algorithm, key)?)
    }
}

fn is_private_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

fn described(family: Option<KeyFamily>) -> &'static str {
    match family {
        Some(KeyFamily::Rsa) => "an RSA key",
        Some(KeyFamily::P256) => "an EC key on P-256",
        Some(KeyFamily::P384) => "an EC key on P-384",
        Some(KeyFamily::P521) => "an EC key on P-521",
        Some(KeyFamily::Ed25519) => "an Ed25519 key",
        Some(KeyFamily::Hmac { .. }) => "a shared secret",
        None => "a key of another kind or curve than is supported",
    }
}

/// Why no private key could be read from a PEM text. It quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPemError {
    /// The text isn't PEM.
    Pem(PemError),
    /// There are certificates, public keys or other blocks, but no private key.
    NoPrivateKey,
    /// The private key is encrypted by a password.
    Encrypted,
    /// The private key is in OpenSSH's own format.
    OpenSsh,
    /// There is more than one private key.
    SeveralKeys,
    /// The algorithm needs another kind of key than there is.
    AnotherKind {
        /// The algorithm.
        algorithm: Algorithm,
        /// What there is, in words, as in "an RSA key".
        found: &'static str,
    },
    /// The private key is malformed, its parts don't belong together, or it is an RSA key of a size that isn't taken.
    Rejected,
    /// The algorithm isn't one of private keys.
    UnsupportedAlgorithm(Algorithm),
    /// The crate was built without a cryptographic back end.
    NoBackend,
}

impl KeyPemError {
    /// No block is one of a private key that can be read.
    fn without_key(pem: &[u8]) -> Self {
        let has = |sought: &[u8]| pem::labels(pem).flatten().any(|label| label == sought);
        if has(b"ENCRYPTED PRIVATE KEY") {
            Self::Encrypted
        } else if has(b"OPENSSH PRIVATE KEY") {
            Self::OpenSsh
        } else {
            Self::NoPrivateKey
        }
    }
}

impl From<PemError> for KeyPemError {
    fn from(error: PemError) -> Self {
        Self::Pem(error)
    }
}

impl From<SigningError> for KeyPemError {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::NoBackend => Self::NoBackend,
            _ => Self::Rejected,
        }
    }
}

impl fmt::Display for KeyPemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem(error) => return error.fmt(f),
            Self::NoPrivateKey => {
                "the PEM holds no private key, only a certificate, a public key or the like; the private key is the block \
                 that begins with `-----BEGIN PRIVATE KEY-----`, and is often in a file of its own"
            }
            Self::Encrypted => {
                "the private key in the PEM is encrypted; decrypt it with `openssl pkey -in FILE -out NEW`"
            }
            Self::OpenSsh => {
                "the private key in the PEM has OpenSSH's own format; convert it with \
                 `ssh-keygen -p -N \"\" -m PKCS8 -f FILE`, which overwrites the file"
            }
            Self::SeveralKeys => "the PEM holds more than one private key; leave the one that is meant",
            Self::AnotherKind { algorithm, found } => {
                let needed = described(Some(algorithm.key_family()));
                return write!(f, "{algorithm} needs {needed}, but the PEM holds {found}");
            }
            Self::Rejected => {
                return write!(
                    f,
                    "the private key in the PEM was refused; it is malformed, or an RSA key of fewer than 2048 or more \
                     than {RSA_MAX_BITS} bits"
                );
            }
            Self::UnsupportedAlgorithm(algorithm) => {
                return write!(f, "{algorithm} signs with a shared secret; a private key can't be used with it");
            }
            Self::NoBackend => return SigningError::NoBackend.fmt(f),
        })
    }
}

impl std::error::Error for KeyPemError {}
