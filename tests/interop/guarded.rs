//! The axum app that the tests guard, and what it answers.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::routing::get;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_bearer::{BearerLayer, Rejection, RejectionKind, Validator, VerifiedToken, require, scope};

/// `/orders` needs a token, `/orders/new` also a scope.
pub(crate) fn app(validator: Validator) -> Router {
    Router::new()
        .route("/orders", get(describe))
        .route("/orders/new", get(describe).route_layer(require(scope("orders.write"))))
        .route_layer(BearerLayer::new(validator))
}

async fn describe(token: VerifiedToken) -> String {
    let scopes: Vec<&str> = token.scopes().collect();
    format!(
        "{} as {} at {} may {}",
        token.subject().unwrap_or("nobody"),
        token.client_id().unwrap_or("nothing"),
        token.audience(),
        scopes.join(" "),
    )
}

/// All that a caller, and a log behind the layer, sees of an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) challenge: Option<String>,
    pub(crate) kind: Option<RejectionKind>,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, challenge: None, kind: None, retry_after: None, body: body.into() }
    }

    /// A rejection, which has no body.
    pub(crate) fn rejected(status: StatusCode, kind: RejectionKind, challenge: impl Into<String>) -> Self {
        Self { status, challenge: Some(challenge.into()), kind: Some(kind), retry_after: None, body: String::new() }
    }

    /// Nothing was found out about the token. The answer has no challenge: clients keep tokens that get it.
    pub(crate) fn try_again_in(seconds: u64) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            challenge: None,
            kind: Some(RejectionKind::KeysUnavailable),
            retry_after: Some(seconds),
            body: String::new(),
        }
    }
}

/// What the app answers to so many requests at once.
pub(crate) async fn ask_at_once(app: &Router, requests: usize, token: &str) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for _ in 0..requests {
        let (app, token) = (app.clone(), token.to_owned());
        asking.spawn(async move { ask(&app, "/orders", &token).await });
    }
    asking.join_all().await
}

/// What the app answers to a request with this token.
pub(crate) async fn ask(app: &Router, path: &str, token: &str) -> Answer {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .expect("the request is sound");
    let Ok(response) = app.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let text = |name| parts.headers.get(name).map(|value| value.to_str().expect("it is ASCII").to_owned());
    Answer {
        status: parts.status,
        challenge: text(header::WWW_AUTHENTICATE),
        kind: parts.extensions.get::<Rejection>().map(Rejection::kind),
        retry_after: text(header::RETRY_AFTER).map(|seconds| seconds.parse().expect("it is a number of seconds")),
        body: {
            let bytes = to_bytes(body, usize::MAX).await.expect("the body arrives");
            String::from_utf8(bytes.to_vec()).expect("the body is text")
        },
    }
}
