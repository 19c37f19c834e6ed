//! The registered claims of an access token, read in one pass (RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4).

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use simdutf8::basic::from_utf8;

use crate::jose::object::{ReadMembers, Unfit, Value, Words, read_object};
use crate::scope::{is_scope_token, words};

/// The latest NumericDate that is taken: the last second of the year 9999.
const LATEST: f64 = 253_402_300_799.0;

/// The claims that decide about a token, as they stand in it. Nothing is checked yet but their types.
#[derive(Default)]
pub(crate) struct RawClaims<'a> {
    pub(crate) iss: Words<'a>,
    pub(crate) sub: Words<'a>,
    pub(crate) aud: Words<'a>,
    pub(crate) exp: Date,
    pub(crate) nbf: Date,
    pub(crate) iat: Date,
    pub(crate) jti: Words<'a>,
    pub(crate) client_id: Words<'a>,
    pub(crate) azp: Words<'a>,
    pub(crate) appid: Words<'a>,
    /// Okta's name for the client.
    pub(crate) cid: Words<'a>,
    pub(crate) tid: Words<'a>,
    /// Whose token it is, as providers say it: Entra's object id and kind of identity, Auth0's grant type, the person of Okta, of
    /// Cognito and of Keycloak.
    pub(crate) oid: Words<'a>,
    pub(crate) idtyp: Words<'a>,
    pub(crate) gty: Words<'a>,
    pub(crate) uid: Words<'a>,
    pub(crate) username: Words<'a>,
    pub(crate) preferred_username: Words<'a>,
    pub(crate) scope: Words<'a>,
    pub(crate) scp: Words<'a>,
    pub(crate) roles: Words<'a>,
    /// Confirmation (RFC 7800): the token is bound to a key.
    pub(crate) cnf: bool,
    /// Marks of an ID token (OpenID Connect Core §2, §3.3.2.11).
    pub(crate) nonce: bool,
    pub(crate) at_hash: bool,
    pub(crate) c_hash: bool,
    pub(crate) s_hash: bool,
    /// What kind of token it is, as Keycloak says it in the claims.
    pub(crate) typ: Words<'a>,
    /// What kind of token it is, as Amazon Cognito says it.
    pub(crate) token_use: Words<'a>,
    /// Mark of a security event, such as a logout token (RFC 8417 §2.2).
    pub(crate) events: bool,
}

impl<'a> RawClaims<'a> {
    /// Reads them in place, as they are large, where none were read yet. `None`, and some of them, where the payload is not one JSON
    /// object in UTF-8 with each name once.
    pub(crate) fn read_from(&mut self, payload: &'a [u8]) -> Option<&'a str> {
        let payload = from_utf8(payload).ok()?;
        read_object(payload, self).ok().map(|()| payload)
    }

    /// All scopes, with a space between them.
    pub(crate) fn scopes(&self) -> Cow<'_, str> {
        match (&self.scope, &self.scp) {
            (Words::One(list), Words::Absent) | (Words::Absent, Words::One(list))
                if words(list).all(is_scope_token) =>
            {
                Cow::Borrowed(list)
            }
            _ => Cow::Owned(scopes(&self.scope).chain(scopes(&self.scp)).collect::<Vec<_>>().join(" ")),
        }
    }

    /// The client that asked for the token, by whichever claim names it.
    pub(crate) fn client(&self) -> Option<&str> {
        [&self.client_id, &self.azp, &self.appid, &self.cid].into_iter().find_map(Words::one)
    }
}

impl<'a> ReadMembers<'a> for RawClaims<'a> {
    fn read(&mut self, name: &str, value: Value<'_, 'a>) -> Result<(), Unfit> {
        match name.as_bytes() {
            b"iss" => self.iss = value.words()?,
            b"sub" => self.sub = value.words()?,
            b"aud" => self.aud = value.words()?,
            b"exp" => self.exp = Date::read(value)?,
            b"nbf" => self.nbf = Date::read(value)?,
            b"iat" => self.iat = Date::read(value)?,
            b"jti" => self.jti = value.words()?,
            b"client_id" => self.client_id = value.words()?,
            b"azp" => self.azp = value.words()?,
            b"appid" => self.appid = value.words()?,
            b"cid" => self.cid = value.words()?,
            b"tid" => self.tid = value.words()?,
            b"oid" => self.oid = value.words()?,
            b"idtyp" => self.idtyp = value.words()?,
            b"gty" => self.gty = value.words()?,
            b"uid" => self.uid = value.words()?,
            b"username" => self.username = value.words()?,
            b"preferred_username" => self.preferred_username = value.words()?,
            b"scope" => self.scope = value.words()?,
            b"scp" => self.scp = value.words()?,
            b"roles" => self.roles = value.words()?,
            b"cnf" => self.cnf = value.present()?,
            b"nonce" => self.nonce = value.present()?,
            b"at_hash" => self.at_hash = value.present()?,
            b"c_hash" => self.c_hash = value.present()?,
            b"s_hash" => self.s_hash = value.present()?,
            b"typ" => self.typ = value.words()?,
            b"token_use" => self.token_use = value.words()?,
            b"events" => self.events = value.present()?,
            _ => value.pass()?,
        }
        Ok(())
    }
}

/// The scopes in a claim: a string is a list of them, an element of an array is one. What is no scope token, as an element with a space
/// in it, is no scope in either (RFC 6749 §3.3).
pub(crate) fn scopes<'c>(claim: &'c Words<'_>) -> impl Iterator<Item = &'c str> {
    let (list, elements): (&str, &[Cow<'_, str>]) = match claim {
        Words::One(list) => (list, &[]),
        Words::Many(elements) => ("", elements),
        Words::Absent | Words::Odd => ("", &[]),
    };
    words(list).chain(elements.iter().map(AsRef::as_ref)).filter(|scope| is_scope_token(scope))
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
    fn read(value: Value<'_, '_>) -> Result<Self, Unfit> {
        Ok(value.number()?.map_or(Self::Absent, Self::new))
    }

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
