//! Who has to act when a token request is refused.

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::{TokenError, TokenErrorKind as Kind};

use super::{Server, answer};

async fn refused(status: u16, body: Value) -> TokenError {
    let server = Server::new(move |_, _| answer(status, &[("content-type", "application/json")], body.to_string()));
    server.source().token().await.unwrap_err()
}

async fn kind(status: u16, body: Value) -> (Kind, Option<String>) {
    let error = refused(status, body).await;
    (error.kind(), error.error_code().map(str::to_owned))
}

#[tokio::test]
async fn the_operator_acts_where_the_registration_or_a_setting_is_wrong() {
    for code in [
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "unauthorized_client",
        "unsupported_grant_type",
        "access_denied",
    ] {
        for status in [400, 401, 403] {
            assert_eq!(kind(status, json!({ "error": code })).await, (Kind::Refused, Some(code.to_owned())), "{code}");
        }
        assert_eq!(refused(400, json!({ "error": code })).await.retry_after(), None);
    }
}

#[tokio::test]
async fn the_person_acts_where_interaction_is_required() {
    for code in ["interaction_required", "consent_required", "login_required"] {
        assert_eq!(kind(400, json!({ "error": code })).await, (Kind::InteractionRequired, Some(code.to_owned())));
    }
    let suberror = |suberror: &str| json!({ "error": "invalid_grant", "suberror": suberror });
    for person in ["basic_action", "additional_action", "consent_required", "user_password_expired", "bad_token"] {
        assert_eq!(kind(400, suberror(person)).await.0, Kind::InteractionRequired, "{person}");
    }
    for operator in ["client_mismatch", "protection_policy_required", ""] {
        assert_eq!(kind(400, suberror(operator)).await.0, Kind::Refused, "{operator}");
    }
}

#[tokio::test]
async fn nobody_acts_where_it_may_work_later() {
    for code in ["temporarily_unavailable", "server_error", "slow_down"] {
        assert_eq!(kind(400, json!({ "error": code })).await, (Kind::Unavailable, Some(code.to_owned())));
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(kind(status, json!({})).await.0, Kind::Unavailable, "{status}");
        assert_eq!(kind(status, json!({ "error": "invalid_client" })).await.0, Kind::Unavailable, "{status}");
    }
    assert_eq!(refused(503, json!({})).await.retry_after(), Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn the_numbers_of_microsofts_answer_are_kept_and_never_decide() {
    let error = refused(
        401,
        json!({
            "error": "invalid_client",
            "error_description": "AADSTS7000215: Invalid client secret provided. canary-text",
            "error_codes": [7000215],
            "correlation_id": "11111111-2222-3333-4444-555555555555",
            "trace_id": "canary-trace",
        }),
    )
    .await;
    assert_eq!(error.error_numbers(), [7_000_215]);
    assert_eq!(error.correlation_id(), Some("11111111-2222-3333-4444-555555555555"));
    assert_eq!(
        error.to_string(),
        "the token endpoint https://issuer.test/token answered with status 401 and the error `invalid_client`: check the client id, and \
         whether the credential is registered for it and has not run out (AADSTS7000215) (correlation id \
         11111111-2222-3333-4444-555555555555)"
    );
    let many = refused(400, json!({ "error": "invalid_client", "error_codes": vec![1; 10_000] })).await;
    assert_eq!(many.error_numbers(), [1; 8]);
    for odd in [json!("7000215"), json!([-1]), json!([1.5]), json!(["canary"]), json!({}), json!(null)] {
        let error =
            refused(400, json!({ "error": "invalid_client", "error_codes": odd, "correlation_id": "canary" })).await;
        assert_eq!((error.error_numbers(), error.correlation_id()), (&[][..], None), "{odd}");
    }
}

#[tokio::test]
async fn a_code_that_is_not_registered_is_not_repeated() {
    for body in [json!({ "error": "canary_code" }), json!({ "error": { "code": "canary" } }), json!({ "error": "" })] {
        let error = refused(400, body).await;
        assert_eq!((error.kind(), error.error_code()), (Kind::Refused, None));
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_object_or_says_a_thing_twice_says_nothing() {
    for body in [
        r#"["interaction_required"]"#,
        r#""interaction_required""#,
        r#"{"error":"interaction_required","x":1,"x":2}"#,
        r#"{"error":"interaction_required","error":"invalid_client"}"#,
    ] {
        let server = Server::new(move |_, _| answer(400, &[], body));
        let error = server.source().token().await.unwrap_err();
        assert_eq!((error.kind(), error.error_code()), (Kind::Refused, None), "{body}");
    }
}

#[tokio::test]
async fn an_endpoint_over_plain_http_on_another_machine_is_a_matter_for_the_operator() {
    let server = Server::of_tokens();
    let issuer = server.issuer().token_endpoint("http://issuer.test/token").unwrap();
    let client = issuer.client("jobs", tower_bearer::Credential::secret("canary-secret"));
    let error = client.client_credentials(["a"]).unwrap().token().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("dangerous_allow_http"), "{error}");
    assert_eq!(server.requests(), 0);
    let client = issuer.dangerous_allow_http().client("jobs", tower_bearer::Credential::none());
    client.client_credentials(["a"]).unwrap().token().await.unwrap();
}
