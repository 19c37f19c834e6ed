//! [`Recorded`]: a token endpoint in memory, which gives a token to everybody and writes down what it was asked.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower_bearer::jose::{CompactJws, VerifyingKey};
use tower_bearer::{ClientCredentials, Issuer};

/// A transport for issuers. Clones share what was asked.
#[derive(Clone)]
pub(crate) struct Recorded {
    /// What an issuer says of itself, at whatever place.
    metadata: Option<Arc<str>>,
    answer: Arc<AnswerFn>,
    asked: Arc<Mutex<Vec<Asked>>>,
    documents: Arc<AtomicUsize>,
}

type AnswerFn = dyn Fn(&Asked) -> Response<String> + Send + Sync;

impl Recorded {
    /// Gives tokens that last for an hour.
    pub(crate) fn new() -> Self {
        let numbers = AtomicUsize::new(0);
        Self::answering(move |_| {
            let token = format!("token-{}", numbers.fetch_add(1, Ordering::Relaxed));
            let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
            Response::new(answer.to_string())
        })
    }

    pub(crate) fn answering(answer: impl Fn(&Asked) -> Response<String> + Send + Sync + 'static) -> Self {
        Self { metadata: None, answer: Arc::new(answer), asked: Arc::default(), documents: Arc::default() }
    }

    /// Gives this document too; without it there is none.
    pub(crate) fn with_metadata(self, metadata: &Value) -> Self {
        Self { metadata: Some(metadata.to_string().into()), ..self }
    }

    /// The issuer, who is asked here.
    pub(crate) fn serve(&self, issuer: impl Into<Issuer>) -> Issuer {
        issuer.into().transport(self.clone())
    }

    /// All token requests.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many token requests there were.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// How many documents were fetched, or looked for in vain.
    pub(crate) fn documents(&self) -> usize {
        self.documents.load(Ordering::Relaxed)
    }

    /// What is sent when a token is needed and none is cached.
    pub(crate) async fn next_request(&self, source: &ClientCredentials) -> Asked {
        let before = self.count();
        let token = source.token().await.unwrap();
        if self.count() == before {
            source.forget(&token);
            source.token().await.unwrap();
        }
        let mut asked = self.asked();
        assert_eq!(asked.len(), before + 1, "more than one token request");
        asked.pop().unwrap()
    }

    fn respond(&self, method: &Method, url: String, headers: HeaderMap, body: &Bytes) -> Response<String> {
        if method == Method::GET {
            self.documents.fetch_add(1, Ordering::Relaxed);
            let missing = || Response::builder().status(StatusCode::NOT_FOUND).body(String::new()).unwrap();
            return self.metadata.as_deref().map_or_else(missing, |text| Response::new(text.to_owned()));
        }
        assert_eq!(method, Method::POST);
        let form = form_urlencoded::parse(body).into_owned().collect();
        let asked = Asked { url, headers, form };
        let answer = (self.answer)(&asked);
        self.asked.lock().unwrap().push(asked);
        answer
    }
}

impl tower::Service<Request<Full<Bytes>>> for Recorded {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let endpoint = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(endpoint.respond(&parts.method, parts.uri.to_string(), parts.headers, &body).map(Full::from))
        })
    }
}

/// A token request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    form: Vec<(String, String)>,
}

impl Asked {
    /// The one value of this name in the form.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came more than once");
        all.first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.form.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The names in the form, in order of the alphabet.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.form.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The assertion by which the client proves who it is.
    pub(crate) fn assertion(&self) -> Assertion {
        assert_eq!(self.field("client_assertion_type"), Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        assert!(!self.headers.contains_key("authorization"));
        Assertion(self.field("client_assertion").unwrap().to_owned())
    }
}

/// A JWT.
pub(crate) struct Assertion(pub(crate) String);

impl Assertion {
    fn part(&self, place: usize) -> Value {
        let part = self.0.split('.').nth(place).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    pub(crate) fn header(&self) -> Value {
        self.part(0)
    }

    pub(crate) fn claims(&self) -> Value {
        self.part(1)
    }

    /// Whether it is signed by the key that goes with this one.
    pub(crate) fn is_signed_for(&self, key: &VerifyingKey) -> bool {
        key.verify(&CompactJws::parse(&self.0).unwrap()).is_ok()
    }
}
