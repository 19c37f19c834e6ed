//! A token as it comes in, split and decoded once (RFC 7515 §7.1), and what it is once its signature was checked.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use base64_simd::URL_SAFE_NO_PAD;
use memchr::{memchr, memrchr};
use simdutf8::basic::from_utf8;

use super::algorithm::Algorithm;
use super::header::{Header, KnownHeader};
use super::jws_error::JwsError;

/// A JWS in compact serialization whose signature has *not* been checked.
///
/// ```
/// use tower_bearer::jose::{CompactJws, JwsError};
///
/// let jws = CompactJws::parse("eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2lnbmF0dXJl")?;
/// let header = jws.header()?;
/// assert_eq!((header.algorithm_name(), header.key_id()), ("ES256", Some("1")));
/// assert_eq!(jws.payload(), b"{}"); // says who? nobody yet
///
/// assert_eq!(CompactJws::parse("e30.e30").unwrap_err(), JwsError::NotThreeParts);
/// # Ok::<(), JwsError>(())
/// ```
pub struct CompactJws<'a> {
    compact: &'a str,
    signing_input: &'a str,
    encoded_header: &'a str,
    /// The header, if it was read before.
    known: Option<&'a KnownHeader>,
    /// The header unless it is known, payload and signature, one after the other.
    decoded: Vec<u8>,
    payload: Range<usize>,
    /// What the header's `alg` says, once the header was read and found good.
    algorithm: OnceLock<Option<Algorithm>>,
}

impl<'a> CompactJws<'a> {
    /// Splits a token into its three parts and decodes them.
    ///
    /// base64url is read strictly, so that a token has one spelling only: no padding, no white space, no
    /// stray bits in the last character (RFC 7515 §2). What the parts contain isn't looked at, and the
    /// length isn't limited: cap it before.
    ///
    /// # Errors
    /// [`JwsError::NotThreeParts`], [`JwsError::EmptyPart`] (unsigned tokens have an empty third part)
    /// or [`JwsError::Base64`].
    pub fn parse(compact: &'a str) -> Result<Self, JwsError> {
        Self::parse_knowing(compact, None)
    }

    /// The same, where this header need not be decoded and read again if the token has it, letter by letter.
    pub(crate) fn parse_knowing(compact: &'a str, known: Option<&'a KnownHeader>) -> Result<Self, JwsError> {
        let (signing_input, signature) = split_at_dot(compact, memrchr)?;
        let (header, payload) = split_at_dot(signing_input, memchr)?;
        // Told where it matters alone: no dot is decoded.
        let fault = |fault| if payload.contains('.') { JwsError::NotThreeParts } else { fault };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(fault(JwsError::EmptyPart));
        }
        let mut decoded = Vec::with_capacity(compact.len() / 4 * 3);
        let mut decode = |part: &str| {
            let start = decoded.len();
            let read = URL_SAFE_NO_PAD.decode_append(part, &mut decoded).map(|()| start..decoded.len());
            read.map_err(|_| fault(JwsError::Base64))
        };
        let known = known.filter(|known| known.is_spelled(header));
        if known.is_none() {
            decode(header)?;
        }
        let payload = decode(payload)?;
        decode(signature)?;
        Ok(Self { compact, signing_input, encoded_header: header, known, decoded, payload, algorithm: OnceLock::new() })
    }

    /// Reads the header. It is *unverified*: good for finding the key, not for trusting anything.
    ///
    /// # Errors
    /// When the header isn't one JSON object in UTF-8 with a string `alg` and, if at all, strings `kid`
    /// and `typ`; when a member occurs twice, however it is spelled; when it is nested beyond 64 levels;
    /// when it has `crit`, as no extension is understood here (RFC 7515 §4.1.11), or any of `b64`
    /// (RFC 7797), `zip` and `enc` (RFC 7516), which change what the signature covers.
    pub fn header(&self) -> Result<Header<'_>, JwsError> {
        let header = match self.known {
            Some(known) => known.header(),
            None => {
                let header = self.decoded.get(..self.payload.start).unwrap_or_default();
                Header::parse(from_utf8(header).map_err(|_| JwsError::NotUtf8)?)?
            }
        };
        self.algorithm.get_or_init(|| header.algorithm());
        Ok(header)
    }

    /// The payload. It is *unverified*: anyone may have written it.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.decoded.get(self.payload.clone()).unwrap_or_default()
    }

    /// What the signature covers: the first two parts as they came (RFC 7515 §5.2).
    #[must_use]
    pub fn signing_input(&self) -> &'a [u8] {
        self.signing_input.as_bytes()
    }

    /// Its header, to be known with the next token, unless it was known with this one or is very long.
    pub(crate) fn new_header(&self, header: &Header<'_>) -> Option<KnownHeader> {
        if self.known.is_some() { None } else { KnownHeader::new(self.encoded_header, header) }
    }

    /// The token as it came.
    pub(crate) fn as_str(&self) -> &'a str {
        self.compact
    }

    pub(super) fn signature(&self) -> &[u8] {
        self.decoded.get(self.payload.end..).unwrap_or_default()
    }

    /// The algorithm named by the header, which is read at most once for it.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, JwsError> {
        match self.algorithm.get() {
            Some(known) => Ok(*known),
            None => Ok(self.header()?.algorithm()),
        }
    }

    /// To be called by the verifier alone, after the signature was found good.
    pub(super) fn to_verified(&self) -> VerifiedJws<'_> {
        VerifiedJws { payload: self.payload() }
    }
}

/// What comes before and after the dot that is found like this.
fn split_at_dot(text: &str, find: fn(u8, &[u8]) -> Option<usize>) -> Result<(&str, &str), JwsError> {
    let parts = find(b'.', text.as_bytes()).and_then(|dot| Some((text.get(..dot)?, text.get(dot + 1..)?)));
    parts.ok_or(JwsError::NotThreeParts)
}

/// Shows nothing: a token is a secret.
impl fmt::Debug for CompactJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactJws").finish_non_exhaustive()
    }
}

/// The payload of a JWS whose signature was found good. Only
/// [`VerifyingKey::verify`](super::VerifyingKey::verify) makes one.
///
/// It proves who signed the payload and nothing more: whether the token is meant for this API, has
/// expired or is a token at all is for others to check.
#[derive(Clone, Copy)]
pub struct VerifiedJws<'a> {
    payload: &'a [u8],
}

impl<'a> VerifiedJws<'a> {
    /// The signed payload.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Shows nothing: claims are personal.
impl fmt::Debug for VerifiedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws").finish_non_exhaustive()
    }
}
