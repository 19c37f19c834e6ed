//! Who asks: by secret, in the form and by HTTP Basic, and never by two methods at once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};

use super::{Answer, FORM, JWT_BEARER, SECRET, ask, encoded, request, send, stock};
use tower_bearer::testing::TestIssuer;

/// Client credentials with this value of `Authorization` and these parameters as well.
async fn ask_with(authority: &TestIssuer, authorization: &str, form: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", "client_credentials")], form].concat();
    let mut request = request("https://issuer.test/token", &form);
    request.headers_mut().insert("Authorization", authorization.parse().unwrap());
    send(authority.transport(), request).await
}

fn basic(id_and_secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(id_and_secret))
}

#[tokio::test]
async fn a_secret_in_the_form_gives_a_token() {
    let authority = stock();
    let answer = ask(&authority, &[("client_id", "jobs"), ("client_secret", SECRET)]).await;
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3600);
    assert_eq!(answer.body["scope"], "items.read");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let token = authority.issuer().validator("api://stock").verify(answer.token()).await.unwrap();
    assert_eq!((token.subject(), token.client_id()), (Some("jobs"), Some("jobs")));
    assert!(token.has_scope("items.read") && !token.has_scope("items.write"));
}

#[tokio::test]
async fn a_wrong_secret_and_that_of_another_client_are_refused() {
    let authority = stock();
    authority.register("other").secret("that of the other").secret("and one more");
    for secret in ["wrong", "that of the other", "se:cr%t+/~ &=\"", "SE:CR%T+/~ &=\"Q", " ", ""] {
        let answer = ask(&authority, &[("client_id", "jobs"), ("client_secret", secret)]).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"), "{secret}");
        assert_eq!(answer.header("www-authenticate"), None, "no header was used");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let unknown = ask(&authority, &[("client_id", "nobody"), ("client_secret", SECRET)]).await;
    assert_eq!(unknown.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn several_secrets_are_good_until_they_are_removed() {
    let authority = TestIssuer::new();
    let api = authority.register("api://stock").app_role("auditor");
    let jobs = authority.register("jobs").secret("old").secret("new").assign_role(&api, "auditor");
    let by = async |secret| ask(&authority, &[("client_id", "jobs"), ("client_secret", secret)]).await.status;
    assert_eq!((by("old").await, by("new").await), (200, 200));
    jobs.remove_credentials().secret("newest");
    assert_eq!((by("old").await, by("new").await, by("newest").await), (401, 401, 200));
}

#[tokio::test]
async fn basic_is_form_encoded_before_it_is_base64() {
    let authority = stock();
    let encoded = "jobs:se%3Acr%25t%2B%2F~+%26%3D%22q";
    let answer = ask_with(&authority, &basic(encoded), &[]).await;
    assert!(authority.issuer().validator("api://stock").verify(answer.token()).await.is_ok());
    assert_eq!(ask_with(&authority, &basic(encoded), &[("client_id", "jobs")]).await.status, 200);
    assert_eq!(ask_with(&authority, &basic(encoded).replace("Basic", "bAsIc"), &[]).await.status, 200);
    // As it is, as many send it; an escape that is none; no colon; no base64; not UTF-8; nothing; another scheme.
    for authorization in [
        basic("jobs:se:cr%t+/~ &=\"q"),
        basic("jobs:se%3Acr%25t%2B%2F~+%26%3D%22q%"),
        basic("jobs:se%3Acr%25t%2B%2F~+%26%3D%22%7"),
        basic("jobs:wrong"),
        basic("nobody:se%3Acr%25t%2B%2F~+%26%3D%22q"),
        basic("jobs"),
        basic("jobs:%FF"),
        "Basic jobs".to_owned(),
        "Basic".to_owned(),
        format!("Bearer {SECRET}"),
        basic(encoded).replace("Basic", "Bearer"),
        basic(encoded).replace("Basic ", "Basic"),
    ] {
        let answer = ask_with(&authority, &authorization, &[]).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"), "{authorization}");
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic realm=")));
    }
}

#[tokio::test]
async fn what_a_form_would_escape_is_refused_where_it_is_not() {
    let authority = TestIssuer::new();
    let api = authority.register("api://stock").app_role("auditor");
    for (secret, encoded, raw) in [
        ("a b", "a+b", "a b"),
        ("c d", "c%20d", "c d"),
        ("a:b", "a%3Ab", "a:b"),
        ("a&b", "a%26b", "a&b"),
        ("a=b", "a%3db", "a=b"),
        ("a+b", "a%2Bb", "a+b"),
        ("a%b", "a%25b", "a%b"),
        ("\u{7}", "%07", "%+7"),
        ("ü", "%C3%BC", "%FC"),
    ] {
        let client_id = format!("of {secret}");
        authority.register(&client_id).secret(secret).assign_role(&api, "auditor");
        let id = format!("of+{encoded}");
        assert_eq!(ask_with(&authority, &basic(&format!("{id}:{encoded}")), &[]).await.status, 200, "{secret:?}");
        assert_eq!(ask_with(&authority, &basic(&format!("{id}:{raw}")), &[]).await.status, 401, "{secret:?}");
    }
}

#[tokio::test]
async fn two_methods_in_one_request_are_refused_even_where_both_are_good() {
    let authority = stock();
    let good = basic("jobs:se%3Acr%25t%2B%2F~+%26%3D%22q");
    let secret = ("client_secret", SECRET);
    let assertion = [("client_assertion_type", JWT_BEARER), ("client_assertion", "a.b.c")];
    let id = ("client_id", "jobs");
    for (answer, both) in [
        (ask_with(&authority, &good, &[id, secret]).await, "basic and post"),
        (ask_with(&authority, &good, &[id, assertion[0], assertion[1]]).await, "basic and an assertion"),
        (ask_with(&authority, &good, &[id, assertion[0]]).await, "basic and the type of an assertion"),
        (ask(&authority, &[id, secret, assertion[0], assertion[1]]).await, "post and an assertion"),
        (ask(&authority, &[id, secret, assertion[1]]).await, "post and an assertion without its type"),
        (ask_with(&authority, &good, &[("client_id", "other")]).await, "two clients"),
        (ask(&authority, &[id, secret, secret]).await, "a secret twice"),
        (ask(&authority, &[id, ("client_id", "other"), secret]).await, "a client id twice"),
    ] {
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{both}");
        assert_eq!(answer.header("www-authenticate"), None, "{both}");
    }
    let mut twice = request("https://issuer.test/token", &[("grant_type", "client_credentials")]);
    for _ in 0..2 {
        twice.headers_mut().append("Authorization", good.parse().unwrap());
    }
    assert_eq!(send(authority.transport(), twice).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn who_does_not_authenticate_gets_nothing() {
    let authority = stock();
    assert_eq!(ask(&authority, &[("client_id", "jobs")]).await.refusal(), (401, "invalid_client"));
    assert_eq!(ask(&authority, &[]).await.refusal(), (400, "invalid_request"));
    assert_eq!(ask(&authority, &[("client_secret", SECRET)]).await.refusal(), (400, "invalid_request"));
    let without_id = [("client_id", ""), ("client_secret", SECRET)];
    assert_eq!(ask(&authority, &without_id).await.refusal(), (400, "invalid_request"), "an empty value is none");
}

#[tokio::test]
async fn a_request_is_a_form_that_is_posted() {
    let authority = stock();
    let form = encoded(&[("grant_type", "client_credentials"), ("client_id", "jobs"), ("client_secret", SECRET)]);
    let built = |method: Method, url: &str, content_type: &str, body: &str| {
        let body = body.to_owned().into();
        Request::builder().method(method).uri(url).header("Content-Type", content_type).body(body).unwrap()
    };
    let url = "https://issuer.test/token";
    let sent = async |request| send(authority.transport(), request).await;
    assert_eq!(sent(built(Method::POST, url, FORM, &form)).await.status, 200);
    assert_eq!(
        sent(built(Method::POST, url, "Application/X-WWW-form-urlencoded; charset=UTF-8", &form)).await.status,
        200
    );
    for content_type in ["application/json", "text/plain", ""] {
        let answer = sent(built(Method::POST, url, content_type, &form)).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{content_type}");
    }
    let in_query = format!("{url}?{form}");
    assert_eq!(sent(built(Method::POST, &in_query, FORM, "")).await.refusal(), (400, "invalid_request"));
    for method in [Method::GET, Method::PUT, Method::HEAD] {
        let answer = sent(built(method.clone(), &in_query, FORM, &form)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
}

#[tokio::test]
async fn an_unknown_grant_type_is_not_supported() {
    let authority = stock();
    let client = [("client_id", "jobs"), ("client_secret", SECRET)];
    for grant_type in ["password", "authorization_code", "Client_Credentials", "urn:example"] {
        let form = [&[("grant_type", grant_type)], &client[..]].concat();
        let answer = send(authority.transport(), request("https://issuer.test/token", &form)).await;
        assert_eq!(answer.refusal(), (400, "unsupported_grant_type"), "{grant_type}");
    }
    let answer = send(authority.transport(), request("https://issuer.test/token", &client)).await;
    assert_eq!(answer.refusal(), (400, "invalid_request"));
}
