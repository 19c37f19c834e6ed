//! Certificates by which a client proves who it is: their key, dates and thumbprints (RFC 5280).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::pem::SectionKind;
use x509_cert::der::Decode;
use x509_cert::time::Time;

use super::algorithm::Algorithm;
use super::digest::{sha1, sha256};
use super::key_identifier::public_key;
use super::key_material::KeyMaterial;
use super::pem::{self, PemError};
use super::signing_key::{SigningError, SigningKey};
use super::skip_reason::SkipReason;
use super::verifying_key::VerifyingKey;

/// An X.509 certificate, as far as a client needs its own.
///
/// Nothing of it is checked: neither who signed it, nor its extensions, nor that it hasn't expired. Its issuer and subject
/// aren't kept.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
/// use std::time::{Duration, UNIX_EPOCH};
/// use tower_bearer::jose::{Algorithm, Certificate, SigningKey};
///
/// // both are often in one file
/// let pem = "\
/// -----BEGIN CERTIFICATE-----
/// MIHIMHwCAQEwBQYDK2VwMBExDzANBgNVBAMMBm9yZGVyczAeFw0yNjAxMDEwMDAw
/// MDBaFw0zNjAxMDEwMDAwMDBaMBExDzANBgNVBAMMBm9yZGVyczAqMAUGAytlcAMh
/// AJ/nd4xk7bWLj4dwss52vlRCpCFwnnJnqyNMVepbg/uuMAUGAytlcANBALSKznKn
/// TE1R1YsSVKzclvdaujTcq4gH0E89GZEqrl8Gxwv7LyAzP7wv1rObw+eVq9VJivrq
/// qQ8qMr1/QHf73QM=
/// -----END CERTIFICATE-----
/// -----BEGIN PRIVATE KEY-----
/// MC4CAQAwBQYDK2VwBCIEIJs7sk/WEQZPtObf9EqdKY/rZKmkuhBGgFonMAsELrKV
/// -----END PRIVATE KEY-----";
/// let chain = Certificate::chain_from_pem(pem.as_bytes())?;
/// let key = SigningKey::from_pem(Algorithm::EdDSA, pem.as_bytes())?;
///
/// let certificate = &chain[0];
/// assert!(certificate.is_of(&key));
/// let year_2036 = UNIX_EPOCH + Duration::from_secs(2_082_758_400);
/// assert_eq!(certificate.not_after(), year_2036);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    not_before: SystemTime,
    not_after: SystemTime,
    thumbprint_sha256: [u8; 32],
    thumbprint_sha1: [u8; 20],
    key: Result<KeyMaterial, SkipReason>,
}

impl Certificate {
    /// Reads all certificates in a PEM text, in order: at least one, and the client's own first. That each is signed by
    /// the next one isn't checked. Other blocks, such as the private key, may stand around them.
    ///
    /// # Errors
    /// A [`CertificateError`] that says what is there instead.
    pub fn chain_from_pem(pem: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::blocks(pem)?.into_iter().filter(|(kind, _)| *kind == SectionKind::Certificate);
        let chain: Vec<_> = blocks
            .enumerate()
            .map(|(index, (_, der))| Self::from_der(der.to_vec(), index.saturating_add(1)))
            .collect::<Result<_, _>>()?;
        if chain.is_empty() { Err(CertificateError::NoCertificate) } else { Ok(chain) }
    }

    fn from_der(der: Vec<u8>, position: usize) -> Result<Self, CertificateError> {
        let malformed = CertificateError::Malformed { position };
        let certificate = x509_cert::Certificate::from_der(&der).map_err(|_| malformed)?.tbs_certificate;
        let time = |time: Time| UNIX_EPOCH.checked_add(time.to_unix_duration()).ok_or(malformed);
        Ok(Self {
            not_before: time(certificate.validity.not_before)?,
            not_after: time(certificate.validity.not_after)?,
            thumbprint_sha256: sha256(&der)?,
            thumbprint_sha1: sha1(&der)?,
            key: public_key(&certificate.subject_public_key_info),
            der,
        })
    }

    /// The certificate in DER, without PEM armour: in base64 with padding, it is a member of `x5c` (RFC 7515 §4.1.6).
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// From when on the certificate is valid (RFC 5280 §4.1.2.5), to the second.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when the certificate is valid (RFC 5280 §4.1.2.5), that second included.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The SHA-256 of the DER: in base64url, it is `x5t#S256` (RFC 7515 §4.1.8).
    #[must_use]
    pub fn thumbprint_sha256(&self) -> [u8; 32] {
        self.thumbprint_sha256
    }

    /// The SHA-1 of the DER: in base64url, it is `x5t` (RFC 7515 §4.1.7), for servers that know no better.
    #[must_use]
    pub fn thumbprint_sha1(&self) -> [u8; 20] {
        self.thumbprint_sha1
    }

    /// The certificate's public key, for one algorithm.
    ///
    /// # Errors
    /// [`SkipReason::UnsupportedPublicKey`] when the key can't be read; [`SkipReason::RsaTooSmall`],
    /// [`SkipReason::RsaTooLarge`] or [`SkipReason::MalformedMember`] when its numbers won't do;
    /// [`SkipReason::AlgorithmDoesNotFit`] when it is of another kind than the algorithm needs;
    /// [`SkipReason::RejectedByBackend`] when its point isn't on its curve or the like.
    pub fn verifying_key(&self, algorithm: Algorithm) -> Result<VerifyingKey, SkipReason> {
        let material = self.key.as_ref().map_err(|reason| *reason)?;
        if !material.fits(algorithm) {
            return Err(SkipReason::AlgorithmDoesNotFit);
        }
        VerifyingKey::from_material(algorithm, material)
    }

    /// Whether this private key is the one whose public key the certificate is about.
    #[must_use]
    pub fn is_of(&self, key: &SigningKey) -> bool {
        self.key.as_ref() == Ok(key.public())
    }
}

/// Shows the dates only: the subject may be a person.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Why no certificate could be read from a PEM text. It quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text isn't PEM.
    Pem(PemError),
    /// There are other blocks, but no certificate.
    NoCertificate,
    /// A certificate isn't one of X.509.
    Malformed {
        /// Which of the certificates, counted from 1.
        position: usize,
    },
    /// The crate was built without a cryptographic back end.
    NoBackend,
}

impl From<PemError> for CertificateError {
    fn from(error: PemError) -> Self {
        Self::Pem(error)
    }
}

/// Hashes only fail without a back end.
impl From<SigningError> for CertificateError {
    fn from(_: SigningError) -> Self {
        Self::NoBackend
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(error) => error.fmt(f),
            Self::NoCertificate => f.write_str(
                "the PEM holds no certificate, only a key or the like; a certificate begins with \
                 `-----BEGIN CERTIFICATE-----`",
            ),
            Self::Malformed { position } => write!(f, "certificate {position} in the PEM is not an X.509 certificate"),
            Self::NoBackend => SigningError::NoBackend.fmt(f),
        }
    }
}

impl std::error::Error for CertificateError {}
