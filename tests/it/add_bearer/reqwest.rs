//! `AccessToken::authorize`: a token on a request of reqwest.

use http::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder};
use tower_bearer::{AccessToken, Error};

use super::World;
use super::clients::{on_loopback, stock};

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// The values of `Authorization` of this request with the token, as text.
fn authorized(token: &AccessToken, request: RequestBuilder) -> Result<Vec<String>, Error> {
    let request = token.authorize(request)?.build().unwrap();
    let values = request.headers().get_all(AUTHORIZATION).iter();
    Ok(values.inspect(|value| assert!(value.is_sensitive())).map(|value| value.to_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn it_calls_an_api_on_loopback() {
    let world = World::new();
    let url = format!("{}/items", on_loopback(stock(&world)).await);
    let request = client().post(&url).body("seven").bearer_auth("of-somebody-else");
    let answer = world.jobs.token().await.unwrap().authorize(request).unwrap().send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"jobs ["reader"] sent "seven""#);
}

#[tokio::test]
async fn the_token_takes_the_place_of_what_is_in_authorization_and_does_not_show() {
    let token = World::new().jobs.token().await.unwrap();
    let value = format!("Bearer {}", token.secret());
    let get = |url: &str| client().get(url);
    for request in [
        get("https://stock.internal/items"),
        get("https://stock.internal/items").bearer_auth("canary"),
        get("https://stock.internal/items").bearer_auth("canary").basic_auth("canary", Some("canary")),
        get("https://alice:canary@stock.internal/items"),
    ] {
        assert_eq!(authorized(&token, request), Ok(vec![value.clone()]));
    }
    let shown = format!("{:?}", token.authorize(get("https://stock.internal/items")).unwrap());
    assert!(!shown.contains(token.secret()), "{shown}");
}

#[tokio::test]
async fn it_goes_over_https_or_to_loopback_alone() {
    let token = World::new().jobs.token().await.unwrap();
    for url in [
        "https://stock.internal/items?a=b#c",
        "HTTPS://STOCK.INTERNAL",
        "https://10.0.0.1:8443",
        "http://127.0.0.1:8080/items",
        "http://127.1/items",
        "http://[::1]/items",
        "http://LOCALHOST:3000/",
    ] {
        assert!(authorized(&token, client().get(url)).is_ok(), "{url}");
    }
    for (url, why) in [
        ("http://stock.internal/items?key=canary", "not sent to http://stock.internal, which is plain http"),
        ("http://127.0.0.1.evil.example/", "plain http"),
        ("http://127.0.0.1@evil.example/", "not sent to http://evil.example, which"),
        ("http://localhost.evil.example/", "plain http"),
        ("http://0.0.0.0/", "plain http"),
        ("http://10.0.0.1/", "plain http"),
        ("/canary", "can't be built"),
        ("stock.internal/canary", "can't be built"),
        ("https://", "can't be built"),
        ("ftp://stock.internal/canary", "neither https nor http"),
        ("data:text/plain,canary", "can't be built"),
    ] {
        let error = authorized(&token, client().get(url)).unwrap_err();
        let text = error.to_string();
        assert!(error.is_configuration() && text.contains(why), "{url}: {text}");
        assert!(!text.contains("canary") && !text.contains(token.secret()), "{text}");
    }
    let error = authorized(&token, client().get("https://stock.internal").header("canary\n", "a")).unwrap_err();
    assert!(error.to_string().contains("a header"), "{error}");
}
