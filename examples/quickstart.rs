//! An axum API and the issuer that it trusts, both on loopback.
//!
//! `cargo run --example quickstart` asks the API, prints the answers, and fails if one is not as expected.
//! `cargo run --example quickstart -- --serve` keeps both running and prints `curl` lines to paste.

#![allow(clippy::print_stdout)]

mod support;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Issuer, VerifiedToken, require, scope};

use support::Question;

const AUDIENCE: &str = "api://orders";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Stands in for the identity provider: real keys, real signatures, real HTTP.
    let authority = TestIssuer::serve().await?;
    // All that the API knows of it is its identifier. Metadata and keys are fetched when the first token comes.
    let issuer = Issuer::new(authority.identifier())?;
    println!("An API for the audience {AUDIENCE}. The issuer that it trusts is {}.\n", issuer.identifier());
    support::run(api(&issuer), &questions(&authority)).await
}

fn api(issuer: &Issuer) -> Router {
    let validator = issuer.validator(AUDIENCE);
    let orders = Router::new()
        .route("/orders", get(list))
        .route("/orders/new", post(place).route_layer(require(scope("orders.write"))))
        .route_layer(BearerLayer::new(validator.clone()));
    let greeting = Router::new().route("/greeting", get(greet)).route_layer(BearerLayer::new(validator).optional());
    // Added after the layers, so it is open.
    orders.merge(greeting).route("/health", get(|| async { "up" }))
}

async fn list(token: VerifiedToken) -> String {
    format!("orders of {}", token.subject().unwrap_or("?"))
}

async fn place(token: VerifiedToken) -> (StatusCode, String) {
    (StatusCode::CREATED, format!("order placed by {}", token.subject().unwrap_or("?")))
}

async fn greet(token: Option<VerifiedToken>) -> String {
    format!("hello, {}", token.as_ref().and_then(VerifiedToken::subject).unwrap_or("stranger"))
}

fn questions(authority: &TestIssuer) -> [Question; 12] {
    // Long enough for an afternoon of `curl`; after a restart the issuer has another key.
    let token = |audience| authority.token(audience).expires_in(Duration::from_secs(30 * 24 * 3600));
    let alice = token(AUDIENCE).subject("alice").scope("orders.read").sign();
    let bob = token(AUDIENCE).subject("bob").scope("orders.read orders.write").sign();
    let expired = authority.token(AUDIENCE).subject("alice").expired().sign();
    let other_api = token("api://stock").subject("alice").sign();
    // The same claims, signed by somebody else's key.
    let forged = TestIssuer::named(authority.identifier()).token(AUDIENCE).subject("alice").sign();

    let invalid =
        |what: &str| format!(r#"Bearer realm="api://orders", error="invalid_token", error_description="{what}""#);
    [
        Question::get("/health").expect(200).body("up"),
        Question::get("/orders").by("alice, orders.read", &alice).expect(200).body("orders of alice"),
        Question::post("/orders/new").by("bob, orders.write", &bob).expect(201).body("order placed by bob"),
        Question::post("/orders/new").by("alice, orders.read", &alice).expect(403).challenge(concat!(
            r#"Bearer realm="api://orders", error="insufficient_scope", "#,
            r#"error_description="the token lacks a permission that is required", scope="orders.write""#,
        )),
        Question::get("/orders")
            .by("alice, expired", &expired)
            .expect(401)
            .challenge(&invalid("the token has expired")),
        Question::get("/orders")
            .by("alice, for another API", &other_api)
            .expect(401)
            .challenge(&invalid("the token is for another audience")),
        Question::get("/orders")
            .by("alice, forged", &forged)
            .expect(401)
            .challenge(&invalid("the token's signature is invalid")),
        Question::get("/orders").expect(401).challenge(r#"Bearer realm="api://orders""#),
        Question::get("/orders")
            .by("alice, with two tokens", &alice)
            .by("alice, with two tokens", &bob)
            .expect(400)
            .challenge(concat!(
                r#"Bearer realm="api://orders", error="invalid_request", "#,
                r#"error_description="the credentials are not exactly one bearer token""#,
            )),
        Question::get("/greeting").expect(200).body("hello, stranger"),
        Question::get("/greeting").by("alice, orders.read", &alice).expect(200).body("hello, alice"),
        Question::get("/greeting")
            .by("alice, expired", &expired)
            .expect(401)
            .challenge(&invalid("the token has expired")),
    ]
}
