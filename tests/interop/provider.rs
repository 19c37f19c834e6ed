//! [`Provider`]: an `oidc-provider` on loopback, in a process of its own that ends with this value.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::task::spawn_blocking;

use crate::process::Process;

/// What `provider.mjs` signs its tokens with, a resource for each.
pub(crate) const ALGORITHMS: [&str; 7] = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/// Which keys the provider publishes after a rotation. New ones sign in each case.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// The old ones and the new ones.
    Added,
    /// The new ones only.
    Replaced,
    /// The new ones only, under the key ids of the old ones: what a provider does that keeps its keys in memory when it is
    /// started again.
    SameIds,
}

impl Keys {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::SameIds => "same-ids",
        }
    }
}

pub(crate) struct Provider {
    process: Process,
    issuer: String,
    url: String,
    admin: String,
    tls: String,
    stopped: Option<Stopped>,
}

/// What is left of a provider whose process was killed.
struct Stopped {
    keys: String,
    port: u16,
    /// Bound to the port but not listening: whoever connects is refused, and nobody else is given the port.
    reserved: TcpSocket,
}

/// A provider that the tests share which change nothing about it.
pub(crate) fn shared() -> &'static Provider {
    static SHARED: LazyLock<Provider> = LazyLock::new(Provider::start);
    &SHARED
}

impl Provider {
    /// A provider whose tokens name the address that it is served at as their issuer.
    pub(crate) fn start() -> Self {
        Self::run(&[])
    }

    /// A provider whose tokens and metadata name another issuer.
    pub(crate) fn start_as(issuer: &str) -> Self {
        Self::run(&["--issuer", issuer])
    }

    fn run(arguments: &[&str]) -> Self {
        let (process, said) = Process::start("provider.mjs", arguments);
        let text = |name: &str| said[name].as_str().expect("the provider says where it is").to_owned();
        Self {
            process,
            issuer: text("issuer"),
            url: text("url"),
            admin: text("admin"),
            tls: text("tls"),
            stopped: None,
        }
    }

    /// The `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn metadata_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    /// The metadata over TLS, with a certificate that nobody trusts unless told to.
    pub(crate) fn metadata_url_over_tls(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.tls)
    }

    pub(crate) fn jwks_url(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// An access token for this resource, had by the client credentials grant (RFC 6749 §4.4, RFC 8707).
    pub(crate) async fn token(&self, resource: &str, scope: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "batch"),
            ("client_secret", "batch-secret"),
            ("resource", resource),
            ("scope", scope),
        ];
        let response = client().post(format!("{}/token", self.url)).form(&form).send().await;
        let answer: Value = response.expect("the token endpoint answers").json().await.expect("it answers with JSON");
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token for {resource}: {answer}")).to_owned()
    }

    /// An access token by which the client `portal` acts for this person at this API.
    pub(crate) async fn person(&self, subject: &str, audience: &str) -> String {
        self.sign_in(&json!({ "subject": subject, "audience": audience })).await
    }

    /// The same, but it ran out an hour ago.
    pub(crate) async fn person_of_an_hour_ago(&self, subject: &str, audience: &str) -> String {
        self.sign_in(&json!({ "subject": subject, "audience": audience, "has_run_out": true })).await
    }

    async fn sign_in(&self, who: &Value) -> String {
        let sent = client().post(format!("{}/people", self.admin)).json(who).send().await;
        let answer: Value = sent.expect("the provider answers").json().await.expect("it answers with JSON");
        answer["access_token"].as_str().expect("there is such an API").to_owned()
    }

    /// Registers one more client, which has this metadata (RFC 7591 §2). Where that names a `token_endpoint_auth_signing_alg`, the
    /// client's private key is made for it and returned, in PEM.
    pub(crate) async fn register(&self, metadata: &Value) -> String {
        let sent = client().post(format!("{}/clients", self.admin)).json(metadata).send().await;
        let answer: Value = sent.expect("the provider answers").json().await.expect("it answers with JSON");
        answer["private_key"].as_str().expect("it has registered the client").to_owned()
    }

    /// From the next request on the provider has other keys. Its process, address and issuer stay.
    pub(crate) async fn rotate(&self, keys: Keys) {
        let sent = client().post(format!("{}/rotate?keys={}", self.admin, keys.word())).send().await;
        sent.and_then(reqwest::Response::error_for_status).expect("the provider rotates its keys");
    }

    /// Kills its process, whatever that is doing. Connections to its address are refused from now on.
    pub(crate) async fn stop(&mut self) {
        let answer = client().get(format!("{}/keys", self.admin)).send().await.expect("the provider answers");
        let keys = answer.text().await.expect("it has keys");
        self.process.kill();
        let address = self.url.strip_prefix("http://").expect("it speaks plain http");
        let address: SocketAddr = address.parse().expect("it has an address and a port");
        let reserved = TcpSocket::new_v4().expect("a socket can be made");
        reserved.set_reuseaddr(true).expect("an address can be used again");
        reserved.bind(address).expect("nobody else has its port");
        self.stopped = Some(Stopped { keys, port: address.port(), reserved });
    }

    /// Starts it again at its address: a new process with the keys that it had, rotated if so told.
    pub(crate) async fn start_again(&mut self, rotated: Option<Keys>) {
        let Stopped { keys, port, reserved } = self.stopped.take().expect("it was stopped");
        let (issuer, port) = (self.issuer.clone(), port.to_string());
        let starting = spawn_blocking(move || {
            let mut arguments = vec!["--issuer", &issuer, "--port", &port, "--keys", &keys];
            arguments.extend(rotated.iter().flat_map(|keys| ["--rotate", keys.word()]));
            Self::run(&arguments)
        });
        *self = starting.await.expect("it starts");
        drop(reserved);
    }

    /// How often its keys were asked for, since its process started.
    pub(crate) async fn jwks_requests(&self) -> u64 {
        self.requests("/jwks").await
    }

    /// How often its metadata was asked for, since its process started.
    pub(crate) async fn metadata_requests(&self) -> u64 {
        self.requests("/.well-known/openid-configuration").await
    }

    /// How often a token was asked for, since its process started.
    pub(crate) async fn token_requests(&self) -> u64 {
        self.requests("/token").await
    }

    async fn requests(&self, path: &str) -> u64 {
        let response = client().get(format!("{}/counts", self.admin)).send().await;
        let counts: HashMap<String, u64> = response.expect("the provider answers").json().await.expect("it counts");
        counts.get(path).copied().unwrap_or(0)
    }
}

/// A client that takes no proxy from the environment and reads no certificates, which takes a while: all of this is on
/// loopback, in plain http.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().tls_certs_only([]).build().expect("a client can be made")
}
