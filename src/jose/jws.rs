//! A token as it comes in, split and decoded once (RFC 7515 §7.1), and what it is once its signature was checked.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::OnceLock;

use base64_simd::URL_SAFE_NO_PAD;
use simdutf8::basic::from_utf8;

use super::algorithm::Algorithm;
use super::json::JsonFault;
use super::object::{ReadMembers, Unfit, Value, read_object};

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
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::NotThreeParts)?;
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
        decode(header)?;
        let payload = decode(payload)?;
        decode(signature)?;
        Ok(Self { compact, signing_input, decoded, payload, algorithm: OnceLock::new() })
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
        let header = Header::parse(from_utf8(header).map_err(|_| JwsError::NotUtf8)?)?;
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
    pub(super) fn to_verified(&self) -> VerifiedJws<'_> {
        VerifiedJws { payload: self.payload() }
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
    members: Members<'a>,
}

impl<'a> Header<'a> {
    fn parse(json: &'a str) -> Result<Self, JwsError> {
        let mut members = Members::default();
        read_object(json, &mut members)?;
        if members.alg.is_none() {
            return Err(JwsError::Json);
        }
        if members.crit {
            return Err(JwsError::CriticalHeader);
        }
        if members.changes_input {
            return Err(JwsError::UnsupportedHeader);
        }
        Ok(Self { members })
    }

    /// The `alg` as written, which may be any string.
    #[must_use]
    pub fn algorithm_name(&self) -> &str {
        self.members.alg.as_deref().unwrap_or_default()
    }

    /// The `alg`, if it is a supported one; never `none`.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_str(self.algorithm_name()).ok()
    }

    /// The `kid`: which key the token claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.members.kid.as_deref()
    }

    /// The `typ`: which kind of token this claims to be, as written.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.members.typ.as_deref()
    }
}

/// Shows the algorithm only, and only if it is a supported one.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Members<'a> {
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    crit: bool,
    /// One of those that change what the signature covers.
    changes_input: bool,
}

#[derive(Clone, Copy)]
enum Parameter {
    Alg,
    Kid,
    Typ,
    Crit,
    B64,
    Zip,
    Enc,
}

impl<'a> ReadMembers<'a> for Members<'a> {
    type Member = Parameter;

    fn member(name: &str) -> Option<Parameter> {
        Some(match name {
            "alg" => Parameter::Alg,
            "kid" => Parameter::Kid,
            "typ" => Parameter::Typ,
            "crit" => Parameter::Crit,
            "b64" => Parameter::B64,
            "zip" => Parameter::Zip,
            "enc" => Parameter::Enc,
            _ => return None,
        })
    }

    fn bit(parameter: Parameter) -> u64 {
        1 << parameter as u32
    }

    fn read(&mut self, parameter: Parameter, value: Value<'_, 'a>) -> Result<(), Unfit> {
        match parameter {
            Parameter::Alg => self.alg = Some(value.string()?),
            Parameter::Kid => self.kid = Some(value.string()?),
            Parameter::Typ => self.typ = Some(value.string()?),
            Parameter::Crit => self.crit = value.present()?,
            Parameter::B64 | Parameter::Zip | Parameter::Enc => self.changes_input = value.present()?,
        }
        Ok(())
    }

    fn pass(value: Value<'_, 'a>) -> Result<(), Unfit> {
        value.ignore()
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
