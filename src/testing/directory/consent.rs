//! Who lets an application act for them in a tenant, and for how long.

use super::TestTenant;
use crate::testing::{TestApp, TestIssuer};

impl TestTenant {
    /// The person with this `oid` lets the application do this at that API, here. It is present in this tenant from then on, as with
    /// Entra; the API has to be. To a scope that needs an administrator's consent ([`expose_admin_scope`](TestApp::expose_admin_scope))
    /// a person's gives nothing.
    ///
    /// ```
    /// # use tower_bearer::testing::TestDirectory;
    /// let tenant = TestDirectory::new().tenant("11111111-2222-3333-4444-555555555555");
    /// let stock = tenant.register("stock").app_id_uri("api://stock").expose_scope("Items.Read");
    /// let orders = tenant.register("orders").secret("correct horse").require_scope(&stock, "Items.Read");
    /// tenant.consent("a11ce000-0000-4000-8000-000000000001", &orders, &stock, "Items.Read");
    /// ```
    ///
    /// # Panics
    /// The API has no such scope, or is not present in this tenant.
    pub fn consent(&self, person: &str, app: &TestApp, api: &TestApp, scope: &str) {
        self.add(app).consent_of_person(person, api, scope);
    }

    /// The administrator lets the application do here, for everybody, all that it [needs](TestApp::require_scope). It is present in
    /// this tenant from then on, as with Entra; the APIs have to be. What is agreed in one tenant changes nothing in another.
    ///
    /// ```
    /// # use tower_bearer::testing::TestDirectory;
    /// # let directory = TestDirectory::new();
    /// # let (contoso, fabrikam) = ("11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    /// let stock = directory.tenant(contoso).register("stock").expose_scope("Items.Read").expose_admin_scope("Items.Write");
    /// let orders = directory.tenant(contoso).register("orders").secret("correct horse");
    /// orders.require_scope(&stock, "Items.Read").require_scope(&stock, "Items.Write");
    ///
    /// directory.tenant(fabrikam).add(&stock);
    /// directory.tenant(fabrikam).admin_consent(&orders);
    /// ```
    ///
    /// # Panics
    /// An API that it needs is not present in this tenant.
    pub fn admin_consent(&self, app: &TestApp) {
        self.add(app).consent_of_admin();
    }

    /// Whatever refresh tokens there are for the person with this `oid` in this tenant, they are good no more.
    pub fn revoke_refresh_tokens(&self, person: &str) {
        self.directory()
            .shared
            .authority
            .shared
            .tokens
            .refresh_tokens(|all| all.revoke(person, &self.id().to_ascii_lowercase()));
    }
}

impl TestIssuer {
    /// The person with this `sub` lets the application act for them at that API, beside what is
    /// [allowed](TestApp::allow_scope) to it.
    ///
    /// # Panics
    /// The API has no such scope.
    pub fn consent(&self, person: &str, app: &TestApp, api: &TestApp, scope: &str) {
        app.consent_of_person(person, api, scope);
    }

    /// Whatever refresh tokens there are for the person with this `sub`, they are good no more.
    pub fn revoke_refresh_tokens(&self, person: &str) {
        self.shared.tokens.refresh_tokens(|all| all.revoke(person, ""));
    }
}
