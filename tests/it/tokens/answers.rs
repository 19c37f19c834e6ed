//! What a token endpoint may answer: the good, the odd, and what is no answer at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};
use tower_bearer::{AccessToken, TokenError, TokenErrorKind as Kind};

use super::{Server, answer, now, ok, token};

const SECOND: Duration = Duration::from_secs(1);

async fn answered(body: Value) -> Result<(AccessToken, Duration), TokenError> {
    let server = Server::new(move |_, _| ok(&body));
    let token = server.source().token().await?;
    let life = token.expires_at().duration_since(server.clock.now()).unwrap();
    Ok((token, life))
}

fn with(member: &str, value: Value) -> Value {
    let mut body = token(1, 3600);
    body[member] = value;
    body
}

fn without(member: &str) -> Value {
    let mut body = token(1, 3600);
    body.as_object_mut().unwrap().remove(member);
    body
}

/// A JWT that runs out by itself at this time. Nobody signed it.
fn jwt(exp: impl Into<Value>) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(json!({ "alg": "ES256" })), part(json!({ "exp": exp.into() })), "c2ln")
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn numbers_may_be_strings_and_fractions_and_huge() {
    let year = 365 * 24 * 3600 * SECOND;
    for (expires_in, life) in [
        (json!(3599), 3599 * SECOND),
        (json!("3599"), 3599 * SECOND),
        (json!(" 3599 "), 3599 * SECOND),
        (json!(3599.9), 3599 * SECOND),
        (json!(3.599e3), 3599 * SECOND),
        (json!(u64::MAX), year),
        (json!(1e300), year),
        (json!("9".repeat(400)), year),
    ] {
        let (_, told) = answered(with("expires_in", expires_in.clone())).await.unwrap();
        assert_eq!(told, life, "{expires_in}");
    }
    // Beyond what a number of JSON can hold here.
    let body = format!(r#"{{"access_token":"a","token_type":"Bearer","expires_in":{}}}"#, "9".repeat(400));
    let server = Server::new(move |_, _| answer(200, &[], body.clone()));
    assert!(server.source().token().await.is_ok());
}

#[tokio::test]
async fn an_expires_in_that_is_no_time_is_refused() {
    for odd in [
        json!(-1),
        json!("-1"),
        json!(0),
        json!("0"),
        json!(0.5),
        json!("soon"),
        json!(""),
        json!([]),
        json!({}),
        json!(true),
        json!("NaN"),
    ] {
        let Err(error) = answered(with("expires_in", odd.clone())).await else { panic!("{odd} was taken") };
        assert_eq!(error.kind(), Kind::Unavailable, "{odd}");
    }
}

#[tokio::test]
async fn a_token_without_a_life_is_used_for_a_minute() {
    for untold in [without("expires_in"), with("expires_in", json!(null))] {
        let (_, life) = answered(untold).await.unwrap();
        assert_eq!(life, 60 * SECOND);
    }
}

#[tokio::test]
async fn of_expires_in_and_the_tokens_own_exp_the_earlier_counts() {
    let server = Server::new(|_, _| unreachable!());
    let at = |from_now: u64| seconds(server.clock.now()) + from_now;
    for (expires_in, exp, earlier) in [(579, 60, 60), (60, 579, 60)] {
        let mut body = with("access_token", json!(jwt(at(exp))));
        body["expires_in"] = json!(expires_in);
        let (_, life) = answered(body).await.unwrap();
        assert!((earlier - 2..=earlier).contains(&life.as_secs()), "{life:?}");
    }
    let mut alone = without("expires_in");
    alone["access_token"] = json!(jwt(at(600)));
    let (_, life) = answered(alone).await.unwrap();
    assert!((598..=600).contains(&life.as_secs()), "{life:?}");
}

#[tokio::test]
async fn no_token_lives_for_more_than_a_year_whatever_it_says() {
    let mut alone = without("expires_in");
    alone["access_token"] = json!(jwt(253_402_300_799_u64));
    let (_, life) = answered(alone).await.unwrap();
    assert_eq!(life, 365 * 24 * 3600 * SECOND);
}

#[tokio::test]
async fn a_token_that_has_run_out_already_is_refused() {
    let error = answered(with("access_token", json!(jwt(1_000_000)))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("clock"), "{error}");
}

#[tokio::test]
async fn what_can_not_be_read_in_a_token_changes_nothing() {
    for odd in [json!("soon"), json!(-1), json!(null), json!([1]), json!(1e300)] {
        let (_, life) = answered(with("access_token", json!(jwt(odd.clone())))).await.unwrap();
        assert_eq!(life, 3600 * SECOND, "{odd}");
    }
    for token in ["a.b.c", "a..", "...", "..", "a.b", "~", "-.-.-"] {
        let (_, life) = answered(with("access_token", json!(token))).await.unwrap();
        assert_eq!(life, 3600 * SECOND, "{token}");
    }
}

#[tokio::test]
async fn the_token_type_is_bearer_in_any_case_and_no_other() {
    for bearer in ["Bearer", "bearer", "BEARER"] {
        assert!(answered(with("token_type", json!(bearer))).await.is_ok());
    }
    for other in ["DPoP", "mac", "N_A", "", "Bearer "] {
        let error = answered(with("token_type", json!(other))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{other}");
    }
    assert_eq!(answered(without("token_type")).await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn scopes_may_be_a_string_or_an_array() {
    for scope in [json!("a b"), json!(["a", "b"]), json!(["a b"])] {
        let (token, _) = answered(with("scope", scope)).await.unwrap();
        assert_eq!(token.scopes().collect::<Vec<_>>(), ["a", "b"]);
    }
    for none in [json!(""), json!([]), json!(null), json!(7), json!([7]), json!({})] {
        let (token, _) = answered(with("scope", none)).await.unwrap();
        assert_eq!(token.scopes().count(), 0);
    }
}

/// Whatever stands here, a message must not have it.
const CANARY: &str = "canary-of-the-body";

fn page() -> String {
    format!("<!DOCTYPE html><html><body>{CANARY}</body></html>")
}

/// What is no answer, by a name, and who has to act.
fn no_answers() -> Vec<(&'static str, u16, Bytes, Kind)> {
    let json = |value: Value| Bytes::from(value.to_string());
    vec![
        ("a page with 200", 200, page().into(), Kind::Unavailable),
        ("a page with 404", 404, page().into(), Kind::Refused),
        ("a page with 502", 502, page().into(), Kind::Unavailable),
        ("an empty 403", 403, Bytes::new(), Kind::Refused),
        ("an empty 200", 200, Bytes::new(), Kind::Unavailable),
        ("nothing at all", 204, Bytes::new(), Kind::Refused),
        ("a redirect", 302, page().into(), Kind::Refused),
        ("a permanent redirect", 308, Bytes::new(), Kind::Refused),
        ("not modified", 304, Bytes::new(), Kind::Refused),
        ("no access_token", 200, json(json!({ "token_type": "Bearer", CANARY: CANARY })), Kind::Unavailable),
        ("a token that is no string", 200, json(with("access_token", json!([CANARY]))), Kind::Unavailable),
        ("an empty token", 200, json(with("access_token", json!(""))), Kind::Unavailable),
        ("a token of two words", 200, json(with("access_token", json!(format!("{CANARY} b")))), Kind::Unavailable),
        (
            "a token of two lines",
            200,
            json(with("access_token", json!("a\r\nx-evil: canary-of-the-body"))),
            Kind::Unavailable,
        ),
        ("a token beyond ASCII", 200, json(with("access_token", json!("tökén"))), Kind::Unavailable),
        ("an error with 200", 200, json(json!({ "error": CANARY })), Kind::Refused),
        ("an array", 200, json(json!([CANARY, "Bearer", 3600])), Kind::Unavailable),
        (
            "an array of all members",
            200,
            json(json!([CANARY, "Bearer", 3600, null, null, null, null, null])),
            Kind::Unavailable,
        ),
        (
            "another member twice",
            200,
            Bytes::from_static(br#"{"access_token":"a","token_type":"Bearer","x":1,"x":2}"#),
            Kind::Unavailable,
        ),
        ("a string", 200, json(json!(CANARY)), Kind::Unavailable),
        ("half of it", 200, Bytes::from_static(br#"{"access_token":"canary-of-the-body","to"#), Kind::Unavailable),
        (
            "two tokens",
            200,
            Bytes::from_static(br#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#),
            Kind::Unavailable,
        ),
        (
            "not UTF-8",
            200,
            Bytes::from_static(b"{\"access_token\":\"\xff\",\"token_type\":\"Bearer\"}"),
            Kind::Unavailable,
        ),
        (
            "a byte order mark",
            200,
            Bytes::from_static(b"\xef\xbb\xbf{\"access_token\":\"a\",\"token_type\":\"Bearer\"}"),
            Kind::Unavailable,
        ),
        ("depth", 200, Bytes::from(format!("{{\"access_token\":{}", "[".repeat(100_000))), Kind::Unavailable),
        ("10 MB with 200", 200, Bytes::from(vec![b'x'; 10_000_000]), Kind::Unavailable),
        ("10 MB with 400", 400, Bytes::from(vec![b'x'; 10_000_000]), Kind::Refused),
    ]
}

#[tokio::test]
async fn what_is_no_answer_is_a_clear_error_without_a_word_of_it_and_nothing_is_cached() {
    for (name, status, body, kind) in no_answers() {
        let server = Server::new(move |number, _| match number {
            1 => answer(status, &[("location", "https://elsewhere.test/canary-of-the-body")], body.clone()),
            _ => ok(&token(number, 3600)),
        });
        let source = server.source();
        let Err(error) = source.token().await else { panic!("{name} was taken") };
        assert_eq!(error.kind(), kind, "{name}: {error}");
        let told = format!("{error} {error:?}");
        assert!(told.contains("issuer.test/token"), "{name}: {told}");
        assert!(!told.contains("canary") && !told.contains("tökén"), "{name}: {told}");
        server.clock.advance(6 * SECOND);
        assert_eq!(now(&source).await.unwrap(), "token-2", "{name}");
    }
}
