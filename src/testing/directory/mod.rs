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
mod consent;
mod documents;
mod errors;
mod person;
mod tenant;
mod token_endpoint;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

pub use self::tenant::TestTenant;

pub(super) use self::token_endpoint::TenantEndpoint;

use self::cloud::Cloud;
use super::shape::{Kind, Shape};
use super::{TestClock, TestIssuer, new_key, server, value};
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
/// Each tenant has token endpoints of both versions, which give out tokens to the applications that are
/// [registered](TestTenant::register).
///
/// Clones are handles to the same directory. RSA keys are fixed, so two directories have the same ones.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_bearer::Error> {
/// use tower_bearer::{Entra, RejectionKind};
/// use tower_bearer::testing::TestDirectory;
///
/// let directory = TestDirectory::new(); // or us_government(), china()
/// let validator = directory.issuer(Entra::any_tenant()).validator("66666666-7777-8888-9999-000000000000");
/// let token = || directory.tenant("11111111-2222-3333-4444-555555555555").delegated("66666666-7777-8888-9999-000000000000");
///
/// // A key whose JWK names personal accounts signs for nobody else.
/// let foreign = token().signed_by(&directory.signing_key_of_personal_accounts()).sign();
/// assert_eq!(validator.verify(&foreign).await.unwrap_err().kind(), RejectionKind::KeyOfAnotherIssuer);
/// let personal = directory.personal_accounts();
/// directory.key_issuer(&directory.signing_key(), personal.identifier().as_str());
/// let later = directory.add_key("https://login.microsoftonline.com/{tenantid}/v2.0");
/// assert!(validator.verify(&token().signed_by(&later).sign()).await.is_ok());
/// assert_eq!(directory.requested().len(), 3); // the metadata, the keys, and the keys once more for the new one
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestDirectory {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    cloud: Cloud,
    /// Has the clock, the keys, the registrations and what the endpoints are told.
    pub(super) authority: TestIssuer,
    key_of_personal_accounts: Arc<SigningKey>,
    state: Mutex<State>,
    server: Option<(SocketAddr, AbortHandle)>,
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
        Self::of(Cloud::public())
    }

    /// The cloud of the US government, `https://login.microsoftonline.us`.
    pub fn us_government() -> Self {
        Self::of(Cloud::us_government())
    }

    /// The cloud that 21Vianet operates in China, `https://login.chinacloudapi.cn`.
    pub fn china() -> Self {
        Self::of(Cloud::china())
    }

    fn of(cloud: Cloud) -> Self {
        Self { shared: Arc::new(Shared::new(cloud, None)) }
    }

    /// A directory on a free port of 127.0.0.1, whose documents name that address as the authority host. It is stopped when the
    /// last handle is dropped. Its clock stands still all the same.
    ///
    /// ```
    /// use tower_bearer::Entra;
    /// use tower_bearer::testing::TestDirectory;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let contoso = "11111111-2222-3333-4444-555555555555";
    /// let directory = TestDirectory::serve().await?;
    /// let issuer = Entra::tenant(contoso)?.authority_host(directory.authority_host())?.issuer(); // asks over the network
    /// issuer.clock(&directory.clock()).ready().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No port could be had.
    pub async fn serve() -> io::Result<Self> {
        Self::listen(None).await
    }

    /// As [`serve`](Self::serve), but its documents and tokens name this authority host, such as `https://localhost:8443`: that of a
    /// proxy which terminates TLS in front of it, as some clients ask over https alone. The proxy forwards to
    /// [`address`](Self::address).
    ///
    /// ```
    /// use tower_bearer::testing::TestDirectory;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let directory = TestDirectory::serve_as("https://localhost:8443").await?;
    /// assert_eq!(directory.authority_host(), "https://localhost:8443");
    /// assert!(directory.address().is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No port could be had.
    pub async fn serve_as(authority_host: &str) -> io::Result<Self> {
        Self::listen(Some(authority_host)).await
    }

    async fn listen(authority_host: Option<&str>) -> io::Result<Self> {
        let (listener, address) = server::bind().await?;
        let own = format!("http://{address}");
        let host = authority_host.unwrap_or(&own).trim_end_matches('/');
        let shared = Arc::new_cyclic(|shared| {
            let server = server::listen(listener, Weak::clone(shared));
            Shared::new(Cloud::at(host), Some((address, server)))
        });
        Ok(Self { shared })
    }

    /// The authority host, without a slash at its end.
    pub fn authority_host(&self) -> &str {
        &self.shared.cloud.authority_host
    }

    /// Where it listens, if it is served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.shared.server.as_ref().map(|(address, _)| *address)
    }

    /// The issuer as an API trusts it: an [`Entra`](crate::Entra), or any other. It reads this directory's documents in memory and
    /// lives by its clock. Those of another cloud than the one that [`authority_host`](crate::Entra::authority_host) sets are not there.
    pub fn issuer(&self, issuer: impl Into<Issuer>) -> Issuer {
        issuer.into().transport(self.transport()).clock(&self.clock())
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
        self.shared.signing_key()
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
        self.shared.key_issuer(key, issuer.into());
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
    fn new(cloud: Cloud, server: Option<(SocketAddr, AbortHandle)>) -> Self {
        let authority = TestIssuer::with_shape(cloud.authority_host.clone(), &Microsoft);
        let key_of_personal_accounts = authority.add_key(Algorithm::RS256);
        let shared = Self { cloud, authority, key_of_personal_accounts, state: Mutex::default(), server };
        shared.key_issuer(&shared.signing_key(), Some(&shared.cloud.issuer("{tenantid}", false)));
        shared.key_issuer(&shared.key_of_personal_accounts, Some(&shared.cloud.issuer(PERSONAL, false)));
        shared
    }

    fn signing_key(&self) -> Arc<SigningKey> {
        self.authority.signing_key(Algorithm::RS256)
    }

    fn key_issuer(&self, key: &SigningKey, issuer: Option<&str>) {
        let id = key.key_id().unwrap_or_default().to_owned();
        self.state().key_issuers.insert(id, issuer.map(str::to_owned));
    }

    fn issuer_of_key(&self, key: &SigningKey) -> Option<String> {
        self.state().key_issuers.get(key.key_id().unwrap_or_default()).cloned().flatten()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((_, server)) = &self.server {
            server.abort();
        }
    }
}

impl fmt::Debug for TestDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDirectory")
            .field("authority_host", &self.shared.cloud.authority_host)
            .finish_non_exhaustive()
    }
}
