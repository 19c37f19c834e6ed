//! The grant by which an API gets a token as the person who calls it, in the way of RFC 8693, at a [`TestIssuer`].
//!
//! Both tokens are to be this server's own access tokens. That of the person has to be for the client that brings it, and the
//! actor's to have been given to it.

use serde_json::{Value, json};

use super::on_behalf_of::persons_token;
use super::{Client, Person, Refusal, TestTokenRequest, TokenFault, Wanted, client_credentials, delegated};
use crate::scope::words;
use crate::testing::TestIssuer;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

pub(super) fn standard(issuer: &TestIssuer, request: &TestTokenRequest, client: &Client) -> Result<Value, Refusal> {
    let subject = request.required("subject_token")?;
    known(request.required("subject_token_type")?)?;
    let issued_type = known(request.parameter("requested_token_type").unwrap_or(ACCESS_TOKEN))?;
    let mut person = persons_token(issuer, subject, &client.app.names()).map_err(Refusal::Exchange)?;
    if let Some(actor) = actor(issuer, request, client, &person)? {
        person.claims.insert("act".to_owned(), actor);
    }
    let (api, resource) = client_credentials::api(issuer, request, client)?;
    let granted = client.app.granted(&person.id, &api);
    if granted.is_empty() {
        return Err(Refusal::ResourceNotAllowed);
    }
    let scopes: Vec<_> = request.parameter("scope").into_iter().flat_map(words).map(str::to_owned).collect();
    if !scopes.iter().all(|scope| granted.contains(scope)) {
        return Err(Refusal::ScopeNotAllowed);
    }
    let wanted = Wanted { resource, scopes, offline_access: false };
    let mut answer = delegated::standard(issuer, request, client, &person, &wanted)?;
    answer["issued_token_type"] = json!(issued_type);
    Ok(answer)
}

/// The type of a token, if it is one that is known here (§3).
fn known(token_type: &str) -> Result<&'static str, Refusal> {
    [ACCESS_TOKEN, JWT].into_iter().find(|known| *known == token_type).ok_or(Refusal::TokenType)
}

/// Who acts for the person, with whoever did before them (§4.1).
fn actor(
    issuer: &TestIssuer,
    request: &TestTokenRequest,
    client: &Client,
    person: &Person,
) -> Result<Option<Value>, Refusal> {
    let token = match (request.parameter("actor_token"), request.parameter("actor_token_type")) {
        (None, None) => return Ok(None),
        (Some(token), Some(token_type)) => known(token_type).map(|_| token)?,
        _ => return Err(Refusal::TokenType),
    };
    let token = issuer.access_token(token).map_err(Refusal::Exchange)?;
    if !["client_id", "azp", "cid"].iter().any(|name| token.claim(name) == Some(client.app.client_id())) {
        return Err(Refusal::Exchange(TokenFault::Actor));
    }
    let mut actor = json!({ "sub": token.claim("sub") });
    if let Some(before) = person.claims.get("act") {
        actor["act"] = before.clone();
    }
    Ok(Some(actor))
}
