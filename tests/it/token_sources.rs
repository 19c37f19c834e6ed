//! Token sources: where a token is looked for, and what is made of what stands there.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Request};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, TokenSource, VerifiedToken};

use super::support::{AUDIENCE, anonymous, send};

/// An API with these sources: what it answers to requests with these headers, which may hold `TOKEN`.
struct Api {
    app: Router,
    token: String,
}

impl Api {
    fn new(sources: impl IntoIterator<Item = TokenSource>) -> Self {
        let authority = TestIssuer::new();
        let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).token_from(sources);
        let handler = |token: VerifiedToken| async move { token.subject().unwrap().to_owned() };
        let app = Router::new().route("/", get(handler)).route_layer(layer);
        Self { app, token: authority.token(AUDIENCE).subject("alice").sign() }
    }

    async fn ask_at(&self, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::get(uri.replace("TOKEN", &self.token));
        for (name, value) in headers {
            request = request.header(*name, value.replace("TOKEN", &self.token));
        }
        let answer = send(&self.app, request.body(Body::empty()).unwrap()).await;
        let expected = match answer.status {
            200 => None,
            400 => Some(
                r#"Bearer realm="api://orders", error="invalid_request", error_description="the credentials are not exactly one bearer token""#,
            ),
            401 if answer.challenge() != Some(r#"Bearer realm="api://orders""#) => Some(
                r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is malformed""#,
            ),
            _ => Some(r#"Bearer realm="api://orders""#),
        };
        assert_eq!(answer.challenge(), expected, "{headers:?}");
        assert_eq!(answer.body, if answer.status == 200 { "alice" } else { "" });
        answer.status
    }

    async fn ask(&self, headers: &[(&str, &str)]) -> u16 {
        self.ask_at("/", headers).await
    }
}

#[tokio::test]
async fn a_header_holds_the_whole_token() {
    let api = Api::new([TokenSource::header("X-Forwarded-Access-Token").unwrap()]);
    let name = "x-forwarded-access-token";
    assert_eq!(api.ask(&[(name, "TOKEN")]).await, 200);
    assert_eq!(api.ask(&[]).await, 401);
    assert_eq!(api.ask(&[("authorization", "Bearer TOKEN")]).await, 401); // no other place is looked at
    assert_eq!(api.ask(&[(name, "opaque")]).await, 401);
    for malformed in ["", "Bearer TOKEN", "TOKEN,TOKEN", "\"TOKEN\"", "TOKEN;", "TÖKEN"] {
        assert_eq!(api.ask(&[(name, malformed)]).await, 400, "{malformed}");
    }
    assert_eq!(api.ask(&[(name, "TOKEN"), (name, "TOKEN")]).await, 400);
}

#[tokio::test]
async fn the_header_named_authorization_keeps_its_scheme() {
    let api = Api::new([TokenSource::header("authorization").unwrap()]);
    assert_eq!(api.ask(&[("authorization", "Bearer TOKEN")]).await, 200);
    assert_eq!(api.ask(&[("authorization", "TOKEN")]).await, 401);
}

#[test]
fn a_header_source_needs_the_name_of_a_header() {
    for name in ["", "X Token", "X-Token:", "Tökén"] {
        let error = TokenSource::header(name).unwrap_err();
        assert!(error.is_configuration());
        assert_eq!(error.to_string(), "TokenSource::header(..): this is not the name of a header");
    }
}

#[tokio::test]
async fn a_cookie_is_found_by_its_name_among_others() {
    let api = Api::new([TokenSource::cookie("session")]);
    for cookies in
        ["session=TOKEN", "a=1; session=TOKEN; b=2", "a=1;session=TOKEN", "session=\"TOKEN\"", "session=TOKEN ;a"]
    {
        assert_eq!(api.ask(&[("cookie", cookies)]).await, 200, "{cookies}");
    }
    assert_eq!(api.ask(&[("cookie", "a=1"), ("cookie", "session=TOKEN")]).await, 200);
    assert_eq!(api.ask(&[]).await, 401);
    for others in ["", "a=1", "session2=TOKEN", "xsession=TOKEN", "Session=TOKEN", "session", "a=session=TOKEN"] {
        assert_eq!(api.ask(&[("cookie", others)]).await, 401, "{others}");
    }
    assert_eq!(api.ask(&[("cookie", "session=opaque")]).await, 401);
    for empty in ["session=", "session=\"\""] {
        assert_eq!(api.ask(&[("cookie", empty)]).await, 401, "{empty}");
    }
    for malformed in ["session=\"TOKEN", "session=Bearer TOKEN", "session=a%20b"] {
        assert_eq!(api.ask(&[("cookie", malformed)]).await, 400, "{malformed}");
    }
    assert_eq!(api.ask(&[("cookie", "session=TOKEN; session=TOKEN")]).await, 400);
    assert_eq!(api.ask(&[("cookie", "session=TOKEN"), ("cookie", "session=TOKEN")]).await, 400);
}

