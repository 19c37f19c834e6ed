//! Real servers on loopback: services guarded one by one, whole servers, and REST beside gRPC.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use tokio::task::AbortHandle;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Layer;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    BearerService, GrpcMethods, GrpcMethodsService, RejectionKind, RequireService, VerifiedToken, require, scope,
};

use super::service::{Client, OrdersServer};
use crate::grpc::{read, refused};
use crate::rejections::guard;
use crate::support::AUDIENCE;

const NO_CREDENTIALS: Option<&str> = Some(r#"Bearer realm="api://orders""#);

#[derive(serde::Deserialize)]
struct Staff {
    department: String,
}

/// Says who places an order, and needs a scope.
fn place(request: Request<Bytes>) -> Result<Bytes, Status> {
    let token = VerifiedToken::from_extensions(request.extensions())?;
    token.require(scope("orders.write"))?;
    let staff = token.claims::<Staff>()?;
    Ok(format!("{} of {}", token.subject().unwrap(), staff.department).into())
}

/// A server as long as this lives.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    task: AbortHandle,
}

impl Running {
    pub(super) fn start<F>(serve: impl FnOnce(TcpIncoming) -> F) -> Self
    where
        F: Future<Output = Result<(), tonic::transport::Error>> + Send + 'static,
    {
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        Self { address, task: tokio::spawn(serve(incoming)).abort_handle() }
    }

