//! [`Registry`]: all applications that an issuer or a directory knows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::Credentials;
use crate::testing::fresh_guid;

/// The applications by their client ids.
#[derive(Default)]
pub(in crate::testing) struct Registry(Mutex<HashMap<String, Registered>>);

/// One application, whatever the tenant.
pub(in crate::testing) struct Registered {
    pub(in crate::testing) credentials: Credentials,
    /// App ID URIs.
    pub(in crate::testing) identifiers: Vec<String>,
    pub(in crate::testing) scopes: Vec<String>,
    /// Those of the scopes to which only an administrator can agree.
    pub(in crate::testing) admin_scopes: Vec<String>,
    pub(in crate::testing) roles: Vec<String>,
    /// What it needs as a client.
    pub(super) required: PermissionsByApi,
    pub(in crate::testing) version: u8,
    pub(in crate::testing) lifetime: Duration,
    pub(in crate::testing) claims: Vec<(String, Value)>,
    tenants: HashMap<String, Present>,
}

/// An application in one tenant.
pub(super) struct Present {
    pub(super) object_id: String,
    /// To which the administrator agreed.
    pub(super) permissions: PermissionsByApi,
    /// The scopes to which a person agreed, by the person's id and the client id of the API.
    pub(super) consents: HashMap<(String, String), Vec<String>>,
    /// What the API demands of tokens by which people reach it.
    pub(super) demanded_claims: Option<Value>,
}

/// By the client id of the API, in a fixed order.
pub(super) type PermissionsByApi = BTreeMap<String, Permissions>;

/// What a client may do at one API.
#[derive(Clone, Default)]
pub(in crate::testing) struct Permissions {
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) roles: Vec<String>,
}

impl Permissions {
    pub(in crate::testing) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty()
    }
}

impl Registered {
    fn has_identifier(&self, identifier: &str) -> bool {
        self.identifiers.iter().any(|one| one == identifier)
    }
}

impl Present {
    fn new() -> Self {
        Self { object_id: fresh_guid(), permissions: BTreeMap::new(), consents: HashMap::new(), demanded_claims: None }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Registered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, client_id: &str, tenant: &str, version: u8) {
        let app = Registered {
            credentials: Credentials::default(),
            identifiers: Vec::new(),
            scopes: Vec::new(),
            admin_scopes: Vec::new(),
            roles: Vec::new(),
            required: BTreeMap::new(),
            version,
            lifetime: Duration::from_secs(3600),
            claims: Vec::new(),
            tenants: HashMap::from([(tenant.to_owned(), Present::new())]),
        };
        let known = self.lock().insert(client_id.to_owned(), app).is_some();
        assert!(!known, "register(..): there is an application {client_id:?} already");
    }

    pub(super) fn add(&self, client_id: &str, tenant: &str) {
        let identifiers = self.with(client_id, |app| app.identifiers.clone());
        self.assert_free(client_id, &identifiers, &[tenant.to_owned()]);
        self.with(client_id, |app| {
            app.tenants.entry(tenant.to_owned()).or_insert_with(Present::new);
        });
    }

    pub(super) fn add_identifier(&self, client_id: &str, identifier: &str) {
        let tenants: Vec<_> = self.with(client_id, |app| app.tenants.keys().cloned().collect());
        self.assert_free(client_id, &[identifier.to_owned()], &tenants);
        self.with(client_id, |app| app.identifiers.push(identifier.to_owned()));
    }

    /// In a tenant, an identifier names one API.
    fn assert_free(&self, client_id: &str, identifiers: &[String], tenants: &[String]) {
        for (identifier, tenant) in identifiers.iter().flat_map(|one| tenants.iter().map(move |tenant| (one, tenant))) {
            let owner = self.owner(identifier, tenant);
            let is_free = owner.as_deref().is_none_or(|owner| owner == client_id);
            assert!(is_free, "app_id_uri(..): {identifier:?} is the identifier of another application of this tenant");
        }
    }

    /// The client id of the API that has this identifier in this tenant.
    pub(super) fn owner(&self, identifier: &str, tenant: &str) -> Option<String> {
        let apps = self.lock();
        let is_it = |id: &str, app: &Registered| id == identifier || app.has_identifier(identifier);
        let found = apps.iter().find(|(id, app)| app.tenants.contains_key(tenant) && is_it(id, app));
        found.map(|(id, _)| id.clone())
    }

    pub(super) fn is_present(&self, client_id: &str, tenant: &str) -> bool {
        self.lock().get(client_id).is_some_and(|app| app.tenants.contains_key(tenant))
    }

    pub(super) fn with<R>(&self, client_id: &str, use_it: impl FnOnce(&mut Registered) -> R) -> R {
        let mut apps = self.lock();
        use_it(apps.get_mut(client_id).unwrap_or_else(|| panic!("{client_id:?} is not registered")))
    }

    pub(super) fn in_tenant<R>(&self, client_id: &str, tenant: &str, use_it: impl FnOnce(&mut Present) -> R) -> R {
        self.with(client_id, |app| {
            let present = app.tenants.get_mut(tenant);
            use_it(present.unwrap_or_else(|| panic!("{client_id:?} is not in the tenant {tenant:?}")))
        })
    }
}
