//! Whatever a server answers: it takes bounded time and memory, keys that are had stay, and the error says what came
//! without a word of it. Memory is measured in `tests/memory`.

pub(crate) mod rows;
pub(crate) mod server;

use std::time::Duration;

use http::{Request, Response, StatusCode};
use serde_json::json;
use tokio::time::Instant;
use tower_bearer::jose::{JwkSet, SkipReason};
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{Error, Issuer, IssuerStatus, RejectionKind as Kind, Validator};

use self::rows::{CANARY, Row};
use self::server::{Script, Server, Step, document};
use crate::support::AUDIENCE;

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/keys";
/// Longer than metadata and keys live.
const A_WHILE: Duration = Duration::from_secs(2 * 60 * 60);

/// An issuer whose documents come from a server of ours, through the built-in client.
struct World {
    server: Server,
    authority: TestIssuer,
    issuer: Issuer,
    validator: Validator,
}

impl World {
    /// All is well at first.
    async fn new() -> Self {
        let server = Server::start().await;
        let authority = TestIssuer::named(server.url(""));
        let issuer = Issuer::new(server.url("")).unwrap().clock(&authority.clock());
        let world = Self { validator: issuer.validator(AUDIENCE), server, authority, issuer };
        world.metadata(json!(world.server.url(KEYS)));
        world.server.on(KEYS, document(world.authority.jwks()));
        world
    }

    fn metadata(&self, jwks_uri: serde_json::Value) {
        let metadata = json!({"issuer": self.server.url(""), "jwks_uri": jwks_uri});
        self.server.on(METADATA, document(metadata.to_string()));
    }

    /// A token that outlives the tests.
    fn token(&self) -> String {
        self.authority.token(AUDIENCE).expires_in(10 * A_WHILE).sign()
    }

    async fn judge(&self, token: &str) -> Option<Kind> {
        self.validator.verify(token).await.err().map(|rejection| rejection.kind())
    }

    /// Fills in a row's sentence.
    fn said(&self, row: &Row, path: &str) -> String {
        let what = if path == KEYS { "the issuer's key set" } else { "the issuer's metadata" };
        let said = row.said.replace("{what}", what).replace("{url}", &self.server.url(path));
        said.replace("{issuer}", &self.server.url(""))
    }

    /// Answers as the row says, with this issuer's name in it.
    fn misbehave(&self, row: &Row, path: &str) {
        let own = self.server.url("");
        let fill = |step: &Step| match step {
            Step::Send(bytes) if bytes.windows(8).any(|part| part.eq_ignore_ascii_case(b"{issuer}")) => {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let (_, body) = text.split_once("\r\n\r\n").unwrap();
                let body = body.replace("{issuer}", &own).replace("{ISSUER}", &own.to_uppercase());
                document(body).remove(0)
            }
            step => step.clone(),
        };
        let script: Script = row.script.iter().map(fill).collect();
        self.server.on(path, script);
    }
}

/// What is said of it, once it is certain that nothing that was sent is in it.
fn discreet(issuer: &Issuer, error: &Error) -> String {
    assert!(std::error::Error::source(error).is_none());
    let said = error.to_string();
    for text in [&said, &format!("{error:?}"), &format!("{:?}", issuer.status())] {
        assert!(!text.to_lowercase().contains(CANARY), "{text}");
        assert!(text.len() < 5_000, "{text}");
    }
    said
}

/// A time-out of 5 s, and what real time had passed before the server fell silent.
fn is_five_seconds(since: Instant) -> bool {
    (Duration::from_secs(5)..Duration::from_secs(8)).contains(&since.elapsed())
}

/// The row, where no keys are had yet.
async fn at_first(row: &Row, path: &str) {
    let name = row.name;
    let world = World::new().await;
    world.misbehave(row, path);
    let token = world.token();
    let begun = Instant::now();
    let rejection = world.validator.verify(&token).await.expect_err(name);
    assert_eq!(row.is_slow, is_five_seconds(begun), "{name}: {:?}", begun.elapsed());
    world.server.thaw();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable, "{name}");
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(15)), "{name}");

    let status = world.issuer.status();
    let error = status.last_error.expect(name);
    assert!(error.is_unavailable(), "{name}: {error:?}");
    assert_eq!(discreet(&world.issuer, &error), world.said(row, path), "{name}");
    assert!(!status.is_ready && status.keys.is_empty(), "{name}");
    assert_eq!(status.next_attempt_in, Some(Duration::from_secs(15)), "{name}");
    assert_eq!(world.issuer.ready().await, Err(error), "{name}: the same to everybody");
    assert_eq!(world.server.requests(path), 1, "{name}: and no second attempt for it");
    assert_eq!(world.server.requests("/canary"), 0, "{name}");
    assert!(world.server.sent() < 64 * 1024 * 1024, "{name}: it does not hang up");

    // Nothing is kept that stands in the way of a good answer.
    world.metadata(json!(world.server.url(KEYS)));
    world.server.on(KEYS, document(world.authority.jwks()));
    world.authority.advance(Duration::from_secs(15));
    assert_eq!(world.judge(&token).await, None, "{name}");
    assert_eq!(world.issuer.status().last_error, None, "{name}");
}

