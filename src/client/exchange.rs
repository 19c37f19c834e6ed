//! [`Exchange`]: one token request, from the form to the answer.

use std::sync::Arc;

use super::claims_challenge::ClaimsChallenge;
use super::credential::Credential;
use super::form::Form;
use super::grant::{Grant, Request};
use super::response::Answer;
use super::subject::Subject;
use super::{TokenError, TokenType};
use crate::issuer::Issuer;

/// Whom a token is asked of, and by whom.
pub(super) struct Exchange {
    pub(super) issuer: Issuer,
    pub(super) client_id: Arc<str>,
    pub(super) credential: Credential,
}

/// What is to be known of a request besides its form.
pub(super) struct Asked<'r> {
    pub(super) tenant: Option<&'r str>,
    pub(super) is_v1: bool,
    /// Whether a refused grant is a matter for a person, who then has to sign in again.
    pub(super) is_for_person: bool,
    /// Whether it is asked in Microsoft's way on behalf of a person.
    pub(super) is_on_behalf_of: bool,
    /// Of which type the token has to be, where the answer has to say so (RFC 8693 §2.2.1).
    pub(super) token_exchange: Option<Option<TokenType>>,
}

impl Exchange {
    /// Asks for a token, once. With `claims`, what an API or the issuer wants to know besides.
    pub(super) async fn ask(&self, request: &Request, claims: Option<&ClaimsChallenge>) -> Result<Answer, TokenError> {
        let caller = request.subject().and_then(Subject::as_verified);
        if caller.is_some_and(|caller| caller.expires_at() <= self.issuer.time().wall()) {
            let message = "the caller's token has run out: the person has to sign in again, and work that goes on for longer to begin a \
                           session while it is good";
            return Err(TokenError::interaction_required(message).for_caller(caller, &self.issuer));
        }
        let is_v1 = request.target.is_for_v1(&self.issuer);
        let asked = Asked {
            tenant: request.tenant(),
            is_v1,
            is_for_person: request.subject().is_some(),
            is_on_behalf_of: matches!(request.grant, Grant::OnBehalfOf { .. }),
            token_exchange: request.requested_type(),
        };
        let answer = self.ask_with(asked, request.form(is_v1, claims)).await;
        answer.map_err(|error| error.for_caller(caller, &self.issuer))
    }

    /// Asks with this form, to which the client's credential is added.
    pub(super) async fn ask_with(&self, asked: Asked<'_>, form: Form) -> Result<Answer, TokenError> {
        let answer = self.exchange(asked, form).await;
        answer.inspect_err(|error| {
            let issuer = self.issuer.identifier();
            tracing::warn!(issuer, client_id = &*self.client_id, kind = ?error.kind(), %error, "no token could be had");
        })
    }

    async fn exchange(&self, asked: Asked<'_>, mut form: Form) -> Result<Answer, TokenError> {
        let endpoint = self.issuer.token_url(asked.tenant, asked.is_v1).await?;
        let authorization = self.credential.prove(&self.client_id, &self.issuer, &endpoint, &mut form).await?;
        let url = endpoint.url;
        // A token's life may begin as soon as it is asked for.
        let asked_at = self.issuer.time().wall();
        let answer = self.issuer.token_transport().post(&url, form.into_bytes(), authorization).await;
        let answer = answer.map_err(|error| TokenError::of_exchange(&url, error))?;
        Answer::read(&url, &answer, &asked, asked_at)
    }
}
