//! All the keys that an issuer publishes: a JWK set (RFC 7517 §5), in which one odd key costs nobody else.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::json::{self, JsonFault};
use super::jwk::Jwk;
use super::skip_reason::SkipReason;
use super::text::Text;

/// The usable keys of a JWK set, and what became of the others.
///
/// ```
/// use tower_bearer::jose::{JwkSet, SkipReason};
///
/// let set = JwkSet::parse(br#"{"keys":[
///     {"kty":"AKP","alg":"ML-DSA-44","kid":"from-the-future"},
///     {"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// assert_eq!(set.keys()[0].key_id(), Some("good"));
/// assert_eq!(set.skipped()[0].reason(), SkipReason::UnknownKeyType);
/// # Ok::<(), tower_bearer::jose::JwkSetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    /// Where each of `keys` stands in the set.
    positions: Vec<usize>,
    skipped: Vec<SkippedKey>,
}

impl JwkSet {
    /// How many entries of `keys` are looked at. If there are more, the rest is reported as one
    /// skipped key at this position.
    pub const MAX_KEYS: usize = 1_000;

    /// Reads a set. Keys that can't be used land in [`skipped`](Self::skipped) and harm no other key.
    ///
    /// A set without any usable key is no error here. Neither is a `kid` that occurs twice.
    /// The size of the text isn't limited either: cap it before.
    ///
    /// # Errors
    /// When the text isn't a JSON object with one array `keys`, RFC 7517 §5.1.
    pub fn parse(json: &[u8]) -> Result<Self, JwkSetError> {
        let json = std::str::from_utf8(json).map_err(|_| JwkSetError::NotUtf8)?;
        json::check_container(json)?;
        let document: Document<'_> = serde_json::from_str(json).map_err(|error| match error.classify() {
            Category::Data => JwkSetError::NoKeys,
            _ => JwkSetError::Malformed { line: error.line(), column: error.column() },
        })?;

        let mut set = Self { keys: Vec::new(), positions: Vec::new(), skipped: Vec::new() };
        for (position, raw) in document.keys.first.iter().enumerate() {
            match Jwk::parse(raw.get().as_bytes()) {
                Ok(key) => {
                    set.keys.push(key);
                    set.positions.push(position);
                }
                Err(reason) => set.skipped.push(SkippedKey { position, key_id: key_id(raw), reason }),
            }
        }
        if document.keys.has_more {
            set.skipped.push(SkippedKey::new(Self::MAX_KEYS, None, SkipReason::TooManyKeys));
        }
        Ok(set)
    }

    /// The keys that can be used, in the order of the set.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The keys that can be used, each with its position in the set.
    pub(crate) fn into_keys(self) -> impl Iterator<Item = (usize, Jwk)> {
        self.positions.into_iter().zip(self.keys)
    }

    /// The keys that were left aside, in the order of the set.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

/// A key of a set that isn't used. See [`JwkSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    position: usize,
    key_id: Option<String>,
    reason: SkipReason,
}

impl SkippedKey {
    pub(crate) fn new(position: usize, key_id: Option<&str>, reason: SkipReason) -> Self {
        Self { position, key_id: key_id.map(str::to_owned), reason }
    }

    /// The index in `keys`, from 0.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The `kid`, if it could be read.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Why the key isn't used.
    #[must_use]
    pub fn reason(&self) -> SkipReason {
        self.reason
    }
}

/// Why a text isn't a JWK set. It never quotes the text. See [`JwkSet::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwkSetError {
    /// The text isn't UTF-8.
    NotUtf8,
    /// The text isn't a JSON object; it may be an error page.
    NotAnObject,
    /// The text begins as a JSON object but isn't a valid one. Both numbers count from 1; both are 0
    /// where the place isn't known.
    Malformed {
        /// The line of the text.
        line: usize,
        /// The byte in that line.
        column: usize,
    },
    /// The text begins as a JSON object and ends before that is closed: it may have been cut off.
    EndsEarly,
    /// A member of the set occurs twice.
    DuplicateMember,
    /// The member `keys` is missing or isn't an array.
    NoKeys,
}

impl fmt::Display for JwkSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "the key set is not UTF-8",
            Self::NotAnObject => "the key set is not a JSON object",
            Self::Malformed { line: 0, .. } => "the key set is not valid JSON",
            Self::Malformed { line, column } => {
                return write!(f, "the key set is not valid JSON at line {line}, column {column}");
            }
            Self::EndsEarly => "the key set ends too early",
            Self::DuplicateMember => "a member of the key set occurs twice",
            Self::NoKeys => "the key set has no array `keys`",
        })
    }
}

impl std::error::Error for JwkSetError {}

impl From<JsonFault> for JwkSetError {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::NotAnObject => Self::NotAnObject,
            JsonFault::DuplicateMember => Self::DuplicateMember,
            JsonFault::EndsEarly => Self::EndsEarly,
            JsonFault::TooDeep | JsonFault::Malformed => Self::Malformed { line: 0, column: 0 },
        }
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Entries<'a>,
}

/// The entries that are looked at, and whether there are more of them: a million tiny ones take no memory.
struct Entries<'a> {
    first: Vec<&'a RawValue>,
    has_more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstOfThem;

        impl<'de> Visitor<'de> for FirstOfThem {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Entries<'de>, A::Error> {
                let mut first = Vec::new();
                while first.len() < JwkSet::MAX_KEYS {
                    let Some(entry) = entries.next_element()? else { return Ok(Entries { first, has_more: false }) };
                    first.push(entry);
                }
                let mut has_more = false;
                while entries.next_element::<IgnoredAny>()?.is_some() {
                    has_more = true;
                }
                Ok(Entries { first, has_more })
            }
        }

        deserializer.deserialize_seq(FirstOfThem)
    }
}

/// The `kid` of a key that was refused, if that much of it can be read.
fn key_id(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct KeyId<'a> {
        #[serde(borrow)]
        kid: Text<'a>,
    }

    // serde takes an array for a struct.
    let object = raw.get().starts_with('{').then_some(raw.get())?;
    let key: KeyId<'_> = serde_json::from_str(object).ok()?;
    Some(key.kid.into_string())
}
