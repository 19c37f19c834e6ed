//! The axum app that the tests guard, and what it answers.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::routing::get;
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
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, challenge: None, kind: None, body: body.into() }
    }

    /// A rejection, which has no body.
    pub(crate) fn rejected(status: StatusCode, kind: RejectionKind, challenge: impl Into<String>) -> Self {
        Self { status, challenge: Some(challenge.into()), kind: Some(kind), body: String::new() }
    }
}

/// What the app answers to a request with this token.
pub(crate) async fn ask(app: &Router, path: &str, token: &str) -> Answer {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .expect("the request is sound");
    let Ok(response) = app.clone().oneshot(request).await;
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    Answer {
        status: response.status(),
        challenge: challenge.map(|value| value.to_str().expect("challenges are ASCII").to_owned()),
        kind: response.extensions().get::<Rejection>().map(Rejection::kind),
        body: {
            let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("the body arrives");
            String::from_utf8(bytes.to_vec()).expect("the body is text")
        },
    }
}
