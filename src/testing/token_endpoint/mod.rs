//! The token endpoint (RFC 6749 §3.2), which really checks: it authenticates the client, looks at what was agreed for it, and
//! only then gives out a token.
//!
//! 1. A request is a `POST` with a form, in which no parameter but `resource` and `audience` comes twice.
//! 2. The grant type is one that is known here: a file for each.
//! 3. The client is registered where it asks, and authenticates by exactly one method ([`client_authentication`]).
//! 4. The grant decides.
//!
//! What differs between authorization servers is their [`Authority`].

mod client_assertion;
mod client_authentication;
pub(super) mod client_credentials;
mod delegated;
pub(super) mod on_behalf_of;
pub(super) mod refresh_token;
mod refresh_tokens;
mod refusal;
mod request;
mod signed_token;
pub(super) mod standard;
mod token_exchange;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

pub(super) use self::client_authentication::Client;
pub(super) use self::refresh_tokens::Person;
pub(super) use self::refusal::Refusal;
pub use self::request::TestTokenRequest;
pub(super) use self::signed_token::{SignedToken, TokenFault};

use self::client_authentication::Proof;
use self::refresh_tokens::{Delegation, RefreshTokens, Wanted};

use super::endpoint::{Held, Hold, status};
use super::registration::{Registry, TestApp};
use crate::jose::Algorithm;

/// The grant type of RFC 7523, which On-Behalf-Of uses.
pub(super) const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The grant type of RFC 8693.
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// How an authorization server differs from others at its token endpoint.
pub(super) trait Authority {
    /// The time by its clock, in seconds.
    fn now(&self) -> u64;

    fn tokens(&self) -> &TokenEndpoint;

    /// The client with this id, if it is known where it asks.
    fn client(&self, client_id: &str) -> Option<TestApp>;

    /// Which `aud` an assertion of the client's own may have.
    fn assertion_audiences(&self) -> Vec<String>;

    /// Which `aud` an assertion of another issuer may have.
    fn federated_audiences(&self) -> Vec<String>;

    /// By which algorithms an assertion may be signed that names a certificate.
    fn certificate_algorithms(&self) -> &'static [Algorithm];

    /// How strictly assertions of the client's own are read.
    fn assertions(&self) -> Assertions {
        Assertions::Strict
    }

    /// The answer to an authenticated client; `None` where the grant type is unknown.
    fn grant(&self, grant_type: &str) -> Option<Grant<'_>>;

    /// The code of the error by which it refuses.
    fn error(&self, refusal: &Refusal) -> &'static str {
        refusal.error()
    }

    /// What it says when it refuses.
    fn refuse(&self, refusal: &Refusal, request: &TestTokenRequest) -> Value;
}

/// How strictly assertions of the client's own are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertions {
    /// In the one spelling of the standards, with whole seconds, and each once.
    Strict,
    /// As Microsoft does, whose own library for Python pads thumbprints, breaks the lines of `x5c`, has fractions of seconds, and
    /// sends an assertion again until it expires.
    Microsoft,
}

/// What an authorization server does for one grant type.
pub(super) type Grant<'a> = Box<dyn FnOnce(&TestTokenRequest, &Client) -> Result<Value, Refusal> + 'a>;

/// What an issuer or a directory remembers of its token endpoint.
#[derive(Default)]
pub(super) struct TokenEndpoint {
    pub(super) registry: Arc<Registry>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    received: Vec<TestTokenRequest>,
    holds: Vec<SomeHeld>,
    /// The client and the `jti` of each assertion that was good.
    used_assertions: HashSet<(String, String)>,
    refresh_tokens: RefreshTokens,
}

/// Requests that are held, each by itself.
struct SomeHeld {
    matching: Box<dyn Fn(&TestTokenRequest) -> bool + Send + Sync>,
    held: Held,
}

impl TokenEndpoint {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn received(&self) -> Vec<TestTokenRequest> {
        self.state().received.clone()
    }

    pub(super) fn hold(&self, matching: impl Fn(&TestTokenRequest) -> bool + Send + Sync + 'static) -> Hold {
        let (hold, held) = Hold::new();
        self.state().holds.push(SomeHeld { matching: Box::new(matching), held });
        hold
    }

    /// Remembers a request, and says what it has to wait for.
    pub(super) fn receive(&self, request: &TestTokenRequest) -> Vec<Held> {
        let mut state = self.state();
        state.received.push(request.clone());
        state.holds.iter().filter(|some| (some.matching)(request)).map(|some| some.held.clone()).collect()
    }

    pub(super) fn refresh_tokens<R>(&self, use_them: impl FnOnce(&mut RefreshTokens) -> R) -> R {
        use_them(&mut self.state().refresh_tokens)
    }

    /// Whether the client uses this `jti` for the first time.
    fn first_use(&self, client_id: &str, jti: &str) -> bool {
        self.state().used_assertions.insert((client_id.to_owned(), jti.to_owned()))
    }
}

/// The answer to a request to the token endpoint.
pub(super) fn answer(authority: &dyn Authority, request: &TestTokenRequest) -> Response<Bytes> {
    if request.method() != Method::POST {
        let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match decide(authority, request) {
        Ok(token) => json_response(StatusCode::OK, &token),
        Err(refusal) => {
            let is_about_client = authority.error(&refusal) == "invalid_client";
            let status = if is_about_client { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
            let mut response = json_response(status, &authority.refuse(&refusal, request));
            // RFC 6749 §5.2: the scheme that the client used.
            if is_about_client && request.header("authorization").is_some() {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"token\""));
            }
            response
        }
    }
}

fn decide(authority: &dyn Authority, request: &TestTokenRequest) -> Result<Value, Refusal> {
    request.check_form()?;
    let grant_type = request.required("grant_type")?;
    let grant = authority.grant(grant_type).ok_or(Refusal::UnsupportedGrantType)?;
    let client = client_authentication::authenticate(authority, request)?;
    grant(request, &client)
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    for (name, value) in
        [(CONTENT_TYPE, "application/json; charset=utf-8"), (CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")]
    {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
