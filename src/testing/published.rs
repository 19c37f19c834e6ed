//! [`Published`]: the keys of a [`TestIssuer`](super::TestIssuer), and what else its documents say.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{TestIssuer, value};
use crate::jose::{Algorithm, SigningKey};

/// What the issuer publishes.
pub(super) struct Published {
    pub(super) keys: Vec<TestKey>,
    /// How many keys of each algorithm there have been.
    made: HashMap<Algorithm, usize>,
    pub(super) odd_keys: Vec<Value>,
    pub(super) metadata: Map<String, Value>,
    pub(super) cache_control: String,
}

pub(super) struct TestKey {
    pub(super) key: Arc<SigningKey>,
    pub(super) signs: bool,
}

impl Published {
    /// One key of this algorithm.
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let mut published = Self {
            keys: Vec::new(),
            made: HashMap::new(),
            odd_keys: Vec::new(),
            metadata: Map::new(),
            cache_control: "max-age=900".to_owned(),
        };
        published.add(algorithm);
        published
    }

    pub(super) fn add(&mut self, algorithm: Algorithm) -> Arc<SigningKey> {
        self.add_as(algorithm, None)
    }

    /// Adds a key with this id, or with the next one.
    pub(super) fn add_as(&mut self, algorithm: Algorithm, key_id: Option<String>) -> Arc<SigningKey> {
        let number = self.made.entry(algorithm).and_modify(|made| *made += 1).or_insert(1);
        let key_id = key_id.unwrap_or_else(|| format!("{}-{}", algorithm.as_str().to_lowercase(), number));
        let key = new_key(algorithm, *number, key_id);
        self.keys.push(TestKey { key: Arc::clone(&key), signs: true });
        key
    }
}

impl TestIssuer {
    /// The key that signs tokens with this algorithm. One is made and published where there is none yet.
    pub fn signing_key(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        let mut published = self.shared.published();
        let signs = published.keys.iter().find(|one| one.signs && one.key.algorithm() == algorithm);
        if let Some(one) = signs {
            return Arc::clone(&one.key);
        }
        published.add(algorithm)
    }

    /// New keys in place of the old ones, which are withdrawn.
    pub fn rotate(&self) {
        let mut published = self.shared.published();
        let old = std::mem::take(&mut published.keys);
        old.into_iter().filter(|one| one.signs).for_each(|one| drop(published.add(one.key.algorithm())));
    }

    /// New keys sign from now on; the old ones stay published.
    pub fn rotate_keeping_old(&self) {
        let mut published = self.shared.published();
        let old = std::mem::take(&mut published.keys);
        let algorithms: Vec<_> = old.iter().filter(|one| one.signs).map(|one| one.key.algorithm()).collect();
        published.keys = old.into_iter().map(|one| TestKey { signs: false, ..one }).collect();
        algorithms.into_iter().for_each(|algorithm| drop(published.add(algorithm)));
    }

    /// New keys in place of the old ones, under the ids of the old ones: what small servers do that make keys at each start.
    pub fn rotate_under_old_ids(&self) {
        let mut published = self.shared.published();
        let old = std::mem::take(&mut published.keys);
        for one in old.into_iter().filter(|one| one.signs) {
            published.add_as(one.key.algorithm(), one.key.key_id().map(str::to_owned));
        }
    }

    /// Publishes a further key, as it is.
    pub fn publish_jwk(&self, jwk: impl Serialize) {
        self.shared.published().odd_keys.push(value(jwk));
    }

    /// The published key set.
    pub fn jwks(&self) -> String {
        self.shared.jwks()
    }

    /// Sets a member of the metadata document, `issuer` and `jwks_uri` included.
    pub fn metadata(&self, member: impl Into<String>, content: impl Serialize) {
        self.shared.published().metadata.insert(member.into(), value(content));
    }

    /// Sets `Cache-Control` of both documents; `max-age=900`, unless set.
    pub fn cache_control(&self, header: impl Into<String>) {
        self.shared.published().cache_control = header.into();
    }

    /// One more key, which is published and signs where it is asked to.
    pub(super) fn add_key(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        self.shared.published().add(algorithm)
    }

    pub(super) fn keys(&self) -> Vec<Arc<SigningKey>> {
        self.shared.published().keys.iter().map(|one| Arc::clone(&one.key)).collect()
    }
}

/// RSA keys alternate between the two fixed ones.
pub(super) fn new_key(algorithm: Algorithm, number: usize, key_id: String) -> Arc<SigningKey> {
    const RSA: [&[u8]; 2] = [include_bytes!("rsa_2048_a.pk8"), include_bytes!("rsa_2048_b.pk8")];
    let key = match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => SigningKey::from_pkcs8(algorithm, RSA[number % 2]),
        _ => SigningKey::generate(algorithm),
    };
    let key = key.unwrap_or_else(|error| panic!("TestIssuer can't make a key for {algorithm}: {error}"));
    Arc::new(key.with_key_id(key_id))
}
