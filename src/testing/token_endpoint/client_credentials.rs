//! The grant by which a client gets a token as itself (RFC 6749 §4.4): at a [`TestIssuer`], and as Entra has it.

use serde_json::{Value, json};

use super::{Client, Refusal, TestTokenRequest};
use crate::scope::words;
use crate::testing::directory::TenantEndpoint;
use crate::testing::registration::{Permissions, TestApp};
use crate::testing::{TestIssuer, TestToken};

/// At a [`TestIssuer`]: `resource` (RFC 8707) or `audience` chooses the API, which may be left out where the client may do
/// something at one API alone. Without `scope` all scopes are given that it may ask for.
pub(super) fn standard(issuer: &TestIssuer, request: &TestTokenRequest, client: &Client) -> Result<Value, Refusal> {
    let (api, audience) = api(issuer, request, client)?;
    let permissions = client.app.permissions_at(&api);
    if permissions.is_empty() {
        return Err(Refusal::ResourceNotAllowed);
    }
    let scope = granted_scope(request, &permissions)?;
    let (lifetime, claims) = api.read(|api| (api.lifetime, api.claims.clone()));
    let token = TestToken::of_client(issuer, audience, client.app.client_id(), &scope, &permissions.roles);
    let token = claims.into_iter().fold(token, |token, (name, content)| token.claim(name, content));
    let mut answer = json!({
        "access_token": token.expires_in(lifetime).sign(),
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
    });
    if !scope.is_empty() {
        answer["scope"] = json!(scope);
    }
    Ok(answer)
}

/// The API that is meant, and the identifier by which it is.
pub(super) fn api(
    issuer: &TestIssuer,
    request: &TestTokenRequest,
    client: &Client,
) -> Result<(TestApp, String), Refusal> {
    let registry = &issuer.shared.tokens.registry;
    let mut named: Vec<_> = request.all("resource").chain(request.all("audience")).collect();
    named.dedup();
    match named.as_slice() {
        [] => match client.app.permitted_apis().as_slice() {
            [] => Err(Refusal::ResourceNotAllowed),
            [only] => Ok((only.clone(), only.identifier())),
            _ => Err(Refusal::SeveralResources),
        },
        [one] => {
            let api = TestApp::find_api(registry, one, "").ok_or(Refusal::UnknownResource)?;
            Ok((api, (*one).to_owned()))
        }
        _ => Err(Refusal::SeveralResources),
    }
}

fn granted_scope(request: &TestTokenRequest, permissions: &Permissions) -> Result<String, Refusal> {
    let Some(scope) = request.parameter("scope") else { return Ok(permissions.scopes.join(" ")) };
    let is_allowed = |scope| permissions.scopes.iter().any(|one| one == scope);
    if words(scope).all(is_allowed) { Ok(scope.to_owned()) } else { Err(Refusal::ScopeNotAllowed) }
}

/// As Entra has it: `scope=<App ID URI>/.default` alone, or with v1 `resource=<App ID URI>`. The token has the roles that are
/// assigned to the client in this tenant, and no claim `roles` where there are none.
pub(in crate::testing) fn entra(
    tenant: &TenantEndpoint,
    request: &TestTokenRequest,
    client: &Client,
) -> Result<Value, Refusal> {
    let resource = if tenant.is_v1 {
        request.required("resource")?
    } else {
        let scopes: Vec<_> = words(request.required("scope")?).collect();
        let resources: Option<Vec<_>> = scopes.iter().map(|scope| scope.strip_suffix("/.default")).collect();
        match resources.ok_or(Refusal::NotDefaultScope)?.as_slice() {
            [one] => *one,
            _ => return Err(Refusal::SeveralResources),
        }
    };
    let api = tenant.api(resource).ok_or(Refusal::UnknownResource)?;
    Ok(tenant.answer(tenant.application_token(&api, resource, client), &api, resource))
}
