//! The grant by which an API gets a token as the person who calls it, in Microsoft's way: a JWT as the grant (RFC 7523 §2.1) with
//! `requested_token_use=on_behalf_of`; as Entra has it, and the same at a [`TestIssuer`].

use serde_json::Value;

use super::{Authority, Client, Delegation, Person, Refusal, TestTokenRequest, TokenFault, Wanted};
use super::{client_credentials, delegated};
use crate::scope::words;
use crate::testing::TestIssuer;
use crate::testing::directory::TenantEndpoint;

/// As Entra has it: scopes of one API in `scope`, or with v1 `resource`. With `offline_access`, or with v1, comes a refresh token.
pub(in crate::testing) fn entra(
    tenant: &TenantEndpoint,
    request: &TestTokenRequest,
    client: &Client,
) -> Result<Value, Refusal> {
    let assertion = assertion(request)?;
    let person = tenant.person(assertion, &client.app.names()).map_err(Refusal::Grant)?;
    let wanted = delegated::entra_wanted(tenant, request)?;
    let answer = delegated::entra(tenant, request, client, &person, &wanted)?;
    Ok(with_refresh_token(tenant, tenant.tenant_id(), client, answer, person, wanted))
}

/// At a [`TestIssuer`]: the API is chosen by `resource` or `audience`, or is the only one of the client.
pub(super) fn standard(issuer: &TestIssuer, request: &TestTokenRequest, client: &Client) -> Result<Value, Refusal> {
    let assertion = assertion(request)?;
    let person = persons_token(issuer, assertion, &client.app.names()).map_err(Refusal::Grant)?;
    let (_, resource) = client_credentials::api(issuer, request, client)?;
    let asked: Vec<_> = request.parameter("scope").into_iter().flat_map(words).collect();
    let (offline, scopes): (Vec<_>, Vec<_>) = asked.into_iter().partition(|one| *one == delegated::OFFLINE_ACCESS);
    let scopes = scopes.into_iter().map(str::to_owned).collect();
    let mut wanted = Wanted { resource, scopes, offline_access: !offline.is_empty() };
    let answer = delegated::standard(issuer, request, client, &person, &wanted)?;
    // Refreshing never gives more than this (RFC 6749 §6), whatever is allowed later.
    wanted.scopes = answer["scope"].as_str().into_iter().flat_map(words).map(str::to_owned).collect();
    Ok(with_refresh_token(issuer, "", client, answer, person, wanted))
}

fn assertion(request: &TestTokenRequest) -> Result<&str, Refusal> {
    if request.required("requested_token_use")? != "on_behalf_of" {
        return Err(Refusal::NotOnBehalfOf);
    }
    request.required("assertion")
}

fn with_refresh_token(
    authority: &dyn Authority,
    tenant: &str,
    client: &Client,
    answer: Value,
    person: Person,
    wanted: Wanted,
) -> Value {
    if !wanted.offline_access {
        return answer;
    }
    let (client_id, tenant) = (client.app.client_id().to_owned(), tenant.to_owned());
    delegated::going_on(authority, answer, Delegation { client_id, tenant, person, wanted })
}

/// The person whose access token of this issuer this is, if it is for one of these.
pub(super) fn persons_token(issuer: &TestIssuer, token: &str, names: &[String]) -> Result<Person, TokenFault> {
    let token = issuer.access_token(token)?;
    token.check_audience(names)?;
    if issuer.is_applications(&token) {
        return Err(TokenFault::Application);
    }
    let id = token.claim("sub").ok_or(TokenFault::Malformed)?.to_owned();
    Ok(Person { id, claims: token.some(&PERSONAL_CLAIMS) })
}

/// What the next token says about the person too.
const PERSONAL_CLAIMS: [&str; 9] =
    ["sub", "name", "email", "preferred_username", "auth_time", "acr", "amr", "sid", "act"];
