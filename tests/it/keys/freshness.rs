//! How long keys are fresh, and how they are renewed.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{Issuer, Validator};

use super::{fetches, kind};
use crate::support::{AUDIENCE, together, until};

#[tokio::test]
async fn nothing_is_fetched_before_the_first_token_and_nothing_after_it() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(fetches(&authority), (0, 0));
    for _ in 0..3 {
        assert_eq!(kind(&validator, &token).await, None);
        assert_eq!(fetches(&authority), (1, 1));
    }
}

#[tokio::test]
async fn callers_that_need_the_first_keys_share_one_fetch() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let callers = (0..200).map(|_| {
        let (validator, token) = (validator.clone(), authority.token(AUDIENCE).sign());
        async move { kind(&validator, &token).await }
    });
    assert!(together(callers).await.iter().all(Option::is_none));
    assert_eq!(fetches(&authority), (1, 1));
}

#[tokio::test]
async fn ageing_keys_are_renewed_in_the_background_while_they_serve() {
    let authority = TestIssuer::new();
    authority.cache_control("max-age=600");
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &token).await, None);

    authority.advance(Duration::from_secs(359));
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(fetches(&authority).1, 1, "before 60 % of their life, keys are fresh");

    authority.advance(Duration::from_secs(182));
    let hold = authority.hold(Endpoint::Jwks);
    for _ in 0..10 {
        assert_eq!(kind(&validator, &token).await, None, "nobody waits for the renewal");
    }
    until(|| fetches(&authority).1 == 2).await;
    drop(hold);
    until(|| issuer.status().age == Some(Duration::ZERO)).await;
    authority.advance(Duration::from_secs(300));
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(fetches(&authority).1, 2, "the renewed keys are fresh again");
}

#[tokio::test]
async fn keys_live_as_long_as_max_age_says_within_a_minute_and_an_hour() {
    for (cache_control, seconds) in [
        ("max-age=600", 600),
        ("public, MAX-AGE=\"600\", must-revalidate", 600),
        ("max-age=5", 60),
        ("max-age=0, no-store", 60),
        ("max-age=86400", 3_600),
        ("max-age=99999999999999999999999", 3_600),
        ("no-cache", 900),
        ("max-age=soon", 900),
        ("s-maxage=600", 900),
        ("", 900),
    ] {
        let life = Duration::from_secs(seconds);
        for _ in 0..20 {
            let authority = TestIssuer::new();
            authority.cache_control(cache_control);
            let issuer = authority.issuer();
            issuer.ready().await.unwrap();
            let renewed_in = issuer.status().next_attempt_in.unwrap();
            assert!(
                renewed_in >= life.mul_f64(0.6) && renewed_in <= life.mul_f64(0.9),
                "{cache_control}: {renewed_in:?}"
            );

            authority.advance(renewed_in - Duration::from_nanos(1));
            let validator = issuer.validator(AUDIENCE);
            assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
            tokio::task::yield_now().await;
            assert_eq!(fetches(&authority).1, 1, "{cache_control}: not before");
            authority.advance(Duration::from_nanos(1));
            assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
            until(|| fetches(&authority).1 == 2).await;
        }
    }
}

#[tokio::test]
async fn services_that_start_together_do_not_renew_together() {
    let authority = TestIssuer::new();
    let mut renewals = Vec::new();
    for _ in 0..100 {
        let issuer = authority.issuer();
        issuer.ready().await.unwrap();
        renewals.push(issuer.status().next_attempt_in.unwrap());
    }
    renewals.sort();
    // 100 of them over 30 % of 15 minutes: in no ten seconds more than a good part.
    let most = renewals.windows(25).map(|window| window[24] - window[0]).min().unwrap();
    assert!(most > Duration::from_secs(10), "{renewals:?}");
}

/// An issuer that says which version of a document it has.
#[derive(Clone, Default)]
struct Versioned {
    keys: Arc<Mutex<Vec<Value>>>,
    path: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// What a proxy says of its copy.
    age: Arc<Mutex<Option<u64>>>,
}

/// Path, the tag that was asked with, and the status of the answer.
type Asked = (String, Option<String>, u16);

impl Versioned {
    fn of(authority: &TestIssuer) -> (Self, Issuer) {
        let versioned = Self::default();
        *versioned.path.lock().unwrap() = "/keys".to_owned();
        versioned.publish([authority]);
        let answer = versioned.clone();
        let transport = tower::service_fn(move |request: Request<Full<Bytes>>| {
            std::future::ready(Ok::<_, Infallible>(answer.answer(&request)))
        });
        (versioned, authority.issuer().transport(transport))
    }

