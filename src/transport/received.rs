//! [`Received`]: what came in place of a document, told in words of our own. Nothing of it is quoted.

use std::fmt;

use http::{HeaderMap, header};

/// A body as an error may describe it.
pub(crate) struct Received {
    shape: &'static str,
    bytes: usize,
    content_type: ContentType,
}

impl Received {
    pub(crate) fn new(headers: &HeaderMap, body: &[u8]) -> Self {
        Self { shape: shape(body), bytes: body.len(), content_type: ContentType::of(headers) }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            0 => write!(f, "{}, with {}", self.shape, self.content_type),
            1 => write!(f, "{}, 1 byte with {}", self.shape, self.content_type),
            bytes => write!(f, "{}, {bytes} bytes with {}", self.shape, self.content_type),
        }
    }
}

/// What a body is, as far as its first bytes tell. Labels lie: error pages come as JSON.
fn shape(body: &[u8]) -> &'static str {
    let begins_with = |start: &[u8]| {
        let body = body.trim_ascii_start();
        body.get(..start.len()).is_some_and(|first| first.eq_ignore_ascii_case(start))
    };
    match body.trim_ascii_start() {
        [] => "an empty body",
        [0x1f, 0x8b, ..] => "gzip data",
        [0xef, 0xbb, 0xbf, ..] => "text after a byte order mark",
        [b'{', ..] => "what looks like a JSON object",
        [b'[', ..] => "what looks like a JSON array",
        [b'"', ..] => "what looks like a JSON string",
        [b'<', ..] if begins_with(b"<!doctype html") || begins_with(b"<html") => "an HTML page",
        [b'<', ..] => "what looks like XML",
        _ if std::str::from_utf8(body).is_ok() => "text",
        _ => "binary data",
    }
}

/// The `Content-Type`, if it is one of those that are met here.
#[derive(Clone, Copy)]
pub(crate) enum ContentType {
    Known(&'static str),
    Other,
    Absent,
}

impl ContentType {
    const KNOWN: [&str; 9] = [
        "application/json",
        "application/jwk-set+json",
        "application/octet-stream",
        "application/problem+json",
        "application/xhtml+xml",
        "application/xml",
        "text/html",
        "text/plain",
        "text/xml",
    ];

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(sent) = headers.get(header::CONTENT_TYPE) else { return Self::Absent };
        let sent = sent.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let known = Self::KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(sent));
        known.map_or(Self::Other, Self::Known)
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => write!(f, "content type {known}"),
            Self::Other => f.write_str("an unusual content type"),
            Self::Absent => f.write_str("no content type"),
        }
    }
}
