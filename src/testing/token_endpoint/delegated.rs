//! What a client is given that acts for a person, whatever the grant: no more than was consented to.

use serde_json::{Value, json};

use super::{Authority, Client, Delegation, Person, Refusal, TestTokenRequest, Wanted};
use crate::scope::words;
use crate::testing::directory::TenantEndpoint;
use crate::testing::registration::TestApp;
use crate::testing::{TestIssuer, TestToken};

/// The scope that asks for a refresh token (OpenID Connect Core §11).
pub(super) const OFFLINE_ACCESS: &str = "offline_access";
/// Scopes that are about no API.
const OPENID: [&str; 4] = ["openid", "profile", "email", OFFLINE_ACCESS];
/// In place of single scopes: all that was consented to.
const DEFAULT: &str = ".default";

/// At a [`TestIssuer`], where an application has what is allowed to it, or what the person consented to.
pub(super) fn standard(
    issuer: &TestIssuer,
    request: &TestTokenRequest,
    client: &Client,
    person: &Person,
    wanted: &Wanted,
) -> Result<Value, Refusal> {
    let registry = &issuer.shared.tokens.registry;
    let api = TestApp::find_api(registry, &wanted.resource, "").ok_or(Refusal::UnknownResource)?;
    let granted = granted(request, client, person, &api, wanted)?;
    let scopes = if wanted.scopes.is_empty() { granted } else { wanted.scopes.clone() };
    let scope = scopes.join(" ");
    let (lifetime, claims) = api.read(|api| (api.lifetime, api.claims.clone()));
    let token = TestToken::of_person(issuer, &wanted.resource, client.app.client_id(), person, &scope);
    let token = claims.into_iter().fold(token, |token, (name, content)| token.claim(name, content));
    Ok(json!({
        "access_token": token.expires_in(lifetime).sign(),
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "scope": scope,
    }))
}

/// As Entra has it: the token has all scopes of the API that were consented to, also where fewer are asked for.
pub(super) fn entra(
    tenant: &TenantEndpoint,
    request: &TestTokenRequest,
    client: &Client,
    person: &Person,
    wanted: &Wanted,
) -> Result<Value, Refusal> {
    let api = tenant.api(&wanted.resource).ok_or(Refusal::UnknownResource)?;
    let granted = granted(request, client, person, &api, wanted)?;
    let token = tenant.persons_token(&api, &wanted.resource, client, person, &granted);
    let mut answer = tenant.answer(token, &api, &wanted.resource);
    let full = |scope: &String| if tenant.is_v1 { scope.clone() } else { format!("{}/{scope}", wanted.resource) };
    answer["scope"] = json!(granted.iter().map(full).collect::<Vec<_>>().join(" "));
    Ok(answer)
}

/// The answer with a refresh token besides, by which the client can go on.
pub(super) fn going_on(authority: &dyn Authority, mut answer: Value, delegation: Delegation) -> Value {
    let now = authority.now();
    answer["refresh_token"] = json!(authority.tokens().refresh_tokens(|all| all.begin(delegation, now)));
    answer
}

/// All that the client may do at this API for this person, if it is what is asked for.
fn granted(
    request: &TestTokenRequest,
    client: &Client,
    person: &Person,
    api: &TestApp,
    wanted: &Wanted,
) -> Result<Vec<String>, Refusal> {
    if !wanted.scopes.iter().all(|scope| api.read(|api| api.scopes.contains(scope))) {
        return Err(Refusal::UnknownScope);
    }
    let granted = client.app.granted(&person.id, api);
    if granted.is_empty() || !wanted.scopes.iter().all(|scope| granted.contains(scope)) {
        return Err(Refusal::ConsentRequired);
    }
    match api.demanded_claims() {
        Some(demanded) if !demanded.are_met(request.parameter("claims"), &person.claims) => {
            Err(Refusal::ClaimsDemanded(demanded.json()))
        }
        _ => Ok(granted),
    }
}

/// Scopes of one API, such as `api://stock/Items.Read`, or at the v1 endpoint `resource`.
pub(super) fn entra_wanted(tenant: &TenantEndpoint, request: &TestTokenRequest) -> Result<Wanted, Refusal> {
    if tenant.is_v1 {
        // There is always a refresh token with version 1.
        let resource = request.required("resource")?.to_owned();
        return Ok(Wanted { resource, scopes: Vec::new(), offline_access: true });
    }
    let (about_person, about_api): (Vec<_>, Vec<_>) =
        words(request.required("scope")?).partition(|scope| OPENID.contains(scope));
    let offline_access = about_person.contains(&OFFLINE_ACCESS);
    // What names no API is about Microsoft Graph, which is not here.
    let split: Option<Vec<_>> = about_api.iter().map(|scope| scope.rsplit_once('/')).collect();
    let split = split.ok_or(Refusal::UnknownResource)?;
    let Some((resource, _)) = split.first().copied() else { return Err(Refusal::SeveralResources) };
    if split.iter().any(|(another, _)| *another != resource) {
        return Err(Refusal::SeveralResources);
    }
    let scopes = match split.as_slice() {
        [(_, DEFAULT)] => Vec::new(),
        some if some.iter().any(|(_, scope)| *scope == DEFAULT) => return Err(Refusal::ScopeNotAllowed),
        some => some.iter().map(|(_, scope)| (*scope).to_owned()).collect(),
    };
    Ok(Wanted { resource: resource.to_owned(), scopes, offline_access })
}
