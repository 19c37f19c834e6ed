//! [`TestToken`]: a token of a [`TestIssuer`] or a [`TestDirectory`](super::TestDirectory), before it is signed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::shape::Kind;
use super::token_endpoint::Person;
use super::{TestIssuer, value};
use crate::jose::{Algorithm, SigningKey};

/// A token of a [`TestIssuer`] or a [`TestDirectory`](super::TestDirectory) that can be changed until it is signed.
#[derive(Clone)]
pub struct TestToken {
    issuer: TestIssuer,
    algorithm: Algorithm,
    key: Option<Arc<SigningKey>>,
    header: Vec<(String, Option<Value>)>,
    claims: Map<String, Value>,
    payload: Option<Vec<u8>>,
}

impl TestToken {
    pub(super) fn new(issuer: &TestIssuer, kind: Kind, audience: Value) -> Self {
        let (now, shape) = (seconds(issuer.now()), issuer.shared.shape);
        let mut claims = Map::new();
        let all =
            [json!({ "iss": issuer.identifier(), "iat": now, "exp": now + 3600 }), shape.claims(kind, audience, now)];
        all.into_iter().for_each(|some| claims.extend(some.as_object().cloned().unwrap_or_default()));
        Self {
            issuer: issuer.clone(),
            algorithm: shape.algorithm(),
            key: None,
            header: vec![("typ".to_owned(), shape.header_type(kind).map(Value::from))],
            claims,
            payload: None,
        }
    }

    /// One with these claims and the times of one that was issued now, as Microsoft writes it.
    pub(super) fn of_directory(authority: &TestIssuer, claims: Map<String, Value>) -> Self {
        let now = seconds(authority.now());
        let empty = Self {
            issuer: authority.clone(),
            algorithm: Algorithm::RS256,
            key: None,
            header: vec![("typ".to_owned(), Some(json!("JWT")))],
            claims,
            payload: None,
        };
        empty.claim("iat", now).claim("nbf", now).claim("exp", now + 3600)
    }

    /// One by which this client acts as itself, with this scope and these roles and no others.
    pub(super) fn of_client(
        issuer: &TestIssuer,
        audience: String,
        client_id: &str,
        scope: &str,
        roles: &[String],
    ) -> Self {
        let mut token = Self::new(issuer, Kind::Application, Value::from(audience)).given_to(client_id, scope);
        if !roles.is_empty() {
            let roles: Vec<_> = roles.iter().map(String::as_str).collect();
            issuer.shared.shape.set_roles(&mut token.claims, &roles);
        }
        token
    }

    /// One by which this client acts for this person, with this scope and no other, and without roles.
    pub(super) fn of_person(
        issuer: &TestIssuer,
        audience: &str,
        client_id: &str,
        person: &Person,
        scope: &str,
    ) -> Self {
        let mut token = Self::new(issuer, Kind::Person, Value::from(audience)).given_to(client_id, scope);
        token.claims.extend(person.claims.clone());
        token
    }

    /// The same, given to this client, with this scope and without roles.
    fn given_to(mut self, client_id: &str, scope: &str) -> Self {
        let shape = self.issuer.shared.shape;
        shape.set_client(&mut self.claims, client_id);
        for name in ["scope", "scp", "roles"] {
            self.claims.remove(name);
        }
        if !scope.is_empty() {
            shape.set_scope(&mut self.claims, scope);
        }
        self
    }

    /// Sets `sub`.
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// Sets `scope`, or what the provider has for it: one scope, or several with spaces between them.
    pub fn scope(mut self, scope: &str) -> Self {
        self.issuer.shared.shape.set_scope(&mut self.claims, scope);
        self
    }

    /// Sets `roles`, or what the provider has for it.
    pub fn roles<const N: usize>(mut self, roles: [&str; N]) -> Self {
        self.issuer.shared.shape.set_roles(&mut self.claims, &roles);
        self
    }

    /// Sets `exp` so long from now, by the issuer's clock.
    pub fn expires_in(self, life: Duration) -> Self {
        let at = seconds(self.issuer.now()) + life.as_secs();
        self.claim("exp", at)
    }

    /// Sets `iat` two hours ago and `exp` an hour ago.
    pub fn expired(self) -> Self {
        let now = seconds(self.issuer.now());
        self.claim("iat", now - 7200).claim("exp", now - 3600)
    }

    /// Sets any claim.
    pub fn claim(mut self, name: impl Into<String>, content: impl Serialize) -> Self {
        self.claims.insert(name.into(), value(content));
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets any member of the header.
    pub fn header(mut self, name: impl Into<String>, content: impl Serialize) -> Self {
        self.header.push((name.into(), Some(value(content))));
        self
    }

    /// Leaves a member of the header out.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.header.push((name.into(), None));
        self
    }

    /// Has these bytes for claims, whatever was set.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Is signed with the issuer's key for this algorithm, which is published where it was not yet.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Is signed with this key, the issuer's or not.
    pub fn signed_by(mut self, key: &Arc<SigningKey>) -> Self {
        self.key = Some(Arc::clone(key));
        self
    }

    /// The header as it stands: `alg`, `kid` and the `typ` of its kind, unless changed.
    fn header_json(&self, key: &SigningKey) -> Vec<u8> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!(key.algorithm().as_str()));
        header.extend(key.key_id().map(|id| ("kid".to_owned(), json!(id))));
        for (name, content) in &self.header {
            match content {
                Some(content) => drop(header.insert(name.clone(), content.clone())),
                None => drop(header.remove(name)),
            }
        }
        Value::Object(header).to_string().into_bytes()
    }

    /// The token in compact form.
    pub fn sign(self) -> String {
        let key = self.key.clone().unwrap_or_else(|| self.issuer.signing_key(self.algorithm));
        let header = self.header_json(&key);
        let payload = self.payload.unwrap_or_else(|| Value::Object(self.claims).to_string().into_bytes());
        key.sign_compact(&header, &payload).unwrap_or_else(|error| panic!("TestToken can't be signed: {error}"))
    }
}

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Debug for TestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestToken").finish_non_exhaustive()
    }
}