#[tokio::test]
async fn a_websocket_subprotocol_follows_its_marker() {
    let api = Api::new([TokenSource::websocket_protocol("bearer")]);
    let name = "sec-websocket-protocol";
    for protocols in ["bearer, TOKEN", "bearer,TOKEN", "chat, bearer, TOKEN", "bearer ,\tTOKEN, chat"] {
        assert_eq!(api.ask(&[(name, protocols)]).await, 200, "{protocols}");
    }
    assert_eq!(api.ask(&[(name, "bearer"), (name, "TOKEN")]).await, 200); // a list may be split (RFC 9110 §5.3)
    assert_eq!(api.ask(&[]).await, 401);
    for others in ["", "chat", "TOKEN", "Bearer, TOKEN", "bearer.TOKEN", "chat, TOKEN"] {
        assert_eq!(api.ask(&[(name, others)]).await, 401, "{others}");
    }
    assert_eq!(api.ask(&[(name, "bearer, opaque")]).await, 401);
    for malformed in
        ["bearer", "chat, bearer", "bearer, ", "bearer, , TOKEN", "bearer, TOKEN, bearer, TOKEN", "bearer, a b"]
    {
        assert_eq!(api.ask(&[(name, malformed)]).await, 400, "{malformed}");
    }
}

#[tokio::test]
async fn a_closure_finds_the_token_anywhere_in_the_request() {
    let api = Api::new([TokenSource::from_fn(|request| {
        request.uri.query()?.strip_prefix("access_token=").map(str::to_owned)
    })]);
    assert_eq!(api.ask_at("/?access_token=TOKEN", &[]).await, 200);
    assert_eq!(api.ask_at("/", &[]).await, 401);
    assert_eq!(api.ask_at("/?other=TOKEN", &[]).await, 401);
    assert_eq!(api.ask_at("/?access_token=opaque", &[]).await, 401);
    assert_eq!(api.ask_at("/?access_token=", &[]).await, 400);
    assert_eq!(api.ask_at("/?access_token=a%20b", &[]).await, 400);
}

#[tokio::test]
async fn a_closure_is_one_source_among_others() {
    let query = |name: &'static str| {
        TokenSource::from_fn(move |request| {
            let mut parameters = request.uri.query()?.split('&');
            parameters.find_map(|one| one.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        })
    };
    let api = Api::new([query("first"), TokenSource::authorization(), query("second")]);
    let header = ("authorization", "Bearer TOKEN");
    assert_eq!(api.ask(&[header]).await, 200);
    assert_eq!(api.ask(&[header, header]).await, 400);
    for name in ["first", "second"] {
        let uri = format!("/?{name}=TOKEN");
        assert_eq!(api.ask_at(&uri, &[]).await, 200);
        assert_eq!(api.ask_at(&uri, &[("authorization", "Basic YWxpY2U6c2VjcmV0")]).await, 200);
        assert_eq!(api.ask_at(&uri, &[header]).await, 400);
        assert_eq!(api.ask_at(&uri, &[("authorization", "Bearer")]).await, 400);
        assert_eq!(api.ask_at(&uri, &[header, header]).await, 400);
    }
    assert_eq!(api.ask_at("/?first=TOKEN&second=TOKEN", &[]).await, 400);
    assert_eq!(api.ask_at("/?first=TOKEN&second=TOKEN", &[header]).await, 400);
    assert_eq!(api.ask_at("/", &[]).await, 401);
}

