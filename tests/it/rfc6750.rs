//! RFC 6750: which credentials are looked at, and how a request without good ones is answered.

use axum::Router;
use axum::routing::get as on_get;
use http::HeaderValue;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{
    BearerLayer, RejectionKind, Requirement, VerifiedToken, all_of, any_of, claim, client_id, require, role, role_in,
    satisfies, scope, tenant,
};

use super::support::{AUDIENCE, Answer, Log, anonymous, get, send, with_token};

const NO_CREDENTIALS: (u16, Option<&str>) = (401, Some(r#"Bearer realm="api://orders""#));
const INVALID_REQUEST: (u16, Option<&str>) = (
    400,
    Some(
        r#"Bearer realm="api://orders", error="invalid_request", error_description="the credentials are not exactly one bearer token""#,
    ),
);

fn guarded(layer: BearerLayer) -> Router {
    Router::new().route("/", on_get(|| async { "in" })).route_layer(layer)
}

fn guard(authority: &TestIssuer) -> BearerLayer {
    BearerLayer::new(authority.issuer().validator(AUDIENCE))
}

async fn ask_with(value: impl Into<Vec<u8>>) -> Answer {
    let value = HeaderValue::from_bytes(&value.into()).unwrap();
    send(&guarded(guard(&TestIssuer::new())), get([value])).await
}

/// `said` of an `invalid_token` with this description.
fn invalid_token(description: &str) -> (u16, Option<String>) {
    let challenge = format!(r#"Bearer realm="api://orders", error="invalid_token", error_description="{description}""#);
    (401, Some(challenge))
}

fn said(answer: &Answer) -> (u16, Option<String>) {
    (answer.status, answer.challenge().map(str::to_owned))
}

#[tokio::test]
async fn no_credentials_are_a_401_without_an_error_code() {
    let answer = send(&guarded(guard(&TestIssuer::new())), anonymous()).await;
    assert_eq!(answer.said(), NO_CREDENTIALS);
    assert_eq!(answer.kind, Some(RejectionKind::NoCredentials));
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn another_scheme_counts_as_no_credentials() {
    let token = TestIssuer::new().token(AUDIENCE).sign();
    for credentials in [
        "Basic YWxpY2U6c2VjcmV0".to_owned(),
        format!("DPoP {token}"),
        r#"Digest username="alice", realm="orders""#.to_owned(),
        "Negotiate".to_owned(),
        format!("BearerX {token}"),
        token.clone(),
    ] {
        let answer = ask_with(credentials.as_str()).await;
        assert_eq!(answer.said(), NO_CREDENTIALS, "{credentials}");
    }
}

#[tokio::test]
async fn two_authorization_headers_are_a_400_even_with_good_tokens() {
    let authority = TestIssuer::new();
    let good = format!("Bearer {}", authority.token(AUDIENCE).sign());
    let app = guarded(guard(&authority));
    assert_eq!(send(&app, get([good.as_str()])).await.status, 200);

    let basic = "Basic YWxpY2U6c2VjcmV0";
    for pair in [[good.as_str(), &good], [basic, &good], [&good, basic], [&good, ""]] {
        assert_eq!(send(&app, get(pair)).await.said(), INVALID_REQUEST);
    }
}

#[tokio::test]
async fn credentials_that_are_not_bearer_and_one_token68_are_a_400() {
    let token = TestIssuer::new().token(AUDIENCE).sign();
    for credentials in [
        String::new(),
        " ".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "bearer   ".to_owned(),
        format!(" Bearer {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer \t{token}"),
        format!("Bearer {token}\t"),
        format!("Bearer {token} "),
        format!("Bearer:{token}"),
        format!("Bearer={token}"),
        format!("Bearer,{token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token},"),
        format!("Bearer {token} {token}"),
        format!("Bearer \"{token}\""),
        format!("Bearer '{token}'"),
        format!("Bearer token=\"{token}\""),
        format!("Bearer Bearer {token}"),
        "Bearer =".to_owned(),
        "Bearer ===".to_owned(),
        "Bearer a=b".to_owned(),
        "Bearer a%20b".to_owned(),
        "Bearer a:b".to_owned(),
        "Bearer {}".to_owned(),
        format!("Bearer {token}é"),
    ] {
        let answer = ask_with(credentials.as_str()).await;
        assert_eq!(answer.said(), INVALID_REQUEST, "{credentials:?}");
        assert_eq!(answer.kind, Some(RejectionKind::InvalidRequest), "{credentials:?}");
    }
    assert_eq!(ask_with(b"Bearer \xff\xfe".as_slice()).await.said(), INVALID_REQUEST);
}

#[tokio::test]
async fn a_bearer_token_that_is_joined_to_another_scheme_is_a_400_where_tokens_are_optional_too() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).sign();
    for layer in [guard(&authority), guard(&authority).optional()] {
        let app = guarded(layer);
        for joined in [format!("Basic YTpi, Bearer {token}"), format!("Basic YTpi,bearer {token}")] {
            assert_eq!(send(&app, get([joined.as_str()])).await.status, 400, "{joined}");
        }
        let digest = r#"Digest username="a", realm="the bearer of b", uri="/""#;
        assert_ne!(send(&app, get([digest])).await.status, 400, "commas of its own do no harm");
    }
}

#[tokio::test]
async fn the_scheme_is_matched_in_any_case_and_spaces_may_follow_it() {
    let authority = TestIssuer::new();
    let app = guarded(guard(&authority));
    let token = authority.token(AUDIENCE).sign();
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer  ", "Bearer      "] {
        let answer = send(&app, get([format!("{scheme}{token}")])).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "in"), "{scheme:?}");
    }
}

