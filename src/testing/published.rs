//! [`Published`]: the keys of a [`TestIssuer`](super::TestIssuer), and what else its documents say.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

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
