//! [`TestDirectory`]: Microsoft Entra ID for tests, in memory.
//!
//! ```
//! use tower_bearer::Entra;
//! use tower_bearer::testing::TestDirectory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (contoso, orders) = ("11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000");
//! let directory = TestDirectory::new();
//! let validator = directory.issuer(Entra::tenant(contoso)?).validator("api://orders").audience(orders);
//!
//! let persons = directory.tenant(contoso).delegated(orders).scope("orders.read").sign();
//! assert!(validator.verify(&persons).await?.has_scope("orders.read"));
//!
//! let daemons = directory.tenant(contoso).v1().application("api://orders").roles(["Orders.Read.All"]).sign();
//! assert_eq!(validator.verify(&daemons).await?.is_application(), Some(true));
//!
//! let fabrikam = directory.tenant("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
//! assert!(validator.verify(&fabrikam.delegated(orders).sign()).await.is_err());
//! # Ok(())
//! # }
//! ```

mod cloud;
mod documents;
mod tenant;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::tenant::TestTenant;

use self::cloud::Cloud;
use self::documents::InMemory;
use super::shape::{Kind, Shape};
use super::{TestClock, TestIssuer, new_key, value};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jose::{Algorithm, SigningKey};

/// The tenant of personal Microsoft accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Microsoft Entra ID for tests: one cloud with any number of tenants, whose tokens of both versions have the shape that Microsoft
/// documents, with real keys and signatures and a clock that the test moves.
///
/// Every GUID is a tenant of it. All its key sets hold the same keys, RS256 and without `alg`: one that names the issuer of whatever
/// tenant (`{tenantid}`), one that names that of personal accounts, and those that are [added](Self::add_key).
///
/// Clones are handles to the same directory. RSA keys are fixed, so two directories have the same ones.
#[derive(Clone)]
pub struct TestDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    cloud: Cloud,
    /// Has the clock and the keys.
    authority: TestIssuer,
    key_of_personal_accounts: Arc<SigningKey>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The `issuer` of each key, by its id.
    key_issuers: HashMap<String, Option<String>>,
    custom_keys: HashMap<String, Arc<SigningKey>>,
    metadata: Map<String, Value>,
    requested: Vec<String>,
}

impl TestDirectory {
    /// The public cloud, `https://login.microsoftonline.com`. Nothing is asked over the network.
    #[allow(clippy::new_without_default)] // `default()` would read as a directory with default settings
    pub fn new() -> Self {
        Self::of(cloud::PUBLIC)
    }

    /// The cloud of the US government, `https://login.microsoftonline.us`.
    pub fn us_government() -> Self {
        Self::of(cloud::US_GOVERNMENT)
    }

    /// The cloud that 21Vianet operates in China, `https://login.chinacloudapi.cn`.
    pub fn china() -> Self {
        Self::of(cloud::CHINA)
    }

    fn of(cloud: Cloud) -> Self {
        let authority = TestIssuer::with_shape(cloud.v2.to_owned(), &Microsoft);
        let key_of_personal_accounts = authority.add_key(Algorithm::RS256);
        let shared = Shared { cloud, authority, key_of_personal_accounts, state: Mutex::default() };
        let directory = Self { shared: Arc::new(shared) };
        directory.key_issuer(&directory.signing_key(), cloud.issuer("{tenantid}", false).as_str());
        directory.key_issuer(&directory.shared.key_of_personal_accounts, cloud.issuer(PERSONAL, false).as_str());
        directory
    }

    /// The issuer as an API trusts it: an [`Entra`](crate::Entra), or any other. It reads this directory's documents in memory and
    /// lives by its clock. Those of another cloud than the one that [`authority_host`](crate::Entra::authority_host) sets are not there.
    pub fn issuer(&self, issuer: impl Into<Issuer>) -> Issuer {
        issuer.into().transport(InMemory(Arc::clone(&self.shared))).clock(&self.clock())
    }

    /// The tenant with this id, a GUID.
    pub fn tenant(&self, id: &str) -> TestTenant {
        TestTenant::new(self, id)
    }

    /// The tenant of personal Microsoft accounts, whose tokens are signed by a key of its own.
    pub fn personal_accounts(&self) -> TestTenant {
        self.tenant(PERSONAL)
    }

    /// The clock by which its tokens are made.
    pub fn clock(&self) -> TestClock {
        self.shared.authority.clock()
    }

    /// The key that signs for all tenants but that of personal accounts.
    pub fn signing_key(&self) -> Arc<SigningKey> {
        self.shared.authority.signing_key(Algorithm::RS256)
    }

    /// The key that signs for personal accounts.
    pub fn signing_key_of_personal_accounts(&self) -> Arc<SigningKey> {
        Arc::clone(&self.shared.key_of_personal_accounts)
    }

    /// Publishes one more key, whose JWK names this `issuer`, or none.
    pub fn add_key<'i>(&self, issuer: impl Into<Option<&'i str>>) -> Arc<SigningKey> {
        let key = self.shared.authority.add_key(Algorithm::RS256);
        self.key_issuer(&key, issuer);
        key
    }

    /// The JWK of this key names this `issuer` from now on, or none.
    pub fn key_issuer<'i>(&self, key: &SigningKey, issuer: impl Into<Option<&'i str>>) {
        let id = key.key_id().unwrap_or_default().to_owned();
        self.shared.state().key_issuers.insert(id, issuer.into().map(str::to_owned));
    }

    /// The custom signing key of the application with this client id: in place of the others in the key set that is found by
    /// `?appid=`, and in no other. Its JWK names no issuer.
    pub fn custom_signing_key(&self, client_id: &str) -> Arc<SigningKey> {
        let make = || new_key(Algorithm::RS256, 0, format!("custom-{client_id}"));
        let mut state = self.shared.state();
        Arc::clone(state.custom_keys.entry(client_id.to_owned()).or_insert_with(make))
    }

    /// Sets a member of all metadata documents, `issuer` and `jwks_uri` included.
    pub fn metadata(&self, member: impl Into<String>, content: impl Serialize) {
        self.shared.state().metadata.insert(member.into(), value(content));
    }

    /// The URLs of the requests that came so far, in their order.
    pub fn requested(&self) -> Vec<String> {
        self.shared.state().requested.clone()
    }
}

/// What the tokens of a directory have in common; their claims are made by [`TestTenant`].
struct Microsoft;

impl Shape for Microsoft {
    fn issuer(&self, identifier: &str) -> Result<Issuer, Error> {
        Issuer::new(identifier)
    }

    fn claims(&self, _: Kind, audience: Value, _: u64) -> Value {
        json!({ "aud": audience })
    }

    fn set_scope(&self, claims: &mut Map<String, Value>, scope: &str) {
        claims.insert("scp".to_owned(), json!(scope));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TestDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDirectory")
            .field("authority_host", &self.shared.cloud.authority_host)
            .finish_non_exhaustive()
    }
}