/// The row, where keys are had and are to be renewed.
async fn at_renewal(row: &Row, path: &str) {
    let name = row.name;
    let world = World::new().await;
    let token = world.token();
    assert_eq!(world.judge(&token).await, None, "{name}");
    let before = world.issuer.status();
    world.misbehave(row, path);
    world.authority.advance(A_WHILE);

    let begun = Instant::now();
    assert_eq!(world.judge(&token).await, None, "{name}: old keys stay");
    assert!(!row.is_slow || begun.elapsed() < Duration::from_secs(3), "{name}: {:?}", begun.elapsed());
    // Whoever needs a newer key waits for the attempt.
    let unknown = world.authority.token(AUDIENCE).header("kid", "unknown").sign();
    let judged = world.judge(&unknown).await;
    if path == KEYS {
        assert_eq!(judged, Some(Kind::KeysUnavailable), "{name}");
        assert_eq!(row.is_slow, is_five_seconds(begun), "{name}: {:?}", begun.elapsed());
        let error = world.issuer.status().last_error.expect(name);
        assert_eq!(discreet(&world.issuer, &error), world.said(row, path), "{name}");
    } else {
        // The keys are where they were.
        assert_eq!(judged, Some(Kind::UnknownKey), "{name}");
        assert!(world.server.requests(KEYS) > 1, "{name}");
        assert_eq!(world.issuer.metadata().await.unwrap().jwks_uri(), Some(world.server.url(KEYS)), "{name}");
    }
    assert!(world.server.requests(path) > 1, "{name}: it was asked");
    world.server.thaw();
    let status = world.issuer.status();
    assert!(status.is_ready, "{name}");
    let known = |status: &IssuerStatus| status.keys.iter().map(|key| key.key_id.clone()).collect::<Vec<_>>();
    assert_eq!(known(&status), known(&before), "{name}");
    let asked = world.server.requests(KEYS);
    assert_eq!(world.judge(&token).await, None, "{name}");
    assert_eq!(world.judge(&world.token()).await, None, "{name}: a new token, too");
    assert_eq!(world.server.requests(KEYS), asked, "{name}: without asking again");
}

// --- the table ---

#[tokio::test]
async fn an_exchange_that_fails_leaves_old_keys_and_an_error_that_says_how() {
    for row in rows::exchanges() {
        for path in [METADATA, KEYS] {
            at_first(&row, path).await;
            at_renewal(&row, path).await;
        }
    }
}

#[tokio::test]
async fn metadata_that_will_not_do_leaves_old_keys_and_an_error_that_says_what_came() {
    for row in rows::metadata() {
        at_first(&row, METADATA).await;
        at_renewal(&row, METADATA).await;
    }
}

#[tokio::test]
async fn a_key_set_that_will_not_do_leaves_old_keys_and_an_error_that_says_what_came() {
    for row in rows::keys() {
        at_first(&row, KEYS).await;
        at_renewal(&row, KEYS).await;
    }
}

// --- keys at odd addresses ---

/// Why there are no keys, where metadata that are fine say so of their address.
async fn keys_at(jwks_uri: &str) -> (Server, Error) {
    let world = World::new().await;
    world.metadata(json!(jwks_uri));
    let token = world.token();
    assert_eq!(world.judge(&token).await, Some(Kind::KeysUnavailable), "{jwks_uri}");
    let error = world.issuer.status().last_error.unwrap();
    assert_eq!(world.issuer.ready().await.as_ref(), Err(&error));
    discreet(&world.issuer, &error);
    (world.server, error)
}

