//! Rejections as `application/problem+json` (RFC 9457), wherever they come from.
//!
//! `cargo run --example problem_json` asks an API, prints the answers, and fails if one is not as expected.
//! `cargo run --example problem_json -- --serve` keeps the API running and prints `curl` lines to paste.

#![allow(clippy::print_stdout)]

mod support;

use std::error::Error;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Claims, Rejection, VerifiedToken, require, role, scope};

use support::Question;

const AUDIENCE: &str = "api://orders";

/// The one function that this example is about. The layer completes its answer by the challenge.
fn problem(rejection: &Rejection) -> Response {
    let status = rejection.status();
    let problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": rejection.description(),
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

#[derive(Deserialize)]
struct Staff {
    department: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In memory: nothing but the API itself listens.
    let authority = TestIssuer::new();
    let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).respond_with(problem);
    let api = Router::new()
        .route("/orders", get(list))
        .route("/orders/new", post(list).route_layer(require(scope("orders.write"))))
        .route("/orders/rush", get(rush))
        .route("/staff", get(staff))
        .route_layer(layer);
    println!("An API that says why it turns a request away as application/problem+json.\n");
    support::run(api, &questions(&authority)).await
}

async fn list(token: VerifiedToken) -> String {
    format!("orders of {}", token.subject().unwrap_or("?"))
}

async fn rush(token: VerifiedToken) -> Result<String, Rejection> {
    token.require(role("Manager"))?;
    Ok("rushed".to_owned())
}

async fn staff(Claims(staff): Claims<Staff>) -> String {
    format!("the {} department", staff.department)
}

fn questions(authority: &TestIssuer) -> [Question; 6] {
    let alice = authority.token(AUDIENCE).subject("alice").scope("orders.read").sign();
    let expired = authority.token(AUDIENCE).subject("alice").expired().sign();

    let rejected = |question: Question, status: u16, title: &str, detail: &str, challenge: &str| {
        question
            .expect(status)
            .challenge(&format!(r#"Bearer realm="api://orders"{challenge}"#))
            .header("content-type", "application/problem+json")
            .body(&json!({"type": "about:blank", "title": title, "status": status, "detail": detail}).to_string())
    };
    [
        Question::get("/orders").by("alice, orders.read", &alice).expect(200).body("orders of alice"),
        rejected(Question::get("/orders"), 401, "Unauthorized", "a bearer token is required", ""),
        rejected(
            Question::get("/orders").by("alice, expired", &expired),
            401,
            "Unauthorized",
            "the token has expired",
            r#", error="invalid_token", error_description="the token has expired""#,
        ),
        // The same from `require(..)`, from an extractor, and from a handler's `?`.
        rejected(
            Question::post("/orders/new").by("alice, orders.read", &alice),
            403,
            "Forbidden",
            "the token lacks a permission that is required",
            concat!(
                r#", error="insufficient_scope", "#,
                r#"error_description="the token lacks a permission that is required", scope="orders.write""#,
            ),
        ),
        rejected(
            Question::get("/staff").by("alice, orders.read", &alice),
            401,
            "Unauthorized",
            "the token's claims are not as this API needs them",
            r#", error="invalid_token", error_description="the token's claims are not as this API needs them""#,
        ),
        rejected(
            Question::get("/orders/rush").by("alice, orders.read", &alice),
            403,
            "Forbidden",
            "the token lacks a permission that is required",
            r#", error="insufficient_scope", error_description="the token lacks a permission that is required""#,
        ),
    ]
}
