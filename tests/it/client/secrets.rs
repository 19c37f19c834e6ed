//! Secrets: where they are sent, and how (RFC 6749 §2.3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use tower_bearer::{Credential, Entra, Issuer};

use super::recorded::{Asked, Recorded};
use super::{CLIENT, CONTOSO, ISSUER, asked_with, issuer, reader};

const ODD: &str = r#"se:cr%t+/~ &="q"#;

/// What stands in the header, decoded.
fn basic(asked: &Asked) -> Option<String> {
    let header = asked.headers.get(AUTHORIZATION)?;
    assert!(header.is_sensitive(), "whoever logs headers would show it");
    let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
    Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
}

#[tokio::test]
async fn a_secret_in_the_header_is_form_encoded_first_and_nothing_of_it_is_in_the_form() {
    let asked = asked_with(Credential::client_secret_basic(ODD)).await;
    assert_eq!(basic(&asked).unwrap(), "orders-api:se%3Acr%25t%2B%2F%7E+%26%3D%22q");
    assert_eq!(asked.names(), ["grant_type", "scope"]);
}

#[tokio::test]
async fn letters_beyond_ascii_are_form_encoded_in_utf_8() {
    let asked = asked_with(Credential::client_secret_basic("grün€")).await;
    assert_eq!(basic(&asked).unwrap(), "orders-api:gr%C3%BCn%E2%82%AC");
}

#[tokio::test]
async fn the_client_id_in_the_header_is_form_encoded_as_well() {
    let (endpoint, issuer) = issuer();
    let client = issuer.client("https://orders.example/a b", Credential::client_secret_basic("secret"));
    let asked = endpoint.next_request(&reader(&client)).await;
    assert_eq!(basic(&asked).unwrap(), "https%3A%2F%2Forders.example%2Fa+b:secret");
}

