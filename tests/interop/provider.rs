//! [`Provider`]: an `oidc-provider` on loopback, in a process of its own that ends with this value.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use reqwest::Client;
use serde_json::Value;

/// What `provider.mjs` signs its tokens with, a resource for each.
pub(crate) const ALGORITHMS: [&str; 7] = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/// Which keys the provider publishes after a rotation. New ones sign in either case.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// The old ones and the new ones.
    Added,
    /// The new ones only.
    Replaced,
}

pub(crate) struct Provider {
    child: Child,
    // The process ends when this is closed, which happens even if these tests are killed.
    _stdin: Option<ChildStdin>,
    issuer: String,
    url: String,
    admin: String,
    tls: String,
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
        let home = directory("TOWER_BEARER_INTEROP_DIR");
        let log = home.join("provider.log");
        let mut child = Command::new("node")
            .arg(home.join("provider.mjs"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).expect("the log can be written"))
            .spawn()
            .expect("`node` can be run");
        let line = first_line(&mut child);
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the provider did not start; {} says why", log.display()));
        let text = |name: &str| said[name].as_str().expect("the provider says where it is").to_owned();
        let [issuer, url, admin, tls] = ["issuer", "url", "admin", "tls"].map(text);
        Self { _stdin: child.stdin.take(), child, issuer, url, admin, tls }
    }

    /// The `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn metadata_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    /// The metadata over TLS, with a certificate that nobody trusts unless told to: that of [`certificate`].
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

    /// From the next request on the provider has other keys. Its process, address and issuer stay.
    pub(crate) async fn rotate(&self, keys: Keys) {
        let keys = match keys {
            Keys::Added => "added",
            Keys::Replaced => "replaced",
        };
        let sent = client().post(format!("{}/rotate?keys={keys}", self.admin)).send().await;
        sent.and_then(reqwest::Response::error_for_status).expect("the provider rotates its keys");
    }

    /// How often its keys were asked for.
    pub(crate) async fn jwks_requests(&self) -> u64 {
        self.requests("/jwks").await
    }

    /// How often its metadata was asked for.
    pub(crate) async fn metadata_requests(&self) -> u64 {
        self.requests("/.well-known/openid-configuration").await
    }

    async fn requests(&self, path: &str) -> u64 {
        let response = client().get(format!("{}/counts", self.admin)).send().await;
        let counts: HashMap<String, u64> = response.expect("the provider answers").json().await.expect("it counts");
        counts.get(path).copied().unwrap_or(0)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that `tests/interop/run` prepares.
pub(crate) fn directory(variable: &str) -> PathBuf {
    let set = std::env::var_os(variable);
    let set = set.unwrap_or_else(|| panic!("{variable} is not set: start the interop tests by `tests/interop/run`"));
    PathBuf::from(set)
}

/// The file with the certificate of every provider.
pub(crate) fn certificate() -> PathBuf {
    directory("TOWER_BEARER_INTEROP_DIR").join("loopback_certificate.pem")
}

/// A client that takes no proxy from the environment: all of this is on loopback.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client can be made")
}

/// What a process that was started with a pipe says first; nothing if it ends without a word.
pub(crate) fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("its output is a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
    line
}
