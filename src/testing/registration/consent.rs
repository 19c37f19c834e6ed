//! What an application needs at others, and who agreed to it: a person for themselves, or the administrator of a tenant for
//! everybody in it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::TestApp;
use crate::testing::value;

impl TestApp {
    /// As an API, it has this scope, to which only an administrator can agree.
    pub fn expose_admin_scope(&self, scope: &str) -> Self {
        self.change(|app| {
            app.scopes.push(scope.to_owned());
            app.admin_scopes.push(scope.to_owned());
        })
    }

    /// As a client, it needs this scope of that API: a delegated permission. That it needs it gives it nothing; somebody has to
    /// [consent](super::super::TestTenant::consent).
    pub fn require_scope(&self, api: &Self, scope: &str) -> Self {
        self.assert_scope("require_scope", api, scope);
        self.change(|app| app.required.entry(api.client_id().to_owned()).or_default().scopes.push(scope.to_owned()))
    }

    /// As a client, it needs this role at that API: an application permission, to which only an administrator can
    /// [agree](super::super::TestTenant::admin_consent).
    pub fn require_role(&self, api: &Self, role: &str) -> Self {
        assert!(
            api.read(|app| app.roles.iter().any(|one| one == role)),
            "TestApp::require_role(..): the API has no role {role:?}; add it by app_role(..)"
        );
        self.change(|app| app.required.entry(api.client_id().to_owned()).or_default().roles.push(role.to_owned()))
    }

    /// As an API, it is reached by people in this tenant only by tokens that were asked for with these `claims`, a JSON object, or
    /// whose person brought them: those under `access_token` with a `value` may be in the person's own token already. Whoever asks
    /// without is answered with a claims challenge, as by a policy of Conditional Access.
    ///
    /// ```
    /// use tower_bearer::testing::TestDirectory;
    ///
    /// let tenant = TestDirectory::new().tenant("11111111-2222-3333-4444-555555555555");
    /// let stock = tenant.register("stock").app_id_uri("api://stock").expose_scope("Items.Read");
    /// stock.demand_claims(serde_json::json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } }));
    /// ```
    pub fn demand_claims(&self, claims: impl Serialize) -> Self {
        let claims = value(claims);
        assert!(claims.is_object(), "TestApp::demand_claims(..) takes a JSON object");
        self.registry.in_tenant(&self.client_id, &self.tenant, |present| present.demanded_claims = Some(claims));
        self.clone()
    }

    /// From now on it demands no claims in this tenant.
    pub fn demand_no_claims(&self) -> Self {
        self.registry.in_tenant(&self.client_id, &self.tenant, |present| present.demanded_claims = None);
        self.clone()
    }

    /// This person lets it do this at that API.
    pub(in crate::testing) fn consent_of_person(&self, person: &str, api: &Self, scope: &str) {
        self.assert_scope("consent", api, scope);
        self.of_api(api, |_| ());
        self.registry.in_tenant(&self.client_id, &self.tenant, |present| {
            let scopes = present.consents.entry((person.to_owned(), api.client_id().to_owned())).or_default();
            scopes.push(scope.to_owned());
        });
    }

    /// The administrator lets it do all that it needs.
    pub(in crate::testing) fn consent_of_admin(&self) {
        for (api, needed) in self.read(|app| app.required.clone()) {
            let api = Self::in_tenant(&self.registry, &api, &self.tenant);
            self.of_api(&api, |_| ());
            self.permit(&api, |given| {
                add(&mut given.scopes, &needed.scopes);
                add(&mut given.roles, &needed.roles);
            });
        }
    }

    /// What it may do at this API for this person: that to which the administrator agreed, and of the person's own consents those
    /// that need none of an administrator.
    pub(in crate::testing) fn granted(&self, person: &str, api: &Self) -> Vec<String> {
        let mut granted = self.permissions_at(api).scopes;
        let key = (person.to_owned(), api.client_id().to_owned());
        let present = |present: &mut super::registry::Present| present.consents.get(&key).cloned();
        let own = self.registry.in_tenant(&self.client_id, &self.tenant, present).unwrap_or_default();
        let needs_admin = api.read(|api| api.admin_scopes.clone());
        let own: Vec<_> = own.into_iter().filter(|scope| !needs_admin.contains(scope)).collect();
        add(&mut granted, &own);
        granted
    }

    /// What it demands in this tenant of the tokens by which people reach it.
    pub(in crate::testing) fn demanded_claims(&self) -> Option<DemandedClaims> {
        let demanded =
            self.registry.in_tenant(&self.client_id, &self.tenant, |present| present.demanded_claims.clone());
        demanded.map(DemandedClaims)
    }

    /// By which names tokens may be for it.
    pub(in crate::testing) fn names(&self) -> Vec<String> {
        let mut names = self.read(|app| app.identifiers.clone());
        names.push(self.client_id().to_owned());
        names
    }

    fn assert_scope(&self, method: &str, api: &Self, scope: &str) {
        assert!(
            api.read(|app| app.scopes.iter().any(|one| one == scope)),
            "{method}(..): the API has no scope {scope:?}; add it by expose_scope(..) or expose_admin_scope(..)"
        );
    }
}

/// A JSON object of claims (OpenID Connect Core §5.5).
pub(in crate::testing) struct DemandedClaims(Value);

impl DemandedClaims {
    pub(in crate::testing) fn json(&self) -> String {
        self.0.to_string()
    }

    /// Whether the request has them, or the person's token.
    pub(in crate::testing) fn are_met(&self, asked: Option<&str>, person: &Map<String, Value>) -> bool {
        let asked = asked.and_then(|asked| serde_json::from_str::<Value>(asked).ok());
        asked.as_ref() == Some(&self.0) || self.are_in(person)
    }

    fn are_in(&self, person: &Map<String, Value>) -> bool {
        let Some(wanted) = self.0.get("access_token").and_then(Value::as_object) else { return false };
        let has = |(name, wanted): (&String, &Value)| {
            let (Some(value), Some(has)) = (wanted.get("value"), person.get(name)) else { return false };
            has == value || has.as_array().is_some_and(|all| all.contains(value))
        };
        !wanted.is_empty() && wanted.iter().all(has)
    }
}

fn add(to: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}
