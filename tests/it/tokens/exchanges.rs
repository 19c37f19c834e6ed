//! Whatever happens to a token request on its way: a clear error in bounded time, and nothing is kept.

use std::time::Duration;

use tokio::time::Instant;
use tower_bearer::testing::TestClock;
use tower_bearer::{Credential, Issuer, TokenErrorKind as Kind};

use crate::answers::rows::{self, CANARY, Row};
use crate::answers::server::{Server, answer, document};

const TOKEN: &str = "/token";
const GOOD: &str = r#"{"access_token":"good","token_type":"Bearer","expires_in":3600}"#;

#[tokio::test]
async fn an_exchange_that_fails_is_an_error_that_says_how_and_nothing_is_kept_of_it() {
    for row in rows::exchanges() {
        one(&row).await;
    }
}

async fn one(row: &Row) {
    let name = row.name;
    let server = Server::start().await;
    let clock = TestClock::new();
    let issuer = Issuer::new(server.url("")).unwrap().token_endpoint(&server.url(TOKEN)).unwrap().clock(&clock);
    let source = issuer.client("jobs", Credential::secret("canary")).client_credentials(["a"]).unwrap();
    server.on(TOKEN, row.script.clone());

    let begun = Instant::now();
    let error = source.token().await.expect_err(name);
    assert!(begun.elapsed() < Duration::from_secs(12), "{name}: {:?}", begun.elapsed());
    server.thaw();
    let told = format!("{error} {error:?}");
    assert!(told.contains(&server.url(TOKEN)), "{name}: {told}");
    if let Some(why) =
        row.said.strip_prefix("{what} was not fetched from {url}: ").filter(|why| !why.contains("status"))
    {
        let why = why.replace("longer than 5 s", "longer than 8 s");
        assert_eq!(error.to_string(), format!("no token was had from {}: {why}", server.url(TOKEN)), "{name}");
    }
    assert!(!told.to_lowercase().contains(CANARY), "{name}: {told}");
    let is_operators = row.said.contains("status 4") || row.said.contains("status 2") || row.said.contains("redirect");
    assert_eq!(error.kind(), if is_operators { Kind::Refused } else { Kind::Unavailable }, "{name}: {told}");
    assert_eq!(server.requests(TOKEN), 1, "{name}");
    assert_eq!(server.requests("/canary"), 0, "{name}: no redirect is followed");
    assert!(server.sent() < 64 * 1024 * 1024, "{name}: it does not hang up");

    server.on(TOKEN, document(GOOD));
    clock.advance(Duration::from_secs(30));
    assert_eq!(source.token().await.expect(name).secret(), "good", "{name}");
}

#[tokio::test]
async fn what_a_refusal_says_is_read_over_the_network_as_well() {
    let server = Server::start().await;
    server.on(TOKEN, answer("401 canary", "content-type: application/json\r\n", r#"{"error":"invalid_client"}"#));
    let issuer = Issuer::new(server.url("")).unwrap().token_endpoint(&server.url(TOKEN)).unwrap();
    let source = issuer.client("jobs", Credential::secret("canary")).client_credentials(["a"]).unwrap();
    assert_eq!(source.token().await.unwrap_err().error_code(), Some("invalid_client"));
}
