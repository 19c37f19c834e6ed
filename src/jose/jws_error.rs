//! [`JwsError`]: why a text is no token that can be checked.

use std::fmt;

use super::json::JsonFault;

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