    /// The keys of these, in this order.
    fn publish<'a>(&self, authorities: impl IntoIterator<Item = &'a TestIssuer>) {
        let sets = authorities.into_iter().map(|one| serde_json::from_str::<Value>(&one.jwks()).unwrap());
        *self.keys.lock().unwrap() = sets.flat_map(|set| set["keys"].as_array().unwrap().clone()).collect();
    }

    fn answer(&self, request: &Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let path = self.path.lock().unwrap().clone();
        let document = if request.uri().path() == path {
            json!({ "keys": *self.keys.lock().unwrap() })
        } else if request.uri().path().starts_with("/.well-known") {
            json!({ "issuer": "https://issuer.test", "jwks_uri": format!("https://issuer.test{path}") })
        } else {
            Value::Null
        };
        let etag = format!("\"{}\"", document.to_string().len());
        let known = request.headers().get(IF_NONE_MATCH).map(|tag| tag.to_str().unwrap().to_owned());
        let status = match &known {
            _ if document.is_null() => StatusCode::NOT_FOUND,
            Some(known) if *known == etag => StatusCode::NOT_MODIFIED,
            _ => StatusCode::OK,
        };
        self.asked.lock().unwrap().push((request.uri().path().to_owned(), known, status.as_u16()));
        let body = if status == StatusCode::OK { document.to_string() } else { String::new() };
        let response = Response::builder().status(status).header(ETAG, etag).header(CACHE_CONTROL, "max-age=600");
        let mut response = response.body(Full::new(body.into())).unwrap();
        response.headers_mut().extend(self.age.lock().unwrap().map(|age| (AGE, HeaderValue::from(age))));
        response
    }

    /// What was asked since the last look.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// Lets the keys get old enough for a renewal, and waits for it.
async fn renewed(authority: &TestIssuer, issuer: &Issuer) {
    authority.advance(Duration::from_secs(550));
    assert!(issuer.ready().await.is_ok());
    until(|| issuer.status().age == Some(Duration::ZERO)).await;
}

/// The claims of a token as they are kept: the same value for as long as the token is.
async fn claims(validator: &Validator, token: &str) -> Arc<Map<String, Value>> {
    validator.verify(token).await.unwrap().claims().unwrap()
}

#[tokio::test]
async fn a_document_that_has_not_changed_is_not_sent_again() {
    let authority = TestIssuer::new();
    let (versioned, issuer) = Versioned::of(&authority);
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &token).await, None);
    assert!(versioned.asked().iter().all(|(_, known, status)| known.is_none() && *status == 200));

    renewed(&authority, &issuer).await;
    until(|| versioned.asked.lock().unwrap().len() == 2).await;
    let mut asked = versioned.asked();
    asked.sort();
    assert!(asked.iter().all(|(_, known, status)| known.is_some() && *status == 304), "{asked:?}");
    assert_eq!(kind(&validator, &token).await, None);
    assert_eq!(issuer.status().keys.len(), 1);
    assert!(issuer.metadata().await.unwrap().jwks_uri().is_some());
}

#[tokio::test]
async fn a_key_set_that_has_not_changed_leaves_keys_and_verified_tokens_as_they_are() {
    let (authority, other) = (TestIssuer::new(), TestIssuer::new());
    other.rotate();
    let (versioned, issuer) = Versioned::of(&authority);
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let before = claims(&validator, &token).await;

    renewed(&authority, &issuer).await;
    assert!(Arc::ptr_eq(&before, &claims(&validator, &token).await), "after a 304");

    versioned.publish([&other, &authority]);
    renewed(&authority, &issuer).await;
    assert_eq!(issuer.status().keys.len(), 2);
    assert!(Arc::ptr_eq(&before, &claims(&validator, &token).await), "after another key was added before it");
    let ages: Vec<_> = issuer.status().keys.iter().map(|key| key.age.unwrap()).collect();
    assert_eq!(ages, [Duration::ZERO, Duration::from_secs(1_100)]);

    versioned.publish([&authority]);
    renewed(&authority, &issuer).await;
    assert!(Arc::ptr_eq(&before, &claims(&validator, &token).await), "after the other key left");
}

#[tokio::test]
async fn the_version_of_one_address_is_not_asked_for_at_another() {
    let authority = TestIssuer::new();
    let (versioned, issuer) = Versioned::of(&authority);
    issuer.ready().await.unwrap();
    authority.advance(Duration::from_secs(550));
    issuer.metadata().await.unwrap();
    until(|| versioned.asked.lock().unwrap().len() == 3).await;
    versioned.asked();

    *versioned.path.lock().unwrap() = "/moved".to_owned();
    renewed(&authority, &issuer).await;
    let of_keys: Vec<_> =
        versioned.asked().into_iter().filter(|(path, ..)| !path.starts_with("/.well-known")).collect();
    let expected = [("/keys", true, 404), ("/moved", false, 200)];
    let seen: Vec<_> = of_keys.iter().map(|(path, known, status)| (path.as_str(), known.is_some(), *status)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_a_proxy_has_kept_for_a_while_is_fresh_for_the_rest_of_its_time() {
    for (age, left) in [(None, 600), (Some(0), 600), (Some(400), 200), (Some(590), 60), (Some(u64::MAX), 60)] {
        let authority = TestIssuer::new();
        let (versioned, issuer) = Versioned::of(&authority);
        *versioned.age.lock().unwrap() = age;
        issuer.ready().await.unwrap();
        let renewed_in = issuer.status().next_attempt_in.unwrap();
        let life = Duration::from_secs(left);
        assert!(renewed_in >= life.mul_f64(0.6) && renewed_in <= life.mul_f64(0.9), "{age:?}: {renewed_in:?}");
    }
}
