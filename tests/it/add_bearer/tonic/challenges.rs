//! A service wants to know more of the person: its challenge is in the metadata, to be answered or relayed.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_stream::Empty;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_bearer::{BearerLayer, ClaimsChallenge, OnBehalfOf, Rejection, RejectionKind, TokenError, VerifiedToken};

use super::{ALICE, Calls, ORDERS, Service, World, calls, for_caller, request, serve};

fn claims() -> String {
    json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } }).to_string()
}

/// A status as an API of Microsoft's would answer, which a guard of ours says only of a further API.
fn wanting_claims() -> Status {
    let challenge = format!(r#"Bearer realm="", error="insufficient_claims", claims="{}""#, STANDARD.encode(claims()));
    let mut status = Status::unauthenticated("more is wanted");
    status.metadata_mut().insert("www-authenticate", challenge.parse().unwrap());
    status
}

fn challenge(status: &Status) -> Option<ClaimsChallenge> {
    ClaimsChallenge::from_headers(status.metadata().as_ref())
}

/// The first tier, which calls the second as the caller, and answers a challenge once.
struct Orders {
    stock: Calls,
    source: OnBehalfOf,
}

impl Orders {
    async fn stock(&self, caller: &VerifiedToken) -> Result<HealthCheckResponse, Status> {
        let mut stock = self.stock.clone();
        let refused = match stock.check(for_caller(caller)).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(refused) => refused,
        };
        if let Some(error) = TokenError::from_status(&refused) {
            return Err(Rejection::from(error.clone()).into());
        }
        let claims = challenge(&refused).ok_or_else(|| Rejection::new(RejectionKind::TokenUnavailable))?;
        // It takes the place of the one that was refused.
        self.source.token_with_claims(caller, &claims).await.map_err(Rejection::from)?;
        stock.check(for_caller(caller)).await.map(Response::into_inner)
    }
}

#[tonic::async_trait]
impl Health for Orders {
    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = VerifiedToken::from_extensions(request.extensions())?;
        self.stock(&caller).await.map(Response::new)
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }
}

/// Calls the first tier, guarded, as Alice, whose app can answer challenges.
async fn call(world: &World, stock: &Service) -> Result<(), Status> {
    let source = world.on_behalf_of();
    let stock = calls(&stock.serve(world.guard()).await, source.clone());
    let guard = BearerLayer::new(world.issuer().validator(ORDERS));
    let origin = serve(Orders { stock, source }, guard).await;
    let mut orders = HealthClient::new(Endpoint::from_shared(origin).unwrap().connect_lazy());
    let mut request = request();
    let credentials = format!("Bearer {}", world.token(ALICE)).parse().unwrap();
    request.metadata_mut().insert("authorization", credentials);
    orders.check(request).await.map(drop)
}

/// Wants more than what the first token says.
fn wanting_more_at_first() -> Service {
    let first = OnceLock::<String>::new();
    Service::new(move |token| {
        let id: String = token.claim("uti").unwrap();
        if *first.get_or_init(|| id.clone()) == id { Err(wanting_claims()) } else { Ok(()) }
    })
}

#[tokio::test]
async fn a_challenge_in_the_metadata_can_be_answered() {
    let (world, stock) = (World::new(), wanting_more_at_first());
    call(&world, &stock).await.unwrap();
    let requests = world.directory.token_requests();
    let asked: Vec<_> = requests.iter().map(|request| request.form("claims")).collect();
    assert_eq!(asked, [None, Some(claims())]);
    assert_eq!(stock.callers().len(), 2);
}

#[tokio::test]
async fn one_that_the_issuer_can_not_answer_without_the_person_is_relayed_to_their_app() {
    // Before tier two is called at all.
    let (world, stock) = (World::new(), Service::open());
    let wanted: Value = serde_json::from_str(&claims()).unwrap();
    world.stock.demand_claims(wanted.clone());
    let status = call(&world, &stock).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let relayed = challenge(&status).unwrap();
    assert_eq!(serde_json::from_str::<Value>(relayed.json()).unwrap(), wanted);
    assert!(stock.callers().is_empty());
}
