//! The grant by which a client goes on for a person whose token has run out (RFC 6749 §6): at a [`TestIssuer`], and as Entra has it.

use serde_json::{Value, json};

use super::{Authority, Client, Refusal, TestTokenRequest, Wanted, delegated};
use crate::scope::words;
use crate::testing::TestIssuer;
use crate::testing::directory::TenantEndpoint;

/// At a [`TestIssuer`] scopes can only become fewer, for the one token that is asked for.
pub(super) fn standard(issuer: &TestIssuer, request: &TestTokenRequest, client: &Client) -> Result<Value, Refusal> {
    continued(issuer, "", request, client, |mut wanted, person| {
        if let Some(scope) = request.parameter("scope") {
            let asked: Vec<_> = words(scope).filter(|one| *one != delegated::OFFLINE_ACCESS).collect();
            if !asked.iter().all(|one| wanted.scopes.iter().any(|scope| scope == one)) {
                return Err(Refusal::ScopeNotAllowed);
            }
            wanted.scopes = asked.into_iter().map(str::to_owned).collect();
        }
        delegated::standard(issuer, request, client, person, &wanted)
    })
}

/// At Entra the same refresh token serves for all that was consented to, of any API.
pub(in crate::testing) fn entra(
    tenant: &TenantEndpoint,
    request: &TestTokenRequest,
    client: &Client,
) -> Result<Value, Refusal> {
    continued(tenant, tenant.tenant_id(), request, client, |wanted, person| {
        let names_another = request.parameter(if tenant.is_v1 { "resource" } else { "scope" }).is_some();
        let wanted = if names_another { delegated::entra_wanted(tenant, request)? } else { wanted };
        delegated::entra(tenant, request, client, person, &wanted)
    })
}

/// The refresh token is used up by an answer with a token, and by nothing else.
fn continued(
    authority: &dyn Authority,
    tenant: &str,
    request: &TestTokenRequest,
    client: &Client,
    answer: impl FnOnce(Wanted, &super::Person) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let token = request.required("refresh_token")?;
    let (tokens, now) = (authority.tokens(), authority.now());
    let delegation = tokens.refresh_tokens(|all| all.check(token, client.app.client_id(), tenant, now))?;
    let mut answer = answer(delegation.wanted, &delegation.person)?;
    answer["refresh_token"] = json!(tokens.refresh_tokens(|all| all.rotate(token, now))?);
    Ok(answer)
}
