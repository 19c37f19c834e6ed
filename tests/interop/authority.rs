//! [`Authority`]: an authority over TLS on loopback, as the libraries of Microsoft want one, that tells what it was sent.

use serde::Deserialize;
use serde_json::json;

use crate::process::Process;

pub(crate) struct Authority {
    process: Process,
    url: String,
}

/// A request for a token, as it arrived.
#[derive(Deserialize)]
pub(crate) struct Sent {
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
}

impl Authority {
    /// One that gives every client the same token.
    pub(crate) fn start() -> Self {
        let (process, said) = Process::start("authority.mjs", &[]);
        let url = said["url"].as_str().expect("it says where it is").to_owned();
        Self { process, url }
    }

    /// From now on it passes everything on to the server at this URL.
    pub(crate) fn pass_on_to(&mut self, url: &str) {
        let told = json!({ "upstream": url });
        assert_eq!(self.process.ask(&told), told);
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next request for a token that it was sent.
    pub(crate) fn sent(&self) -> Sent {
        serde_json::from_value(self.process.next()).expect("it says what it was sent")
    }
}
