//! A server that checks the tokens of any issuer, configured by the environment.
//!
//! | variable | |
//! |---|---|
//! | `ISSUER` | the issuer's identifier: the `iss` of its tokens, letter by letter; required |
//! | `AUDIENCE` | the `aud` of tokens for this server, several separated by commas; required |
//! | `METADATA_URL` | where the metadata is, if not where the identifier implies |
//! | `JWKS_URL` | where the keys are; the metadata is then not needed |
//! | `REQUIRED_SCOPE` | what `GET /scoped` needs, several scopes separated by spaces; without it that route answers 404 |
//! | `ALGORITHMS` | the algorithms to accept, separated by commas; without it all asymmetric ones |
//! | `LEEWAY_SECONDS` | how far clocks may be apart; 60 |
//! | `CA_FILE` | certificates in PEM form to trust when fetching, besides those of the system |
//! | `HOST`, `PORT` | where to listen: 127.0.0.1 and 8080; port 0 takes a free one |
//!
//! `GET /` answers with the claims of the token, `GET /scoped` too if it has the scope, `GET /open` needs no token, and
//! `GET /ready` says whether keys are there.
//!
//! ```console
//! $ ISSUER=https://login.example.com/realms/acme AUDIENCE=api://orders cargo run --example resource_server
//! listening on http://127.0.0.1:8080
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "support/settings.rs"]
mod settings;

use std::process::ExitCode;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::jose::Algorithm;
use tower_bearer::{BearerLayer, Claims, Issuer, Requirement, Validator, all_of, require, scope};

use settings::{Mistake, issuer, mistake, setting, validator};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Mistake(sentence)) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Mistake> {
    let issuer = issuer()?;
    let required_scope = required_scope()?;
    let app = app(&issuer, validator(&issuer)?, required_scope.clone());
    let host = setting("HOST")?.unwrap_or_else(|| "127.0.0.1".to_owned());
    let port: u16 = match setting("PORT")? {
        None => 8080,
        Some(port) => {
            port.parse().map_err(|_| mistake("PORT", "write a number from 0 to 65535; 0 takes a free port"))?
        }
    };
    let cant_listen = |error| Mistake(format!("HOST and PORT: can't listen on {host}, port {port}: {error}"));
    let listener = TcpListener::bind((host.as_str(), port)).await.map_err(cant_listen)?;
    let address = listener.local_addr().map_err(cant_listen)?;
    println!("listening on http://{address}");
    if required_scope.is_none() {
        eprintln!("REQUIRED_SCOPE is not set: /scoped answers 404");
    }

    // Not waited for: a server that starts before its issuer is fine, and `/ready` tells.
    tokio::spawn(async move {
        if let Err(error) = issuer.ready().await {
            eprintln!("no keys yet: {error}");
        }
    });
    axum::serve(listener, app).await.map_err(cant_listen)
}

fn app(issuer: &Issuer, validator: Validator, required_scope: Option<Requirement>) -> Router {
    let mut guarded = Router::new().route("/", get(claims));
    if let Some(required) = required_scope {
        guarded = guarded.route("/scoped", get(claims).route_layer(require(required)));
    }
    guarded
        .route_layer(BearerLayer::new(validator))
        // Added after the layer, so open.
        .route("/open", get(|| async { "open to everybody" }))
        .route("/ready", get(ready).with_state(issuer.clone()))
}

async fn claims(Claims(claims): Claims<Value>) -> impl IntoResponse {
    Json(&*claims).into_response()
}

async fn ready(State(issuer): State<Issuer>) -> impl IntoResponse {
    // Fetches if that is due; how it went is in the status.
    let _ = issuer.ready().await;
    let status = issuer.status();
    let code = if status.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let name = |algorithm: &Algorithm| algorithm.as_str();
    let body = json!({
        "ready": status.is_ready,
        "issuer": issuer.identifier(),
        "keys": status.keys.iter().map(|key| json!({
            "kid": key.key_id,
            "algorithms": key.algorithms.iter().map(name).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "skipped": status.skipped.iter().map(|key| json!({
            "position": key.position(),
            "kid": key.key_id(),
            "why": key.reason().to_string(),
        })).collect::<Vec<_>>(),
        "age_seconds": status.age.map(|age| age.as_secs()),
        "last_error": status.last_error.map(|error| error.to_string()),
        "next_attempt_in_seconds": status.next_attempt_in.map(|wait| wait.as_secs()),
    });
    (code, Json(body))
}

/// Several scopes, separated by spaces, are all required.
fn required_scope() -> Result<Option<Requirement>, Mistake> {
    let Some(names) = setting("REQUIRED_SCOPE")? else { return Ok(None) };
    // RFC 6749 §3.3; a comma may stand in a scope, but hardly does.
    let is_odd = |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '\\' | ',');
    if names.split(' ').any(|name| name.contains(is_odd)) {
        return Err(mistake(
            "REQUIRED_SCOPE",
            "write visible ASCII without quotes and backslashes; separate several scopes by spaces",
        ));
    }
    let each = names.split(' ').filter(|name| !name.is_empty()).map(|name| scope(name.to_owned()));
    Ok(Some(all_of(each)))
}
