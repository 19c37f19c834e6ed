//! [`Provider`]: the issuer of all tokens, the way to it that counts requests, and the time.

use std::error::Error;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::Instant;
use tower::util::service_fn;
use tower_bearer::Issuer;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::TestIssuer;

use crate::AUDIENCE;

const JWKS_URL: &str = "https://issuer.test/jwks.json";
/// How long an answer takes, in milliseconds.
const LATENCY: std::ops::Range<u64> = 80..300;

/// How the issuer can't be had.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Outage {
    Refused,
    Hanging,
    ServerError,
}

/// A token and the number of the key that signed it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: Arc<str>,
    pub(crate) key: u64,
}

/// A request for the key set: when, and by which instance.
#[derive(Clone, Copy)]
pub(crate) struct JwksRequest {
    pub(crate) second: u64,
    pub(crate) instance: u64,
}

pub(crate) struct Provider {
    /// Its clock is the time that instances live by.
    authority: TestIssuer,
    midnight: Instant,
    /// Whether all instances draw the same jitter.
    in_step: bool,
    state: Mutex<State>,
}

struct State {
    /// How much of the day the authority's clock has shown.
    passed: Duration,
    /// Published, oldest first.
    keys: Vec<(u64, Arc<SigningKey>)>,
    /// Which of them signs.
    signing: u64,
    /// What is published, by numbers.
    published: Arc<[u64]>,
    document: Bytes,
    outage: Option<Outage>,
    /// The token of the minute.
    token: Option<(u64, Token)>,
    latency: fastrand::Rng,
    jwks_requests: Vec<JwksRequest>,
    metadata_requests: u64,
}

impl Provider {
    pub(crate) fn new(in_step: bool) -> Self {
        let state = State {
            passed: Duration::ZERO,
            keys: Vec::new(),
            signing: 0,
            published: Arc::default(),
            document: Bytes::new(),
            outage: None,
            token: None,
            latency: fastrand::Rng::with_seed(1),
            jwks_requests: Vec::new(),
            metadata_requests: 0,
        };
        let provider =
            Self { authority: TestIssuer::new(), midnight: Instant::now(), in_step, state: Mutex::new(state) };
        provider.publish_next_key();
        provider
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the clock of the instances by that of the runtime, by which answers and time-outs come. Done each second and at
    /// each answer.
    pub(crate) fn catch_up(&self) {
        let now = self.midnight.elapsed();
        let mut state = self.state();
        self.authority.advance(now.saturating_sub(state.passed));
        state.passed = now;
    }

    pub(crate) fn publish_next_key(&self) {
        // The authority makes the keys. Which are published and which signs is decided here.
        self.authority.rotate_keeping_old();
        let key = self.authority.signing_key(Algorithm::RS256);
        let mut state = self.state();
        let number = state.keys.last().map_or(0, |(number, _)| number + 1);
        state.keys.push((number, key));
        state.publish();
    }

    pub(crate) fn sign_with_next_key(&self) {
        let mut state = self.state();
        state.signing += 1;
        state.token = None;
    }

    pub(crate) fn withdraw_old_key(&self) {
        let mut state = self.state();
        let signing = state.signing;
        state.keys.retain(|(number, _)| *number >= signing);
        state.publish();
    }

    pub(crate) fn set_outage(&self, outage: Option<Outage>) {
        self.state().outage = outage;
    }

    pub(crate) fn is_reachable(&self) -> bool {
        self.state().outage.is_none()
    }

    /// The keys that are published now, by number.
    pub(crate) fn published(&self) -> Arc<[u64]> {
        Arc::clone(&self.state().published)
    }

    /// A token that is good for an hour. All who come within a minute get the same.
    pub(crate) fn token(&self) -> Token {
        let mut state = self.state();
        let minute = state.passed.as_secs() / 60;
        if let Some((_, token)) = state.token.as_ref().filter(|(of, _)| *of == minute) {
            return token.clone();
        }
        let mut text = self.authority.token(AUDIENCE);
        if let Some((_, key)) = state.keys.iter().find(|(number, _)| *number == state.signing) {
            text = text.signed_by(key);
        }
        let token = Token { text: text.sign().into(), key: state.signing };
        state.token = Some((minute, token.clone()));
        token
    }

    /// The issuer as one instance trusts it, with nothing fetched yet.
    pub(crate) fn issuer(self: &Arc<Self>, instance: u64) -> Issuer {
        let provider = Arc::clone(self);
        self.authority.issuer().transport(service_fn(move |request: Request<Full<Bytes>>| {
            let provider = Arc::clone(&provider);
            async move { provider.answer(instance, &request).await }
        }))
    }

    async fn answer(
        &self,
        instance: u64,
        request: &Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
        let asks_for_keys = request.uri() == JWKS_URL;
        tokio::time::sleep(self.arrive(instance, asks_for_keys)).await;
        self.catch_up();
        let outage = self.state().outage;
        match outage {
            None => {}
            Some(Outage::Refused) => return Err("connection refused".into()),
            Some(Outage::Hanging) => pending().await,
            Some(Outage::ServerError) => {
                return Ok(Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).body(Full::default())?);
            }
        }
        if self.in_step {
            fastrand::seed(1);
        }
        let response = Response::builder().header(CACHE_CONTROL, "max-age=900");
        if !asks_for_keys {
            let document = serde_json::json!({ "issuer": self.authority.identifier(), "jwks_uri": JWKS_URL });
            return Ok(response.header(CONTENT_TYPE, "application/json").body(Full::from(document.to_string()))?);
        }
        let state = self.state();
        let etag = format!("\"{:?}\"", state.published);
        let response = response.header(ETAG, &etag);
        if request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            return Ok(response.status(StatusCode::NOT_MODIFIED).body(Full::default())?);
        }
        Ok(response.header(CONTENT_TYPE, "application/jwk-set+json").body(Full::new(state.document.clone()))?)
    }

    /// Counts a request and says how long its answer takes.
    fn arrive(&self, instance: u64, asks_for_keys: bool) -> Duration {
        let mut state = self.state();
        if asks_for_keys {
            state.jwks_requests.push(JwksRequest { second: self.midnight.elapsed().as_secs(), instance });
        } else {
            state.metadata_requests += 1;
        }
        Duration::from_millis(state.latency.u64(LATENCY))
    }

    pub(crate) fn jwks_requests(&self) -> Vec<JwksRequest> {
        self.state().jwks_requests.clone()
    }

    pub(crate) fn metadata_requests(&self) -> u64 {
        self.state().metadata_requests
    }
}

impl State {
    fn publish(&mut self) {
        let keys: Vec<String> = self.keys.iter().map(|(_, key)| key.public_jwk()).collect();
        self.document = format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into();
        self.published = self.keys.iter().map(|(number, _)| *number).collect();
    }
}