#[tokio::test]
async fn each_value_of_a_header_that_is_sent_more_than_once_is_marked_sensitive() {
    let authority = TestIssuer::new();
    let sources = [TokenSource::cookie("session"), TokenSource::from_fn(|_| None)];
    let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).token_from(sources).optional();
    let handler = |headers: HeaderMap| async move {
        let marked = |name| headers.get_all(name).iter().filter(|value| value.is_sensitive()).count();
        format!("{} of {}, {}", marked("cookie"), headers.get_all("cookie").iter().count(), marked("x-other"))
    };
    let app = Router::new().route("/", get(handler)).route_layer(layer);
    let mut request = anonymous();
    for (name, value) in [("cookie", "a=b"), ("x-other", "1"), ("cookie", "c=d"), ("x-other", "2"), ("cookie", "e=f")] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    assert_eq!(send(&app, request).await.body, "3 of 3, 0");
}

#[tokio::test]
async fn as_many_headers_as_a_map_can_hold_are_no_panic() {
    let api = Api::new([TokenSource::authorization()]);
    let names: Vec<String> = (0..24_575).map(|number| format!("x-{number}")).collect();
    for (tokens, status) in [(1, 200), (2, 400)] {
        let mut headers = vec![("authorization", "Bearer TOKEN"); tokens];
        headers.extend(names.iter().map(|name| (&**name, "")));
        assert_eq!(api.ask(&headers).await, status);
    }
}

#[tokio::test]
async fn what_a_closure_reads_is_not_marked_sensitive() {
    let authority = TestIssuer::new();
    let by_closure = TokenSource::from_fn(|request| Some(request.headers.get("x-token")?.to_str().ok()?.to_owned()));
    for (source, is_marked) in [(TokenSource::header("x-token").unwrap(), true), (by_closure, false)] {
        let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).token_from([source]);
        let handler = |headers: HeaderMap| async move { headers["x-token"].is_sensitive().to_string() };
        let app = Router::new().route("/", get(handler)).route_layer(layer);
        let mut request = anonymous();
        request.headers_mut().insert("x-token", authority.token(AUDIENCE).sign().parse().unwrap());
        assert_eq!(send(&app, request).await.body, is_marked.to_string());
    }
}

#[tokio::test]
async fn either_of_two_sources_will_do_but_not_both() {
    let api = Api::new([TokenSource::authorization(), TokenSource::cookie("session")]);
    let (header, cookie) = (("authorization", "Bearer TOKEN"), ("cookie", "session=TOKEN"));
    assert_eq!(api.ask(&[header]).await, 200);
    assert_eq!(api.ask(&[cookie]).await, 200);
    assert_eq!(api.ask(&[]).await, 401);
    assert_eq!(api.ask(&[("authorization", "Basic YWxpY2U6c2VjcmV0"), cookie]).await, 200);
    assert_eq!(api.ask(&[header, cookie]).await, 400);
    assert_eq!(api.ask(&[header, ("cookie", "session=")]).await, 200, "an empty cookie is none");
    assert_eq!(api.ask(&[("authorization", "Bearer"), cookie]).await, 400);
    assert_eq!(api.ask(&[("authorization", "Bearer opaque"), ("cookie", "session=opaque")]).await, 400);
}

#[tokio::test]
async fn three_filled_sources_are_no_better_than_two() {
    let api = Api::new([
        TokenSource::authorization(),
        TokenSource::cookie("session"),
        TokenSource::header("x-token").unwrap(),
    ]);
    let filled = [("authorization", "Bearer TOKEN"), ("cookie", "session=TOKEN"), ("x-token", "TOKEN")];
    assert_eq!(api.ask(&filled).await, 400);
    for left_out in 0..3 {
        let two: Vec<_> = (0..3).filter(|one| *one != left_out).map(|one| filled[one]).collect();
        assert_eq!(api.ask(&two).await, 400);
        assert_eq!(api.ask(&[filled[left_out]]).await, 200);
    }
}

#[tokio::test]
async fn without_sources_no_token_is_ever_found() {
    let api = Api::new([]);
    assert_eq!(api.ask(&[("authorization", "Bearer TOKEN")]).await, 401);
}

#[tokio::test]
async fn an_empty_cookie_as_a_logout_leaves_it_is_no_token() {
    let authority = TestIssuer::new();
    let source = TokenSource::cookie("token");
    let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).token_from([source]).optional();
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "in" })).route_layer(layer);
    let mut request = anonymous();
    request.headers_mut().insert("cookie", "a=b; token=".parse().unwrap());
    assert_eq!(send(&app, request).await.status, 200);
}