#[tokio::test]
async fn an_address_at_which_nobody_listens_is_an_outage() {
    let gone = Server::start().await;
    let url = gone.url(KEYS);
    drop(gone);
    tokio::task::yield_now().await; // its task ends
    let (_, error) = keys_at(&url).await;
    assert!(error.is_unavailable());
    let said = format!(
        "the issuer's key set was not fetched from {url}: no connection could be made, or its certificate is not trusted"
    );
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn a_host_that_the_client_refuses_is_an_outage() {
    let (_, error) = keys_at("https://xn--/keys").await;
    assert!(error.is_unavailable());
    let said = "the issuer's key set was not fetched from https://xn--/keys: the HTTP client can't read this URL";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn plain_http_to_another_machine_is_not_even_tried() {
    for url in ["http://192.0.2.1/keys", "http://localhost.canary/keys"] {
        let world = World::new().await;
        world.metadata(json!(url));
        assert_eq!(world.judge(&world.token()).await, Some(Kind::KeysUnavailable));
        let said = format!(
            "the issuer's key set was not fetched from {url}: it is plain http on another machine: use https, or call \
             dangerous_allow_http() on the issuer"
        );
        assert_eq!(world.issuer.status().last_error.unwrap().to_string(), said);
    }
}

#[tokio::test]
async fn a_long_address_is_shown_in_part_and_without_its_query() {
    let server = Server::start().await;
    let (base, long) = (server.url(""), "a".repeat(10_000));
    let (_, error) = keys_at(&format!("{base}/{long}?canary=canary")).await;
    let shown = format!("{base}/{long}").chars().take(200).collect::<String>();
    let said = format!(
        "the issuer's key set was not fetched from {shown}…: the answer has status 404 and no content type; only 200 is taken"
    );
    assert_eq!(error.to_string(), said);
    assert_eq!(server.requests(&format!("/{long}?canary=canary")), 1, "it was asked for in full");
}

// --- very many keys ---

/// A good key and so many entries that are none.
fn crowd(authority: &TestIssuer, odd: usize, odd_ones_first: bool) -> String {
    let good = authority.jwks();
    let good = good.strip_prefix("{\"keys\":[").and_then(|rest| rest.strip_suffix("]}")).unwrap();
    let odd = vec!["{}"; odd].join(",");
    let (first, last) = if odd_ones_first { (&*odd, good) } else { (good, &*odd) };
    format!("{{\"keys\":[{first},{last}]}}")
}

#[tokio::test]
async fn of_100_000_keys_the_first_thousand_are_looked_at_and_the_good_one_among_them_is_used() {
    let world = World::new().await;
    world.server.on(KEYS, document(crowd(&world.authority, 99_999, false)));
    assert_eq!(world.judge(&world.token()).await, None);
    let status = world.issuer.status();
    assert_eq!(status.keys.len(), 1);
    assert_eq!(status.skipped.len(), JwkSet::MAX_KEYS, "999 and one that stands for the rest");
    let last = status.skipped.last().unwrap();
    assert_eq!((last.position(), last.reason()), (JwkSet::MAX_KEYS, SkipReason::TooManyKeys));
}

#[tokio::test]
async fn a_good_key_is_found_behind_999_odd_ones_and_not_behind_a_thousand() {
    for (odd, expected) in [(999, None), (1_000, Some(Kind::KeysUnavailable))] {
        let world = World::new().await;
        world.server.on(KEYS, document(crowd(&world.authority, odd, true)));
        assert_eq!(world.judge(&world.token()).await, expected, "{odd}");
    }
}

// --- those who wait ---

#[tokio::test(start_paused = true)]
async fn a_caller_waits_ten_seconds_at_most_while_fetching_goes_on() {
    // Each exchange ends in time, but there are three of them.
    const SLOW: Duration = Duration::from_millis(4_900);
    let authority = TestIssuer::new();
    let (metadata, jwks) =
        (json!({"issuer": "https://issuer.test", "jwks_uri": "https://issuer.test/keys"}), authority.jwks());
    let transport = tower::service_fn(move |request: Request<_>| {
        let answer = match request.uri().path() {
            "/.well-known/oauth-authorization-server" => Response::new(metadata.to_string()),
            KEYS => Response::new(jwks.clone()),
            _ => Response::builder().status(StatusCode::NOT_FOUND).body(String::new()).unwrap(),
        };
        async move {
            tokio::time::sleep(SLOW).await;
            Ok::<_, std::io::Error>(answer)
        }
    });
    let issuer = authority.issuer().transport(transport);
    let validator = issuer.validator(AUDIENCE);
    let token = authority.token(AUDIENCE).sign();
    let begun = Instant::now();
    let rejection = validator.verify(&token).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert_eq!((rejection.kind(), rejection.retry_after()), (Kind::KeysUnavailable, Some(Duration::from_secs(1))));
    assert!(validator.verify(&token).await.is_ok(), "the next one waits for the rest");
    assert_eq!(begun.elapsed(), 3 * SLOW);
}

#[tokio::test(start_paused = true)]
async fn overdue_keys_serve_after_one_second_however_slow_the_issuer_is() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = authority.token(AUDIENCE).expires_in(10 * A_WHILE).sign();
    assert!(validator.verify(&token).await.is_ok());
    authority.advance(A_WHILE);
    authority.delay(Endpoint::Metadata, Duration::from_secs(4));
    authority.delay(Endpoint::Jwks, Duration::from_secs(4));
    let begun = Instant::now();
    assert!(validator.verify(&token).await.is_ok());
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}
