//! [`Exchange`]: one token request, from the form to the answer.

use std::sync::Arc;

use super::TokenError;
use super::credential::Credential;
use super::grant::Request;
use super::response::Answer;
use crate::issuer::Issuer;

/// Whom a token is asked of, and by whom.
pub(super) struct Exchange {
    pub(super) issuer: Issuer,
    pub(super) client_id: Arc<str>,
    pub(super) credential: Credential,
}

impl Exchange {
    /// Asks for a token, once.
    pub(super) async fn ask(&self, request: &Request) -> Result<Answer, TokenError> {
        let answer = self.exchange(request).await;
        answer.inspect_err(|error| {
            let issuer = self.issuer.identifier();
            tracing::warn!(issuer, client_id = &*self.client_id, kind = ?error.kind(), %error, "no token could be had");
        })
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, TokenError> {
        let is_v1 = self.issuer.asks_as_microsoft_v1() || request.target.names_a_resource();
        let endpoint = self.issuer.token_url(request.tenant.as_deref(), is_v1).await?;
        let mut form = request.form();
        let authorization = self.credential.prove(&self.client_id, &self.issuer, &endpoint, &mut form).await?;
        let url = endpoint.url;
        let answer = self.issuer.token_transport().post(&url, form.into_bytes(), authorization).await;
        let answer = answer.map_err(|error| TokenError::of_exchange(&url, error))?;
        Answer::read(&url, &answer, self.issuer.time().wall())
    }
}
