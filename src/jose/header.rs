//! [`Header`]: what a token says of itself, which nobody has verified; and [`KnownHeader`], one that need not be read again.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::algorithm::Algorithm;
use super::jws_error::JwsError;
use super::object::{ReadMembers, Unfit, Value, read_object};

/// The members of a JOSE header that matter here; *unverified*. See [`CompactJws::header`](super::CompactJws::header).
///
/// `jku`, `jwk`, `x5u` and `x5c` are never followed: a token doesn't bring its own key along.
pub struct Header<'a> {
    alg: Cow<'a, str>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(super) fn parse(json: &'a str) -> Result<Self, JwsError> {
        let mut members = Members::default();
        read_object(json, &mut members)?;
        let alg = members.alg.ok_or(JwsError::Json)?;
        if members.crit {
            return Err(JwsError::CriticalHeader);
        }
        if members.changes_input {
            return Err(JwsError::UnsupportedHeader);
        }
        Ok(Self { alg, kid: members.kid, typ: members.typ })
    }

    /// The `alg` as written, which may be any string.
    #[must_use]
    pub fn algorithm_name(&self) -> &str {
        &self.alg
    }

    /// The `alg`, if it is a supported one; never `none`.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_str(self.algorithm_name()).ok()
    }

    /// The `kid`: which key the token claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The `typ`: which kind of token this claims to be, as written.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.typ.as_deref()
    }
}

/// Shows the algorithm only, and only if it is a supported one.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// The longest header that is kept, in bytes of base64url: most have a hundred or two.
const LONGEST_KNOWN: usize = 1024;

/// A header that was read and found good, and how it is spelled: most tokens of a key have one and the same.
pub(crate) struct KnownHeader {
    spelled: Box<str>,
    header: Header<'static>,
}

impl KnownHeader {
    pub(super) fn new(spelled: &str, Header { alg, kid, typ }: &Header<'_>) -> Option<Self> {
        if spelled.len() > LONGEST_KNOWN {
            return None;
        }
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.to_string());
        let header = Header { alg: owned(alg), kid: kid.as_ref().map(owned), typ: typ.as_ref().map(owned) };
        Some(Self { spelled: spelled.into(), header })
    }

    /// Whether this is it, in base64url.
    pub(super) fn is_spelled(&self, header: &str) -> bool {
        *self.spelled == *header
    }

    pub(super) fn header(&self) -> Header<'_> {
        let Header { alg, kid, typ } = &self.header;
        Header {
            alg: Cow::Borrowed(alg),
            kid: kid.as_deref().map(Cow::Borrowed),
            typ: typ.as_deref().map(Cow::Borrowed),
        }
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
