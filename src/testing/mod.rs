//! [`TestIssuer`] and [`TestDirectory`]: issuers for tests, whose tokens go through the real validator.
//!
//! ```
//! use tower_bearer::testing::TestIssuer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let authority = TestIssuer::new();
//! let validator = authority.issuer().validator("api://orders");
//!
//! let token = authority.token("api://orders").subject("alice").scope("orders.read").sign();
//! assert_eq!(validator.verify(&token).await.unwrap().subject(), Some("alice"));
//!
//! let expired = authority.token("api://orders").expired().sign();
//! assert!(validator.verify(&expired).await.is_err());
//! # }
//! ```

#![allow(clippy::panic, clippy::indexing_slicing, clippy::needless_pass_by_value)] // test support

mod clock;
mod directory;
mod endpoint;
mod published;
mod server;
mod shape;
mod token;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

pub use self::clock::TestClock;
pub use self::directory::{TestDirectory, TestTenant};
pub use self::endpoint::{Endpoint, Fault, Hold};
pub use self::token::TestToken;

use self::endpoint::Endpoints;
use self::published::{Published, TestKey, new_key};
use self::shape::{Kind, Shape, Standard};
use crate::issuer::Issuer;
use crate::jose::{Algorithm, SigningKey};

/// An authorization server for tests: real keys and signatures, a clock that the test moves, and endpoints that count,
/// hang and fail on command.
///
/// It lives in memory ([`new`](Self::new)) or on loopback ([`serve`](Self::serve)). Clones are handles to the same
/// issuer. Signing keys are made fresh, but for RSA: those are fixed and known to everybody, as making them is slow.
///
/// # Panics
/// As test support, it panics where it is misused, with a sentence that says so.
#[derive(Clone)]
pub struct TestIssuer {
    shared: Arc<Shared>,
}

struct Shared {
    identifier: String,
    shape: &'static dyn Shape,
    clock: TestClock,
    published: Mutex<Published>,
    endpoints: Endpoints,
    server: Option<AbortHandle>,
}

impl TestIssuer {
    /// An issuer in memory, `https://issuer.test`, with one ES256 key. Nothing listens anywhere.
    #[allow(clippy::new_without_default)] // `default()` would read as an issuer with default settings
    pub fn new() -> Self {
        Self::named("https://issuer.test")
    }

    /// An issuer in memory with this identifier.
    pub fn named(identifier: impl Into<String>) -> Self {
        Self::with_shape(identifier.into(), &Standard)
    }

    fn with_shape(identifier: String, shape: &'static dyn Shape) -> Self {
        Self { shared: Arc::new(Shared::new(identifier, shape, None)) }
    }

    /// One more key, which is published and signs where it is asked to.
    fn add_key(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        self.shared.published().add(algorithm)
    }

    fn keys(&self) -> Vec<Arc<SigningKey>> {
        self.shared.published().keys.iter().map(|one| Arc::clone(&one.key)).collect()
    }

