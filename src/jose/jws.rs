//! A token as it comes in, split and decoded once (RFC 7515 §7.1), and what it is once its signature was checked.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::algorithm::Algorithm;
use super::json::{self, JsonFault};
use super::text::Text;

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
    /// Header, payload and signature, one after the other.
    decoded: Bytes,
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
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::NotThreeParts)?;
        if payload.contains('.') {
            return Err(JwsError::NotThreeParts);
        }
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(JwsError::EmptyPart);
        }
        let mut decoded = vec![0; decoded_len(header) + decoded_len(payload) + decoded_len(signature)];
        let mut unused = decoded.as_mut_slice();
        for part in [header, payload, signature] {
            unused = decode_into(unused, part).ok_or(JwsError::Base64)?;
        }
        let payload_start = decoded_len(header);
        Ok(Self {
            compact,
            signing_input,
            decoded: Bytes::from(decoded),
            payload: payload_start..payload_start + decoded_len(payload),
            algorithm: OnceLock::new(),
        })
    }

    /// Reads the header. It is *unverified*: good for finding the key, not for trusting anything.
    ///
    /// # Errors
    /// When the header isn't one JSON object in UTF-8 with a string `alg` and, if at all, strings `kid`
    /// and `typ`; when a member occurs twice, however it is spelled; when it is nested beyond 64 levels;
    /// when it has `crit`, as no extension is understood here (RFC 7515 §4.1.11), or any of `b64`
    /// (RFC 7797), `zip` and `enc` (RFC 7516), which change what the signature covers.
    pub fn header(&self) -> Result<Header<'_>, JwsError> {
        let header = self.decoded.get(..self.payload.start).unwrap_or_default();
        let header = Header::parse(std::str::from_utf8(header).map_err(|_| JwsError::NotUtf8)?)?;
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
    pub(super) fn to_verified(&self) -> VerifiedJws {
        VerifiedJws { payload: self.decoded.slice(self.payload.clone()) }
    }
}

/// Shows nothing: a token is a secret.
impl fmt::Debug for CompactJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactJws").finish_non_exhaustive()
    }
}

/// The members of a JOSE header that matter here; *unverified*. See [`CompactJws::header`].
///
/// `jku`, `jwk`, `x5u` and `x5c` are never followed: a token doesn't bring its own key along.
pub struct Header<'a> {
    algorithm: Text<'a>,
    key_id: Option<Text<'a>>,
    media_type: Option<Text<'a>>,
}

impl<'a> Header<'a> {
    fn parse(json: &'a str) -> Result<Self, JwsError> {
        json::check_object(json)?;
        let members: Members<'a> = serde_json::from_str(json).map_err(|_| JwsError::Json)?;
        if members.crit {
            return Err(JwsError::CriticalHeader);
        }
        if members.b64 || members.zip || members.enc {
            return Err(JwsError::UnsupportedHeader);
        }
        Ok(Self { algorithm: members.alg, key_id: members.kid, media_type: members.typ })
    }

    /// The `alg` as written, which may be any string.
    #[must_use]
    pub fn algorithm_name(&self) -> &str {
        self.algorithm.as_str()
    }

    /// The `alg`, if it is a supported one; never `none`.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_str(self.algorithm.as_str()).ok()
    }

    /// The `kid`: which key the token claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_ref().map(Text::as_str)
    }

    /// The `typ`: which kind of token this claims to be, as written.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_ref().map(Text::as_str)
    }
}

/// Shows the algorithm only, and only if it is a supported one.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

#[derive(serde::Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    alg: Text<'a>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    kid: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    typ: Option<Text<'a>>,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
    #[serde(default, deserialize_with = "is_present")]
    b64: bool,
    #[serde(default, deserialize_with = "is_present")]
    zip: bool,
    #[serde(default, deserialize_with = "is_present")]
    enc: bool,
}

fn not_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text<'a>>, D::Error> {
    Text::deserialize(deserializer).map(Some)
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The payload of a JWS whose signature was found good. Only
/// [`VerifyingKey::verify`](super::VerifyingKey::verify) makes one.
///
/// It proves who signed the payload and nothing more: whether the token is meant for this API, has
/// expired or is a token at all is for others to check.
#[derive(Clone)]
pub struct VerifiedJws {
    payload: Bytes,
}

impl VerifiedJws {
    /// The signed payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signed payload, without copying. It keeps the whole decoded token in memory.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }
}

/// Shows nothing: claims are personal.
impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws").finish_non_exhaustive()
    }
}

/// Why a text isn't a JWS that can be checked. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JwsError {
    /// There aren't exactly three parts; an encrypted token has five.
    NotThreeParts,
    /// One of the three parts is empty.
    EmptyPart,
    /// A part isn't base64url in its only spelling.
    Base64,
    /// The header isn't UTF-8.
    NotUtf8,
    /// The header isn't a JSON object with members of the right types.
    Json,
    /// A member of the header occurs twice.
    DuplicateMember,
    /// The header is nested too deeply.
    TooDeep,
    /// The header has `crit`: it demands that extensions be understood.
    CriticalHeader,
    /// The header has `b64`, `zip` or `enc`.
    UnsupportedHeader,
}

impl fmt::Display for JwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotThreeParts => "the token does not have three parts",
            Self::EmptyPart => "a part of the token is empty",
            Self::Base64 => "a part of the token is not base64url",
            Self::NotUtf8 => "the token's header is not UTF-8",
            Self::Json => "the token's header is not a JSON object with the expected members",
            Self::DuplicateMember => "a member of the token's header occurs twice",
            Self::TooDeep => "the token's header is nested too deeply",
            Self::CriticalHeader => "the token's header demands extensions that are not supported",
            Self::UnsupportedHeader => "the token's header asks for an encoding that is not supported",
        })
    }
}

impl std::error::Error for JwsError {}

impl From<JsonFault> for JwsError {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::NotAnObject | JsonFault::EndsEarly | JsonFault::Malformed => Self::Json,
            JsonFault::DuplicateMember => Self::DuplicateMember,
            JsonFault::TooDeep => Self::TooDeep,
        }
    }
}

/// The exact length of what unpadded base64 decodes to; of no meaning if it doesn't.
fn decoded_len(base64: &str) -> usize {
    base64.len() / 4 * 3 + base64.len() % 4 * 3 / 4
}

/// Decodes to the start of the space, which it must fit exactly; returns the rest of the space.
fn decode_into<'s>(space: &'s mut [u8], base64: &str) -> Option<&'s mut [u8]> {
    let (part, rest) = space.split_at_mut_checked(decoded_len(base64))?;
    let written = URL_SAFE_NO_PAD.decode_slice(base64, part).ok()?;
    (written == part.len()).then_some(rest)
}
