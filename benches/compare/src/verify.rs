//! That a contender is one: it lets good tokens through, with their claims, and no other.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use tokio::runtime::Handle;

use crate::measure::answer;
use crate::tokens::{Tokens, object_id};

/// The router, once it has answered as it should: 200 with the claim of each good token, 401 to the others.
pub fn verified(mut app: Router, tokens: &Tokens) -> Router {
    Handle::current().block_on(async {
        for (number, token) in tokens.good(20).iter().enumerate() {
            assert_eq!(ask(&mut app, Some(token)).await, (StatusCode::OK, object_id(number)));
        }
        for (fault, token) in &tokens.bad {
            assert_eq!(ask(&mut app, Some(token)).await.0, StatusCode::UNAUTHORIZED, "a token {fault}");
        }
        assert_eq!(ask(&mut app, None).await.0, StatusCode::UNAUTHORIZED, "no token");
    });
    app
}

/// The router without a guard, once it has answered.
pub fn answering(mut app: Router) -> Router {
    let answered = Handle::current().block_on(ask(&mut app, None));
    assert_eq!(answered, (StatusCode::OK, object_id(0)));
    app
}

async fn ask(app: &mut Router, token: Option<&String>) -> (StatusCode, String) {
    let mut request = Request::new(Body::empty());
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("visible characters"));
    }
    let answer = answer(app, request).await;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 64 * 1024).await.expect("a short body");
    (status, String::from_utf8_lossy(&body).into_owned())
}
