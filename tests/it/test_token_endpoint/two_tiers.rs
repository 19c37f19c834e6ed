//! Two APIs of a directory: `orders`, which people call, and `stock`, which it calls for them.

use tower_bearer::testing::{TestApp, TestDirectory, TestTenant, TestToken};
use tower_bearer::{Client, Credential, Entra, VerifiedToken};

use super::{Answer, request, send};

pub(super) const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const FABRIKAM: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
pub(super) const ORDERS: &str = "66666666-7777-8888-9999-000000000000";
pub(super) const STOCK: &str = "77777777-8888-9999-0000-111111111111";
pub(super) const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
pub(super) const BOB: &str = "b0b00000-0000-4000-8000-000000000002";
pub(super) const SECRET: &str = "correct horse";
pub(super) const READ: &str = "api://stock/Items.Read";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Nobody has consented to anything yet.
pub(super) struct TwoTiers {
    pub(super) directory: TestDirectory,
    pub(super) contoso: TestTenant,
    pub(super) orders: TestApp,
    pub(super) stock: TestApp,
}

impl TwoTiers {
    pub(super) fn new() -> Self {
        let directory = TestDirectory::new();
        let contoso = directory.tenant(CONTOSO);
        let stock = contoso.register(STOCK).app_id_uri("api://stock").app_role("Items.Process");
        let stock = stock.expose_scope("Items.Read").expose_scope("Items.Count").expose_admin_scope("Items.Write");
        let orders = contoso.register(ORDERS).app_id_uri("api://orders").secret(SECRET);
        let orders = orders.require_scope(&stock, "Items.Read").require_scope(&stock, "Items.Write");
        Self { directory, contoso, orders, stock }
    }

    /// And Alice lets `orders` read the items.
    pub(super) fn consented() -> Self {
        let world = Self::new();
        world.contoso.consent(ALICE, &world.orders, &world.stock, "Items.Read");
        world
    }

    /// A person's token for the first tier.
    pub(super) fn token(&self, person: &str) -> TestToken {
        self.contoso.delegated(ORDERS).claim("oid", person)
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let client = [("client_id", ORDERS), ("client_secret", SECRET)];
        let url = format!("{}/{path}", self.directory.authority_host());
        send(self.directory.transport(), request(&url, &[&client, form].concat())).await
    }

    pub(super) async fn ask_in(&self, tenant: &str, assertion: &str, scope: &str) -> Answer {
        let form = [
            ("grant_type", JWT_BEARER),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", assertion),
            ("scope", scope),
        ];
        self.post(&format!("{tenant}/oauth2/v2.0/token"), &form).await
    }

    /// At version 2, in the tenant where both are at home.
    pub(super) async fn ask(&self, assertion: &str, scope: &str) -> Answer {
        self.ask_in(CONTOSO, assertion, scope).await
    }

    pub(super) async fn ask_v1(&self, assertion: &str, resource: &str) -> Answer {
        let form = [
            ("grant_type", JWT_BEARER),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", assertion),
            ("resource", resource),
            ("scope", "openid"),
        ];
        self.post(&format!("{CONTOSO}/oauth2/token"), &form).await
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.post(&format!("{CONTOSO}/oauth2/v2.0/token"), &form).await
    }

    /// The first tier as a client of this crate.
    pub(super) fn client(&self) -> Client {
        let issuer = self.directory.issuer(Entra::any_tenant());
        issuer.client(ORDERS, Credential::secret(SECRET)).app_id_uri("api://orders")
    }

    /// A token as the first tier has checked it.
    pub(super) async fn at_orders(&self, token: TestToken) -> VerifiedToken {
        let issuer = self.directory.issuer(Entra::any_tenant());
        issuer.validator(ORDERS).audience("api://orders").verify(&token.sign()).await.unwrap()
    }

    /// And as the second one has.
    pub(super) async fn at_stock(&self, token: &str) -> VerifiedToken {
        let issuer = self.directory.issuer(Entra::any_tenant());
        issuer.validator(STOCK).audience("api://stock").verify(token).await.unwrap()
    }
}

/// The number after `AADSTS`.
pub(super) fn number(answer: &Answer) -> u64 {
    answer.body["error_codes"][0].as_u64().unwrap()
}
