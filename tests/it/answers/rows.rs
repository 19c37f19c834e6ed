//! The table: what a server sends, and the sentence in which an error says so.

use bytes::Bytes;
use serde_json::json;

use super::server::{Script, Step, answer, document, send};

/// Stands for whatever a server may send and no message may repeat.
pub(crate) const CANARY: &str = "canary";

const MEBIBYTE: usize = 1024 * 1024;

/// An answer that is none.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    /// The sentence. `{what}` stands for the document, `{url}` for where it is, `{issuer}` for the identifier.
    pub(crate) said: String,
    /// Whether only a time-out ends it.
    pub(crate) is_slow: bool,
}

fn row(name: &'static str, script: Script, said: impl Into<String>) -> Row {
    Row { name, script, said: said.into(), is_slow: false }
}

/// Status line and headers, of which one is as odd as its value.
fn head(status: &str, headers: &str) -> Step {
    send(format!("HTTP/1.1 {status}\r\nx-canary: canary\r\n{headers}\r\n"))
}

/// A document that comes as HTML, whose end is the end of the connection.
fn until_closed(body: impl Into<Bytes>) -> Script {
    vec![head("200 OK", "content-type: text/html; charset=canary\r\n"), send(body)]
}

/// What any document may meet on its way, and what became of it.
pub(crate) fn exchanges() -> Vec<Row> {
    let failed = |why: &str| format!("{{what}} was not fetched from {{url}}: {why}");
    let fault = |name, script, why: &str| row(name, script, failed(why));
    let no_answer = "the connection ended without an answer, or what came is not HTTP";
    let too_long = "the answer is longer than 1048576 bytes";
    let ok = || head("200 OK", "content-type: application/json\r\n");
    let chunked = || head("200 OK", "transfer-encoding: chunked\r\n");
    let sixty_four_kib = || Bytes::from(vec![b' '; 64 * 1024]);
    let mut rows = vec![
        fault("closed without a word", vec![], no_answer),
        fault("reset without a word", vec![Step::Reset], no_answer),
        fault("reset within the head", vec![send("HTTP/1.1 200 OK\r\nx-canary: can"), Step::Reset], no_answer),
        fault("closed within the head", vec![send("HTTP/1.1 200 OK\r\nx-canary: can")], no_answer),
        fault("not HTTP", vec![send("220 canary ESMTP\r\n\r\n")], no_answer),
        fault("a status that is none", vec![send("HTTP/1.1 9canary\r\n\r\n")], no_answer),
        fault(
            "endless headers",
            vec![send("HTTP/1.1 200 OK\r\n"), Step::Repeat("x-canary: canary\r\n".into(), u64::MAX)],
            no_answer,
        ),
        fault(
            "one endless header",
            vec![send("HTTP/1.1 200 OK\r\nx-canary: "), Step::Repeat(CANARY.into(), u64::MAX)],
            no_answer,
        ),
        fault(
            "two lengths",
            vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 6\r\n\r\ncanary")],
            no_answer,
        ),
        fault(
            "cut off before its length",
            vec![head("200 OK", "content-length: 100\r\n"), send(r#"{"issuer":"canary""#)],
            "the answer broke off after 18 bytes",
        ),
        fault(
            "reset within the body",
            vec![head("200 OK", "content-length: 100\r\n"), Step::Reset],
            "the answer broke off after 0 bytes",
        ),
        fault(
            "cut off within a chunk",
            vec![chunked(), send("10\r\n{\"canary\"")],
            "the answer broke off after 9 bytes",
        ),
        fault("cut off between chunks", vec![chunked(), send("2\r\n{}\r\n")], "the answer broke off after 2 bytes"),
        fault("a chunk that is none", vec![chunked(), send("canary\r\n{}")], "the answer broke off after 0 bytes"),
        fault("512 MiB announced", vec![head("200 OK", "content-length: 536870912\r\n"), Step::Stall], too_long),
        fault(
            "512 MiB sent",
            vec![head("200 OK", "content-length: 536870912\r\n"), Step::Repeat(sixty_four_kib(), 8 * 1024)],
            too_long,
        ),
        fault("endless until the connection ends", vec![ok(), Step::Repeat(sixty_four_kib(), u64::MAX)], too_long),
        fault(
            "endless in chunks",
            vec![chunked(), Step::Repeat([b"10000\r\n", &sixty_four_kib()[..], b"\r\n"].concat().into(), u64::MAX)],
            too_long,
        ),
        fault("one byte beyond the cap", document(vec![b' '; MEBIBYTE + 1]), too_long),
    ];
    for status in ["204 No Content", "206 Partial Content", "400 canary", "401 canary", "403 canary", "404 canary"] {
        let said =
            failed(&format!("the answer has status {} and content type text/html; only 200 is taken", &status[..3]));
        rows.push(row("another status", answer(status, "content-type: text/html\r\n", CANARY), said));
    }
    for (status, headers, said) in [
        ("500 canary", "content-type: TEXT/HTML;charset=canary\r\n", "status 500 and content type text/html"),
        (
            "502 canary",
            "content-type: application/problem+json\r\n",
            "status 502 and content type application/problem+json",
        ),
        ("503 canary", "content-type: canary/canary\r\n", "status 503 and an unusual content type"),
        ("599 canary", "", "status 599 and no content type"),
    ] {
        let said = failed(&format!("the answer has {said}; only 200 is taken"));
        rows.push(row("a server error", answer(status, headers, CANARY), said.clone()));
        let endless = vec![head(status, headers), Step::Repeat(sixty_four_kib(), u64::MAX)];
        rows.push(row("a server error of endless length", endless, said.clone()));
        rows.push(row("a server error that never ends", vec![head(status, headers), Step::Stall], said));
    }
    for (status, location) in [
        ("300", "canary"),
        ("301", "/canary"),
        ("302", "/canary"),
        ("303", "file:///etc/canary"),
        ("307", "/canary"),
        ("308", "http://canary.test/"),
    ] {
        let script = answer(&format!("{status} canary"), &format!("location: {location}\r\n"), CANARY);
        let said = format!("the answer is a redirect (status {status}), and none is followed");
        rows.push(fault("a redirect", script, &said));
    }
    for (name, script) in [
        ("hangs", vec![Step::Stall]),
        ("hangs within the head", vec![send("HTTP/1.1 200 OK\r\nx-canary: can"), Step::Stall]),
        ("hangs before the body", vec![head("200 OK", "content-length: 20\r\n"), Step::Stall]),
        ("hangs within the body", vec![head("200 OK", "content-length: 20\r\n"), send("{\"canary\""), Step::Stall]),
        ("hangs between chunks", vec![chunked(), send("2\r\n{}\r\n"), Step::Stall]),
        ("a byte a second, in the head", vec![send("HTTP/1.1 200 OK\r\nx-canary: "), Step::Drip(CANARY.into())]),
        ("a byte a second, in the body", vec![ok(), Step::Drip(CANARY.into())]),
    ] {
        rows.push(Row { is_slow: true, ..row(name, script, failed("it took longer than 5 s")) });
    }
    rows
}

/// What comes as a whole, but is no JSON object, whatever the document.
fn no_objects(is_not: &str) -> Vec<Row> {
    let json = "content type application/json";
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect();
    let not_an_object = |came: &str| format!("{is_not} is not a JSON object (from {{url}}: {came})");
    vec![
        row(
            "HTML with status 200",
            until_closed("<!DOCTYPE html><title>canary</title>"),
            not_an_object("an HTML page, 36 bytes with content type text/html"),
        ),
        row(
            "HTML that says that it is JSON",
            document("\r\n<HTML><title>canary</title></HTML>"),
            not_an_object(&format!("an HTML page, 36 bytes with {json}")),
        ),
        row(
            "XML",
            answer("200 OK", "content-type: application/xml\r\n", "<error>canary</error>"),
            not_an_object("what looks like XML, 21 bytes with content type application/xml"),
        ),
        row(
            "plain text",
            answer("200 OK", "content-type: text/plain\r\n", CANARY),
            not_an_object("text, 6 bytes with content type text/plain"),
        ),
        row("nothing", answer("200 OK", "", ""), not_an_object("an empty body, with no content type")),
        row("one byte", answer("200 OK", "", "1"), not_an_object("text, 1 byte with no content type")),
        row(
            "a JSON array",
            document(r#"["canary"]"#),
            not_an_object(&format!("what looks like a JSON array, 10 bytes with {json}")),
        ),
        row(
            "a JSON string",
            answer("200 OK", "content-type: application/canary+json\r\n", r#""canary""#),
            not_an_object("what looks like a JSON string, 8 bytes with an unusual content type"),
        ),
        row(
            "after a byte order mark",
            document("\u{feff}{\"canary\":1}"),
            not_an_object(&format!("text after a byte order mark, 15 bytes with {json}")),
        ),
        row(
            "compressed",
            answer(
                "200 OK",
                "content-type: application/json\r\ncontent-encoding: gzip\r\n",
                b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJN\xccK,\xaaT\xb22\xac\x05\x00{)\x93\x10\x0c\x00\x00\x00",
            ),
            format!("{is_not} is not UTF-8 (from {{url}}: gzip data, 32 bytes with {json})"),
        ),
        row(
            "UTF-16",
            document(utf16),
            format!("{is_not} is not UTF-8 (from {{url}}: what looks like a JSON object, 5 bytes with {json})"),
        ),
        row(
            "bytes",
            answer("200 OK", "content-type: application/octet-stream\r\n", b"\xff\xd8"),
            format!("{is_not} is not UTF-8 (from {{url}}: binary data, 2 bytes with content type application/octet-stream)"),
        ),
        row(
            "cut off without a length",
            until_closed(r#"{"issuer":"canary"#),
            format!("{is_not} ends too early (from {{url}}: what looks like a JSON object, 17 bytes with content type text/html)"),
        ),
    ]
}

/// Metadata that won't do.
pub(crate) fn metadata() -> Vec<Row> {
    let mut rows = no_objects("the issuer's metadata");
    let unfit = |body: &str, is: &str| {
        let length = body.len();
        let came = "what looks like a JSON object";
        let said = format!(
            "the issuer's metadata {is} (from {{url}}: {came}, {length} bytes with content type application/json)"
        );
        row("metadata that won't do", document(body), said)
    };
    rows.extend([
        unfit("{}", "has no member `issuer`"),
        unfit(r#"{"issuer":null,"canary":"canary"}"#, "has no member `issuer`"),
        unfit(r#"{"issuer":["canary"]}"#, "has a member `issuer` that is not a string"),
        unfit(r#"{"issuer":"canary","\u0069ssuer":"canary"}"#, "has a member twice"),
        unfit(&format!(r#"{{"canary":{}}}"#, "[".repeat(100)), "is nested too deeply"),
        unfit("{} canary", "is not JSON"),
        unfit("{\"issuer\":\n  canary}", "is not JSON (line 2, column 3)"),
        unfit(r#"{"issuer":"canary","jwks_uri":["canary"]}"#, "has a member `jwks_uri` that is not a string"),
    ]);
    for other in ["https://canary.test", "", "{issuer}/", "{ISSUER}"] {
        rows.push(row(
            "another issuer",
            document(json!({"issuer": other, "jwks_uri": "{issuer}/keys"}).to_string()),
            "the issuer's metadata (from {url}) is for another issuer than \"{issuer}\": the document's `issuer` must equal the \
             identifier letter by letter (OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3); give Issuer::new(..) the \
             document's spelling",
        ));
    }
    for (jwks_uri, why) in [
        ("file:///etc/canary", "its scheme is neither https nor http"),
        ("FILE:/etc/canary", "its scheme is neither https nor http"),
        ("file:canary", "its scheme is neither https nor http"),
        ("ftp://canary.test/keys", "its scheme is neither https nor http"),
        ("data:application/json,canary", "its scheme is neither https nor http"),
        ("javascript:canary", "its scheme is neither https nor http"),
        ("unix:///run/canary", "its scheme is neither https nor http"),
        ("canary.test:443/keys", "its scheme is neither https nor http"),
        ("/canary", "it has no scheme, so it is relative"),
        ("canary", "it has no scheme, so it is relative"),
        ("//canary.test/keys", "it has no scheme, so it is relative"),
        ("", "it has no scheme, so it is relative"),
        ("https:canary.test/keys", "it names no host"),
        ("https://", "it names no host"),
        ("https:///canary", "it names no host"),
        ("https://:443/canary", "it names no host"),
        ("https://?canary", "it names no host"),
        ("https://canary@issuer.test/", "it holds a user name"),
        ("https://canary.test/ canary", "it can't be parsed"),
        ("https://canary.test:canary/", "its port is no number up to 65535"),
        ("https://canary.test:65536/", "its port is no number up to 65535"),
        ("https://[canary]/", "its host is in brackets and no IPv6 address"),
    ] {
        rows.push(row(
            "keys that can't be fetched",
            document(json!({"issuer": "{issuer}", "jwks_uri": jwks_uri}).to_string()),
            format!(
                "`jwks_uri` in the issuer's metadata (from {{url}}) is not a URL that can be fetched: {why}; it has to be an \
                 absolute https URL"
            ),
        ));
    }
    rows
}

/// Key sets that won't do.
pub(crate) fn keys() -> Vec<Row> {
    let mut rows = no_objects("the key set");
    let unfit = |body: &str, is: &str| {
        let length = body.len();
        let came = "what looks like a JSON object";
        let said = format!("{is} (from {{url}}: {came}, {length} bytes with content type application/json)");
        row("a key set that won't do", document(body), said)
    };
    let none = "the issuer's key set has no key that can be used";
    rows.extend([
        unfit("{}", "the key set has no array `keys`"),
        unfit(r#"{"canary":[]}"#, "the key set has no array `keys`"),
        unfit(r#"{"keys":"canary"}"#, "the key set has no array `keys`"),
        unfit(r#"{"keys":{"canary":"canary"}}"#, "the key set has no array `keys`"),
        unfit(r#"{"keys":[],"canary":1,"canary":2}"#, "a member of the key set occurs twice"),
        unfit("{} canary", "the key set is not valid JSON"),
        unfit("{\"keys\":\n  canary}", "the key set is not valid JSON at line 2, column 3"),
        unfit(r#"{"keys":[]}"#, none),
        unfit(r#"{"keys":["canary"]}"#, &format!("{none}; the first is skipped: the key is not a JSON object")),
        unfit(
            r#"{"keys":[{"kty":"canary","kid":"canary"},{}]}"#,
            &format!("{none}; the first is skipped: the `kty` of the key is none of RSA, EC, OKP"),
        ),
        unfit(
            &format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 100_000].join(",")),
            &format!("{none}; the first is skipped: the member `kty` of the key is missing"),
        ),
    ]);
    rows
}
