//! [`GivenKeys`]: keys that were set on an issuer, in place of those that it publishes.

use std::sync::Arc;

use super::snapshot::{Key, Snapshot};
use crate::error::Error;
use crate::jose::{JwkSet, SkippedKey, VerifyingKey};

/// What was given, call by call.
#[derive(Clone, Default)]
pub(super) struct GivenKeys {
    keys: Vec<Arc<Key>>,
    skipped: Vec<SkippedKey>,
}

impl GivenKeys {
    pub(super) fn add_jwks(&mut self, json: &[u8]) -> Result<(), Error> {
        let set = JwkSet::parse(json).map_err(|error| Error::configuration(format!("with_jwks(..): {error}")))?;
        let snapshot = Snapshot::from_jwks(set, None, None);
        if snapshot.keys().is_empty() {
            let first = snapshot.skipped().first();
            return Err(Error::configuration(format!(
                "with_jwks(..): no key in the set can be used{}",
                first.map(|key| format!("; the first is skipped: {}", key.reason())).unwrap_or_default()
            )));
        }
        self.keys.extend_from_slice(snapshot.keys());
        self.skipped.extend_from_slice(snapshot.skipped());
        Ok(())
    }

    pub(super) fn add(&mut self, key_id: Option<&str>, key: VerifyingKey) {
        self.keys.push(Arc::new(Key::given(key_id, key)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::of_keys(self.keys.iter().cloned(), self.skipped.clone())
    }
}