    /// An issuer on a free port of 127.0.0.1, with its address as the identifier. It is stopped when the last handle is
    /// dropped.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn serve() -> std::io::Result<Self> {
        server::serve().await
    }

    /// The identifier: the `iss` of its tokens.
    pub fn identifier(&self) -> &str {
        &self.shared.identifier
    }

    /// The issuer as an API trusts it. It reads this one's documents in memory and lives by this one's clock.
    pub fn issuer(&self) -> Issuer {
        let issuer = self.shared.shape.issuer(self.identifier()).unwrap_or_else(|error| panic!("{error}"));
        issuer.transport(server::InMemory(Arc::clone(&self.shared))).clock(&self.shared.clock)
    }

    /// The clock that this issuer's tokens are made by, for an issuer that is reached by another way than
    /// [`issuer`](Self::issuer) takes.
    ///
    /// ```
    /// # use tower_bearer::Issuer;
    /// # use tower_bearer::testing::TestIssuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let authority = TestIssuer::serve().await?;
    /// let issuer = Issuer::new(authority.identifier())?.clock(&authority.clock()); // asks over the network
    /// # issuer.validator("api://orders").verify(&authority.token("api://orders").sign()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn clock(&self) -> TestClock {
        self.shared.clock.clone()
    }

    /// A token for this audience (a string or an array), by which a client acts for a person: of the profile of RFC 9068, or of the
    /// provider's shape, good for an hour. Set or leave out what you like, then [`sign`](TestToken::sign) it.
    pub fn token(&self, audience: impl Serialize) -> TestToken {
        TestToken::new(self, Kind::Person, value(audience))
    }

    /// As [`token`](Self::token), but the client acts as itself.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let authority = TestIssuer::new();
    /// let token = authority.application_token("api://orders").sign();
    /// let token = authority.issuer().validator("api://orders").verify(&token).await.unwrap();
    /// assert_eq!(token.is_application(), Some(true));
    /// # }
    /// ```
    pub fn application_token(&self, audience: impl Serialize) -> TestToken {
        TestToken::new(self, Kind::Application, value(audience))
    }

    /// An ID token for this client (OpenID Connect Core §2), which is none for APIs, but for Google's.
    ///
    /// ```
    /// use tower_bearer::RejectionKind;
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let authority = TestIssuer::new();
    /// let validator = authority.issuer().validator("api://orders");
    /// let rejection = validator.verify(&authority.id_token("api://orders").sign()).await.unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::WrongTokenType);
    /// # }
    /// ```
    pub fn id_token(&self, client: impl Serialize) -> TestToken {
        TestToken::new(self, Kind::Identity, value(client))
    }

    /// A logout token for this client (OpenID Connect Back-Channel Logout §2.4), which is none for APIs.
    pub fn logout_token(&self, client: impl Serialize) -> TestToken {
        TestToken::new(self, Kind::Logout, value(client))
    }

    /// The time by this issuer's clock, which stands still until it is moved.
    pub fn now(&self) -> SystemTime {
        self.shared.clock.now()
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Somebody sets the wall clock, forwards or back. What counts how long something lasted is not touched.
    pub fn set_wall_clock(&self, to: SystemTime) {
        self.shared.clock.set_wall_clock(to);
    }

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

    /// How many requests came to this endpoint, those that failed included.
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.shared.endpoints.requests(endpoint)
    }

    /// Requests to this endpoint fail from now on.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.endpoints.fail(endpoint, Some(fault));
    }

    /// Requests to this endpoint are answered again, at once.
    pub fn recover(&self, endpoint: Endpoint) {
        self.shared.endpoints.fail(endpoint, None);
        self.shared.endpoints.delay(endpoint, Duration::ZERO);
    }

    /// Requests to this endpoint wait so long, by the time of the tokio runtime, before they are answered.
    pub fn delay(&self, endpoint: Endpoint, by: Duration) {
        self.shared.endpoints.delay(endpoint, by);
    }

    /// Requests to this endpoint wait until the value that this returns is dropped.
    pub fn hold(&self, endpoint: Endpoint) -> Hold {
        self.shared.endpoints.hold(endpoint)
    }
}

impl Shared {
    fn new(identifier: String, shape: &'static dyn Shape, server: Option<AbortHandle>) -> Self {
        Self {
            identifier,
            shape,
            clock: TestClock::new(),
            published: Mutex::new(Published::new(shape.algorithm())),
            endpoints: Endpoints::default(),
            server,
        }
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jwks(&self) -> String {
        let published = self.published();
        let own = published.keys.iter().map(|one| value_of_json(&one.key.public_jwk()));
        json!({ "keys": own.chain(published.odd_keys.iter().cloned()).collect::<Vec<_>>() }).to_string()
    }

    fn metadata(&self) -> String {
        let mut metadata = Map::new();
        metadata.insert("issuer".to_owned(), json!(self.identifier));
        metadata.insert("jwks_uri".to_owned(), json!(self.jwks_uri()));
        metadata.extend(self.published().metadata.clone());
        Value::Object(metadata).to_string()
    }

    fn jwks_uri(&self) -> String {
        let beside = || format!("{}/jwks.json", self.identifier.trim_end_matches('/'));
        self.shape.jwks_uri().map_or_else(beside, str::to_owned)
    }

    fn cache_control(&self) -> String {
        self.published().cache_control.clone()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn value(content: impl Serialize) -> Value {
    serde_json::to_value(content).unwrap_or_else(|error| panic!("this can't be written as JSON: {error}"))
}

fn value_of_json(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("not JSON: {error}"))
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer").field("identifier", &self.identifier()).finish_non_exhaustive()
    }
}
