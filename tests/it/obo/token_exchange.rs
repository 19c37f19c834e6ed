//! Token exchange (RFC 8693).

use serde_json::{Value, json};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Credential, Issuer, Target, TokenErrorKind as Kind, TokenExchange, TokenType, VerifiedToken};

use super::{World, answer, is, ok};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn issued(number: usize, members: Value) -> Value {
    let mut answer = json!({
        "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600, "issued_token_type": ACCESS_TOKEN,
    });
    answer.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    answer
}

fn exchange(world: &World, target: impl Into<Target>) -> TokenExchange {
    let issuer = world.at(Issuer::new("https://issuer.test").unwrap());
    let issuer = issuer.token_endpoint("https://issuer.test/token").unwrap();
    issuer.client("orders", Credential::client_secret_post("canary-secret")).token_exchange(target).unwrap()
}

async fn caller() -> VerifiedToken {
    let authority = TestIssuer::new();
    let token = authority.token("api://orders").subject("alice").sign();
    authority.issuer().validator("api://orders").verify(&token).await.unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_sent_as_rfc_8693_names_it() {
    let world = World::answering(|number, _| ok(issued(number, json!({}))));
    let target = Target::from(["stock.read"]).resource("https://stock.example.com").audience("stock");
    let stock = exchange(&world, target).requested_token_type(TokenType::AccessToken).actor("actors-token").unwrap();
    stock.token(&caller().await).await.unwrap();
    let asked = &world.asked()[0];
    let form = |name: &str| asked.form(name);
    assert_eq!(form("grant_type"), Some("urn:ietf:params:oauth:grant-type:token-exchange"));
    assert_eq!(form("subject_token_type"), Some(ACCESS_TOKEN));
    assert_eq!(asked.assertion()["sub"], "alice");
    assert_eq!(
        (form("scope"), form("resource"), form("audience")),
        (Some("stock.read"), Some("https://stock.example.com"), Some("stock"))
    );
    assert_eq!(form("requested_token_type"), Some(ACCESS_TOKEN));
    assert_eq!((form("actor_token"), form("actor_token_type")), (Some("actors-token"), Some(ACCESS_TOKEN)));
    assert_eq!((form("client_id"), form("client_secret")), (Some("orders"), Some("canary-secret")));
    assert_eq!(asked.form.len(), 11, "{:?}", asked.form.keys());
}

#[test]
fn with_microsoft_it_is_an_error_that_names_the_other_grant() {
    let world = World::new();
    let error = world.client().token_exchange(["api://stock/Items.Read"]).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("use on_behalf_of(..)"), "{error}");
}

#[tokio::test]
async fn a_server_without_it_is_not_said_to_know_it() {
    let world = World::answering(|_, _| answer(400, json!({ "error": "unsupported_grant_type" })));
    let error = exchange(&world, ["stock.read"]).token(&caller().await).await.unwrap_err();
    is(&error, Kind::Refused, "does not know this grant, or it is not switched on there");
}

#[tokio::test]
async fn a_token_that_an_api_refuses_is_forgotten() {
    let world = World::answering(|number, _| ok(issued(number, json!({}))));
    let (stock, alice) = (exchange(&world, ["stock.read"]), caller().await);
    let first = stock.token(&alice).await.unwrap();
    stock.forget(&alice, &first);
    assert_eq!(stock.token(&alice).await.unwrap().secret(), "token-2");
}

#[tokio::test]
async fn the_type_that_was_issued_has_to_be_said_and_to_be_the_one_that_was_asked_for() {
    let asked_for = |requested: Option<TokenType>, issued_type: Value, token_type: &'static str| async move {
        let world = World::answering(move |number, _| {
            ok(issued(number, json!({ "issued_token_type": issued_type, "token_type": token_type })))
        });
        let stock = exchange(&world, ["stock.read"]);
        let stock = match requested {
            Some(requested) => stock.requested_token_type(requested),
            None => stock,
        };
        stock.token(&caller().await).await.map(drop).map_err(|error| error.kind())
    };
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    let good = [
        (None, ACCESS_TOKEN, "Bearer"),
        (None, JWT, "bearer"),
        (None, JWT, "N_A"),
        (Some(TokenType::AccessToken), ACCESS_TOKEN, "Bearer"),
        (Some(TokenType::Jwt), JWT, "n_a"),
        (Some(TokenType::IdToken), id_token, "N_A"),
    ];
    for (requested, issued_type, token_type) in good {
        assert_eq!(asked_for(requested, json!(issued_type), token_type).await, Ok(()), "{requested:?} {issued_type}");
    }
    let bad = [
        (None, json!(null), "Bearer"),
        (None, json!(""), "Bearer"),
        (None, json!(7), "Bearer"),
        (None, json!(id_token), "Bearer"),
        (None, json!("urn:ietf:params:oauth:token-type:refresh_token"), "Bearer"),
        (Some(TokenType::AccessToken), json!(JWT), "Bearer"),
        (Some(TokenType::Jwt), json!(ACCESS_TOKEN), "Bearer"),
    ];
    for (requested, issued_type, token_type) in bad {
        let outcome = asked_for(requested, issued_type.clone(), token_type).await;
        assert_eq!(outcome, Err(Kind::Unavailable), "{requested:?} {issued_type}");
    }
    assert_eq!(asked_for(None, json!(ACCESS_TOKEN), "N_A").await, Err(Kind::Refused), "an access token has a type");
    assert_eq!(asked_for(None, json!(ACCESS_TOKEN), "DPoP").await, Err(Kind::Refused));
}

