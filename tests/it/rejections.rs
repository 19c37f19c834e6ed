//! Rejections: one table, and the same answer from the layer, `require`, an extractor and a handler's `?`.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::get;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::RejectionKind::*;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    BearerLayer, Claims, Issuer, Rejection, RejectionKind, Requirement, VerifiedToken, any_of, require, role,
    satisfies, scope,
};

use super::support::{AUDIENCE, Answer, anonymous, send, with_token};

/// Kind, status, challenge, `Retry-After`.
pub(super) type Row = (RejectionKind, u16, Option<&'static str>, Option<&'static str>);

/// The one table, as callers see it.
#[rustfmt::skip]
pub(super) const TABLE: [Row; 27] = [
    (NoCredentials, 401, Some(r#"Bearer realm="api://orders""#), None),
    (InvalidRequest, 400, Some(r#"Bearer realm="api://orders", error="invalid_request", error_description="the credentials are not exactly one bearer token""#), None),
    (TokenTooLong, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is too long""#), None),
    (Malformed, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is malformed""#), None),
    (UnsupportedHeader, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token needs an extension that is not supported""#), None),
    (WrongTokenType, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is not an access token""#), None),
    (AlgorithmNotAllowed, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's algorithm is not accepted""#), None),
    (MissingClaim, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token lacks a required claim""#), None),
    (UnknownIssuer, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's issuer is not accepted""#), None),
    (UnknownKey, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's key is unknown""#), None),
    (KeyOfAnotherIssuer, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's key is another issuer's""#), None),
    (BadSignature, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's signature is invalid""#), None),
    (WrongAudience, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is for another audience""#), None),
    (Expired, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token has expired""#), None),
    (NotYetValid, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is not valid yet""#), None),
    (SenderConstrained, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is bound to a key and not usable as a plain bearer token""#), None),
    (NoPermission, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token carries neither scopes nor roles""#), None),
    (ClaimsMismatch, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token's claims are not as this API needs them""#), None),
    (Refused, 401, Some(r#"Bearer realm="api://orders", error="invalid_token", error_description="the token is refused""#), None),
    (InsufficientScope, 403, Some(r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required""#), None),
    (UnlistedMethod, 403, Some(r#"Bearer realm="api://orders", error="insufficient_scope", error_description="no token allows this method""#), None),
    (InsufficientClaims, 401, Some(r#"Bearer realm="api://orders", error="insufficient_claims", error_description="the token does not say all that a further API wants to know""#), None),
    (InteractionRequired, 403, Some(r#"Bearer realm="api://orders", error="interaction_required", error_description="a further API needs the person to sign in again or to consent""#), None),
    (TokenUnavailable, 503, None, Some("1")),
    (TokenRefused, 500, None, None),
    (KeysUnavailable, 503, None, Some("1")),
    (LayerMissing, 500, None, None),
];

/// The answer of this row without a responder.
fn standard((kind, status, challenge, retry_after): Row) -> Answer {
    let headers = [("content-length", Some("0")), ("retry-after", retry_after), ("www-authenticate", challenge)];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    Answer { status, headers: headers.collect(), body: String::new(), kind: Some(kind) }
}

/// An answer of one's own: another body and type, further headers.
fn problem(rejection: &Rejection) -> Response<Body> {
    Response::builder()
        .status(rejection.status())
        .header("content-type", "application/problem+json")
        .header("x-kind", format!("{:?}", rejection.kind()))
        .body(Body::from(format!(r#"{{"title":"{}"}}"#, rejection.description())))
        .unwrap()
}

fn with_problems(layer: BearerLayer) -> BearerLayer {
    layer.respond_with(problem)
}

fn as_it_is(layer: BearerLayer) -> BearerLayer {
    layer
}

const DRESSES: [fn(BearerLayer) -> BearerLayer; 2] = [as_it_is, with_problems];

pub(super) fn guard(issuer: &Issuer) -> BearerLayer {
    BearerLayer::new(issuer.validator(AUDIENCE))
}

pub(super) fn rejecting(kind: RejectionKind) -> Requirement {
    satisfies(move |_| Err(Rejection::new(kind)))
}

/// An extractor of somebody else's, which needs what the state says.
struct Permitted;

impl FromRequestParts<Requirement> for Permitted {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, requirement: &Requirement) -> Result<Self, Rejection> {
        VerifiedToken::from_extensions(&parts.extensions)?.require(requirement.clone())?;
        Ok(Self)
    }
}

pub(super) async fn open() -> &'static str {
    "in"
}

fn by_require(requirement: Requirement) -> Router {
    Router::new().route("/", get(open).route_layer(require(requirement)))
}

fn by_extractor(requirement: Requirement) -> Router {
    Router::new().route("/", get(|_: Permitted| async { "in" })).with_state(requirement)
}

fn by_question_mark(requirement: Requirement) -> Router {
    async fn handler(State(requirement): State<Requirement>, request: Request) -> Result<&'static str, Rejection> {
        VerifiedToken::from_extensions(request.extensions())?.require(requirement)?;
        Ok("in")
    }
    Router::new().route("/", get(handler)).with_state(requirement)
}

/// The apps in which something behind the layer needs this.
pub(super) fn behind_the_layer(requirement: &Requirement) -> [(&'static str, Router); 3] {
    [
        ("require", by_require(requirement.clone())),
        ("extractor", by_extractor(requirement.clone())),
        ("handler's ?", by_question_mark(requirement.clone())),
    ]
}

#[test]
fn the_table_has_every_kind_once() {
    assert_eq!(TABLE.map(|row| row.0), *RejectionKind::ALL);
}

#[test]
fn a_rejection_tells_what_its_answer_will_say() {
    for (kind, status, challenge, retry_after) in TABLE {
        let rejection = Rejection::new(kind);
        assert_eq!(rejection.status(), status);
        let challenge = challenge.map(|challenge| challenge.replace(r#" realm="api://orders","#, ""));
        let challenge = challenge.map(|challenge| challenge.replace(r#" realm="api://orders""#, ""));
        assert_eq!(rejection.www_authenticate().map(|value| value.to_str().unwrap().to_owned()), challenge);
        assert_eq!(rejection.retry_after().map(|after| after.as_secs().to_string()).as_deref(), retry_after);
        let code = challenge.as_deref().and_then(|challenge| challenge.split('"').nth(1));
        assert_eq!(rejection.error(), code);
        assert_eq!(rejection.to_string(), rejection.description());
        assert_eq!(rejection.scope(), None);
    }
}

#[tokio::test]
async fn the_four_paths_answer_alike_over_the_whole_table() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).sign();
    for row in TABLE {
        let kind = row.0;
        let own_check = || issuer.validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));
        // An issuer of its own: the keys are fetched while the request waits.
        let fetching = authority.issuer().validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));
        for (dress, custom) in DRESSES.into_iter().zip([false, true]) {
            let router = || Router::new().route("/", get(open));
            let mut answers = vec![
                ("layer", send(&router().route_layer(dress(BearerLayer::new(own_check()))), with_token(&token)).await),
                (
                    "layer, keys fetched",
                    send(&router().route_layer(dress(BearerLayer::new(fetching.clone()))), with_token(&token)).await,
                ),
                (
                    "layer's require",
                    send(&router().route_layer(dress(guard(&issuer).require(rejecting(kind)))), with_token(&token))
                        .await,
                ),
            ];
            for (path, app) in behind_the_layer(&rejecting(kind)) {
                answers.push((path, send(&app.route_layer(dress(guard(&issuer))), with_token(&token)).await));
            }
            let mut expected = standard(row);
            if custom {
                let description = Rejection::new(kind).description();
                expected.body = format!(r#"{{"title":"{description}"}}"#);
                expected.headers[0].1 = expected.body.len().to_string();
                expected.headers.push(("content-type".into(), "application/problem+json".into()));
                expected.headers.push(("x-kind".into(), format!("{kind:?}")));
                expected.headers.sort();
            }
            for (path, answer) in answers {
                assert_eq!(answer, expected, "{kind:?} from the {path}, custom: {custom}");
            }
        }
    }
}

#[tokio::test]
async fn the_four_paths_say_realm_and_metadata_alike_over_the_whole_table() {
    let in_full =
        |layer: BearerLayer| layer.realm("Orders").unwrap().resource_metadata("https://api.test/metadata").unwrap();
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).sign();
    for row in TABLE {
        let kind = row.0;
        let own_check = issuer.validator(AUDIENCE).check(move |_| Err(Rejection::new(kind)));
        let layer = Router::new().route("/", get(open)).route_layer(in_full(BearerLayer::new(own_check)));
        let mut expected = standard(row);
        for (_, challenge) in expected.headers.iter_mut().filter(|(name, _)| name == "www-authenticate") {
            *challenge = challenge.replace(r#"realm="api://orders""#, r#"realm="Orders""#);
            challenge.push_str(r#", resource_metadata="https://api.test/metadata""#);
        }
        assert_eq!(send(&layer, with_token(&token)).await, expected, "{kind:?} from the layer");
        for (path, app) in behind_the_layer(&rejecting(kind)) {
            let app = app.route_layer(in_full(guard(&issuer)));
            assert_eq!(send(&app, with_token(&token)).await, expected, "{kind:?} from the {path}");
        }
    }
}

#[tokio::test]
async fn a_missing_scope_answers_alike_on_the_four_paths() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).scope("orders.read").sign();
    let needed = || any_of([role("Manager"), scope("orders.write")]);
    for dress in DRESSES {
        let layer = Router::new().route("/", get(open)).route_layer(dress(guard(&issuer).require(needed())));
        let expected = send(&layer, with_token(&token)).await;
        assert_eq!(
            expected.said(),
            (
                403,
                Some(
                    r#"Bearer realm="api://orders", error="insufficient_scope", error_description="the token lacks a permission that is required", scope="orders.write""#
                )
            )
        );
        for (path, app) in behind_the_layer(&needed()) {
            let app = app.route_layer(dress(guard(&issuer)));
            assert_eq!(send(&app, with_token(&token)).await, expected, "{path}");
            let permitted = authority.token(AUDIENCE).scope("orders.write").sign();
            assert_eq!(send(&app, with_token(&permitted)).await.body, "in", "{path}");
        }
    }
}

#[tokio::test]
async fn a_missing_token_answers_alike_where_the_layer_needs_it_and_where_only_something_behind_does() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    for dress in DRESSES {
        let layer = Router::new().route("/", get(open)).route_layer(dress(guard(&issuer)));
        let expected = send(&layer, anonymous()).await;
        assert_eq!(expected.said(), (401, Some(r#"Bearer realm="api://orders""#)));
        let extractors = [
            ("VerifiedToken", Router::new().route("/", get(|_: VerifiedToken| async { "in" }))),
            ("Claims", Router::new().route("/", get(|_: Claims<serde_json::Value>| async { "in" }))),
        ];
        for (path, app) in behind_the_layer(&scope("a")).into_iter().chain(extractors) {
            let app = app.route_layer(dress(guard(&issuer).optional()));
            assert_eq!(send(&app, anonymous()).await, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_answer_alike_from_the_extractor_and_a_handler() {
    #[derive(Deserialize)]
    struct Staff {
        #[allow(dead_code)]
        department: String,
    }
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).sign();
    for dress in DRESSES {
        let validator = authority.issuer().validator(AUDIENCE).check(|token| token.claims::<Staff>().map(drop));
        let layer = Router::new().route("/", get(open)).route_layer(dress(BearerLayer::new(validator)));
        let expected = send(&layer, with_token(&token)).await;
        assert_eq!((expected.status, expected.kind), (401, Some(ClaimsMismatch)));
        for handler in [
            get(|_: Claims<Staff>| async { "in" }),
            get(|_: Option<Claims<Staff>>| async { "in" }),
            get(|token: VerifiedToken| async move { token.claims::<Staff>().map(|_| "in") }),
        ] {
            let app = Router::new().route("/", handler).route_layer(dress(guard(&authority.issuer())));
            assert_eq!(send(&app, with_token(&token)).await, expected);
        }
    }
}

#[tokio::test]
async fn a_missing_layer_answers_alike_from_everything_that_needs_one() {
    let token = TestIssuer::new().token(AUDIENCE).sign();
    for (path, app) in behind_the_layer(&scope("a")) {
        assert_eq!(send(&app, with_token(&token)).await, standard(TABLE[TABLE.len() - 1]), "{path}");
    }
}

#[tokio::test]
async fn a_rejection_that_a_handler_makes_itself_answers_as_the_layer_does() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let token = authority.token(AUDIENCE).sign();
    for dress in DRESSES {
        let validator = issuer.validator(AUDIENCE).check(|_| Err(Rejection::new(Refused)));
        let layer = Router::new().route("/", get(open)).route_layer(dress(BearerLayer::new(validator)));
        let expected = send(&layer, with_token(&token)).await;
        let handler = |_: VerifiedToken| async { Err::<(), _>(Rejection::new(Refused)) };
        let app = Router::new().route("/", get(handler)).route_layer(dress(guard(&issuer)));
        assert_eq!(send(&app, with_token(&token)).await, expected);
    }
}

#[tokio::test]
async fn a_check_that_cannot_decide_now_is_a_503_on_the_way_through_new_keys_too() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE).check(|token| match token.subject() {
        Some("alice") => Err(Rejection::new(KeysUnavailable)),
        _ => Ok(()),
    });
    let app = Router::new().route("/", get(open)).route_layer(BearerLayer::new(validator));
    assert_eq!(send(&app, with_token(&authority.token(AUDIENCE).sign())).await.status, 200);
    authority.rotate();
    let token = authority.token(AUDIENCE).subject("alice").sign();
    for keys in ["unknown", "known"] {
        assert_eq!(send(&app, with_token(&token)).await.said(), (503, None), "keys are {keys}");
    }
}

/// What an anonymous request is answered by a layer with this responder.
async fn answered_by(responder: impl Fn(&Rejection) -> Response<Body> + Send + Sync + 'static) -> Response<Body> {
    let authority = TestIssuer::new();
    let layer = guard(&authority.issuer()).respond_with(responder);
    let Ok(response) = Router::new().route("/", get(open)).route_layer(layer).oneshot(anonymous()).await;
    response
}

fn challenges(response: &Response<Body>) -> Vec<&str> {
    response.headers().get_all(WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_responder_that_says_success_gets_the_status_of_the_rejection() {
    for status in [200, 204, 304] {
        let response = answered_by(move |_| Response::builder().status(status).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 401, "{status}");
        assert_eq!(challenges(&response), [r#"Bearer realm="api://orders""#]);
    }
}

#[tokio::test]
async fn a_responder_may_send_people_to_a_login_page() {
    let login = || Response::builder().status(303).header("location", "/login").body(Body::empty()).unwrap();
    assert_eq!(answered_by(move |_| login()).await.status(), 303);
}

#[tokio::test]
async fn a_responder_that_says_another_error_is_taken_at_its_word() {
    for status in [404, 418, 503] {
        let response = answered_by(move |_| Response::builder().status(status).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.extensions().get::<Rejection>().unwrap().kind(), NoCredentials);
    }
}

#[tokio::test]
async fn a_bearer_challenge_of_the_responder_is_not_doubled() {
    for own in [r#"Bearer realm="mine""#, "bearer", r#"BEARER error="mine""#] {
        let response =
            answered_by(move |_| Response::builder().header(WWW_AUTHENTICATE, own).body(Body::empty()).unwrap());
        assert_eq!(challenges(&response.await), [own]);
    }
}

#[tokio::test]
async fn challenges_of_other_schemes_are_kept_beside_ours() {
    let response = answered_by(|_| {
        Response::builder()
            .header(WWW_AUTHENTICATE, r#"Basic realm="mine""#)
            .header(WWW_AUTHENTICATE, r#"DPoP algs="ES256""#)
            .body(Body::empty())
            .unwrap()
    });
    let ours = r#"Bearer realm="api://orders""#;
    assert_eq!(challenges(&response.await), [r#"Basic realm="mine""#, r#"DPoP algs="ES256""#, ours]);
}

#[tokio::test]
async fn a_scheme_that_only_starts_alike_does_not_stand_in_for_our_challenge() {
    let response =
        answered_by(|_| Response::builder().header(WWW_AUTHENTICATE, "BearerToken x").body(Body::empty()).unwrap());
    assert_eq!(challenges(&response.await), ["BearerToken x", r#"Bearer realm="api://orders""#]);
}

#[tokio::test]
async fn the_realm_and_everything_else_reaches_the_responder() {
    let authority = TestIssuer::new();
    let layer = guard(&authority.issuer()).require(scope("orders.write")).respond_with(|rejection: &Rejection| {
        let said = format!("{:?} {:?} {:?}", rejection.www_authenticate(), rejection.scope(), rejection.retry_after());
        Response::new(Body::from(said))
    });
    let app = Router::new().route("/", get(open)).route_layer(layer);
    let answer = send(&app, anonymous()).await;
    assert_eq!(
        answer.body,
        r#"Some("Bearer realm=\"api://orders\", scope=\"orders.write\"") Some("orders.write") None"#
    );
}

#[tokio::test]
async fn a_responder_for_another_body_is_passed_over_for_the_standard_answer() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let misfit = || guard(&issuer).respond_with(|_: &Rejection| Response::new("never sent".to_owned()));
    let layer = Router::new().route("/", get(open)).route_layer(misfit());
    assert_eq!(send(&layer, anonymous()).await, standard(TABLE[0]));
    for (path, app) in behind_the_layer(&scope("a")) {
        let app = app.route_layer(misfit().optional());
        assert_eq!(send(&app, anonymous()).await, standard(TABLE[0]), "{path}");
    }

    // The same responder where it fits.
    let text =
        service_fn(|_: http::Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(String::new())) });
    let response = misfit().layer(text).oneshot(http::Request::new(())).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (401, "never sent"));
}

#[tokio::test]
async fn retry_after_is_added_unless_the_responder_says_its_own() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).sign();
    let busy = || guard(&authority.issuer()).require(rejecting(KeysUnavailable));
    let app = |layer: BearerLayer| Router::new().route("/", get(open)).route_layer(layer);
    let silent = busy().respond_with(|_: &Rejection| Response::new(Body::from("busy")));
    let answer = send(&app(silent), with_token(&token)).await;
    assert_eq!((answer.status, answer.body.as_str(), answer.header("retry-after")), (503, "busy", Some("1")));

    let own = busy().respond_with(|_: &Rejection| {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("120"));
        response
    });
    let answer = send(&app(own), with_token(&token)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("120")));
}

#[tokio::test]
async fn a_status_and_headers_that_a_handler_sets_besides_its_rejection_stay() {
    let authority = TestIssuer::new();
    let handler = || async { (StatusCode::GONE, [("x-request-id", "7")], Rejection::new(RejectionKind::Refused)) };
    let app = Router::new().route("/", get(handler)).route_layer(guard(&authority.issuer()));
    let Ok(response) = app.oneshot(with_token(&authority.token(AUDIENCE).sign())).await;
    assert_eq!(response.status(), StatusCode::GONE);
    assert_eq!(response.headers()["x-request-id"], "7");
    assert_eq!(challenges(&response).len(), 1);
    assert!(challenges(&response)[0].contains("realm="), "it is said in the layer's way");
}

#[tokio::test]
async fn a_challenge_and_a_time_to_wait_that_a_handler_sets_besides_its_rejection_stay() {
    let authority = TestIssuer::new();
    let challenged =
        || async { ([(WWW_AUTHENTICATE, r#"DPoP algs="ES256""#)], Rejection::new(RejectionKind::Refused)) };
    let busy = || async { ([(RETRY_AFTER, "120")], Rejection::new(RejectionKind::KeysUnavailable)) };
    let app =
        Router::new().route("/", get(challenged)).route("/busy", get(busy)).route_layer(guard(&authority.issuer()));
    let token = authority.token(AUDIENCE).sign();
    let Ok(response) = app.clone().oneshot(with_token(&token)).await;
    let challenges = challenges(&response);
    assert_eq!(challenges.len(), 2, "{challenges:?}");
    assert!(challenges.contains(&r#"DPoP algs="ES256""#) && challenges.iter().any(|one| one.contains("realm=")));
    let mut request = with_token(&token);
    *request.uri_mut() = "/busy".parse().unwrap();
    let Ok(response) = app.oneshot(request).await;
    assert_eq!(response.headers()[RETRY_AFTER], "120");
}
