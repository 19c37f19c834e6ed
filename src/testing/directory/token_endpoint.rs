//! [`TenantEndpoint`]: the token endpoint of a tenant, of either version, as Microsoft has it.

use std::time::Duration;

use serde_json::{Value, json};

use super::errors::error_body;
use super::{TestDirectory, TestTenant};
use crate::jose::Algorithm;
use crate::testing::registration::TestApp;
use crate::testing::token_endpoint::{
    Assertions, Authority, Client, Grant, ON_BEHALF_OF, Refusal, TestTokenRequest, TokenEndpoint, client_credentials,
    on_behalf_of, refresh_token,
};
use crate::testing::{TestToken, seconds};

/// From this life on, an answer says when to renew ahead.
const LONG_LIFE: Duration = Duration::from_secs(2 * 60 * 60);

pub(in crate::testing) struct TenantEndpoint {
    pub(super) tenant: TestTenant,
    /// Whether this is `…/oauth2/token`, whatever the version of the tokens.
    pub(in crate::testing) is_v1: bool,
    url: String,
}

impl TenantEndpoint {
    pub(super) fn new(directory: &TestDirectory, tenant: &str, is_v1: bool, url: String) -> Self {
        Self { tenant: directory.tenant(&tenant.to_ascii_lowercase()), is_v1, url }
    }

    pub(in crate::testing) fn tenant_id(&self) -> &str {
        self.tenant.id()
    }

    /// The API that is meant by this App ID URI or client id.
    pub(in crate::testing) fn api(&self, identifier: &str) -> Option<TestApp> {
        TestApp::find_api(&self.tokens().registry, identifier, self.tenant.id())
    }

    /// A token for this API, of the version that it wants, by which the client acts as itself.
    pub(in crate::testing) fn application_token(&self, api: &TestApp, resource: &str, client: &Client) -> TestToken {
        let (tenant, audience) = self.tenant_and_audience(api, resource);
        let token = tenant.of_client(audience, client.app.client_id(), &client.app.object_id(), client.proof_claim());
        let roles = client.app.permissions_at(api).roles;
        if roles.is_empty() { token } else { token.claim("roles", roles) }
    }

    /// The tenant, giving out tokens of the version that this API wants, and what it is called in them.
    pub(super) fn tenant_and_audience<'a>(&self, api: &'a TestApp, resource: &'a str) -> (TestTenant, &'a str) {
        let is_v1 = api.read(|api| api.version == 1);
        if is_v1 { (self.tenant.clone().v1(), resource) } else { (self.tenant.clone(), api.client_id()) }
    }

    /// The answer with this token. That of the v1 endpoint has its numbers in strings.
    pub(in crate::testing) fn answer(&self, token: TestToken, api: &TestApp, resource: &str) -> Value {
        let (lifetime, claims) = api.read(|api| (api.lifetime, api.claims.clone()));
        let token = claims.into_iter().fold(token, |token, (name, content)| token.claim(name, content));
        let token = token.expires_in(lifetime).sign();
        let expires_in = lifetime.as_secs().saturating_sub(1);
        if self.is_v1 {
            let now = self.now();
            return json!({
                "token_type": "Bearer",
                "expires_in": expires_in.to_string(),
                "ext_expires_in": expires_in.to_string(),
                "expires_on": (now + expires_in).to_string(),
                "not_before": now.to_string(),
                "resource": resource,
                "access_token": token,
            });
        }
        let mut answer = json!({
            "token_type": "Bearer",
            "expires_in": expires_in,
            "ext_expires_in": expires_in,
            "access_token": token,
        });
        if lifetime >= LONG_LIFE {
            answer["refresh_in"] = json!(lifetime.as_secs() / 2);
        }
        answer
    }
}

impl Authority for TenantEndpoint {
    fn now(&self) -> u64 {
        seconds(self.tenant.directory().clock().now())
    }

    fn tokens(&self) -> &TokenEndpoint {
        &self.tenant.directory().shared.authority.shared.tokens
    }

    fn client(&self, client_id: &str) -> Option<TestApp> {
        TestApp::find(&self.tokens().registry, client_id, self.tenant.id())
    }

    fn assertion_audiences(&self) -> Vec<String> {
        vec![self.url.clone()]
    }

    fn federated_audiences(&self) -> Vec<String> {
        vec![self.tenant.directory().shared.cloud.token_exchange.to_owned()]
    }

    fn certificate_algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::PS256, Algorithm::RS256]
    }

    fn assertions(&self) -> Assertions {
        Assertions::Microsoft
    }

    fn grant(&self, grant_type: &str) -> Option<Grant<'_>> {
        match grant_type {
            "client_credentials" => Some(Box::new(|request, client| client_credentials::entra(self, request, client))),
            ON_BEHALF_OF => Some(Box::new(|request, client| on_behalf_of::entra(self, request, client))),
            "refresh_token" => Some(Box::new(|request, client| refresh_token::entra(self, request, client))),
            _ => None,
        }
    }

    fn error(&self, refusal: &Refusal) -> &'static str {
        match refusal {
            Refusal::UnknownClient => "unauthorized_client",
            Refusal::UnknownResource => "invalid_resource",
            Refusal::SeveralResources => "invalid_scope",
            Refusal::ConsentRequired => "invalid_grant",
            other => other.error(),
        }
    }

    fn refuse(&self, refusal: &Refusal, request: &TestTokenRequest) -> Value {
        let host = self.tenant.directory().authority_host();
        error_body(refusal, self.error(refusal), host, self.tenant.directory().clock().now(), request)
    }
}
