//! The registered claims of an access token, read in one pass (RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4).

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

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
    /// Reads them; `None` where the payload is not one JSON object with each name once.
    pub(crate) fn read(payload: &'a str) -> Option<Self> {
        read_object(payload).ok()
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
        match name {
            "iss" => self.iss = value.words()?,
            "sub" => self.sub = value.words()?,
            "aud" => self.aud = value.words()?,
            "exp" => self.exp = Date::read(value)?,
            "nbf" => self.nbf = Date::read(value)?,
            "iat" => self.iat = Date::read(value)?,
            "jti" => self.jti = value.words()?,
            "client_id" => self.client_id = value.words()?,
            "azp" => self.azp = value.words()?,
            "appid" => self.appid = value.words()?,
            "cid" => self.cid = value.words()?,
            "tid" => self.tid = value.words()?,
            "oid" => self.oid = value.words()?,
            "idtyp" => self.idtyp = value.words()?,
            "gty" => self.gty = value.words()?,
            "uid" => self.uid = value.words()?,
            "username" => self.username = value.words()?,
            "preferred_username" => self.preferred_username = value.words()?,
            "scope" => self.scope = value.words()?,
            "scp" => self.scp = value.words()?,
            "roles" => self.roles = value.words()?,
            "cnf" => self.cnf = value.present()?,
            "nonce" => self.nonce = value.present()?,
            "at_hash" => self.at_hash = value.present()?,
            "c_hash" => self.c_hash = value.present()?,
            "s_hash" => self.s_hash = value.present()?,
            "typ" => self.typ = value.words()?,
            "token_use" => self.token_use = value.words()?,
            "events" => self.events = value.present()?,
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
