//! What the token endpoint is told: to fail, to wait, and to say what was sent.

use std::time::Duration;

use http::Response;
use serde_json::json;
use tower_bearer::testing::{Endpoint, Fault, TestDirectory, TestIssuer};

use super::{SECRET, ask, request, send, stock};

const CLIENT: [(&str, &str); 2] = [("client_id", "jobs"), ("client_secret", SECRET)];

#[tokio::test]
async fn it_answers_as_it_is_told_and_again_as_it_should() {
    let authority = stock();
    let busy = Response::builder().status(429).header("Retry-After", "7").header("X-Own", "1").body("busy".into());
    authority.fail(Endpoint::Token, Fault::Answer(busy.unwrap()));
    let answer = ask(&authority, &CLIENT).await;
    assert_eq!((answer.status, answer.header("retry-after"), answer.header("x-own")), (429, Some("7"), Some("1")));

    authority.fail(Endpoint::Token, Fault::json(400, json!({ "error": "invalid_grant", "suberror": "basic_action" })));
    let answer = ask(&authority, &CLIENT).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")));
    assert_eq!(answer.body, json!({ "error": "invalid_grant", "suberror": "basic_action" }));

    authority.fail(Endpoint::Token, Fault::Status(403));
    assert_eq!(ask(&authority, &CLIENT).await.status, 403);
    authority.recover(Endpoint::Token);
    assert_eq!(ask(&authority, &CLIENT).await.status, 200);
    assert_eq!(authority.requests(Endpoint::Token), 4, "those that fail count");
    assert_eq!((authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks)), (0, 0));
}

#[tokio::test]
async fn a_broken_connection_is_an_error() {
    let authority = stock();
    authority.fail(Endpoint::Token, Fault::Broken);
    let sent = request("https://issuer.test/token", &CLIENT);
    assert!(tower::ServiceExt::oneshot(authority.transport(), sent).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_delay_passes_before_an_answer_and_no_other_endpoint_waits() {
    let authority = stock();
    authority.delay(Endpoint::Token, Duration::from_secs(3));
    let before = tokio::time::Instant::now();
    authority.issuer().ready().await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(3));
    assert_eq!(ask(&authority, &CLIENT).await.status, 200);
    assert!(before.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn held_requests_wait_and_those_that_are_not_meant_go_on() {
    let authority = stock();
    let held = authority.hold_token_requests(|request| request.form("scope") == Some("items.read".to_owned()));
    let waiting = tokio::spawn({
        let authority = authority.clone();
        async move { ask(&authority, &[CLIENT[0], CLIENT[1], ("scope", "items.read")]).await.status }
    });
    while authority.requests(Endpoint::Token) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&authority, &CLIENT).await.status, 200);
    assert!(!waiting.is_finished());
    let all = authority.hold(Endpoint::Token);
    drop(held);
    assert_eq!(waiting.await.unwrap(), 200);
    let mut another = Box::pin(ask(&authority, &CLIENT));
    assert!(futures_poll(&mut another).await.is_none());
    drop(all);
    assert_eq!(another.await.status, 200);
}

/// The value, if it is there after one look.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn what_was_sent_can_be_compared_and_does_not_show_itself() {
    let authority = stock();
    assert!(authority.token_requests().is_empty());
    ask(&authority, &CLIENT).await;
    authority.fail(Endpoint::Token, Fault::Status(500));
    let mut odd = request("https://issuer.test/token?query=1", &[("a", "b c"), ("a", ""), ("ü", "&=+")]);
    odd.headers_mut().insert("Client-Request-Id", "1".parse().unwrap());
    send(authority.transport(), odd).await;

    let requests = authority.token_requests();
    let endpoints: Vec<_> = requests.iter().map(|request| request.endpoint()).collect();
    assert_eq!(endpoints, ["https://issuer.test/token"; 2]);
    let pairs = |index: usize| -> Vec<_> {
        requests[index].form_pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    };
    assert_eq!(pairs(0), [("grant_type", "client_credentials"), CLIENT[0], CLIENT[1]]);
    assert_eq!(pairs(1), [("a", "b c"), ("a", ""), ("ü", "&=+")]);
    assert_eq!(requests[0].form("client_secret").as_deref(), Some(SECRET));
    assert_eq!(requests[1].form("client_secret"), None);
    assert_eq!(requests[1].header("client-request-ID").as_deref(), Some("1"));
    let shown = format!("{:?}", requests[0]);
    let expected = r#"TestTokenRequest { endpoint: "https://issuer.test/token", form: ["grant_type", "client_id", "client_secret"], .. }"#;
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_directory_takes_the_same_commands() {
    let directory = TestDirectory::new();
    let url = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token";
    directory.fail(Endpoint::Token, Fault::Status(503));
    assert_eq!(send(directory.transport(), request(url, &CLIENT)).await.status, 503);
    directory.recover(Endpoint::Token);
    assert_eq!(send(directory.transport(), request(url, &CLIENT)).await.status, 400);
    assert_eq!(directory.requests(Endpoint::Token), 2);
    assert_eq!(directory.token_requests()[1].endpoint(), url);

    let hold = directory.hold(Endpoint::Jwks);
    let issuer = directory.issuer(tower_bearer::Entra::any_tenant());
    let mut ready = Box::pin(issuer.ready());
    assert!(futures_poll(&mut ready).await.is_none());
    drop(hold);
    ready.await.unwrap();
    assert_eq!((directory.requests(Endpoint::Metadata), directory.requests(Endpoint::Jwks)), (1, 1));
    directory.fail(Endpoint::Metadata, Fault::Status(502));
    let failed = directory.issuer(tower_bearer::Entra::any_tenant()).ready().await.unwrap_err();
    assert!(failed.to_string().contains("502"), "{failed}");
}

#[tokio::test]
async fn the_endpoint_is_where_the_identifier_is() {
    let authority = TestIssuer::named("https://login.example.com/realms/acme");
    let at = async |url| send(authority.transport(), request(url, &CLIENT)).await.status;
    assert_eq!(at("https://login.example.com/realms/acme/token").await, 400);
    assert_eq!(at("https://login.example.com/token").await, 404);
}
