//! [`Verified`]: what was read from a token, and what is read from it later.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::payload::{Payload, Text};
use crate::clock::Clock;
use crate::issuer::Key;

/// How many types `claims::<T>()` keeps per token; more are parsed on each call.
const KEPT_TYPES: usize = 4;

/// What was read from a token whose signature is good.
///
/// What each request looks at comes first, so that it is in two lines of the processor's cache and not in six: a server that knows many
/// tokens waits for memory most of the time.
#[repr(C)]
pub(crate) struct Verified {
    pub(crate) expires_at: SystemTime,
    pub(crate) not_before: Option<SystemTime>,
    /// The mark of the validator that let it through, and which of its rules did.
    pub(crate) judged_by: Arc<()>,
    pub(crate) rules: usize,
    /// The key that verified it.
    pub(crate) key: Arc<Key>,
    pub(crate) read_later: ReadLater,
    /// As it came. It is a secret.
    pub(crate) token: Arc<str>,
    pub(crate) payload: Payload,
    pub(crate) issuer: Arc<str>,
    /// Whether `iss` spells it like this; some issuers have a second spelling.
    pub(crate) issuer_is_as_written: bool,
    pub(crate) audience: Arc<str>,
    pub(crate) subject: Option<Text>,
    pub(crate) scopes: Text,
    pub(crate) roles: Vec<Text>,
    pub(crate) client_id: Option<Text>,
    pub(crate) tenant: Option<Text>,
    pub(crate) is_application: Option<bool>,
    pub(crate) client_is_no_permission: bool,
    /// How much later than `expires_at` the validator still takes it, by this clock.
    pub(crate) leeway: Duration,
    pub(crate) clock: Clock,
    pub(crate) issued_at: Option<SystemTime>,
}

/// What is only read when somebody asks for it, then kept with the token.
#[derive(Default)]
#[repr(C)]
pub(crate) struct ReadLater {
    typed: [OnceLock<Arc<dyn Any + Send + Sync>>; KEPT_TYPES],
    all: OnceLock<Value>,
    #[cfg(feature = "client")]
    digest: OnceLock<Option<[u8; 32]>>,
}

impl Verified {
    pub(crate) fn text<'t>(&'t self, text: Option<&'t Text>) -> Option<&'t str> {
        text.map(|text| self.payload.text(text))
    }
}

impl ReadLater {
    /// All claims as this type, if they were read as it before.
    pub(crate) fn typed<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.typed.iter().map_while(OnceLock::get).find_map(|kept| Arc::clone(kept).downcast().ok())
    }

    pub(crate) fn keep<T: Send + Sync + 'static>(&self, claims: Arc<T>) {
        let mut free: Arc<dyn Any + Send + Sync> = claims;
        for slot in &self.typed {
            match slot.set(free) {
                Ok(()) => break,
                Err(back) => free = back,
            }
        }
    }

    /// The SHA-256 of the token, computed once.
    #[cfg(feature = "client")]
    pub(crate) fn digest(&self, token: &str) -> Option<[u8; 32]> {
        *self.digest.get_or_init(|| crate::jose::sha256(token.as_bytes()).ok())
    }

    pub(crate) fn all(&self, payload: &str) -> Option<&Value> {
        if self.all.get().is_none() {
            let parsed = serde_json::from_str(payload).ok()?;
            let _another_was_faster = self.all.set(parsed);
        }
        self.all.get()
    }
}
