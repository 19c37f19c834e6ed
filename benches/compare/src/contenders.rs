//! The contenders: routers that answer with a claim of whoever calls.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use tower_bearer::{BearerLayer, Claims, Validator};

use crate::tokens::{AUDIENCE, Caller, ISSUER, Tokens};

/// Nobody is asked for a token.
pub fn open() -> Router {
    Router::new().route("/", get(async || "a11ce000-0000-4000-8000-000000000000"))
}

/// This crate.
pub fn guarded(validator: Validator) -> Router {
    async fn handler(Claims(caller): Claims<Caller>) -> String {
        caller.oid.clone()
    }
    Router::new().route("/", get(handler)).route_layer(BearerLayer::new(validator))
}

/// The router without a guard, with one.
pub fn only_guarded(validator: Validator) -> Router {
    open().route_layer(BearerLayer::new(validator))
}

/// Keys and settings, made once.
struct ByHand {
    keys: Keys,
    validation: Validation,
}

pub enum Keys {
    /// It is spared the search for the key that a token names.
    One(DecodingKey),
    ById(HashMap<String, DecodingKey>),
}

impl Keys {
    fn of(&self, token: &str) -> Option<&DecodingKey> {
        match self {
            Self::One(key) => Some(key),
            Self::ById(keys) => keys.get(&decode_header(token).ok()?.kid?),
        }
    }
}

/// What somebody would write by hand.
pub fn hand_written(tokens: &Tokens, keys: Keys) -> Router {
    async fn handler(Extension(caller): Extension<Arc<Caller>>) -> String {
        caller.oid.clone()
    }
    let mut validation = Validation::new(tokens.their_algorithm());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    validation.validate_nbf = true;
    let state = Arc::new(ByHand { keys, validation });
    Router::new().route("/", get(handler)).route_layer(from_fn_with_state(state, by_hand))
}

async fn by_hand(State(by_hand): State<Arc<ByHand>>, mut request: Request, next: Next) -> Response {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = value.and_then(|value| value.strip_prefix("Bearer ")) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let key = by_hand.keys.of(token);
    match key.and_then(|key| decode::<Caller>(token, key, &by_hand.validation).ok()) {
        Some(decoded) => {
            request.extensions_mut().insert(Arc::new(decoded.claims));
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
