//! [`World`]: the directory, what is registered there, and both tiers.

use std::error::Error;

use tonic::transport::{Channel, Endpoint};
use tower::Layer;
use tower_bearer::testing::{TestApp, TestDirectory, TestTenant};
use tower_bearer::{AddBearerLayer, AddBearerService, BearerSource, Credential, Entra, Issuer};

use super::proto::stock::stock_client::StockClient;
use super::{tier_one, tier_two};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The client ids.
pub(crate) const TIER_ONE: &str = "c1000000-0000-4000-8000-000000000001";
const TIER_TWO: &str = "c2000000-0000-4000-8000-000000000002";
pub(crate) const DAEMON: &str = "cd000000-0000-4000-8000-00000000000d";
/// The person.
const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";

/// Stands in for Entra ID: real keys, signatures and checks, on loopback. Only the sign-in of people is left out.
pub(crate) struct World {
    pub(crate) directory: TestDirectory,
    home: TestTenant,
    /// Tier two as an application.
    pub(crate) stock: TestApp,
    /// The origins.
    pub(crate) tier_one: String,
    pub(crate) tier_two: String,
}

impl World {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let directory = TestDirectory::serve().await?;
        let home = directory.tenant(TENANT);
        let stock = register(&home);
        let issuer = issuer(&directory)?;
        let tier_two = tier_two::serve(issuer.validator("api://stock").audience(TIER_TWO)).await?;
        let mut world = Self { directory, home, stock, tier_one: String::new(), tier_two };
        world.tier_one = world.start_tier_one().await?;
        Ok(world)
    }

    /// One more of tier one, which has fetched nothing yet: its origin.
    pub(crate) async fn start_tier_one(&self) -> Result<String, Box<dyn Error>> {
        let issuer = issuer(&self.directory)?;
        let client = issuer.client(TIER_ONE, Credential::secret("the secret of tier one")).app_id_uri("api://orders");
        let stock = channel(&self.tier_two, client.on_behalf_of(["api://stock/Items.Reserve"])?)?;
        tier_one::serve(issuer.validator("api://orders").audience(TIER_ONE), StockClient::new(stock)).await
    }

    /// A channel to tier one for the daemon, as itself.
    pub(crate) fn daemons_channel(&self) -> Result<AddBearerService<Channel>, Box<dyn Error>> {
        let client = issuer(&self.directory)?.client(DAEMON, Credential::secret("the secret of the daemon"));
        channel(&self.tier_one, client.client_credentials(["api://orders"])?)
    }

    /// A token by which an app calls tier one for Alice, who has signed in. It can answer a claims challenge.
    pub(crate) fn alice(&self, scopes: &str) -> String {
        let token = self.home.delegated(TIER_ONE).claim("oid", ALICE).claim("name", "Alice");
        token.claim("scp", scopes).claim("xms_cc", ["cp1"]).sign()
    }
}

/// A channel that puts tokens of this source on calls to this origin.
fn channel(origin: &str, source: impl Into<BearerSource>) -> Result<AddBearerService<Channel>, Box<dyn Error>> {
    let layer = AddBearerLayer::new(source).for_channel(origin)?;
    Ok(layer.layer(Endpoint::from_shared(origin.to_owned())?.connect_lazy()))
}

fn issuer(directory: &TestDirectory) -> Result<Issuer, tower_bearer::Error> {
    let entra = Entra::tenant(TENANT)?.authority_host(directory.authority_host())?;
    Ok(entra.issuer().clock(&directory.clock()))
}

/// What an administrator sets up: tier two, which tier one calls for Alice, and a daemon that calls tier one.
fn register(home: &TestTenant) -> TestApp {
    let stock = home.register(TIER_TWO).app_id_uri("api://stock").expose_scope("Items.Reserve");
    let orders = home.register(TIER_ONE).app_id_uri("api://orders").secret("the secret of tier one");
    let orders = orders.expose_scope("Orders.Read").expose_scope("Orders.Place").app_role("Orders.Read.All");
    orders.require_scope(&stock, "Items.Reserve");
    home.register(DAEMON).secret("the secret of the daemon").assign_role(&orders, "Orders.Read.All");
    home.consent(ALICE, &orders, &stock, "Items.Reserve");
    stock
}
