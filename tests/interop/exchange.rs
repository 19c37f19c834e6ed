//! How our client exchanges tokens (RFC 8693) at a server by somebody else, PyPI `idpyoidc`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::{
    AccessToken, Client, Credential, Issuer, Target, TokenError, TokenErrorKind, TokenExchange, TokenType,
    VerifiedToken,
};

use crate::process::Process;
use crate::wire::Wire;

const ORDERS: &str = "api://orders";
const STOCK: &str = "api://stock";
const SECRET: &str = r#"se:cr%t+/~ &="q"#;

/// The server, in a process of its own that ends with this value.
struct Server {
    process: Process,
    url: String,
}

impl Server {
    fn start() -> Self {
        let (process, said) = Process::start("exchange.py", &[]);
        Self { process, url: said["url"].as_str().expect("it says where it is").to_owned() }
    }

    fn issuer(&self) -> Issuer {
        Issuer::new(&self.url).expect("sound")
    }

    /// In the form: the server takes what is in the header as it is, and does not decode it (RFC 6749 §2.3.1).
    fn client(&self, id: &str, secret: &str) -> Client {
        Wire::new().to(self.issuer()).client(id, Credential::client_secret_post(secret))
    }

    /// What came in at our API for a person who has signed in at this client.
    fn person(&mut self, client: &str) -> String {
        let answer = self.process.ask(&json!({ "subject": "alice", "client": client, "audience": ORDERS }));
        answer["access_token"].as_str().expect("anybody may sign in").to_owned()
    }

    /// The same, as our API has checked it.
    async fn verified_person(&mut self, client: &str) -> VerifiedToken {
        let token = self.person(client);
        self.issuer().validator(ORDERS).verify(&token).await.expect("it is good at our API")
    }
}

fn tokens_for(client: &Client, target: Target) -> TokenExchange {
    client.token_exchange(target).expect("the target is sound")
}

fn stock() -> Target {
    Target::new().audience(STOCK).scope("orders.read")
}

#[track_caller]
fn is_refused(answer: Result<AccessToken, TokenError>, code: &str) {
    let error = answer.expect_err("the server gives no token");
    assert_eq!((error.kind(), error.error_code()), (TokenErrorKind::Refused, Some(code)), "{error}");
}

#[tokio::test]
async fn a_persons_token_is_exchanged() {
    let mut server = Server::start();
    let person = server.verified_person("portal").await;
    let token = tokens_for(&server.client("orders", SECRET), stock()).token(&person).await;
    let token = token.expect("the server gives a token");
    // Its version 5.0.0 writes no audience into a token that it gives to another client than the person's.
    let payload = token.secret().split('.').nth(1).map(|payload| URL_SAFE_NO_PAD.decode(payload).expect("base64url"));
    let claims: Value = serde_json::from_slice(&payload.expect("it is a JWT")).expect("it is JSON");
    assert_eq!((claims["sub"].as_str(), &claims["client_id"]), (person.subject(), &json!("orders")));
    assert_eq!(claims["scope"], "orders.read");
}

#[tokio::test]
async fn a_token_of_ones_own_is_exchanged_for_another_audience() {
    let mut server = Server::start();
    let person = server.verified_person("orders").await;
    let tokens = tokens_for(&server.client("orders", SECRET), stock()).requested_token_type(TokenType::AccessToken);
    let token = tokens.token(&person).await.expect("the server gives a token");
    let token = server.issuer().validator(STOCK).verify(token.secret()).await.expect("it is good at the next API");
    assert_eq!((token.subject(), token.client_id()), (person.subject(), Some("orders")));
    assert_eq!(token.scopes().collect::<Vec<_>>(), ["orders.read"]);
}

#[tokio::test]
async fn its_refusals_are_the_operators_business() {
    let mut server = Server::start();
    let person = server.verified_person("portal").await;
    let client = server.client("orders", SECRET);
    let tokens = tokens_for(&client, stock());

    for unknown in [Target::new().audience("api://nobody"), Target::new().resource("https://nobody.example.com")] {
        is_refused(tokens_for(&client, unknown).token(&person).await, "invalid_target");
    }
    let unknown_scope = Target::new().audience(STOCK).scope("orders.burn");
    is_refused(tokens_for(&client, unknown_scope).token(&person).await, "invalid_scope");

    for unsupported in [TokenType::Jwt, TokenType::IdToken] {
        is_refused(tokens.clone().requested_token_type(unsupported).token(&person).await, "invalid_request");
    }
    let actor = tokens.clone().actor(server.person("portal")).expect("it can be hashed");
    is_refused(actor.token(&person).await, "invalid_request");
    for unknown in ["no-token".to_owned(), Server::start().person("portal")] {
        is_refused(tokens.dangerous_token_for_unverified(unknown).await, "invalid_request");
    }

    let wrong_secret = server.client("orders", "wrong");
    is_refused(tokens_for(&wrong_secret, stock()).token(&person).await, "invalid_client");
    let without_grant = server.client("portal", SECRET);
    is_refused(tokens_for(&without_grant, stock()).token(&person).await, "invalid_request");
    // It says so of a grant that it does not know at all.
    let on_behalf_of = client.on_behalf_of(["orders.read"]).expect("the target is sound");
    is_refused(on_behalf_of.token(&person).await, "invalid_request");
}