#[tokio::test]
async fn every_token68_that_is_no_token_is_a_401_invalid_token() {
    for token in [
        "a",
        "opaque",
        "0.AXoA-opaque_~",
        "abc+/==",
        "a.b",
        "a.b.c",
        "..",
        "a.b.c.d.e",
        "-._~+/",
        &"a".repeat(16 * 1024),
    ] {
        let answer = ask_with(format!("Bearer {token}")).await;
        assert_eq!(said(&answer), invalid_token("the token is malformed"), "{token}");
    }
}

#[tokio::test]
async fn a_token_that_is_too_long_is_a_401_invalid_token() {
    let authority = TestIssuer::new();
    let good = |padding: usize| authority.token(AUDIENCE).claim("padding", "a".repeat(padding)).sign();
    let app = guarded(guard(&authority));
    assert!(good(8 * 1024).len() < 16 * 1024);
    assert_eq!(send(&app, with_token(&good(8 * 1024))).await.status, 200);

    for token in [good(16 * 1024), good(100 * 1024), "a".repeat(16 * 1024 + 1)] {
        let answer = send(&app, with_token(&token)).await;
        assert_eq!(said(&answer), invalid_token("the token is too long"));
    }
}

#[tokio::test]
async fn every_token_that_fails_is_a_401_invalid_token_that_says_why() {
    let authority = TestIssuer::new();
    let stranger = TestIssuer::new(); // same identifier, other keys
    let app = guarded(guard(&authority));
    assert_eq!(send(&app, with_token(&authority.token(AUDIENCE).sign())).await.status, 200);

    let token = || authority.token(AUDIENCE);
    let mut tampered = token().sign();
    let signature_at = tampered.rfind('.').unwrap() + 1;
    let swapped = if tampered.as_bytes()[signature_at] == b'A' { "B" } else { "A" };
    tampered.replace_range(signature_at..=signature_at, swapped);
    for (token, description) in [
        (token().expired().sign(), "the token has expired"),
        (authority.token("api://other").sign(), "the token is for another audience"),
        (token().claim("iss", "https://other.test").sign(), "the token's issuer is not accepted"),
        (token().without("exp").sign(), "the token lacks a required claim"),
        (token().claim("nbf", 4_000_000_000_u64).sign(), "the token is not valid yet"),
        (
            token().claim("cnf", serde_json::json!({"jkt": "x"})).sign(),
            "the token is bound to a key and not usable as a plain bearer token",
        ),
        (token().header("typ", "logout+jwt").sign(), "the token is not an access token"),
        (token().header("alg", "none").sign(), "the token's algorithm is not accepted"),
        (token().header("crit", ["b64"]).sign(), "the token needs an extension that is not supported"),
        (stranger.token(AUDIENCE).sign(), "the token's signature is invalid"),
        (stranger.token(AUDIENCE).algorithm(Algorithm::ES384).sign(), "the token's key is unknown"),
        (tampered, "the token's signature is invalid"),
    ] {
        let answer = send(&app, with_token(&token)).await;
        assert_eq!(said(&answer), invalid_token(description));
        assert_eq!(answer.body, "");
    }
}

