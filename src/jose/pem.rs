//! PEM: binary values as text between lines that name them (RFC 7468).

use std::fmt;

use rustls_pki_types::pem::{self, PemObject, SectionKind};
use secrecy::zeroize::Zeroizing;
use x509_cert::der::Decode;
use x509_cert::der::asn1::AnyRef;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";

/// What stands in a block. It is wiped, as it may be a private key.
pub(super) type Value = Zeroizing<Vec<u8>>;

/// The values of the kinds that are known to X.509, in order. Those of other kinds are left out.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<(SectionKind, Value)>, PemError> {
    // The mark that some editors put at the beginning of UTF-8.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut labels = labels(text).peekable();
    if labels.peek().is_none() {
        return Err(PemError::of_other_format(text));
    }
    // A block on one line would begin with a line that is all label, its value included.
    if labels.any(|label| label.is_none()) {
        return Err(PemError::BrokenLines);
    }
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text)
        .map(|block| block.map(|(kind, value)| (kind, Zeroizing::new(value))).map_err(PemError::from))
        .collect()
}

/// The label of each line that begins a block; none where that line says more or less.
pub(super) fn labels(text: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    lines(text).filter_map(|line| line.strip_prefix(BEGIN)).map(|rest| {
        let label = rest.trim_ascii_end().strip_suffix(DASHES)?;
        (!label.windows(DASHES.len()).any(|part| part == DASHES)).then_some(label)
    })
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
}

/// Why a text isn't PEM. It quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PemError {
    /// No line begins with `-----BEGIN `.
    NoPem,
    /// The bytes are DER, the binary form of the same, or PKCS#12, a container of keys and certificates.
    Der,
    /// The text is UTF-16.
    Utf16,
    /// A line `-----BEGIN …-----` holds other text as well, or isn't whole.
    BrokenLines,
    /// A block has no line `-----END …-----` that fits its beginning.
    Unfinished,
    /// What stands in a block isn't base64.
    BrokenBase64,
}

impl PemError {
    fn of_other_format(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Self::Utf16,
            [0x30, ..] if AnyRef::from_der(bytes).is_ok() => Self::Der,
            _ => Self::NoPem,
        }
    }
}

impl From<pem::Error> for PemError {
    fn from(error: pem::Error) -> Self {
        match error {
            pem::Error::MissingSectionEnd { .. } => Self::Unfinished,
            pem::Error::IllegalSectionStart { .. } => Self::BrokenLines,
            _ => Self::BrokenBase64,
        }
    }
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPem => "this is not PEM: no line begins with `-----BEGIN `",
            Self::Der => {
                "this is not PEM but binary; convert it with `openssl pkcs12 -nodes -in FILE -out NEW` if it is PKCS#12 \
                 (.pfx, .p12), with `openssl x509 -inform DER -in FILE -out NEW` if it is a certificate, and with \
                 `openssl pkey -inform DER -in FILE -out NEW` if it is a key"
            }
            Self::Utf16 => "this is not PEM but UTF-16, as PowerShell writes it; save it as UTF-8 or ASCII",
            Self::BrokenLines => {
                "a line `-----BEGIN …-----` of the PEM is broken or holds other text as well; the line breaks may have \
                 been lost on the way, or become the two characters `\\n`"
            }
            Self::Unfinished => {
                "a block of the PEM has no line `-----END …-----` that fits its beginning; it may have been cut short"
            }
            Self::BrokenBase64 => "a block of the PEM is not base64; it may have been damaged on the way",
        })
    }
}

impl std::error::Error for PemError {}
