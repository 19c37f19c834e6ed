//! What resembles a token that is held, and is not it.

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, RejectionKind as Kind};

use super::{guarded, parsed};
use crate::support::{AUDIENCE, get, send};

/// An API and a token that it holds.
struct Holding {
    app: Router,
    token: String,
}

impl Holding {
    async fn new() -> Self {
        let authority = TestIssuer::new();
        let app = guarded(BearerLayer::new(authority.issuer().validator(AUDIENCE)));
        let holding = Self { app, token: authority.token(AUDIENCE).subject("alice").sign() };
        assert_eq!(holding.ask(b"Bearer ", &holding.token, b"").await, (200, None));
        holding.still_holds().await;
        holding
    }

    /// The answer to this token between these bytes.
    async fn ask(&self, before: &[u8], token: impl AsRef<[u8]>, after: &[u8]) -> (u16, Option<Kind>) {
        let value = HeaderValue::from_bytes(&[before, token.as_ref(), after].concat()).unwrap();
        let answer = send(&self.app, get([value])).await;
        (answer.status, answer.kind)
    }

    async fn still_holds(&self) {
        let before = parsed();
        assert_eq!(self.ask(b"Bearer ", &self.token, b"").await, (200, None));
        assert_eq!(parsed(), before, "it is held");
    }

    /// The three parts of the token.
    fn parts(&self) -> [&str; 3] {
        let mut parts = self.token.split('.');
        std::array::from_fn(|_| parts.next().unwrap())
    }
}

#[tokio::test]
async fn no_bit_of_a_token_that_is_held_can_be_flipped_and_none_pushes_it_out() {
    let holding = Holding::new().await;
    let before = parsed();
    let mut sent = 0;
    for place in 0..holding.token.len() {
        for bit in 0..8 {
            let mut flipped = holding.token.clone().into_bytes();
            flipped[place] ^= 1 << bit;
            // The others can't come in a header.
            if HeaderValue::from_bytes(&flipped).is_ok() {
                let (status, _) = holding.ask(b"Bearer ", &flipped, b"").await;
                assert!(matches!(status, 400 | 401), "bit {bit} of character {place}: {status}");
                sent += 1;
            }
        }
    }
    assert!(sent > 4 * holding.token.len());
    assert_eq!(parsed(), before);
    holding.still_holds().await;
}

#[tokio::test]
async fn the_scheme_and_its_spaces_are_no_part_of_the_token() {
    let holding = Holding::new().await;
    let before = parsed();
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer     "] {
        assert_eq!(holding.ask(scheme.as_bytes(), &holding.token, b"").await, (200, None), "{scheme:?}");
    }
    assert_eq!(parsed(), before);
}

#[tokio::test]
async fn bytes_before_or_after_a_token_that_is_held_are_not_overlooked() {
    let holding = Holding::new().await;
    let (before, invalid) = (parsed(), (400, Some(Kind::InvalidRequest)));
    let token = holding.token.as_bytes();
    for (start, end) in [
        (&b"Bearer \xff"[..], &b""[..]),
        (b"Bearer ", b"\xff"),
        (b"Bearer ", b"\xc3\xa9"),
        (b"Bearer \xc3", b"\xa9"),
        (b"Bearer \xef\xbb\xbf", b""),
        (b"\xffBearer ", b""),
        (b"Bearer\xa0", b""),
        (b"Bearer\t", b""),
        (b"Bearer \t", b""),
        (b"Bearer ", b" "),
        (b"Bearer ", b"\t"),
        (b"Bearer ", b","),
        (b"Bearer ,", b""),
        (b"Bearer \"", b"\""),
        (b"Bearer ", b" x"),
        (b"Bearer x ", b""),
        (b"Bearer ", b", Basic YWxpY2U="),
        (b"Basic YWxpY2U=, Bearer ", b""),
    ] {
        assert_eq!(holding.ask(start, token, end).await, invalid, "{start:?} and {end:?}");
    }
    let twice = [b"Bearer ", token].concat();
    assert_eq!(send(&holding.app, get([twice.as_slice(); 2])).await.status, 400);
    for (start, end) in [("", "="), ("", "=="), ("", "."), (".", ""), ("", "A"), ("A", ""), ("", ".A"), ("A.", "")] {
        let (status, kind) = holding.ask(format!("Bearer {start}").as_bytes(), token, end.as_bytes()).await;
        assert_eq!(status, 401, "{start:?} and {end:?}: {kind:?}");
    }
    for (start, end) in [(1, 0), (0, 1), (0, 32), (token.len() - 32, 0), (holding.parts()[0].len() + 1, 0)] {
        let (status, kind) = holding.ask(b"Bearer ", &token[start..token.len() - end], b"").await;
        assert_eq!(status, 401, "without {start} and {end}: {kind:?}");
    }
    assert_eq!(parsed(), before);
    holding.still_holds().await;
}

#[tokio::test]
async fn a_token_that_ends_as_one_that_is_held_is_another_one() {
    let holding = Holding::new().await;
    let [header, payload, signature] = holding.parts();
    assert!(signature.len() > 32, "the part that is hashed");
    let decode = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let before = parsed();
    // Of the same length, and longer.
    for name in ["carol", "mallory"] {
        let forged = URL_SAFE_NO_PAD.encode(decode(payload).replace("alice", name));
        assert_ne!(forged, payload);
        let refused = holding.ask(b"Bearer ", format!("{header}.{forged}.{signature}"), b"").await;
        assert_eq!(refused, (401, Some(Kind::BadSignature)));
    }
    let forged = URL_SAFE_NO_PAD.encode(decode(header).replace("\"typ\":\"", "\"typ\":\"application/"));
    assert_ne!(forged, header);
    let refused = holding.ask(b"Bearer ", format!("{forged}.{payload}.{signature}"), b"").await;
    assert_eq!(refused, (401, Some(Kind::BadSignature)));
    // The signature too is compared as a whole.
    let mut start = signature.to_owned().into_bytes();
    start[0] = if start[0] == b'A' { b'B' } else { b'A' };
    let forged = format!("{header}.{payload}.{}", String::from_utf8(start).unwrap());
    assert_eq!(holding.ask(b"Bearer ", forged, b"").await, (401, Some(Kind::BadSignature)));
    assert_eq!(parsed(), before);
    holding.still_holds().await;
}