    pub(super) async fn connect(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn check(channel: Channel) -> Result<HealthCheckResponse, Status> {
    Ok(HealthClient::new(channel).check(HealthCheckRequest::default()).await?.into_inner())
}

/// Good for everything; and without the scope.
fn tokens(authority: &TestIssuer) -> [String; 2] {
    ["orders.write", "orders.read"]
        .map(|scope| authority.token(AUDIENCE).subject("alice").scope(scope).claim("department", "sales").sign())
}

/// The orders need a token with a scope, whatever else there is.
async fn orders_are_guarded(channel: &Channel, authority: &TestIssuer) {
    let [good, reader] = tokens(authority);
    let mut client = Client::new(channel.clone());
    assert_eq!(client.place(Some(&good)).await.unwrap(), "alice of sales");
    let none = refused(RejectionKind::NoCredentials, NO_CREDENTIALS, None);
    assert_eq!(read(&client.place(None).await.unwrap_err()), none);
    let challenge = r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="orders.write""#;
    let lacking = refused(RejectionKind::InsufficientScope, Some(challenge), Some("orders.write"));
    assert_eq!(read(&client.place(Some(&reader)).await.unwrap_err()), lacking);
    let challenge = r#"Bearer realm="api://orders", error="invalid_token", error_description="the token has expired""#;
    let expired = authority.token(AUDIENCE).expired().sign();
    let said = read(&client.place(Some(&expired)).await.unwrap_err());
    assert_eq!(said, refused(RejectionKind::Expired, Some(challenge), None));
    let other = authority.token(AUDIENCE).subject("bob").scope("orders.write").sign();
    let misfit = client.place(Some(&other)).await.unwrap_err();
    assert_eq!((misfit.code(), read(&misfit).reason.as_str()), (Code::Unauthenticated, "CLAIMS_MISMATCH"));
}

#[test]
fn a_guarded_service_keeps_its_name() {
    fn name<S: NamedService>(_: &S) -> &'static str {
        S::NAME
    }
    let orders = || OrdersServer::new(place);
    let guarded: BearerService<_> = guard(&TestIssuer::new().issuer()).layer(orders());
    let required: RequireService<_> = require(scope("a")).layer(orders());
    let by_method: GrpcMethodsService<_> = GrpcMethods::new().layer(orders());
    assert_eq!([name(&guarded), name(&required), name(&by_method)], ["orders.v1.Orders"; 3]);
}

#[tokio::test]
async fn services_are_guarded_one_by_one_and_their_neighbour_stays_open() {
    let authority = TestIssuer::new();
    let layer = guard(&authority.issuer());
    let orders = layer.layer(require(scope("orders.write")).layer(OrdersServer::new(place)));
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Running::start(|incoming| {
        Server::builder().add_service(orders).add_service(health).serve_with_incoming(incoming)
    });
    let channel = server.connect().await;
    orders_are_guarded(&channel, &authority).await;
    check(channel.clone()).await.unwrap();
    // Behind the guard tonic itself says that there is no such method; nobody learns that without a token.
    let [good, _] = tokens(&authority);
    let mut client = Client::new(channel);
    let missing = "/orders.v1.Orders/Missing";
    assert_eq!(client.unary(missing, Some(&good)).await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(client.unary(missing, None).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(client.unary("/stock.v1.Stock/Count", None).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_layer_around_a_whole_server_guards_all_services_but_those_that_it_opens() {
    let authority = TestIssuer::new();
    for (layer, health_is_open) in [
        (guard(&authority.issuer()), false),
        (guard(&authority.issuer()).open("/grpc.health.v1.Health/").unwrap(), true),
    ] {
        let methods = GrpcMethods::new().method("/orders.v1.Orders/Place", scope("orders.write")).unwrap();
        let (_reporter, health) = tonic_health::server::health_reporter();
        let server = Running::start(|incoming| {
            let server = Server::builder().layer(layer).layer(methods);
            server.clone().add_service(OrdersServer::new(place)).add_service(health).serve_with_incoming(incoming)
        });
        let channel = server.connect().await;
        orders_are_guarded(&channel, &authority).await;
        match check(channel.clone()).await {
            Ok(_) => assert!(health_is_open),
            Err(status) => {
                assert!(!health_is_open);
                assert_eq!(read(&status), refused(RejectionKind::NoCredentials, NO_CREDENTIALS, None));
            }
        }
        let mut client = Client::new(channel);
        let [good, _] = tokens(&authority);
        let unlisted = read(&client.watch(Some(&good)).await.unwrap_err());
        assert_eq!((unlisted.code, unlisted.reason.as_str()), (Code::PermissionDenied, "UNLISTED_METHOD"));
        let nowhere = client.unary("/stock.v1.Stock/Count", None).await.unwrap_err();
        assert_eq!(nowhere.code(), Code::Unauthenticated, "what there is, is nobody's business");
    }
}

#[tokio::test]
async fn one_router_holds_rest_and_grpc_and_each_caller_is_answered_in_its_own_language() {
    let authority = TestIssuer::new();
    let list = |token: VerifiedToken| async move { format!("orders of {}", token.subject().unwrap()) };
    let app = Routes::new(OrdersServer::new(place))
        .into_axum_router()
        .merge(Router::new().route("/orders", get(list)))
        .layer(guard(&authority.issuer()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, app).into_future());

    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    orders_are_guarded(&channel, &authority).await;

    let [good, _] = tokens(&authority);
    let rest = reqwest::Client::new();
    let url = |path: &str| format!("http://{address}{path}");
    let listed = rest.get(url("/orders")).bearer_auth(&good).send().await.unwrap();
    assert_eq!(listed.text().await.unwrap(), "orders of alice");
    // Of gRPC's methods as well, where somebody asks for them without speaking gRPC.
    for (request, path) in [(rest.get(url("/orders")), "/orders"), (rest.post(url("/orders.v1.Orders/Place")), "Place")]
    {
        let refused = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(refused.status(), 401, "{path}");
        assert_eq!(refused.headers()["www-authenticate"], NO_CREDENTIALS.unwrap());
        assert!(refused.headers().keys().all(|name| !name.as_str().starts_with("grpc-")));
    }
    serving.abort();
}

#[tokio::test]
async fn a_refusal_ends_the_call_with_its_headers() {
    // On the wire: one frame of headers with the flag that ends the stream, and no other.
    let authority = TestIssuer::new();
    let layer = guard(&authority.issuer());
    let server = Running::start(|incoming| {
        Server::builder().layer(layer).add_service(OrdersServer::new(place)).serve_with_incoming(incoming)
    });
    let mut channel = server.connect().await;
    let request = http::Request::post(format!("http://{}/orders.v1.Orders/Place", server.address))
        .version(http::Version::HTTP_2)
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::empty())
        .unwrap();
    std::future::poll_fn(|cx| tower::Service::poll_ready(&mut channel, cx)).await.unwrap();
    let response = tower::Service::call(&mut channel, request).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "16");
    assert!(http_body::Body::is_end_stream(response.body()));
}
