//! How acquired tokens are had and kept: the life of tokens, as far as those who call APIs see it.

mod answers;
mod errors;
#[cfg(feature = "reqwest")]
mod exchanges;
mod failures;
mod life;
mod sharing;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::service_fn;
use tower_bearer::testing::TestClock;
use tower_bearer::{Client, ClientCredentials, Credential, Issuer};

/// The endpoint, which answers each request as a function says that is given its number, from 1, and its form.
#[derive(Clone)]
struct Server {
    shared: Arc<Shared>,
    clock: TestClock,
}

type AnswerFn = dyn Fn(usize, &str) -> Step + Send + Sync;

struct Shared {
    answer: Box<AnswerFn>,
    forms: Mutex<Vec<String>>,
    held: Mutex<Option<watch::Receiver<()>>>,
}

/// What comes of a request.
enum Step {
    Answer(Response<Bytes>),
    Hang,
}

impl Server {
    fn new(answer: impl Fn(usize, &str) -> Step + Send + Sync + 'static) -> Self {
        let shared = Shared { answer: Box::new(answer), forms: Mutex::default(), held: Mutex::default() };
        Self { shared: Arc::new(shared), clock: TestClock::new() }
    }

    /// Gives tokens that are good for an hour, `token-1`, `token-2` and so on.
    fn of_tokens() -> Self {
        Self::of_tokens_good_for(3600)
    }

    fn of_tokens_good_for(seconds: u64) -> Self {
        Self::new(move |number, _| ok(&token(number, seconds)))
    }

    fn issuer(&self) -> Issuer {
        let shared = Arc::clone(&self.shared);
        let transport = service_fn(move |request: Request<Full<Bytes>>| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        let issuer = Issuer::new("https://issuer.test").unwrap().token_endpoint("https://issuer.test/token").unwrap();
        issuer.transport(transport).clock(&self.clock)
    }

    fn client(&self) -> Client {
        self.issuer().client("jobs", Credential::secret("canary-secret"))
    }

    fn source(&self) -> ClientCredentials {
        self.client().client_credentials(["stock.read"]).unwrap()
    }

    fn requests(&self) -> usize {
        self.shared.forms.lock().unwrap().len()
    }

    fn forms(&self) -> Vec<String> {
        self.shared.forms.lock().unwrap().clone()
    }

    /// Requests wait until what this returns is dropped.
    fn hold(&self) -> watch::Sender<()> {
        let (sender, receiver) = watch::channel(());
        *self.shared.held.lock().unwrap() = Some(receiver);
        sender
    }
}

impl Shared {
    async fn answer(&self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let form = request.into_body().collect().await.unwrap().to_bytes();
        let form = String::from_utf8(form.to_vec()).unwrap();
        let number = {
            let mut forms = self.forms.lock().unwrap();
            forms.push(form.clone());
            forms.len()
        };
        let held = self.held.lock().unwrap().clone();
        if let Some(mut held) = held {
            while held.changed().await.is_ok() {}
        }
        match (self.answer)(number, &form) {
            Step::Answer(response) => response.map(Full::new),
            Step::Hang => std::future::pending().await,
        }
    }
}

fn token(number: usize, seconds: u64) -> Value {
    json!({ "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": seconds })
}

fn ok(body: &Value) -> Step {
    answer(200, &[], body.to_string())
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Step {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Step::Answer(response.body(body.into()).unwrap())
}

/// The token as it is now, or the kind of the error.
async fn now(source: &ClientCredentials) -> Result<String, tower_bearer::TokenErrorKind> {
    source.token().await.map(|token| token.secret().to_owned()).map_err(|error| error.kind())
}
