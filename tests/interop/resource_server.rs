//! The example `resource_server`, as a process of its own, against the provider and over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::process::{certificate, directory};
use crate::provider::{Provider, client, shared};

const AUDIENCE: &str = "api://es256";

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(provider: &Provider) -> Self {
        Self::start_with(provider.issuer(), &[("REQUIRED_SCOPE", "orders.write")])
    }

    fn start_with(issuer: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = command("resource_server", issuer, settings)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("resource_server can't be run: {error}"));
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("its output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
        let url = line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self { url: url.to_owned(), child }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        client().get(format!("{}{path}", self.url))
    }
}

/// The program, one of those that take any issuer, with these settings and no others.
pub(crate) fn command(program: &str, issuer: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(directory("TOWER_BEARER_EXAMPLES_DIR").join(program));
    for name in ["METADATA_URL", "JWKS_URL", "REQUIRED_SCOPE", "ALGORITHMS", "LEEWAY_SECONDS", "CA_FILE"] {
        command.env_remove(name);
    }
    // Proxies have no way to loopback.
    command.env("NO_PROXY", "127.0.0.1");
    command.env("HOST", "127.0.0.1").env("PORT", "0").env("ISSUER", issuer).env("AUDIENCE", AUDIENCE);
    command.envs(settings.iter().copied());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.expect("the server answers").status()
}

#[tokio::test]
async fn the_resource_server_answers_by_what_the_token_may_do() {
    let provider = shared();
    let server = Server::start(provider);
    let reader = provider.token(AUDIENCE, "orders.read").await;
    let writer = provider.token(AUDIENCE, "orders.read orders.write").await;
    let stranger = provider.token("api://es384", "orders.read").await;

    assert_eq!(status(server.get("/open")).await, StatusCode::OK);
    assert_eq!(status(server.get("/")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(server.get("/").bearer_auth(&stranger)).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(server.get("/scoped").bearer_auth(&reader)).await, StatusCode::FORBIDDEN);
    assert_eq!(status(server.get("/scoped").bearer_auth(&writer)).await, StatusCode::OK);
    assert_eq!(status(server.get("/ready")).await, StatusCode::OK);
}

#[tokio::test]
async fn the_resource_server_answers_with_the_claims() {
    let provider = shared();
    let server = Server::start(provider);
    let token = provider.token(AUDIENCE, "orders.read").await;
    let response = server.get("/").bearer_auth(&token).send().await.expect("the server answers");
    let claims: Value = response.json().await.expect("it answers with JSON");
    assert_eq!(claims["iss"], provider.issuer());
    assert_eq!(claims["aud"], AUDIENCE);
    assert_eq!(claims["client_id"], "batch");
    assert_eq!(claims["scope"], "orders.read");
}

#[tokio::test]
async fn the_resource_server_does_as_it_is_set() {
    let provider = shared();
    let token = provider.token(AUDIENCE, "orders.read").await;
    let other = provider.token("api://rs256", "orders.read").await;
    let expired = provider.token("api://expired", "orders.read").await;
    let (metadata_url, jwks_url) = (provider.metadata_url(), provider.jwks_url());
    for (settings, token, expected) in [
        (vec![("METADATA_URL", metadata_url.as_str())], &token, 200),
        (vec![("METADATA_URL", "http://127.0.0.1:1/nothing")], &token, 503),
        (vec![("JWKS_URL", jwks_url.as_str())], &token, 200),
        (vec![("JWKS_URL", "http://127.0.0.1:1/nothing")], &token, 503),
        (vec![("AUDIENCE", "api://rs256, api://es256")], &token, 200),
        (vec![("AUDIENCE", "api://rs256, api://es256")], &other, 200),
        (vec![("ALGORITHMS", "RS256,ES256")], &token, 200),
        (vec![("ALGORITHMS", "RS256,PS256")], &token, 401),
        (vec![("AUDIENCE", "api://expired")], &expired, 401),
        (vec![("AUDIENCE", "api://expired"), ("LEEWAY_SECONDS", "1000000000")], &expired, 200),
    ] {
        let server = Server::start_with(provider.issuer(), &settings);
        assert_eq!(status(server.get("/").bearer_auth(token)).await, expected, "{settings:?}");
    }
}

#[tokio::test]
async fn the_resource_server_starts_without_its_issuer_and_says_that_it_is_not_ready() {
    let server = Server::start_with("http://127.0.0.1:1", &[]);
    assert_eq!(status(server.get("/ready")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(server.get("/open")).await, StatusCode::OK);
    assert_eq!(status(server.get("/scoped")).await, StatusCode::NOT_FOUND, "REQUIRED_SCOPE is not set");
}

#[tokio::test]
async fn the_resource_server_trusts_the_certificates_that_it_is_given() {
    let provider = shared();
    let token = provider.token(AUDIENCE, "orders.read").await;
    let (metadata_url, certificate) = (provider.metadata_url_over_tls(), certificate());
    let over_tls = ("METADATA_URL", metadata_url.as_str());
    let trusting =
        Server::start_with(provider.issuer(), &[over_tls, ("CA_FILE", certificate.to_str().expect("UTF-8"))]);
    assert_eq!(status(trusting.get("/").bearer_auth(&token)).await, StatusCode::OK);

    let others = Server::start_with(provider.issuer(), &[over_tls]);
    assert_eq!(status(others.get("/").bearer_auth(&token)).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn a_missing_or_bad_setting_is_one_clear_sentence() {
    for (name, value) in [
        ("ISSUER", ""),
        ("ISSUER", "login"),
        ("ISSUER", "http://login.example.com"),
        ("ISSUER", "https://user:password@login.example.com"),
        ("ISSUER", "https://login.exämple.com"),
        ("ISSUER", "https://login.example.com?tenant=acme"),
        ("AUDIENCE", ""),
        ("AUDIENCE", "a,,b"),
        ("PORT", "x"),
        ("HOST", "192.0.2.1"),
        ("METADATA_URL", "file:///etc/passwd"),
        ("JWKS_URL", "x"),
        ("ALGORITHMS", "es256"),
        ("ALGORITHMS", "HS256"),
        ("REQUIRED_SCOPE", "orders.read,orders.write"),
        ("REQUIRED_SCOPE", "\"orders.write\""),
        ("LEEWAY_SECONDS", "-1"),
        ("LEEWAY_SECONDS", "1.5"),
        ("LEEWAY_SECONDS", "18446744073709551615"),
        ("CA_FILE", "no/such/file"),
        ("CA_FILE", "Cargo.toml"),
    ] {
        let said =
            command("resource_server", "https://login.example.com", &[(name, value)]).output().expect("it can be run");
        let sentence = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{name}={value}: {sentence}");
        assert!(sentence.contains(name), "{name}={value}: {sentence}");
        assert_eq!(sentence.trim_end().lines().count(), 1, "{name}={value}: {sentence}");
        assert!(said.stdout.is_empty());
    }
}