#[tokio::test]
async fn a_secret_in_the_form_is_in_no_header() {
    let asked = asked_with(Credential::client_secret_post(ODD.to_owned() + "ü")).await;
    assert_eq!(basic(&asked), None);
    assert_eq!(asked.names(), ["client_id", "client_secret", "grant_type", "scope"]);
    assert_eq!(asked.field("client_id"), Some(CLIENT));
    assert_eq!(asked.field("client_secret"), Some(r#"se:cr%t+/~ &="qü"#));
}

#[tokio::test]
async fn a_client_without_a_credential_sends_its_id_alone() {
    let asked = asked_with(Credential::none()).await;
    assert_eq!(basic(&asked), None);
    assert_eq!(asked.names(), ["client_id", "grant_type", "scope"]);
    assert_eq!(asked.field("client_id"), Some(CLIENT));
}

#[tokio::test]
async fn the_form_says_that_it_is_one_and_that_json_is_awaited() {
    let asked = asked_with(Credential::secret("secret")).await;
    assert_eq!(asked.headers[CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(asked.headers[ACCEPT], "application/json");
    assert_eq!(asked.field("grant_type"), Some("client_credentials"));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Basic,
    Post,
}

/// How the secret is sent to this issuer, whose metadata is found.
async fn way(issuer: Issuer, methods: Value, credential: Credential) -> Way {
    let mut metadata = json!({ "issuer": issuer.identifier(), "token_endpoint": "https://issuer.test/token" });
    if !methods.is_null() {
        metadata["token_endpoint_auth_methods_supported"] = methods;
    }
    let endpoint = Recorded::new().with_metadata(&metadata);
    let client = endpoint.serve(issuer).client(CLIENT, credential);
    let asked = endpoint.next_request(&client.client_credentials(["https://stock.test/.default"]).unwrap()).await;
    match (basic(&asked), asked.field("client_secret")) {
        (Some(_), None) => Way::Basic,
        (None, Some("secret")) => Way::Post,
        both => panic!("{both:?}"),
    }
}

#[tokio::test]
async fn a_secret_is_sent_as_the_issuers_metadata_says_and_in_the_header_where_it_is_silent() {
    for (methods, expected) in [
        (Value::Null, Way::Basic),
        (json!([]), Way::Basic),
        (json!("client_secret_post"), Way::Basic),
        (json!(["private_key_jwt"]), Way::Basic),
        (json!(["client_secret_basic"]), Way::Basic),
        (json!(["client_secret_post", "client_secret_basic"]), Way::Basic),
        (json!(["client_secret_post"]), Way::Post),
        (json!(["private_key_jwt", "client_secret_post"]), Way::Post),
    ] {
        let issuer = Issuer::new(ISSUER).unwrap();
        assert_eq!(way(issuer, methods.clone(), Credential::secret("secret")).await, expected, "{methods}");
    }
}

#[tokio::test]
async fn a_way_that_is_asked_for_is_taken_whatever_the_issuer_says() {
    let issuer = || Issuer::new(ISSUER).unwrap();
    let basic = way(issuer(), json!(["client_secret_post"]), Credential::client_secret_basic("secret")).await;
    let post = way(issuer(), json!(["client_secret_basic"]), Credential::client_secret_post("secret")).await;
    let entra = Entra::tenant(CONTOSO).unwrap().issuer();
    let entra = way(entra, Value::Null, Credential::client_secret_basic("secret")).await;
    assert_eq!((basic, post, entra), (Way::Basic, Way::Post, Way::Basic));
}

#[tokio::test]
async fn a_secret_goes_into_the_form_with_microsoft_and_into_the_header_with_others() {
    let microsofts = [
        Entra::tenant(CONTOSO).unwrap().issuer(),
        Entra::tenant(CONTOSO).unwrap().v1_token_endpoint().issuer(),
        Issuer::entra_external_id("acme", CONTOSO).unwrap(),
        Issuer::azure_ad_b2c("acme", CONTOSO, "B2C_1_signin").unwrap(),
    ];
    for issuer in microsofts {
        let name = issuer.identifier().to_owned();
        assert_eq!(way(issuer, Value::Null, Credential::secret("secret")).await, Way::Post, "{name}");
    }
    let others = [
        Issuer::keycloak("https://keycloak.test/realms/acme").unwrap(),
        Issuer::auth0("acme.eu.auth0.com").unwrap(),
        Issuer::okta("https://acme.okta.com/oauth2/default").unwrap(),
    ];
    for issuer in others {
        let name = issuer.identifier().to_owned();
        assert_eq!(way(issuer, Value::Null, Credential::secret("secret")).await, Way::Basic, "{name}");
    }
}

#[tokio::test]
async fn the_metadata_is_not_asked_for_where_the_token_endpoint_is_known() {
    let (endpoint, issuer) = issuer();
    let asked = endpoint.next_request(&reader(&issuer.client(CLIENT, Credential::secret("secret")))).await;
    assert_eq!(asked.url, "https://issuer.test/token");
    assert_eq!(basic(&asked).unwrap(), "orders-api:secret");
    assert_eq!(endpoint.documents(), 0);

    let endpoint = Recorded::new();
    let entra = endpoint.serve(Entra::tenant(CONTOSO).unwrap());
    let client = entra.client(CLIENT, Credential::secret("secret"));
    endpoint.next_request(&client.client_credentials(["api://stock"]).unwrap()).await;
    assert_eq!(endpoint.documents(), 0);
}

#[tokio::test]
async fn a_daemon_proves_itself_again_and_never_with_a_refresh_token() {
    let endpoint = Recorded::answering(|_| {
        let answer = json!({
            "access_token": "token", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "not-for-daemons",
        });
        http::Response::new(answer.to_string())
    });
    let issuer = Issuer::new(ISSUER).unwrap().token_endpoint("https://issuer.test/token").unwrap();
    let jobs = reader(&endpoint.serve(issuer).client(CLIENT, Credential::client_secret_post("secret")));
    for _ in 0..2 {
        let asked = endpoint.next_request(&jobs).await;
        assert_eq!(asked.names(), ["client_id", "client_secret", "grant_type", "scope"]);
        assert_eq!(asked.field("grant_type"), Some("client_credentials"));
        assert_eq!(asked.field("client_secret"), Some("secret"));
    }
}
