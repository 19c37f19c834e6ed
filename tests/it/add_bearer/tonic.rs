//! Channels of tonic, on whose calls tokens are put, to guarded services of tonic on loopback.

mod challenges;
mod refusals;
mod tiers;

use std::sync::{Arc, Mutex};

use http::Extensions;
use tokio::net::TcpListener;
use tokio_stream::{Iter, iter};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Layer;
use tower_bearer::testing::{self, TestApp, TestDirectory, TestTenant};
use tower_bearer::{
    AddBearerLayer, AddBearerService, BearerLayer, BearerSource, Client, ClientCredentials, Credential, Entra, Issuer,
    OnBehalfOf, VerifiedToken,
};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const ORDERS: &str = "66666666-7777-8888-9999-000000000000";
const STOCK: &str = "77777777-8888-9999-0000-111111111111";
const JOBS: &str = "88888888-9999-0000-1111-222222222222";
const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

/// A directory with two APIs, of which `orders` may read at `stock` for Alice and Bob, and a daemon that may process there.
struct World {
    directory: TestDirectory,
    tenant: TestTenant,
    stock: TestApp,
}

impl World {
    fn new() -> Self {
        let directory = TestDirectory::new();
        let tenant = directory.tenant(TENANT);
        let stock =
            tenant.register(STOCK).app_id_uri("api://stock").expose_scope("Items.Read").app_role("Items.Process");
        let orders = tenant.register(ORDERS).app_id_uri("api://orders").secret("correct horse");
        orders.require_scope(&stock, "Items.Read");
        tenant.admin_consent(&orders);
        tenant.register(JOBS).secret("battery staple").assign_role(&stock, "Items.Process");
        Self { directory, tenant, stock }
    }

    fn issuer(&self) -> Issuer {
        self.directory.issuer(Entra::tenant(TENANT).unwrap())
    }

    fn jobs(&self) -> ClientCredentials {
        let client = self.issuer().client(JOBS, Credential::secret("battery staple"));
        client.client_credentials(["api://stock"]).unwrap()
    }

    fn orders(&self) -> Client {
        self.issuer().client(ORDERS, Credential::secret("correct horse")).app_id_uri("api://orders")
    }

    fn on_behalf_of(&self) -> OnBehalfOf {
        self.orders().on_behalf_of(["api://stock/Items.Read"]).unwrap()
    }

    /// A token by which an app that can answer challenges calls `orders` for this person.
    fn token(&self, person: &str) -> String {
        self.tenant.delegated(ORDERS).claim("oid", person).claim("xms_cc", ["cp1"]).sign()
    }

    async fn caller(&self, person: &str) -> VerifiedToken {
        self.issuer().validator(ORDERS).verify(&self.token(person)).await.unwrap()
    }

    fn guard(&self) -> BearerLayer {
        BearerLayer::new(self.issuer().validator(STOCK))
    }

    fn token_requests(&self) -> usize {
        self.directory.requests(testing::Endpoint::Token)
    }
}

/// What a service does with the caller's token.
type Answer = dyn Fn(&VerifiedToken) -> Result<(), Status> + Send + Sync;

/// A service of tonic that notes whose tokens come, and answers as a function says: that for health, as its code is there already.
#[derive(Clone)]
struct Service {
    answer: Arc<Answer>,
    callers: Arc<Mutex<Vec<VerifiedToken>>>,
}

impl Service {
    fn new(answer: impl Fn(&VerifiedToken) -> Result<(), Status> + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), callers: Arc::default() }
    }

    /// It takes every token that its guard lets through.
    fn open() -> Self {
        Self::new(|_| Ok(()))
    }

    fn callers(&self) -> Vec<VerifiedToken> {
        self.callers.lock().unwrap().clone()
    }

    fn judge(&self, extensions: &Extensions) -> Result<(), Status> {
        let caller = VerifiedToken::from_extensions(extensions)?;
        self.callers.lock().unwrap().push(caller.clone());
        (self.answer)(&caller)
    }

    /// Serves it on loopback behind this guard: its origin.
    async fn serve(&self, guard: BearerLayer) -> String {
        serve(self.clone(), guard).await
    }
}

async fn serve(service: impl Health, guard: BearerLayer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().layer(guard).add_service(HealthServer::new(service));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    origin
}

fn message() -> HealthCheckResponse {
    HealthCheckResponse::default()
}

#[tonic::async_trait]
impl Health for Service {
    type WatchStream = Iter<std::vec::IntoIter<Result<HealthCheckResponse, Status>>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.judge(request.extensions()).map(|()| Response::new(message()))
    }

    /// A message, then what the function says.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let end = self.judge(request.extensions()).err().map(Err);
        Ok(Response::new(iter([Ok(message())].into_iter().chain(end).collect::<Vec<_>>())))
    }
}

type Calls = HealthClient<AddBearerService<Channel>>;

/// A client of the service at this origin, whose calls carry tokens of this source.
fn calls(origin: &str, source: impl Into<BearerSource>) -> Calls {
    let channel = Endpoint::from_shared(origin.to_owned()).unwrap().connect_lazy();
    HealthClient::new(AddBearerLayer::new(source).for_channel(origin).unwrap().layer(channel))
}

/// A call for nobody.
fn request() -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest::default())
}

/// A call for this caller.
fn for_caller(caller: &VerifiedToken) -> Request<HealthCheckRequest> {
    let mut request = request();
    request.extensions_mut().insert(caller.clone());
    request
}
