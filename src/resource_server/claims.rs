//! The registered claims of an access token, read in one pass (RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4).

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::jose::json::check_readable_object;
use crate::scope::{is_scope_token, words};

/// The latest NumericDate that is taken: the last second of the year 9999.
const LATEST: f64 = 253_402_300_799.0;

/// The claims that decide about a token, as they stand in it. Nothing is checked yet but their types.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct RawClaims<'a> {
    #[serde(borrow)]
    pub(crate) iss: Words<'a>,
    #[serde(borrow)]
    pub(crate) sub: Words<'a>,
    #[serde(borrow)]
    pub(crate) aud: Words<'a>,
    pub(crate) exp: Date,
    pub(crate) nbf: Date,
    pub(crate) iat: Date,
    #[serde(borrow)]
    pub(crate) jti: Words<'a>,
    #[serde(borrow)]
    pub(crate) client_id: Words<'a>,
    #[serde(borrow)]
    pub(crate) azp: Words<'a>,
    #[serde(borrow)]
    pub(crate) appid: Words<'a>,
    /// Okta's name for the client.
    #[serde(borrow)]
    pub(crate) cid: Words<'a>,
    #[serde(borrow)]
    pub(crate) tid: Words<'a>,
    /// Whose token it is, as providers say it: Entra's object id and kind of identity, Auth0's grant type, the person of Okta, of
    /// Cognito and of Keycloak.
    #[serde(borrow)]
    pub(crate) oid: Words<'a>,
    #[serde(borrow)]
    pub(crate) idtyp: Words<'a>,
    #[serde(borrow)]
    pub(crate) gty: Words<'a>,
    #[serde(borrow)]
    pub(crate) uid: Words<'a>,
    #[serde(borrow)]
    pub(crate) username: Words<'a>,
    #[serde(borrow)]
    pub(crate) preferred_username: Words<'a>,
    #[serde(borrow)]
    pub(crate) scope: Words<'a>,
    #[serde(borrow)]
    pub(crate) scp: Words<'a>,
    #[serde(borrow)]
    pub(crate) roles: Words<'a>,
    /// Confirmation (RFC 7800): the token is bound to a key.
    pub(crate) cnf: Present,
    /// Marks of an ID token (OpenID Connect Core §2, §3.3.2.11).
    pub(crate) nonce: Present,
    pub(crate) at_hash: Present,
    pub(crate) c_hash: Present,
    pub(crate) s_hash: Present,
    /// What kind of token it is, as Keycloak says it in the claims.
    #[serde(borrow)]
    pub(crate) typ: Words<'a>,
    /// What kind of token it is, as Amazon Cognito says it.
    #[serde(borrow)]
    pub(crate) token_use: Words<'a>,
    /// Mark of a security event, such as a logout token (RFC 8417 §2.2).
    pub(crate) events: Present,
}

impl<'a> RawClaims<'a> {
    /// Reads them; `None` where the payload is not one JSON object with each name once.
    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload).ok()?;
        check_readable_object(text).ok()?;
        serde_json::from_str(text).ok()
    }

    /// All scopes, with a space between them.
    pub(crate) fn scopes(&self) -> Box<str> {
        let mut joined = String::new();
        for scope in self.scope.scopes().chain(self.scp.scopes()) {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(scope);
        }
        joined.into()
    }

    /// The client that asked for the token, by whichever claim names it.
    pub(crate) fn client(&self) -> Option<&str> {
        [&self.client_id, &self.azp, &self.appid, &self.cid].into_iter().find_map(Words::one)
    }
}

/// A claim that may be a string or an array of strings.
#[derive(Default)]
pub(crate) enum Words<'a> {
    #[default]
    Absent,
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
    /// Something else.
    Odd,
}

impl Words<'_> {
    /// The scopes in it: a string is a list of them, an element of an array is one. What is no scope token, as an element with a space
    /// in it, is no scope in either (RFC 6749 §3.3).
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &str> {
        let (list, elements): (&str, &[Cow<'_, str>]) = match self {
            Words::One(list) => (list, &[]),
            Words::Many(elements) => ("", elements),
            Words::Absent | Words::Odd => ("", &[]),
        };
        words(list).chain(elements.iter().map(AsRef::as_ref)).filter(|scope| is_scope_token(scope))
    }

    /// The value, where it is one string.
    pub(crate) fn one(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            _ => None,
        }
    }

    /// The value, where it is one string with something in it.
    pub(crate) fn filled(&self) -> Option<&str> {
        self.one().filter(|value| !value.is_empty())
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many): (Option<&str>, &[Cow<'_, str>]) = match self {
            Self::One(value) => (Some(value), &[]),
            Self::Many(values) => (None, values),
            Self::Absent | Self::Odd => (None, &[]),
        };
        one.into_iter().chain(many.iter().map(AsRef::as_ref))
    }
}

/// A NumericDate (RFC 7519 §2): seconds since 1970, with or without a fraction.
#[derive(Default)]
pub(crate) enum Date {
    #[default]
    Absent,
    At(SystemTime),
    /// Not in the years 1970 to 9999.
    Odd,
}

impl Date {
    fn new(seconds: f64) -> Self {
        let since = (0.0..=LATEST).contains(&seconds).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten();
        since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)).map_or(Self::Odd, Self::At)
    }

    pub(crate) fn time(&self) -> Option<SystemTime> {
        match self {
            Self::At(time) => Some(*time),
            Self::Absent | Self::Odd => None,
        }
    }
}

/// Whether a claim is there, whatever its value.
#[derive(Default)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for as a number: what `deserialize_any` gives changes with the features of serde_json.
        Ok(Option::<f64>::deserialize(deserializer)?.map_or(Self::Absent, Self::new))
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Words::One(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Words::One(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        let mut odd = false;
        while let Some(element) = seq.next_element::<Words<'de>>()? {
            match element {
                Words::One(value) => values.push(value),
                Words::Absent | Words::Many(_) | Words::Odd => odd = true,
            }
        }
        Ok(if odd { Words::Odd } else { Words::Many(values) })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Words::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Words::Odd)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Words::Odd)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Words::Odd)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Words::Odd)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Words::Odd)
    }
}
