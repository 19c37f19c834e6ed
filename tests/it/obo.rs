//! Calling the next API as the caller: what is asked, for whom, and who shares a token with whom.

mod challenges;
mod isolation;
mod refreshing;
mod refused;
mod requests;
mod sessions;
mod token_exchange;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::service_fn;
use tower_bearer::testing::{TestClock, TestDirectory, TestTenant, TestToken};
use tower_bearer::{Client, Credential, Entra, Issuer, TokenError, TokenErrorKind, VerifiedToken};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "22222222-3333-4444-5555-666666666666";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

/// A token request, as it came.
#[derive(Clone)]
struct Asked {
    url: String,
    form: HashMap<String, String>,
}

impl Asked {
    fn form(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }

    /// The claims of the token that is exchanged.
    fn assertion(&self) -> Value {
        let token = self.form("assertion").or_else(|| self.form("subject_token")).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }
}

type AnswerFn = dyn Fn(usize, &Asked) -> Response<Bytes> + Send + Sync;

/// A directory whose tokens come in, and a token endpoint that answers as a function says.
#[derive(Clone)]
struct World {
    directory: TestDirectory,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<AnswerFn>,
}

impl World {
    /// Gives tokens that say for whom they are.
    fn new() -> Self {
        Self::answering(|number, asked| ok(token_for(number, asked)))
    }

    fn answering(answer: impl Fn(usize, &Asked) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self { directory: TestDirectory::new(), asked: Arc::default(), answer: Arc::new(answer) }
    }

    fn clock(&self) -> TestClock {
        self.directory.clock()
    }

    fn tenant(&self, id: &str) -> TestTenant {
        self.directory.tenant(id)
    }

    /// Asked by this world's token endpoint.
    fn at(&self, issuer: impl Into<Issuer>) -> Issuer {
        let world = self.clone();
        let transport = service_fn(move |request: Request<Full<Bytes>>| {
            let world = world.clone();
            async move { Ok::<_, Infallible>(world.answer(request).await) }
        });
        issuer.into().transport(transport).clock(&self.clock())
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let url = request.uri().to_string();
        let form = request.into_body().collect().await.unwrap().to_bytes();
        let form = form_urlencoded::parse(&form).into_owned().collect();
        let asked = Asked { url, form };
        let number = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.len()
        };
        let answer = (self.answer)(number, &asked);
        if answer.extensions().get::<Never>().is_some() {
            std::future::pending::<()>().await;
        }
        answer.map(Full::new)
    }

    fn entra(&self) -> Issuer {
        self.at(Entra::any_tenant())
    }

    fn client(&self) -> Client {
        self.entra().client(CLIENT, Credential::secret("canary-secret")).app_id_uri("api://orders")
    }

    /// The token as this API has checked it.
    async fn verified(&self, token: TestToken) -> VerifiedToken {
        let issuer = self.directory.issuer(Entra::any_tenant());
        let validator = issuer.validator("api://orders").audience(CLIENT).audience("api://another");
        validator.verify(&token.sign()).await.unwrap()
    }

    /// A person of the first tenant.
    async fn person(&self, oid: &str) -> VerifiedToken {
        self.verified(self.tenant(TENANT).delegated(CLIENT).claim("oid", oid)).await
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// An answer with a token that is good for an hour, and says whose assertion it was had for.
fn token_for(number: usize, asked: &Asked) -> Value {
    let assertion = asked.assertion();
    let said = |claim: &str| assertion[claim].as_str().unwrap_or("-").to_owned();
    json!({
        "access_token": format!("{number}~{}~{}", said("oid"), said("tid")),
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": asked.form("scope"),
        "refresh_token": format!("refresh-{number}"),
    })
}

fn ok(body: Value) -> Response<Bytes> {
    answer(200, body)
}

/// In the extensions of an answer that never comes.
#[derive(Clone)]
struct Never;

fn never() -> Response<Bytes> {
    let mut answer = Response::default();
    answer.extensions_mut().insert(Never);
    answer
}

fn answer(status: u16, body: Value) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

/// For whom a token is: `oid` and `tid`.
fn whose(token: &tower_bearer::AccessToken) -> (String, String) {
    let mut parts = token.secret().split('~').skip(1).map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap())
}

fn is(error: &TokenError, kind: TokenErrorKind, words: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}
