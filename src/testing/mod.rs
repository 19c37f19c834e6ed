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
//!
//! Both have a token endpoint for the applications that are [registered](TestIssuer::register) with them: it authenticates the
//! client, and gives it what was agreed for it and no more.

#![allow(clippy::panic, clippy::indexing_slicing, clippy::needless_pass_by_value)] // test support

mod clock;
mod commands;
mod directory;
mod documents;
mod endpoint;
mod published;
mod registration;
mod server;
mod shape;
mod token;
mod token_endpoint;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;
use tokio::task::AbortHandle;

pub use self::clock::TestClock;
pub use self::directory::{TestDirectory, TestTenant};
pub use self::endpoint::{Endpoint, Fault, Hold};
pub use self::registration::TestApp;
pub use self::server::TestTransport;
pub use self::token::TestToken;
pub use self::token_endpoint::TestTokenRequest;

use self::endpoint::Endpoints;
use self::published::{Published, new_key};
use self::shape::{Kind, Shape, Standard};
use self::token::seconds;
use self::token_endpoint::TokenEndpoint;
use crate::issuer::Issuer;

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
    tokens: TokenEndpoint,
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

    /// An issuer on a free port of 127.0.0.1, with its address as the identifier. It is stopped when the last handle is
    /// dropped.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn serve() -> std::io::Result<Self> {
        let (listener, address) = server::bind().await?;
        let shared = Arc::new_cyclic(|shared| {
            let server = server::listen(listener, Weak::clone(shared));
            Shared::new(format!("http://{address}"), &Standard, Some(server))
        });
        Ok(Self { shared })
    }

    /// The identifier: the `iss` of its tokens.
    pub fn identifier(&self) -> &str {
        &self.shared.identifier
    }

    /// The issuer as an API trusts it. It reads this one's documents in memory and lives by this one's clock.
    pub fn issuer(&self) -> Issuer {
        let issuer = self.shared.shape.issuer(self.identifier()).unwrap_or_else(|error| panic!("{error}"));
        issuer.transport(self.transport()).clock(&self.shared.clock)
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

    /// Registers an application, as a client or as an API, with this id. Its token endpoint, `{identifier}/token`, then gives out
    /// tokens by client credentials, and on behalf of people by On-Behalf-Of, token exchange (RFC 8693) and refresh tokens.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// let authority = TestIssuer::serve().await?;
    /// let stock = authority.register("api://stock").expose_scope("items.read");
    /// authority.register("jobs").secret("correct horse").allow_scope(&stock, "items.read");
    ///
    /// let form = [("grant_type", "client_credentials"), ("client_id", "jobs"), ("client_secret", "correct horse")];
    /// let url = format!("{}/token", authority.identifier());
    /// let answer: serde_json::Value = reqwest::Client::new().post(url).form(&form).send().await?.json().await?;
    ///
    /// let token = answer["access_token"].as_str().unwrap();
    /// let token = authority.issuer().validator("api://stock").verify(token).await?;
    /// assert!(token.has_scope("items.read"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// There is one with this id already.
    pub fn register(&self, client_id: &str) -> TestApp {
        TestApp::register(&self.shared.tokens.registry, client_id, "", 2)
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
}

impl Shared {
    fn new(identifier: String, shape: &'static dyn Shape, server: Option<AbortHandle>) -> Self {
        Self {
            identifier,
            shape,
            clock: TestClock::new(),
            published: Mutex::new(Published::new(shape.algorithm())),
            endpoints: Endpoints::default(),
            tokens: TokenEndpoint::default(),
            server,
        }
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// A GUID that nothing else has.
fn fresh_guid() -> String {
    let (high, low) = (fastrand::u64(..), fastrand::u64(..));
    let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
    format!("{a:08x}-{b:04x}-4{c:03x}-8{:03x}-{:012x}", low >> 48 & 0xfff, low & 0xffff_ffff_ffff)
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
