//! [`TestApp`]: an application that is registered at a [`TestIssuer`](super::TestIssuer) or in a tenant of a
//! [`TestDirectory`](super::TestDirectory), as a client and as an API.

mod consent;
mod credentials;
mod registry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub(super) use self::credentials::Credentials;
pub(super) use self::registry::{Permissions, Registry};

use self::registry::Registered;
use super::{TestIssuer, value};

/// An application that is registered at a [`TestIssuer`] or in a tenant of a [`TestDirectory`](super::TestDirectory): it may be
/// a client that gets tokens, an API that they are for, or both. Clones are handles to the same one, as what each method returns.
///
/// ```
/// use tower_bearer::testing::TestIssuer;
///
/// let authority = TestIssuer::new();
/// let stock = authority.register("stock").app_id_uri("api://stock").expose_scope("items.read").app_role("auditor");
/// let jobs = authority.register("jobs").secret("correct horse");
/// jobs.allow_scope(&stock, "items.read").assign_role(&stock, "auditor");
/// ```
///
/// In a directory, somebody has to agree before it may do anything for people:
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::testing::TestDirectory;
///
/// let tenant = TestDirectory::new().tenant("11111111-2222-3333-4444-555555555555");
/// let stock = tenant.register("stock").app_id_uri("api://stock").access_token_version(1).token_lifetime(Duration::from_secs(600));
/// stock.expose_scope("Items.Read").expose_admin_scope("Items.Burn").app_role("Items.Process").optional_claim("region", "eu");
///
/// let orders = tenant.register("orders").secret("correct horse");
/// orders.require_scope(&stock, "Items.Burn").require_role(&stock, "Items.Process");
/// tenant.consent("a11ce000-0000-4000-8000-000000000001", &orders, &stock, "Items.Read"); // as a person may
/// tenant.admin_consent(&orders); // all that it requires, for everybody
///
/// stock.demand_claims(serde_json::json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } }));
/// stock.demand_no_claims();
/// orders.remove_credentials();
/// assert_eq!(orders.client_id(), "orders");
/// ```
#[derive(Clone)]
pub struct TestApp {
    registry: Arc<Registry>,
    client_id: Arc<str>,
    /// The tenant in which this handle sees the application; empty at a [`TestIssuer`].
    tenant: Arc<str>,
}

impl TestApp {
    pub(super) fn register(registry: &Arc<Registry>, client_id: &str, tenant: &str, version: u8) -> Self {
        registry.register(client_id, tenant, version);
        Self::in_tenant(registry, client_id, tenant)
    }

    fn in_tenant(registry: &Arc<Registry>, client_id: &str, tenant: &str) -> Self {
        Self { registry: Arc::clone(registry), client_id: client_id.into(), tenant: tenant.into() }
    }

    /// The application with this client id, if it is present in this tenant.
    pub(super) fn find(registry: &Arc<Registry>, client_id: &str, tenant: &str) -> Option<Self> {
        registry.is_present(client_id, tenant).then(|| Self::in_tenant(registry, client_id, tenant))
    }

    /// The API with this identifier, if it is present in this tenant.
    pub(super) fn find_api(registry: &Arc<Registry>, identifier: &str, tenant: &str) -> Option<Self> {
        let client_id = registry.owner(identifier, tenant)?;
        Some(Self::in_tenant(registry, &client_id, tenant))
    }

    /// The same application as it is present in this tenant from now on: its service principal there.
    pub(super) fn add_to(&self, registry: &Arc<Registry>, tenant: &str) -> Self {
        assert!(
            Arc::ptr_eq(registry, &self.registry),
            "TestTenant::add(..): the application is one of another directory"
        );
        self.registry.add(&self.client_id, tenant);
        Self::in_tenant(&self.registry, &self.client_id, tenant)
    }

    /// Its client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// In a directory, the object id of its service principal in this tenant: `oid` and `sub` of the tokens that it gets as
    /// itself.
    pub fn object_id(&self) -> String {
        self.permissions(|object_id, _| object_id.to_owned())
    }

    /// It may authenticate by this secret: in the form, or by HTTP Basic (RFC 6749 §2.3.1). It may have several.
    pub fn secret(&self, secret: &str) -> Self {
        self.credentials(|credentials| credentials.add_secret(secret))
    }

    /// It may authenticate by an assertion that is signed with the key of this certificate, the first in the PEM, and names it by
    /// `x5t#S256` or `x5t`. Assertions are good for ten minutes at most, and once; a directory takes them again until they
    /// expire, as Entra does.
    pub fn certificate(&self, pem: impl AsRef<[u8]>) -> Self {
        self.credentials(|credentials| credentials.add_certificate(pem.as_ref()))
    }

    /// It may authenticate by `private_key_jwt` (RFC 7523 §2.2): an assertion that is signed with the private part of this JWK and
    /// names it by `kid`. Such an assertion is good for ten minutes at most, and once. A directory takes certificates instead.
    pub fn public_key(&self, jwk: &str) -> Self {
        assert!(self.tenant.is_empty(), "TestApp::public_key(..): Entra takes no bare keys; use certificate(..)");
        self.credentials(|credentials| credentials.add_public_key(jwk))
    }