#[tokio::test]
async fn tokens_are_shared_by_subject_actor_and_type_alone() {
    let world = World::answering(|number, _| ok(issued(number, json!({}))));
    let (alice, stock) = (caller().await, exchange(&world, ["stock.read"]));
    let same = || stock.clone();
    let sources = [
        same(),
        same().actor("one").unwrap(),
        same().actor("other").unwrap(),
        same().requested_token_type(TokenType::AccessToken),
    ];
    for _ in 0..2 {
        for (source, number) in sources.iter().zip(1..) {
            assert_eq!(source.token(&alice).await.unwrap().secret(), format!("token-{number}"));
        }
    }
    assert_eq!(world.requests(), 4);
    assert!(!format!("{sources:?}").contains("one"), "the actor's token does not show");
}

#[tokio::test]
async fn a_token_for_more_scopes_does_for_fewer_but_not_for_whatever_the_issuer_gives() {
    let world = World::answering(|number, _| ok(issued(number, json!({}))));
    let alice = caller().await;
    let target = |scopes: &[&str]| scopes.iter().fold(Target::new().audience("stock"), |all, one| all.scope(*one));
    let client = {
        let issuer = world.at(Issuer::new("https://issuer.test").unwrap());
        issuer.token_endpoint("https://issuer.test/token").unwrap().client("orders", Credential::none())
    };
    let token =
        async |target: Target| client.token_exchange(target).unwrap().token(&alice).await.unwrap().secret().to_owned();
    assert_eq!(token(target(&["read", "write"])).await, "token-1");
    assert_eq!(token(target(&["read"])).await, "token-1");
    assert_eq!(token(target(&[])).await, "token-2");
    assert_eq!(token(Target::from(["read"]).audience("books")).await, "token-3");
    assert_eq!(token(Target::from(["read"])).await, "token-4");
}

#[test]
fn what_can_not_be_asked_for_is_refused_at_construction() {
    let client = Issuer::new("https://issuer.test").unwrap().client("orders", Credential::none());
    for target in [Target::from(["a b"]), Target::from([""]), Target::new().audience(""), Target::new().resource("")] {
        assert!(client.token_exchange(target).unwrap_err().is_configuration());
    }
}

#[tokio::test]
async fn a_forgotten_token_is_not_given_out_again() {
    let world = World::answering(|number, _| ok(issued(number, json!({}))));
    let (alice, stock) = (caller().await, exchange(&world, ["stock.read"]));
    let first = stock.token(&alice).await.unwrap();
    stock.forget(&alice, &first);
    assert_eq!(stock.token(&alice).await.unwrap().secret(), "token-2");
}

#[tokio::test]
async fn who_has_to_act_is_told_as_with_other_grants() {
    for (error, kind) in [
        ("invalid_grant", Kind::InteractionRequired),
        ("invalid_request", Kind::Refused),
        ("invalid_target", Kind::Refused),
        ("unsupported_grant_type", Kind::Refused),
    ] {
        let world = World::answering(move |_, _| answer(400, json!({ "error": error })));
        let refused = exchange(&world, ["stock.read"]).token(&caller().await).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn an_applications_token_is_not_exchanged_for_anybody() {
    let world = World::answering(|number, _| ok(issued(number, json!({}))));
    let authority = TestIssuer::new();
    let token = authority.application_token("api://orders").sign();
    let token = authority.issuer().validator("api://orders").verify(&token).await.unwrap();
    is(&exchange(&world, ["a"]).token(&token).await.unwrap_err(), Kind::Refused, "client_credentials");
    assert_eq!(world.requests(), 0);
}
