//! Tokens under keys that nobody knows: what they may cost, and whom.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::DATE;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{RejectionKind as Kind, Validator};

use super::{fetches, kind};
use crate::support::{AUDIENCE, until};

const GAP: Duration = Duration::from_secs(15);

/// This token with another `kid` in its header; the signature is left as it was.
fn under_another_id(token: &str, id: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let header = json!({ "alg": "ES256", "kid": id, "typ": "at+jwt" }).to_string();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}

#[tokio::test]
async fn tokens_under_unknown_keys_cause_one_fetch_per_gap() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let good = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &good).await, None);

    let foreign = |n: usize| authority.token(AUDIENCE).header("kid", format!("unknown-{n}")).sign();
    assert_eq!(kind(&validator, &foreign(0)).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 2), "the first one may be signed by a new key");
    for n in 1..50 {
        assert_eq!(kind(&validator, &foreign(n)).await, Some(Kind::UnknownKey));
    }
    assert_eq!(fetches(&authority), (1, 2));

    authority.advance(Duration::from_secs(14));
    let newer = foreign(51);
    let rejection = validator.verify(&newer).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable, "its key may have been published since the last fetch");
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(fetches(&authority), (1, 2));

    authority.advance(Duration::from_secs(1));
    assert_eq!(kind(&validator, &newer).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 3), "one gap later it is looked for again");
}

#[tokio::test]
async fn a_flood_costs_one_fetch_per_gap_and_hides_a_new_key_for_one_gap_at_the_most() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let known = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &known).await, None);

    const SECONDS: usize = 100;
    let (mut published_at, mut accepted_at) = (None, None);
    for second in 0..SECONDS {
        // Between two fetches, so that its first token has to wait.
        if second == 40 {
            authority.rotate_keeping_old();
            published_at = Some(second);
        }
        let template = authority.token(AUDIENCE).subject("mallory").sign();
        for n in 0..1_000 {
            let token = under_another_id(&template, &format!("unknown-{second}-{n}"));
            let kind = kind(&validator, &token).await;
            assert!(matches!(kind, Some(Kind::UnknownKey | Kind::KeysUnavailable)), "{kind:?}");
        }
        assert!(fetches(&authority).1 <= 2 + second / 15, "second {second}: {:?}", fetches(&authority));
        if let (Some(since), None) = (published_at, accepted_at) {
            match validator.verify(&authority.token(AUDIENCE).sign()).await {
                Ok(_) => accepted_at = Some(second),
                Err(rejection) => {
                    assert_eq!(rejection.kind(), Kind::KeysUnavailable);
                    let wait = rejection.retry_after().unwrap();
                    assert!(wait > Duration::ZERO && wait <= GAP - Duration::from_secs((second - since) as u64));
                }
            }
        }
        assert_eq!(kind(&validator, &known).await, None);
        authority.advance(Duration::from_secs(1));
    }
    let waited = accepted_at.unwrap() - published_at.unwrap();
    println!(
        "100,000 tokens under unknown keys: {} fetches, a new key accepted after {waited} s",
        fetches(&authority).1
    );
    assert!(waited > 0, "the new key came while no fetch was due");
    assert!(waited <= 15, "{waited}");
}

#[tokio::test]
async fn callers_with_known_keys_do_not_wait_for_a_fetch_that_others_cause() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let hold = authority.hold(Endpoint::Jwks);
    let mallory = tokio::spawn({
        let (validator, token) = (validator.clone(), authority.token(AUDIENCE).header("kid", "unknown").sign());
        async move { kind(&validator, &token).await }
    });
    until(|| fetches(&authority).1 == 2).await;
    for n in 0..100 {
        let token = authority.token(AUDIENCE).subject(&format!("caller-{n}")).sign();
        let verified = pin!(validator.verify(&token)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(verified, Poll::Ready(Ok(_))), "caller {n}");
    }
    drop(hold);
    assert_eq!(mallory.await.unwrap(), Some(Kind::UnknownKey));
}

#[tokio::test]
async fn tokens_that_would_be_rejected_anyway_never_cause_a_fetch() {
    let authority = TestIssuer::new();
    let stranger = TestIssuer::named("https://stranger.test");
    let validator = authority.issuer().validator(AUDIENCE);
    let own = |audience| authority.token(audience).header("kid", "unknown");
    let tokens = [
        (stranger.token(AUDIENCE).sign(), Kind::UnknownIssuer),
        (own("api://stock").sign(), Kind::WrongAudience),
        (own(AUDIENCE).expired().sign(), Kind::Expired),
        (own(AUDIENCE).claim("cnf", json!({"jkt": "x"})).sign(), Kind::SenderConstrained),
        (own(AUDIENCE).header("typ", "dpop+jwt").sign(), Kind::WrongTokenType),
        (own(AUDIENCE).header("alg", "HS256").sign(), Kind::AlgorithmNotAllowed),
    ];
    for (token, expected) in &tokens {
        assert_eq!(kind(&validator, token).await, Some(*expected));
    }
    assert_eq!(fetches(&authority), (0, 0), "not even for the first keys");
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    for (token, expected) in &tokens {
        assert_eq!(kind(&validator, token).await, Some(*expected));
    }
    assert_eq!(fetches(&authority), (1, 1));
}

