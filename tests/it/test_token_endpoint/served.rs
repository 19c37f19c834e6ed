//! A directory on loopback: its documents and its token endpoints over the network, also under the name of a proxy in front.

use serde_json::Value;
use tower_bearer::testing::{Endpoint, Fault, TestDirectory};
use tower_bearer::{Entra, Issuer};

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const STOCK: &str = "66666666-7777-8888-9999-000000000000";
const JOBS: &str = "c1c1c1c1-0000-4000-8000-000000000009";

fn register(directory: &TestDirectory) {
    let tenant = directory.tenant(CONTOSO);
    let stock = tenant.register(STOCK).app_id_uri("api://stock").app_role("Items.Process");
    tenant.register(JOBS).secret("correct horse").assign_role(&stock, "Items.Process");
}

/// Asks for a token over the network, and returns it.
async fn token(directory: &TestDirectory) -> String {
    let url = format!("http://{}/{CONTOSO}/oauth2/v2.0/token", directory.address().unwrap());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", JOBS),
        ("client_secret", "correct horse"),
        ("scope", "api://stock/.default"),
    ];
    let answer = reqwest::Client::new().post(url).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn entra(directory: &TestDirectory) -> Issuer {
    Entra::tenant(CONTOSO).unwrap().authority_host(directory.authority_host()).unwrap().issuer()
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_served_directory_is_reached_by_the_built_in_client_as_an_authority_host() {
    let directory = TestDirectory::serve().await.unwrap();
    assert_eq!(directory.authority_host(), format!("http://{}", directory.address().unwrap()));
    assert!(directory.address().unwrap().ip().is_loopback());
    register(&directory);
    let issuer = entra(&directory);
    let metadata = issuer.metadata().await.unwrap();
    let endpoint = format!("{}/{CONTOSO}/oauth2/v2.0/token", directory.authority_host());
    assert_eq!(metadata.token_endpoint(), Some(endpoint.clone()));
    let verified = issuer.validator(STOCK).verify(&token(&directory).await).await.unwrap();
    assert!(verified.has_role("Items.Process"));
    assert_eq!(directory.token_requests()[0].endpoint(), endpoint);
    let counted = [Endpoint::Metadata, Endpoint::Jwks, Endpoint::Token].map(|endpoint| directory.requests(endpoint));
    assert_eq!(counted, [1, 1, 1]);
    let first = format!("{}/{CONTOSO}/v2.0/.well-known/openid-configuration", directory.authority_host());
    assert_eq!(directory.requested()[0], first);
}

#[tokio::test]
async fn behind_a_proxy_it_goes_by_the_name_of_the_proxy() {
    let directory = TestDirectory::serve_as("https://localhost:8443/").await.unwrap();
    assert_eq!(directory.authority_host(), "https://localhost:8443");
    register(&directory);
    let token = token(&directory).await;
    assert_eq!(directory.token_requests()[0].endpoint(), format!("https://localhost:8443/{CONTOSO}/oauth2/v2.0/token"));
    let url = format!("http://{}/{CONTOSO}/v2.0/.well-known/openid-configuration", directory.address().unwrap());
    let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], format!("https://localhost:8443/{CONTOSO}/v2.0"));
    // What asks in memory needs no proxy.
    assert!(directory.issuer(entra(&directory)).validator(STOCK).verify(&token).await.is_ok());
}

#[tokio::test]
async fn what_breaks_or_is_too_large_on_loopback_gets_no_answer_and_the_next_request_does() {
    let directory = TestDirectory::serve().await.unwrap();
    register(&directory);
    let url = format!("{}/{CONTOSO}/oauth2/v2.0/token", directory.authority_host());
    let post = async |body: Vec<u8>| {
        let client = reqwest::Client::new();
        client
            .post(&url)
            .header("Content-Type", super::FORM)
            .body(body)
            .send()
            .await
            .map(|answer| answer.status().as_u16())
    };
    directory.fail(Endpoint::Token, Fault::Broken);
    assert!(post(Vec::new()).await.is_err());
    directory.recover(Endpoint::Token);
    assert!(post(vec![b'a'; 2 * 1024 * 1024]).await.is_err());
    assert_eq!(post(Vec::new()).await.unwrap(), 400);
}

#[tokio::test]
async fn a_directory_in_memory_listens_nowhere() {
    assert_eq!(TestDirectory::new().address(), None);
    let directory = TestDirectory::serve().await.unwrap();
    let address = directory.address().unwrap();
    drop(directory);
    tokio::task::yield_now().await; // the server's task ends
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
