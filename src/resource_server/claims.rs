//! The registered claims of an access token, read in one pass (RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4).

use std::borrow::Cow;
use std::ops::Index;
use std::time::{Duration, SystemTime};

use simdutf8::basic::from_utf8;

use crate::jose::object::{ReadMembers, Unfit, Value, Words, read_object};
use crate::scope::{is_scope_token, words};

/// The latest NumericDate that is taken: the last second of the year 9999.
const LATEST: f64 = 253_402_300_799.0;

macro_rules! claims {
    (
        texts { $($(#[$of_text:meta])* $text:ident = $text_name:literal,)* }
        marks { $($(#[$of_mark:meta])* $mark:ident = $mark_name:literal,)* }
    ) => {
        /// A claim that is a text, or several.
        #[derive(Clone, Copy)]
        pub(crate) enum Claim {
            $($(#[$of_text])* $text,)*
        }

        /// A claim that says something by being there.
        #[derive(Clone, Copy)]
        pub(crate) enum Mark {
            $($(#[$of_mark])* $mark,)*
        }

        const TEXTS: usize = [$(stringify!($text),)*].len();
        const MARKS: usize = [$(stringify!($mark),)*].len();

        impl Member {
            // One match over all of them.
            fn named(name: &[u8]) -> Option<Self> {
                Some(match name {
                    $($text_name => Self::Text(Claim::$text),)*
                    $($mark_name => Self::Mark(Mark::$mark),)*
                    b"exp" => Self::Exp,
                    b"nbf" => Self::Nbf,
                    b"iat" => Self::Iat,
                    _ => return None,
                })
            }
        }
    };
}

claims! {
    texts {
        Iss = b"iss",
        Sub = b"sub",
        Aud = b"aud",
        Jti = b"jti",
        ClientId = b"client_id",
        Azp = b"azp",
        Appid = b"appid",
        /// Okta's name for the client.
        Cid = b"cid",
        Tid = b"tid",
        Scope = b"scope",
        Scp = b"scp",
        Roles = b"roles",
        // Whose token it is, as providers say it: Entra's object id and kind of identity, Auth0's grant type, the person of Okta, of
        // Cognito and of Keycloak.
        Oid = b"oid",
        Idtyp = b"idtyp",
        Gty = b"gty",
        Uid = b"uid",
        Username = b"username",
        PreferredUsername = b"preferred_username",
        /// What kind of token it is, as Keycloak says it in the claims.
        Typ = b"typ",
        /// What kind of token it is, as Amazon Cognito says it.
        TokenUse = b"token_use",
    }
    marks {
        /// Confirmation (RFC 7800): the token is bound to a key.
        Cnf = b"cnf",
        // Marks of an ID token (OpenID Connect Core §2, §3.3.2.11).
        Nonce = b"nonce",
        AtHash = b"at_hash",
        CHash = b"c_hash",
        SHash = b"s_hash",
        /// Mark of a security event, such as a logout token (RFC 8417 §2.2).
        Events = b"events",
    }
}

/// A claim that decides about a token.
#[derive(Clone, Copy)]
pub(crate) enum Member {
    Text(Claim),
    Mark(Mark),
    Exp,
    Nbf,
    Iat,
}

const _: () = assert!(TEXTS + MARKS + 3 <= 64, "each has a bit of its own");

/// The claims that decide about a token, as they stand in it. Nothing is checked yet but their types.
#[derive(Default)]
pub(crate) struct RawClaims<'a> {
    texts: [Words<'a>; TEXTS],
    pub(crate) exp: Date,
    pub(crate) nbf: Date,
    pub(crate) iat: Date,
    /// The bits of those that are there.
    marks: u64,
}

impl<'a> Index<Claim> for RawClaims<'a> {
    type Output = Words<'a>;

    fn index(&self, claim: Claim) -> &Words<'a> {
        self.texts.get(claim as usize).unwrap_or(&Words::Absent)
    }
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
        match (&self[Claim::Scope], &self[Claim::Scp]) {
            (Words::One(list), Words::Absent) | (Words::Absent, Words::One(list))
                if words(list).all(is_scope_token) =>
            {
                Cow::Borrowed(list)
            }
            _ => Cow::Owned(scopes(&self[Claim::Scope]).chain(scopes(&self[Claim::Scp])).collect::<Vec<_>>().join(" ")),
        }
    }

    /// The client that asked for the token, by whichever claim names it.
    pub(crate) fn client(&self) -> Option<&str> {
        [Claim::ClientId, Claim::Azp, Claim::Appid, Claim::Cid].into_iter().find_map(|claim| self[claim].one())
    }

    /// Whether it is there, whatever it says.
    pub(crate) fn has(&self, mark: Mark) -> bool {
        self.marks & Self::bit(Member::Mark(mark)) != 0
    }
}

impl<'a> ReadMembers<'a> for RawClaims<'a> {
    type Member = Member;

    fn member(name: &str) -> Option<Member> {
        Member::named(name.as_bytes())
    }

    fn bit(member: Member) -> u64 {
        match member {
            Member::Text(claim) => 1 << claim as usize,
            Member::Mark(mark) => 1 << (TEXTS + mark as usize),
            Member::Exp => 1 << (TEXTS + MARKS),
            Member::Nbf => 1 << (TEXTS + MARKS + 1),
            Member::Iat => 1 << (TEXTS + MARKS + 2),
        }
    }

    fn read(&mut self, member: Member, value: Value<'_, 'a>) -> Result<(), Unfit> {
        match member {
            Member::Text(claim) => match self.texts.get_mut(claim as usize) {
                Some(text) => value.words(text)?,
                None => value.pass()?,
            },
            Member::Mark(_) => {
                value.pass()?;
                self.marks |= Self::bit(member);
            }
            Member::Exp => self.exp = Date::read(value)?,
            Member::Nbf => self.nbf = Date::read(value)?,
            Member::Iat => self.iat = Date::read(value)?,
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
