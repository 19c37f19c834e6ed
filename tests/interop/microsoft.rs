//! [`Library`]: the client libraries of Microsoft, which get a token where they are told to.

use std::sync::{LazyLock, Mutex};

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::process::Process;

/// By whom a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// PyPI `msal`.
    Msal,
    /// PyPI `azure-identity`.
    AzureIdentity,
    /// npm `@azure/msal-node`.
    MsalNode,
}

/// An application of a tenant, and how it proves who it is.
#[derive(Clone, Copy)]
pub(crate) struct Application<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) proof: Proof<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    Secret(&'a str),
    /// Both in PEM.
    Certificate {
        certificate: &'a str,
        private_key: &'a str,
    },
}

impl Library {
    /// An access token for what the application may do at this API, or what the library says to why there is none.
    pub(crate) async fn token(self, authority: &str, by: Application<'_>, api: &str) -> Result<String, String> {
        self.ask(authority, by, &format!("{api}/.default"), None).await
    }

    /// An access token with this scope, by which the application acts for the person whose token came in.
    pub(crate) async fn token_on_behalf_of(
        self,
        authority: &str,
        by: Application<'_>,
        person: &str,
        scope: &str,
    ) -> Result<String, String> {
        self.ask(authority, by, scope, Some(person)).await
    }

    async fn ask(
        self,
        authority: &str,
        by: Application<'_>,
        scope: &str,
        on_behalf_of: Option<&str>,
    ) -> Result<String, String> {
        let mut job = json!({
            "library": self.name(),
            "authority": authority,
            "tenant": by.tenant,
            "client_id": by.client_id,
            "scope": scope,
            "on_behalf_of": on_behalf_of,
        });
        match by.proof {
            Proof::Secret(secret) => job["secret"] = json!(secret),
            Proof::Certificate { certificate, private_key } => {
                job["certificate"] = json!(certificate);
                job["private_key"] = json!(private_key);
            }
        }
        // The authority may live in the runtime of the test, which goes on meanwhile.
        let asking = spawn_blocking(move || self.process().lock().expect("no test broke it").ask(&job));
        let answer = asking.await.expect("it answers");
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        text("access_token").ok_or_else(|| text("error").expect("without a token there is an error"))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Msal => "msal",
            Self::AzureIdentity => "azure-identity",
            Self::MsalNode => "msal-node",
        }
    }

    /// One for all tests: clients are made anew for each token, so they share no cache.
    fn process(self) -> &'static Mutex<Process> {
        static PYTHON: LazyLock<Mutex<Process>> = LazyLock::new(|| Mutex::new(Process::start("microsoft.py", &[]).0));
        static NODE: LazyLock<Mutex<Process>> = LazyLock::new(|| Mutex::new(Process::start("microsoft.mjs", &[]).0));
        match self {
            Self::Msal | Self::AzureIdentity => &PYTHON,
            Self::MsalNode => &NODE,
        }
    }
}