    /// It may authenticate by a JWT of another issuer about this subject (workload identity federation). Its audience is to be
    /// `api://AzureADTokenExchange` at a directory, elsewhere the identifier or the token endpoint of the issuer that is asked.
    ///
    /// ```
    /// use tower_bearer::testing::{TestDirectory, TestIssuer};
    ///
    /// let (directory, cluster) = (TestDirectory::new(), TestIssuer::named("https://cluster.test"));
    /// let tenant = directory.tenant("11111111-2222-3333-4444-555555555555");
    /// tenant.register("jobs").federated(&cluster, "system:serviceaccount:shop:jobs");
    ///
    /// // what the cluster writes into the file of the workload
    /// let assertion = cluster.id_token("api://AzureADTokenExchange").subject("system:serviceaccount:shop:jobs").sign();
    /// ```
    pub fn federated(&self, issuer: &TestIssuer, subject: &str) -> Self {
        assert!(
            !Arc::ptr_eq(&issuer.shared.tokens.registry, &self.registry),
            "TestApp::federated(..) takes another issuer than the one at which the application is registered"
        );
        self.credentials(|credentials| credentials.add_federated(issuer, subject))
    }

    /// From now on none of its credentials is good any more.
    pub fn remove_credentials(&self) -> Self {
        self.credentials(|credentials| *credentials = Credentials::default())
    }

    /// As an API, it has this identifier beside its client id. It may have several.
    pub fn app_id_uri(&self, uri: &str) -> Self {
        self.registry.add_identifier(&self.client_id, uri);
        self.clone()
    }

    /// As an API, it has this scope: a permission to act for a person, or, at a [`TestIssuer`], for the client itself.
    pub fn expose_scope(&self, scope: &str) -> Self {
        self.change(|app| app.scopes.push(scope.to_owned()))
    }

    /// As an API, it has this role: an application permission.
    pub fn app_role(&self, role: &str) -> Self {
        self.change(|app| app.roles.push(role.to_owned()))
    }

    /// As an API of a directory, it gets access tokens of version 1 or 2 (`requestedAccessTokenVersion`): 2, unless registered by
    /// [`v1`](super::TestTenant::v1). Microsoft's own default is 1.
    pub fn access_token_version(&self, version: u8) -> Self {
        assert!(matches!(version, 1 | 2), "TestApp::access_token_version(..): there are the versions 1 and 2");
        self.change(|app| app.version = version)
    }

    /// As an API, tokens for it live so long: an hour, unless set.
    pub fn token_lifetime(&self, lifetime: Duration) -> Self {
        self.change(|app| app.lifetime = lifetime)
    }

    /// Access tokens for it have this claim as well.
    pub fn optional_claim(&self, name: &str, content: impl Serialize) -> Self {
        let content = value(content);
        self.change(|app| app.claims.push((name.to_owned(), content)))
    }

    /// As a client, it has this role at that API, as the administrator of this tenant agreed.
    pub fn assign_role(&self, api: &Self, role: &str) -> Self {
        assert!(
            self.of_api(api, |app| app.roles.iter().any(|one| one == role)),
            "TestApp::assign_role(..): the API has no role {role:?}; add it by app_role(..)"
        );
        self.permit(api, |permissions| permissions.roles.push(role.to_owned()))
    }

    /// As a client, it may ask for this scope of that API. In a directory that is a delegated permission, to which the
    /// administrator of this tenant agreed for everybody; there it gives nothing to a client that acts as itself.
    pub fn allow_scope(&self, api: &Self, scope: &str) -> Self {
        assert!(
            self.of_api(api, |app| app.scopes.iter().any(|one| one == scope)),
            "TestApp::allow_scope(..): the API has no scope {scope:?}; add it by expose_scope(..)"
        );
        self.permit(api, |permissions| permissions.scopes.push(scope.to_owned()))
    }

    /// What it may do at this API.
    pub(super) fn permissions_at(&self, api: &Self) -> Permissions {
        self.permissions(|_, all| all.get(api.client_id()).cloned()).unwrap_or_default()
    }

    /// All APIs of this tenant at which it may do something.
    pub(super) fn permitted_apis(&self) -> Vec<Self> {
        let ids = self.permissions(|_, all| all.keys().cloned().collect::<Vec<_>>());
        ids.iter().filter_map(|id| Self::find(&self.registry, id, &self.tenant)).collect()
    }

    /// The identifier by which tokens name it unless it was asked for by another: its first App ID URI, if it has any.
    pub(super) fn identifier(&self) -> String {
        self.read(|app| app.identifiers.first().cloned()).unwrap_or_else(|| self.client_id().to_owned())
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&Registered) -> R) -> R {
        self.registry.with(&self.client_id, |app| read(app))
    }

    fn change(&self, change: impl FnOnce(&mut Registered)) -> Self {
        self.registry.with(&self.client_id, change);
        self.clone()
    }

    fn credentials(&self, change: impl FnOnce(&mut Credentials)) -> Self {
        self.change(|app| change(&mut app.credentials))
    }

    fn permissions<R>(&self, read: impl FnOnce(&str, &registry::PermissionsByApi) -> R) -> R {
        self.registry.in_tenant(&self.client_id, &self.tenant, |present| read(&present.object_id, &present.permissions))
    }

    fn of_api<R>(&self, api: &Self, read: impl FnOnce(&Registered) -> R) -> R {
        assert!(
            Arc::ptr_eq(&self.registry, &api.registry) && self.registry.is_present(&api.client_id, &self.tenant),
            "TestApp: the API {:?} is not there where {:?} is to have permissions; register it, or add it to the tenant",
            api.client_id,
            self.client_id
        );
        api.read(read)
    }

    fn permit(&self, api: &Self, change: impl FnOnce(&mut Permissions)) -> Self {
        self.registry.in_tenant(&self.client_id, &self.tenant, |present| {
            change(present.permissions.entry(api.client_id().to_owned()).or_default());
        });
        self.clone()
    }
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
