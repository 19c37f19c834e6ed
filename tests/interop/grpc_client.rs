//! [`GrpcClient`]: a client of gRPC that others wrote, and all that it learns of a call.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::Message;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tonic_types::RpcStatusExt;

use crate::process::Process;

/// In a process of its own. While it waits, the runtime of the test goes on, which has to have several threads.
pub(crate) struct GrpcClient {
    process: Process,
}

/// How a call went.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) details: String,
    /// That of its end, without what is HTTP's own.
    metadata: BTreeMap<String, Vec<String>>,
    /// Those that came and were not heard before.
    pub(crate) messages: Vec<Vec<u8>>,
}

/// What a refusal says, with the details decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    code: i32,
    message: String,
    challenges: Vec<String>,
    retry_after: Vec<String>,
    reason: String,
    domain: String,
    needs: Vec<(String, String)>,
    again_in: Option<Duration>,
}

#[derive(Deserialize)]
struct End {
    code: i32,
    details: String,
    metadata: BTreeMap<String, Vec<String>>,
}

impl GrpcClient {
    /// PyPI `grpcio` and npm `@grpc/grpc-js`.
    pub(crate) fn both() -> [Self; 2] {
        ["grpc_client.py", "grpc_client.mjs"].map(Self::start)
    }

    /// npm `@connectrpc/connect-node`, which speaks grpc-web. It hears no messages.
    pub(crate) fn of_web() -> Self {
        Self::start("grpc_web_client.mjs")
    }

    fn start(script: &'static str) -> Self {
        Self { process: block_in_place(|| Process::start(script, &[]).0) }
    }

    /// Makes a call with one message, to which one comes back.
    pub(crate) fn call(&mut self, origin: &str, path: &str, token: Option<&str>, message: &impl Message) -> Answer {
        self.tell(origin, path, false, token, message);
        self.rest_of_stream()
    }

    /// Makes a call with one message, to which any number comes back, and waits for its end.
    pub(crate) fn stream(&mut self, origin: &str, path: &str, token: Option<&str>, message: &impl Message) -> Answer {
        self.start_stream(origin, path, token, message);
        self.rest_of_stream()
    }

    pub(crate) fn start_stream(&mut self, origin: &str, path: &str, token: Option<&str>, message: &impl Message) {
        self.tell(origin, path, true, token, message);
    }

    /// The next message of a stream that is on; `None` where it is over.
    pub(crate) fn next_message(&mut self) -> Option<Vec<u8>> {
        message(&block_in_place(|| self.process.next()))
    }

    /// What is left of the call that is on, up to its end.
    pub(crate) fn rest_of_stream(&mut self) -> Answer {
        let mut messages = Vec::new();
        let end = loop {
            let line = block_in_place(|| self.process.next());
            match message(&line) {
                Some(message) => messages.push(message),
                None => break line,
            }
        };
        let End { code, details, mut metadata } = serde_json::from_value(end).expect("it says how the call ended");
        metadata.retain(|name, _| !["content-length", "content-type", "date"].contains(&name.as_str()));
        Answer { code, details, metadata, messages }
    }

    fn tell(&mut self, origin: &str, path: &str, streams: bool, token: Option<&str>, message: &impl Message) {
        let target = origin.strip_prefix("http://").expect("it is on loopback");
        let message = base64().encode(message.encode_to_vec());
        let call = json!({ "target": target, "path": path, "streams": streams, "token": token, "message": message });
        self.process.tell(&call);
    }
}

fn message(line: &Value) -> Option<Vec<u8>> {
    let message = line.get("message")?.as_str().expect("it is a string");
    Some(base64().decode(message).expect("it is base64"))
}

fn base64() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config)
}

impl Answer {
    /// `None` where the call went well, or the details are missing.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let all = |name: &str| self.metadata.get(name).cloned().unwrap_or_default();
        let [details] = <[String; 1]>::try_from(all("grpc-status-details-bin")).ok()?;
        let details = base64().decode(details).expect("it is base64");
        let details = tonic_types::Status::decode(details.as_slice()).expect("it is a google.rpc.Status");
        assert_eq!((details.code, &details.message), (self.code, &self.details), "the details say the same");
        let info = details.get_details_error_info()?;
        let mut needs: Vec<_> = info.metadata.into_iter().collect();
        needs.sort();
        Some(Refusal {
            code: self.code,
            message: self.details.clone(),
            challenges: all("www-authenticate"),
            retry_after: all("retry-after"),
            reason: info.reason,
            domain: info.domain,
            needs,
            again_in: details.get_details_retry_info().and_then(|retry| retry.retry_delay),
        })
    }
}

impl Refusal {
    pub(crate) fn new(code: i32, message: &str, reason: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            challenges: Vec::new(),
            retry_after: Vec::new(),
            reason: reason.to_owned(),
            domain: "tower-bearer".to_owned(),
            needs: Vec::new(),
            again_in: None,
        }
    }

    pub(crate) fn challenge(mut self, challenge: &str) -> Self {
        self.challenges.push(challenge.to_owned());
        self
    }

    pub(crate) fn needs(mut self, scope: &str) -> Self {
        self.needs.push(("scope".to_owned(), scope.to_owned()));
        self
    }

    pub(crate) fn again_in(mut self, seconds: u64) -> Self {
        self.retry_after.push(seconds.to_string());
        self.again_in = Some(Duration::from_secs(seconds));
        self
    }
}
