//! Token exchange (RFC 8693) at an issuer of the standards.

use serde_json::json;
use tower_bearer::testing::{TestIssuer, TestToken};
use tower_bearer::{Credential, Target, TokenErrorKind as Kind, TokenType};

use super::{Answer, key, request, send};

const SECRET: &str = "correct horse";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// `orders` may read and count at `api://stock`, and nothing at `api://books`.
fn world() -> TestIssuer {
    let authority = TestIssuer::new();
    let stock = authority.register("stock").app_id_uri("api://stock").expose_scope("read").expose_scope("count");
    let stock = stock.expose_scope("write");
    authority.register("api://books").expose_scope("read");
    let orders = authority.register("orders").app_id_uri("api://orders").secret(SECRET);
    orders.allow_scope(&stock, "read").allow_scope(&stock, "count");
    authority
}

fn alice(authority: &TestIssuer) -> TestToken {
    authority.token("api://orders").subject("alice")
}

async fn ask(authority: &TestIssuer, form: &[(&str, &str)]) -> Answer {
    let grant = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", "orders"),
        ("client_secret", SECRET),
    ];
    send(authority.transport(), request("https://issuer.test/token", &[&grant, form].concat())).await
}

async fn exchange(authority: &TestIssuer, subject: &str, form: &[(&str, &str)]) -> Answer {
    ask(authority, &[&[("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)], form].concat()).await
}

#[tokio::test]
async fn a_subject_token_that_is_not_good_for_this_client_is_an_invalid_request() {
    let authority = world();
    for (name, token) in [
        ("another audience", authority.token("api://stock").subject("alice")),
        ("expired", alice(&authority).expired()),
        ("another issuer", alice(&authority).claim("iss", "https://elsewhere.test")),
        ("another key", alice(&authority).signed_by(&key(tower_bearer::jose::Algorithm::ES256, "es256-1"))),
        ("an application's", authority.application_token("api://orders")),
        ("an ID token", authority.id_token("orders")),
    ] {
        let answer = exchange(&authority, &token.sign(), &[]).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{name}");
    }
    assert_eq!(exchange(&authority, "no-jwt", &[]).await.refusal(), (400, "invalid_request"));
    assert_eq!(exchange(&authority, &alice(&authority).sign(), &[]).await.status, 200);
}

#[tokio::test]
async fn types_come_with_their_tokens_and_are_known() {
    let authority = world();
    let (subject, actor) =
        (alice(&authority).sign(), authority.application_token("x").claim("client_id", "orders").sign());
    for form in [
        &[("subject_token", &*subject)][..],
        &[("subject_token_type", ACCESS_TOKEN)],
        &[("subject_token", &subject), ("subject_token_type", ID_TOKEN)],
        &[("subject_token", &subject), ("subject_token_type", "access_token")],
    ] {
        assert_eq!(ask(&authority, form).await.refusal(), (400, "invalid_request"), "{form:?}");
    }
    for form in [
        &[("requested_token_type", ID_TOKEN)][..],
        &[("actor_token", &*actor)],
        &[("actor_token_type", ACCESS_TOKEN)],
        &[("actor_token", &actor), ("actor_token_type", ID_TOKEN)],
    ] {
        assert_eq!(exchange(&authority, &subject, form).await.refusal(), (400, "invalid_request"), "{form:?}");
    }
    for (requested, issued) in [("", ACCESS_TOKEN), (ACCESS_TOKEN, ACCESS_TOKEN), (JWT, JWT)] {
        let answer = exchange(&authority, &subject, &[("requested_token_type", requested)]).await;
        assert_eq!((answer.status, &answer.body["issued_token_type"]), (200, &json!(issued)));
    }
}

#[tokio::test]
async fn the_target_is_one_api_at_which_the_client_may_do_what_is_asked() {
    let authority = world();
    let subject = alice(&authority).sign();
    for form in [
        &[("audience", "api://unknown")][..],
        &[("resource", "api://books")],
        &[("resource", "api://stock"), ("audience", "api://books")],
    ] {
        assert_eq!(exchange(&authority, &subject, form).await.refusal(), (400, "invalid_target"), "{form:?}");
    }
    for scope in ["write", "read write", "burn", "offline_access"] {
        let answer = exchange(&authority, &subject, &[("scope", scope)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_scope"), "{scope}");
    }
    for (form, audience, scope) in [
        (&[("audience", "stock")][..], "stock", "read count"),
        (&[("resource", "api://stock"), ("scope", "count")], "api://stock", "count"),
    ] {
        let answer = exchange(&authority, &subject, form).await;
        let claims = answer.claims();
        assert_eq!((&claims["aud"], &claims["scope"]), (&json!(audience), &json!(scope)));
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("alice"), &json!("orders")));
        assert_eq!((claims.get("act"), answer.body.get("refresh_token")), (None, None));
    }
}

#[tokio::test]
async fn an_actor_is_named_in_the_token_before_those_who_acted_earlier() {
    let authority = world();
    let own = authority.application_token("whatever").subject("orders").claim("client_id", "orders");
    let act = async |subject: TestToken, actor: TestToken| {
        let actor = actor.sign();
        let form = [("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
        exchange(&authority, &subject.sign(), &form).await
    };
    assert_eq!(act(alice(&authority), own.clone()).await.claims()["act"], json!({ "sub": "orders" }));
    let earlier = alice(&authority).claim("act", json!({ "sub": "front" }));
    assert_eq!(act(earlier, own.clone()).await.claims()["act"], json!({ "sub": "orders", "act": { "sub": "front" } }));
    for (name, actor) in [
        ("another's", authority.application_token("whatever")),
        ("expired", own.clone().expired()),
        ("forged", own.signed_by(&key(tower_bearer::jose::Algorithm::ES256, "es256-1"))),
    ] {
        assert_eq!(act(alice(&authority), actor).await.refusal(), (400, "invalid_request"), "{name}");
    }
}

#[tokio::test]
async fn a_person_may_consent_for_themselves() {
    let authority = world();
    let books = authority.register("api://ledger").expose_scope("read");
    let client = authority.register("front").app_id_uri("api://front").secret(SECRET);
    authority.consent("alice", &client, &books, "read");
    let of = async |person: &str| {
        let token = authority.token("api://front").subject(person).sign();
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_id", "front"),
            ("client_secret", SECRET),
            ("subject_token", &*token),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", "api://ledger"),
        ];
        send(authority.transport(), request("https://issuer.test/token", &form)).await
    };
    assert_eq!(of("alice").await.claims()["scope"], "read");
    assert_eq!(of("bob").await.refusal(), (400, "invalid_target"));
}

#[tokio::test]
async fn the_client_of_this_crate_exchanges_and_the_next_api_sees_the_same_person() {
    let authority = world();
    let caller = authority.issuer().validator("api://orders").verify(&alice(&authority).sign()).await.unwrap();
    let client = authority.issuer().client("orders", Credential::secret(SECRET));
    let own = client.client_credentials(Target::new().resource("api://stock")).unwrap().token().await.unwrap();
    let stock = client.token_exchange(Target::from(["read"]).audience("api://stock")).unwrap();
    let stock = stock.requested_token_type(TokenType::Jwt).actor(own.secret()).unwrap();
    let token = stock.token(&caller).await.unwrap();
    let seen = authority.issuer().validator("api://stock").verify(token.secret()).await.unwrap();
    assert_eq!((seen.subject(), seen.client_id()), (Some("alice"), Some("orders")));
    assert_eq!(seen.is_application(), Some(false));
    assert!(seen.has_scope("read") && !seen.has_scope("count"));

    let more = client.token_exchange(Target::from(["write"]).audience("api://stock")).unwrap();
    assert_eq!(more.token(&caller).await.unwrap_err().kind(), Kind::Refused);
}