#[tokio::test]
async fn a_flood_does_not_delay_the_first_keys_of_a_service() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    for n in 0..100 {
        let forged = authority.token(AUDIENCE).header("kid", format!("unknown-{n}")).signed_by(&stranger).sign();
        assert_eq!(kind(&validator, &forged).await, Some(Kind::UnknownKey));
        assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    }
    assert_eq!(fetches(&authority), (1, 2));
}

/// A validator whose issuer dates its answers by this clock, and how often keys were asked for.
fn dated(authority: &TestIssuer, date: &Arc<Mutex<SystemTime>>) -> (Validator, Arc<Mutex<usize>>) {
    let asked: Arc<Mutex<usize>> = Arc::default();
    let (answers, clock, counter) = (authority.clone(), Arc::clone(date), Arc::clone(&asked));
    let transport = tower::service_fn(move |_: Request<Full<Bytes>>| {
        *counter.lock().unwrap() += 1;
        let date = httpdate::fmt_http_date(*clock.lock().unwrap());
        std::future::ready(Ok::<_, Infallible>(Response::builder().header(DATE, date).body(answers.jwks()).unwrap()))
    });
    let issuer = authority.issuer().transport(transport).jwks_url("https://issuer.test/keys").unwrap();
    (issuer.validator(AUDIENCE), asked)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn whether_a_token_is_newer_than_the_keys_is_told_by_the_clock_of_the_issuer() {
    let authority = TestIssuer::new();
    // The issuer's clock is a minute behind the service's: so are its tokens.
    let theirs = authority.now() - Duration::from_secs(60);
    let (validator, asked) = dated(&authority, &Arc::new(Mutex::new(theirs)));
    let unknown = |issued_at: u64| authority.token(AUDIENCE).header("kid", "unknown").claim("iat", issued_at).sign();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &unknown(seconds(theirs))).await, Some(Kind::UnknownKey), "by keys fetched for it");
    let fetched = *asked.lock().unwrap();
    for (issued_at, expected) in [
        (seconds(theirs) - 10, Kind::UnknownKey),
        (seconds(theirs) - 1, Kind::UnknownKey),
        (seconds(theirs), Kind::KeysUnavailable),
        (seconds(theirs) + 10, Kind::KeysUnavailable),
    ] {
        assert_eq!(kind(&validator, &unknown(issued_at)).await, Some(expected), "{}", issued_at - seconds(theirs));
    }
    assert_eq!(*asked.lock().unwrap(), fetched, "no fetch is due");
}

#[tokio::test]
async fn a_withdrawn_key_is_no_unknown_one_however_new_its_token_says_it_is() {
    let authority = TestIssuer::new();
    let (validator, _) = dated(&authority, &Arc::new(Mutex::new(authority.now())));
    let key = authority.signing_key(Algorithm::ES256);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    authority.rotate();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let later = authority.token(AUDIENCE).signed_by(&key).claim("iat", seconds(authority.now()) + 5);
    assert_eq!(kind(&validator, &later.sign()).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn a_copy_that_is_older_than_the_token_says_nothing_about_its_key() {
    let authority = TestIssuer::new();
    let date = Arc::new(Mutex::new(authority.now() - Duration::from_secs(300)));
    let (validator, _) = dated(&authority, &date);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    for _ in 0..3 {
        let unknown = authority.token(AUDIENCE).header("kid", "unknown").sign();
        assert_eq!(kind(&validator, &unknown).await, Some(Kind::KeysUnavailable));
        authority.advance(Duration::from_secs(15));
    }
    *date.lock().unwrap() = authority.now();
    let unknown = authority.token(AUDIENCE).header("kid", "unknown").sign();
    assert_eq!(kind(&validator, &unknown).await, Some(Kind::UnknownKey), "from the issuer itself");
}

#[tokio::test]
async fn a_flood_that_names_no_key_or_no_time_costs_no_more() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    for second in 0..45 {
        for n in 0..20 {
            let forged = authority.token(AUDIENCE).subject(&format!("mallory-{n}")).signed_by(&stranger);
            let forged = if n % 2 == 0 { forged.without_header("kid") } else { forged.header("kid", format!("{n}")) };
            let forged = if n % 3 == 0 { forged.without("iat") } else { forged };
            let kind = kind(&validator, &forged.sign()).await;
            assert!(matches!(kind, Some(Kind::UnknownKey | Kind::KeysUnavailable)), "{kind:?}");
        }
        assert_eq!(fetches(&authority), (1, 2 + second / 15));
        authority.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_service_whose_clock_is_behind_still_knows_that_a_key_does_not_exist() {
    let authority = TestIssuer::new();
    let theirs = authority.now() + Duration::from_secs(30);
    let (validator, _) = dated(&authority, &Arc::new(Mutex::new(theirs)));
    let unknown = authority.token(AUDIENCE).header("kid", "unknown").claim("iat", seconds(theirs)).sign();
    assert_eq!(kind(&validator, &unknown).await, Some(Kind::UnknownKey), "by keys that were sent after it was issued");
}
