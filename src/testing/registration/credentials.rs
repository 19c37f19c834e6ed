//! [`Credentials`]: by what a registered application may prove who it is.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::jose::{Certificate, Jwk, VerifyingKey};
use crate::testing::TestIssuer;

#[derive(Default)]
pub(in crate::testing) struct Credentials {
    secrets: Vec<SecretString>,
    pub(in crate::testing) certificates: Vec<Certificate>,
    keys: Vec<PublicKey>,
    federated: Vec<Federated>,
}

struct PublicKey {
    id: String,
    /// One for each algorithm that it may be used with.
    keys: Vec<Arc<VerifyingKey>>,
}

struct Federated {
    issuer: TestIssuer,
    subject: String,
}

impl Credentials {
    pub(super) fn add_secret(&mut self, secret: &str) {
        assert!(!secret.is_empty(), "TestApp::secret(..): this one is empty");
        self.secrets.push(secret.into());
    }

    pub(super) fn add_certificate(&mut self, pem: &[u8]) {
        let chain =
            Certificate::chain_from_pem(pem).unwrap_or_else(|error| panic!("TestApp::certificate(..): {error}"));
        self.certificates.extend(chain.into_iter().next());
    }

    pub(super) fn add_public_key(&mut self, jwk: &str) {
        let keys = Jwk::parse(jwk.as_bytes()).and_then(|jwk| {
            let keys = VerifyingKey::from_jwk(&jwk)?;
            Ok((jwk.key_id().map(str::to_owned), keys.into_iter().map(Arc::new).collect()))
        });
        let (id, keys) =
            keys.unwrap_or_else(|reason| panic!("TestApp::public_key(..): this JWK can't be used: {reason}"));
        let id = id.unwrap_or_else(|| panic!("TestApp::public_key(..): this JWK has no `kid`"));
        self.keys.push(PublicKey { id, keys });
    }

    pub(super) fn add_federated(&mut self, issuer: &TestIssuer, subject: &str) {
        self.federated.push(Federated { issuer: issuer.clone(), subject: subject.to_owned() });
    }

    pub(in crate::testing) fn has_secret(&self, secret: &str) -> bool {
        self.secrets.iter().any(|one| one.expose_secret() == secret)
    }

    /// The keys with this id.
    pub(in crate::testing) fn keys(&self, id: &str) -> Vec<Arc<VerifyingKey>> {
        self.keys.iter().filter(|key| key.id == id).flat_map(|key| key.keys.iter().cloned()).collect()
    }

    /// The other issuer whose tokens about this subject are trusted.
    pub(in crate::testing) fn federated(&self, issuer: &str, subject: &str) -> Option<TestIssuer> {
        let one = self.federated.iter().find(|one| one.issuer.identifier() == issuer && one.subject == subject)?;
        Some(one.issuer.clone())
    }
}
