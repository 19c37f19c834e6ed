//! Calling further APIs: how a client proves who it is, and what it asks for.

mod accepted;
mod assertions;
mod certificates;
mod files;
pub(crate) mod folder;
mod functions;
pub(crate) mod made;
pub(crate) mod recorded;
mod secrets;
mod targets;

use tower_bearer::{Client, ClientCredentials, Credential, Issuer};

use self::recorded::{Asked, Recorded};

const ISSUER: &str = "https://issuer.test";
const CLIENT: &str = "orders-api";
/// A tenant of Entra, and another one.
const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const FABRIKAM: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// An issuer as the RFCs have it, whose token endpoint writes down what it is asked.
fn issuer() -> (Recorded, Issuer) {
    let endpoint = Recorded::new();
    let issuer = Issuer::new(ISSUER).unwrap().token_endpoint("https://issuer.test/token").unwrap();
    let issuer = endpoint.serve(issuer);
    (endpoint, issuer)
}

/// What the client with this credential sends there for `orders.read`.
async fn asked_with(credential: Credential) -> Asked {
    let (endpoint, issuer) = issuer();
    endpoint.next_request(&reader(&issuer.client(CLIENT, credential))).await
}

/// Tokens with the scope `orders.read`.
fn reader(client: &Client) -> ClientCredentials {
    client.client_credentials(["orders.read"]).unwrap()
}
