//! Tokens on outgoing requests: where they go, how, and what follows where an API refuses one.

mod clients;
mod endings;
mod origins;
mod readiness;
mod refusals;
#[cfg(feature = "reqwest")]
mod reqwest;
mod sending;
mod storms;
#[cfg(feature = "tonic")]
mod tonic;

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tower::{Service, ServiceExt};
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{AddBearer, AddBearerLayer, ClientCredentials, Credential, Target};

type BoxError = Box<dyn Error + Send + Sync>;

const STOCK: &str = "https://stock.internal";
const ITEMS: &str = "https://stock.internal/items";

/// An issuer with an API, `api://stock`, and a client that may call it.
struct World {
    authority: TestIssuer,
    jobs: ClientCredentials,
}

impl World {
    fn new() -> Self {
        let authority = TestIssuer::new();
        let stock = authority.register("api://stock").app_role("reader");
        authority.register("jobs").secret("canary-secret").assign_role(&stock, "reader");
        let client = authority.issuer().client("jobs", Credential::secret("canary-secret"));
        let jobs = client.client_credentials(Target::new()).unwrap();
        Self { authority, jobs }
    }

    /// One whose token is in the cache, if `at_hand` says so.
    async fn with_token(at_hand: bool) -> Self {
        let world = Self::new();
        if at_hand {
            world.jobs.token().await.unwrap();
        }
        world
    }

    fn add_bearer(&self) -> AddBearer {
        AddBearerLayer::new(self.jobs.clone())
    }

    fn layer(&self) -> AddBearerLayer {
        self.add_bearer().for_origins([STOCK]).unwrap()
    }

    fn token_requests(&self) -> usize {
        self.authority.requests(Endpoint::Token)
    }
}

type Answer = Response<&'static str>;

/// An API in memory, which numbers the tokens as they come, from 1, notes each request and answers as a function of the token's
/// number says. It has no say in what bodies are.
#[derive(Clone)]
struct Api {
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<dyn Fn(usize) -> Answer + Send + Sync>,
    tokens: Mutex<Vec<String>>,
    /// The requests without their bodies, each with its token's number.
    seen: Mutex<Vec<(usize, Request<()>)>>,
}

impl Api {
    fn new(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let (tokens, seen) = Default::default();
        Self { shared: Arc::new(Shared { answer: Box::new(answer), tokens, seen }) }
    }

    /// It takes each token.
    fn open() -> Self {
        Self::new(|_| status(200))
    }

    /// It refuses the first token and takes the second.
    fn refusing_the_first(refusal: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        Self::new(move |token| if token == 1 { refusal() } else { status(200) })
    }

    /// The numbers of the tokens that came.
    fn tokens(&self) -> Vec<usize> {
        self.shared.seen.lock().unwrap().iter().map(|(token, _)| *token).collect()
    }

    fn requests(&self) -> Vec<Request<()>> {
        self.shared.seen.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }
}

impl Shared {
    fn answer(&self, request: Request<()>) -> Answer {
        let mut values = request.headers().get_all(AUTHORIZATION).iter();
        let token = values.next().and_then(|value| value.to_str().unwrap().strip_prefix("Bearer ")).unwrap().to_owned();
        assert_eq!(values.next(), None, "one token alone");
        let number = {
            let mut tokens = self.tokens.lock().unwrap();
            let known = tokens.iter().position(|known| *known == token);
            1 + known.unwrap_or_else(|| {
                tokens.push(token);
                tokens.len() - 1
            })
        };
        self.seen.lock().unwrap().push((number, request));
        (self.answer)(number)
    }
}

impl<B> Service<Request<B>> for Api {
    type Response = Answer;
    type Error = Infallible;
    type Future = Ready<Result<Answer, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.shared.answer(request.map(|_| ()))))
    }
}

fn status(status: u16) -> Answer {
    Response::builder().status(status).body("from the API").unwrap()
}

/// UNAUTHENTICATED in gRPC's way: an answer of headers alone, with HTTP's status 200.
fn grpc_status(number: &str) -> Answer {
    Response::builder().header("content-type", "application/grpc").header("grpc-status", number).body("").unwrap()
}

fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

fn post(url: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(url).body(Full::from(body)).unwrap()
}

/// Sends by a clone that is made ready first.
async fn send<S, B, O>(service: &S, request: Request<B>) -> Result<Response<O>, BoxError>
where
    S: Service<Request<B>, Response = Response<O>, Error = BoxError> + Clone,
{
    service.clone().oneshot(request).await
}

async fn status_of<S, B, O>(service: &S, request: Request<B>) -> u16
where
    S: Service<Request<B>, Response = Response<O>, Error = BoxError> + Clone,
{
    send(service, request).await.unwrap().status().as_u16()
}