#[tokio::test]
async fn a_missing_permission_is_a_403_insufficient_scope_that_names_the_scope() {
    let authority = TestIssuer::new();
    let app = guarded(guard(&authority).require(scope("orders.write")));
    let answer = send(&app, with_token(&authority.token(AUDIENCE).scope("orders.read orders.writer").sign())).await;
    assert_eq!(
        answer.said(),
        (
            403,
            Some(
                r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="orders.write""#
            )
        )
    );
    assert_eq!(answer.kind, Some(RejectionKind::InsufficientScope));
    let allowed = authority.token(AUDIENCE).scope("orders.read orders.write").sign();
    assert_eq!(send(&app, with_token(&allowed)).await.status, 200);
}

/// The challenge of a 403, from the error on.
async fn refused_by(requirement: Requirement) -> String {
    let authority = TestIssuer::new();
    let app = Router::new()
        .route("/", on_get(|| async { "in" }).route_layer(require(requirement)))
        .route_layer(guard(&authority));
    let answer = send(&app, with_token(&authority.token(AUDIENCE).sign())).await;
    assert_eq!(answer.status, 403);
    let start = r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required""#;
    answer.challenge().unwrap().strip_prefix(start).unwrap().to_owned()
}

#[tokio::test]
async fn the_scope_of_a_403_is_the_first_alternative_made_of_scopes_alone() {
    let rows = [
        (scope("a"), r#", scope="a""#),
        (all_of([scope("a"), scope("b")]), r#", scope="a b""#),
        (any_of([scope("a"), scope("b")]), r#", scope="a""#),
        (any_of([role("Manager"), scope("b")]), r#", scope="b""#),
        (any_of([all_of([scope("a"), role("Manager")]), all_of([scope("b"), scope("c")])]), r#", scope="b c""#),
        (all_of([scope("a"), any_of([role("Manager"), scope("b")])]), r#", scope="a b""#),
        (all_of([scope("a"), any_of([all_of([scope("x"), role("Manager")]), scope("b")])]), r#", scope="a b""#),
    ];
    for (requirement, scope) in rows {
        assert_eq!(refused_by(requirement).await, scope);
    }
}

#[tokio::test]
async fn a_403_names_no_scope_where_no_scope_alone_would_do() {
    for requirement in [
        role("Manager"),
        role_in("orders", "Manager"),
        claim("department", "sales"),
        client_id("shop"),
        tenant("acme"),
        any_of([role("Manager"), client_id("shop")]),
        all_of([scope("a"), role("Manager")]),
        any_of([all_of([scope("a"), role("Manager")]), tenant("acme")]),
        any_of([]),
        all_of([]),
        satisfies(|_| Err(RejectionKind::InsufficientScope.into())),
        any_of([satisfies(|_| Err(RejectionKind::Refused.into()))]),
        scope("a b"),
        scope("a\"b"),
        scope("a\r\nb"),
    ] {
        assert_eq!(refused_by(requirement).await, "");
    }
}

#[tokio::test]
async fn what_the_layer_requires_is_named_in_its_401_too() {
    let authority = TestIssuer::new();
    let app = guarded(guard(&authority).require(scope("orders.read")).require(scope("orders.write")));
    let answer = send(&app, anonymous()).await;
    assert_eq!(answer.said(), (401, Some(r#"Bearer realm="api://orders", scope="orders.read orders.write""#)));

    let one_of_two = authority.token(AUDIENCE).scope("orders.write").sign();
    assert_eq!(send(&app, with_token(&one_of_two)).await.status, 403);
    let both = authority.token(AUDIENCE).scope("orders.write orders.read").sign();
    assert_eq!(send(&app, with_token(&both)).await.status, 200);

    let roles = guarded(guard(&authority).require(role("Manager")));
    assert_eq!(send(&roles, anonymous()).await.said(), NO_CREDENTIALS);
}

#[tokio::test]
async fn the_realm_is_the_audience_unless_set_and_is_escaped() {
    let authority = TestIssuer::new();
    let several = BearerLayer::new(authority.issuer().validator("api://first").audience("api://second"));
    assert_eq!(send(&guarded(several), anonymous()).await.challenge(), Some(r#"Bearer realm="api://first""#));

    let odd = BearerLayer::new(authority.issuer().validator(r#"or"de\rs"#));
    assert_eq!(send(&guarded(odd), anonymous()).await.challenge(), Some(r#"Bearer realm="or\"de\\rs""#));

    let unspeakable = BearerLayer::new(authority.issuer().validator("Aufträge"));
    assert_eq!(send(&guarded(unspeakable), anonymous()).await.said(), (401, Some("Bearer")));

    let set = guard(&authority).realm(r#"the "orders", all"#).unwrap();
    assert_eq!(send(&guarded(set), anonymous()).await.challenge(), Some(r#"Bearer realm="the \"orders\", all""#));

    for realm in ["Aufträge", "a\r\nX-Injected: 1", "a\tb", "\u{7f}"] {
        let error = guard(&authority).realm(realm).unwrap_err();
        assert!(error.is_configuration(), "{realm:?}");
        assert_eq!(error.to_string(), "realm(..): only visible ASCII and spaces can stand in a challenge");
    }
}

#[tokio::test]
async fn a_challenge_never_repeats_what_came_in() {
    let authority = TestIssuer::new();
    let marked = authority.token(AUDIENCE).subject("smuggled").claim("iss", "https://smuggled.test").sign();
    for request in [
        with_token(&marked),
        with_token("smuggled"),
        get(["smuggled"]),
        get([r#"Bearer "smuggled""#]),
        get(["Bearer smuggled", "Bearer smuggled"]),
    ] {
        let answer = send(&guarded(guard(&authority)), request).await;
        assert!((400..=401).contains(&answer.status));
        assert!(!format!("{answer:?}").contains("smuggled"), "{answer:?}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_a_503_with_retry_after_and_no_challenge() {
    for endpoint in [Endpoint::Metadata, Endpoint::Jwks] {
        for fault in [Fault::Status(500), Fault::Broken, Fault::Body("<html>".into())] {
            let authority = TestIssuer::new();
            authority.fail(endpoint, fault);
            let app = guarded(guard(&authority));
            let token = authority.token(AUDIENCE).sign();
            let answer = send(&app, with_token(&token)).await;
            assert_eq!(answer.status, 503);
            assert_eq!(answer.headers, [("content-length".into(), "0".into()), ("retry-after".into(), "15".into())]);
            assert_eq!(answer.kind, Some(RejectionKind::KeysUnavailable));

            // What is wrong whatever the keys are is still said.
            assert_eq!(send(&app, anonymous()).await.said(), NO_CREDENTIALS);
            let expired = authority.token(AUDIENCE).expired().sign();
            assert_eq!(said(&send(&app, with_token(&expired)).await), invalid_token("the token has expired"));
        }
    }
}

#[tokio::test]
async fn a_missing_layer_is_a_500_and_the_log_names_the_mend() {
    let handler = |_: VerifiedToken| async { "in" };
    let by_extractor = Router::new().route("/", on_get(handler));
    let by_require = Router::new().route("/", on_get(|| async { "in" }).route_layer(require(scope("a"))));
    let token = TestIssuer::new().token(AUDIENCE).scope("a").sign();
    for app in [by_extractor, by_require] {
        let log = Log::capture();
        let answer = send(&app, with_token(&token)).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.headers, [("content-length".into(), "0".into())]);
        assert_eq!(answer.body, "");
        assert_eq!(answer.kind, Some(RejectionKind::LayerMissing));

        let log = log.text();
        let line = log.lines().find(|line| line.contains("ERROR")).expect("an error is logged");
        assert!(line.contains("no BearerLayer ran before it"), "{line}");
        assert!(line.contains("add `.route_layer(BearerLayer::new(validator))` after the routes"), "{line}");
        assert!(!log.contains(&token));
    }
}
