//! How our client gets tokens as itself from a real provider, by each way to prove who it is.

use axum::body::Bytes;
use axum::http::{Request, header};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::{Client, ClientCredentials, Credential, Issuer, Resource, Target, TokenErrorKind};

use crate::certified;
use crate::guarded::{Answer, app, ask};
use crate::provider::{Provider, shared};
use crate::wire::Wire;

const API: &str = "api://es256";
/// A secret, and an id, that are spoilt where either is encoded too little or too often.
const ODD_SECRET: &str = r#"se:cr%t+/~ &="q"#;
const ODD_ID: &str = r#"odd:id+%2F/~ &="q"#;

fn client(provider: &Provider, wire: &Wire, id: &str, credential: Credential) -> Client {
    wire.to(Issuer::new(provider.issuer()).expect("sound")).client(id, credential)
}

/// Tokens for reading at [`API`].
fn tokens(client: &Client) -> ClientCredentials {
    client.client_credentials(Target::from(Resource(API)).scope("orders.read")).expect("the target is sound")
}

/// Gets a token and has the API judge it.
async fn accepted(provider: &Provider, client: &Client) {
    let token = tokens(client).token().await.expect("the provider gives a token");
    let api = app(Issuer::new(provider.issuer()).expect("sound").validator(API));
    let id = client.client_id();
    let expected = Answer::ok(format!("{id} as {id} at {API} may orders.read"));
    assert_eq!(ask(&api, "/orders", token.secret()).await, expected);
}

/// Why there is no token: nobody but the operator can help.
async fn refused(client: &Client) {
    let error = tokens(client).token().await.expect_err("the provider gives no token");
    assert_eq!((error.kind(), error.error_code()), (TokenErrorKind::Refused, Some("invalid_client")), "{error}");
}

fn with_secret(id: &str, method: &str) -> Value {
    json!({ "client_id": id, "client_secret": ODD_SECRET, "token_endpoint_auth_method": method })
}

fn with_key(id: &str, algorithm: &str) -> Value {
    json!({
        "client_id": id,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": algorithm,
    })
}

/// Whether the one request had a secret in its header, and one in its form. The provider takes either from every client.
fn secrets_in_header_and_form(wire: &Wire) -> (bool, bool) {
    let [request] = &*wire.posted() else { panic!("there was one request for a token") };
    let in_form = request.body().windows(14).any(|window| window == b"client_secret=");
    (request.headers().contains_key(header::AUTHORIZATION), in_form)
}

#[tokio::test]
async fn a_secret_of_odd_characters_is_accepted_in_the_header() {
    let (provider, wire) = (shared(), Wire::new());
    provider.register(&with_secret(ODD_ID, "client_secret_basic")).await;
    accepted(provider, &client(provider, &wire, ODD_ID, Credential::client_secret_basic(ODD_SECRET))).await;
    assert_eq!(secrets_in_header_and_form(&wire), (true, false));
}

#[tokio::test]
async fn a_secret_of_odd_characters_is_accepted_in_the_form() {
    let (provider, wire) = (shared(), Wire::new());
    let id = format!("{ODD_ID} post");
    provider.register(&with_secret(&id, "client_secret_post")).await;
    accepted(provider, &client(provider, &wire, &id, Credential::client_secret_post(ODD_SECRET))).await;
    assert_eq!(secrets_in_header_and_form(&wire), (false, true));
}

#[tokio::test]
async fn a_secret_goes_where_the_provider_takes_it() {
    let (provider, wire) = (shared(), Wire::new());
    provider.register(&with_secret("anyhow", "client_secret_basic")).await;
    accepted(provider, &client(provider, &wire, "anyhow", Credential::secret(ODD_SECRET))).await;
    assert_eq!(secrets_in_header_and_form(&wire), (true, false));
}

#[tokio::test]
async fn a_private_key_is_accepted_in_each_algorithm() {
    let provider = shared();
    for algorithm in [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::ES512,
        Algorithm::EdDSA,
        Algorithm::Ed25519,
    ] {
        let id = format!("signs-{algorithm}");
        let pem = provider.register(&with_key(&id, algorithm.as_str())).await;
        let key = Credential::private_key_pem(algorithm, pem).expect("the provider's PEM is read");
        accepted(provider, &client(provider, &Wire::new(), &id, key)).await;
    }
}

#[tokio::test]
async fn a_certificate_is_accepted_by_its_key() {
    let (provider, pair) = (shared(), certified::shared());
    let certificate = || Credential::certificate(&pair.certificate, &pair.private_key).expect("they match");
    for (id, algorithm, credential) in [
        ("certified", Algorithm::PS256, certificate()),
        ("certified-with-chain", Algorithm::PS256, certificate().certificate_chain().expect("it is a certificate")),
        ("certified-by-sha1", Algorithm::RS256, certificate().sha1_thumbprint().expect("it is a certificate")),
    ] {
        let key = SigningKey::from_pem(algorithm, pair.private_key.as_bytes()).expect("the key is read");
        let jwk: Value = serde_json::from_str(&key.public_jwk()).expect("it is JSON");
        let mut metadata = with_key(id, algorithm.as_str());
        metadata["jwks"] = json!({ "keys": [jwk] });
        provider.register(&metadata).await;
        accepted(provider, &client(provider, &Wire::new(), id, credential)).await;
    }
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_key_are_the_operators_business() {
    let (provider, wire) = (shared(), Wire::new());
    refused(&client(provider, &wire, "batch", Credential::client_secret_post(ODD_SECRET))).await;
    refused(&client(provider, &wire, "nobody", Credential::client_secret_post(ODD_SECRET))).await;

    provider.register(&with_key("lost-its-key", "ES256")).await;
    let other = SigningKey::generate(Algorithm::ES256).expect("a key can be made");
    refused(&client(provider, &wire, "lost-its-key", Credential::private_key(other))).await;
}

#[tokio::test]
async fn an_assertion_is_good_once_and_each_request_has_its_own() {
    let (provider, wire) = (shared(), Wire::new());
    let pem = provider.register(&with_key("replayed", "ES256")).await;
    let key = Credential::private_key_pem(Algorithm::ES256, pem).expect("the provider's PEM is read");
    let client = client(provider, &wire, "replayed", key);
    let first = tokens(&client).token().await.expect("the provider gives a token");

    let [request] = <[Request<Bytes>; 1]>::try_from(wire.posted()).expect("there was one request for a token");
    let (status, answer) = wire.replay(request).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(answer.contains("invalid_client"), "{answer}");

    tokens(&client).forget(&first);
    accepted(provider, &client).await;
    assert_eq!(wire.posted().len(), 2);
}

#[tokio::test]
async fn callers_at_once_share_one_request_for_a_token() {
    let provider = Provider::start();
    let client = client(&provider, &Wire::new(), "batch", Credential::client_secret_post("batch-secret"));
    let mut asking = JoinSet::new();
    for _ in 0..1_000 {
        let tokens = tokens(&client);
        asking.spawn(async move { tokens.token().await.expect("the provider gives a token").secret().to_owned() });
    }
    let mut tokens = asking.join_all().await;
    tokens.dedup();
    assert_eq!((tokens.len(), provider.token_requests().await), (1, 1));
}
