//! The details of a status: messages of google.rpc, written in the binary form of Protocol Buffers.

use super::super::rejection::Rejection;

/// A `google.rpc.Status`. Its messages: `code = 1, message = 2, details = 3`; of each detail, an `Any`: `type_url = 1, value = 2`.
pub(super) fn write(rejection: &Rejection) -> Vec<u8> {
    let mut status = Message::default();
    status.number(1, rejection.grpc_code().unsigned_abs().into());
    status.bytes(2, rejection.description().as_bytes());
    status.bytes(3, &any("ErrorInfo", &error_info(rejection)).0);
    if let Some(seconds) = rejection.retry_after_seconds() {
        status.bytes(3, &any("RetryInfo", &retry_info(seconds)).0);
    }
    status.0
}

fn any(name: &str, value: &Message) -> Message {
    let mut any = Message::default();
    any.bytes(1, format!("type.googleapis.com/google.rpc.{name}").as_bytes());
    any.bytes(2, &value.0);
    any
}

/// `reason = 1, domain = 2, metadata = 3`, a map of which each entry has `key = 1, value = 2`.
fn error_info(rejection: &Rejection) -> Message {
    let mut info = Message::default();
    info.bytes(1, rejection.kind().reason().as_bytes());
    info.bytes(2, Rejection::GRPC_DOMAIN.as_bytes());
    if let Some(scope) = rejection.scope() {
        let mut entry = Message::default();
        entry.bytes(1, b"scope");
        entry.bytes(2, scope.as_bytes());
        info.bytes(3, &entry.0);
    }
    info
}

/// `retry_delay = 1`, a `Duration` with `seconds = 1`.
fn retry_info(seconds: u64) -> Message {
    let mut delay = Message::default();
    delay.number(1, seconds);
    let mut info = Message::default();
    info.bytes(1, &delay.0);
    info
}

/// What is written of a message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u8, value: u64) {
        self.0.push(field << 3);
        self.varint(value);
    }

    /// A text, or another message.
    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.0.push(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
