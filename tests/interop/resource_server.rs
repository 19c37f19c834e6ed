//! The example `resource_server`, as a process of its own, against the provider and over HTTP.

use std::process::{Child, Command, Stdio};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::provider::{Provider, client, directory, first_line, shared};

const AUDIENCE: &str = "api://es256";

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(provider: &Provider) -> Self {
        let program = directory("TOWER_BEARER_EXAMPLES_DIR").join("resource_server");
        let mut child = Command::new(&program)
            .env("HOST", "127.0.0.1")
            .env("PORT", "0")
            .env("ISSUER", provider.issuer())
            .env("AUDIENCE", AUDIENCE)
            .env("REQUIRED_SCOPE", "orders.write")
            .env_remove("METADATA_URL")
            .env_remove("JWKS_URL")
            .env_remove("ALGORITHMS")
            .env_remove("LEEWAY_SECONDS")
            .env_remove("CA_FILE")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} can't be run: {error}", program.display()));
        let line = first_line(&mut child);
        let url = line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self { url: url.to_owned(), child }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        client().get(format!("{}{path}", self.url))
    }
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
