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

use std::env::{self, VarError};
use std::fmt;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::extract::State;
use axum::http::{Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::jose::Algorithm;
use tower_bearer::{BearerLayer, Claims, Issuer, Requirement, Validator, all_of, require, scope};

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

/// What is wrong with the settings, as a sentence for the person who made them.
struct Mistake(String);

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

fn issuer() -> Result<Issuer, Mistake> {
    let identifier = setting("ISSUER")?.ok_or_else(|| {
        missing("ISSUER", "write the issuer's identifier, such as https://login.example.com/realms/acme")
    })?;
    let (metadata_url, jwks_url) = (setting("METADATA_URL")?, setting("JWKS_URL")?);
    if metadata_url.is_none() && jwks_url.is_none() {
        fetchable("ISSUER", &identifier)?;
        if identifier.contains('?') {
            return Err(mistake(
                "ISSUER",
                "its metadata has no standard place, as it has a query; set METADATA_URL too",
            ));
        }
    }
    let mut issuer = Issuer::new(identifier).map_err(|error| mistake("ISSUER", error))?;
    if let Some(url) = metadata_url {
        fetchable("METADATA_URL", &url)?;
        issuer = issuer.metadata_url(&url).map_err(|error| mistake("METADATA_URL", error))?;
    }
    if let Some(url) = jwks_url {
        fetchable("JWKS_URL", &url)?;
        issuer = issuer.jwks_url(&url).map_err(|error| mistake("JWKS_URL", error))?;
    }
    match setting("CA_FILE")? {
        None => Ok(issuer),
        Some(path) => fetching_with(&issuer, &trusting(&path)?),
    }
}

/// Has the issuer fetch through this client: any tower service from a request to a response will do.
fn fetching_with(issuer: &Issuer, client: &reqwest::Client) -> Result<Issuer, Mistake> {
    let client = client.clone();
    let transport = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            Ok::<Response<reqwest::Body>, reqwest::Error>(client.execute(request).await?.into())
        }
    });
    Ok(issuer.clone().transport(transport))
}

/// A client that trusts the certificates of this file too. Like the built-in one, it follows no redirects.
fn trusting(path: &str) -> Result<reqwest::Client, Mistake> {
    let pem = std::fs::read(path).map_err(|error| mistake("CA_FILE", format!("{path} can't be read: {error}")))?;
    let no_certificate = || mistake("CA_FILE", format!("{path} holds no certificate in PEM form that can be used"));
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| no_certificate())?;
    if certificates.is_empty() {
        return Err(no_certificate());
    }
    reqwest::Client::builder()
        .tls_certs_merge(certificates)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| no_certificate())
}

fn validator(issuer: &Issuer) -> Result<Validator, Mistake> {
    let audiences = list("AUDIENCE")?.unwrap_or_default();
    let (first, more) = audiences.split_first().ok_or_else(|| {
        missing(
            "AUDIENCE",
            "write the `aud` of tokens for this server, such as api://orders; separate several by commas",
        )
    })?;
    let mut validator = more.iter().fold(issuer.validator(first), |validator, audience| validator.audience(audience));
    if let Some(names) = list("ALGORITHMS")? {
        let algorithms: Result<Vec<_>, _> = names.iter().map(|name| algorithm(name)).collect();
        validator = validator.algorithms(algorithms?);
    }
    if let Some(seconds) = setting("LEEWAY_SECONDS")? {
        let seconds: u32 = seconds.parse().map_err(|_| mistake("LEEWAY_SECONDS", "write a whole number of seconds"))?;
        validator = validator.leeway(Duration::from_secs(seconds.into()));
    }
    Ok(validator)
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

fn algorithm(name: &str) -> Result<Algorithm, Mistake> {
    let one: Algorithm = name.parse().map_err(|error| mistake("ALGORITHMS", format!("{name} is {error}")))?;
    if one.is_symmetric() {
        return Err(mistake(
            "ALGORITHMS",
            format!("{name} needs a shared secret, and this server has public keys only"),
        ));
    }
    Ok(one)
}

/// Refuses at the start what would be refused at the first fetch.
fn fetchable(name: &str, url: &str) -> Result<(), Mistake> {
    let anywhere = || {
        mistake(
            name,
            "this is not a URL that can be fetched; write an absolute one without a user name, such as https://login.example.com",
        )
    };
    // The crate's own judgement, whatever the setting is for.
    Issuer::new("anybody").and_then(|issuer| issuer.metadata_url(url)).map_err(|_| anywhere())?;
    let url: Uri = url.parse().map_err(|_| anywhere())?;
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback => Ok(()),
        _ => Err(mistake(name, "write an https URL; plain http is taken on loopback only")),
    }
}

/// An empty variable counts as one that is not set.
fn setting(name: &str) -> Result<Option<String>, Mistake> {
    match env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(mistake(name, "the value is not UTF-8")),
    }
}

fn list(name: &str) -> Result<Option<Vec<String>>, Mistake> {
    let Some(text) = setting(name)? else { return Ok(None) };
    let values: Vec<_> = text.split(',').map(|value| value.trim().to_owned()).collect();
    if values.contains(&String::new()) {
        return Err(mistake(name, "nothing stands beside a comma; write values with single commas between them"));
    }
    Ok(Some(values))
}

fn mistake(name: &str, sentence: impl fmt::Display) -> Mistake {
    Mistake(format!("{name}: {sentence}"))
}

fn missing(name: &str, sentence: &str) -> Mistake {
    Mistake(format!("{name} is not set: {sentence}"))
}
