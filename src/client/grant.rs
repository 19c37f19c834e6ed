//! [`Request`]: what is asked of a token endpoint, and so what a cached token is found by.

use std::sync::Arc;

use super::claims_challenge::ClaimsChallenge;
use super::form::Form;
use super::subject::Subject;
use super::target::Target;
use super::token_exchange::{Parameters, TokenType};

/// A token request but for the client's credential. It is the key of the cache: two requests are equal where one answer does for
/// both. Cloning it, and looking for it, allocates nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) grant: Grant,
    /// In which tenant is asked, where there are several and it isn't the subject's.
    pub(super) tenant: Option<Arc<str>>,
    pub(super) target: Arc<Target>,
}

/// By what right a token is asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Grant {
    /// The application's own (RFC 6749 §4.4).
    ClientCredentials,
    /// That of a person whose token came in, in Microsoft's way.
    OnBehalfOf { subject: Subject, offline_access: bool },
    /// The same in that of RFC 8693.
    TokenExchange { subject: Subject, parameters: Arc<Parameters> },
}

impl Request {
    /// The form, to which the client's credential is added. With `claims`, what the API that is called wants to know besides.
    pub(super) fn form(&self, is_v1: bool, claims: Option<&ClaimsChallenge>) -> Form {
        let mut form = Form::new();
        match &self.grant {
            Grant::ClientCredentials => {
                form.add("grant_type", "client_credentials");
                self.target.write(&mut form, None);
            }
            Grant::OnBehalfOf { subject, offline_access } => {
                form.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.add("requested_token_use", "on_behalf_of");
                form.add("assertion", subject.text());
                // At version 1 a resource is asked for, and `openid` stands for what is not about it.
                let besides = if is_v1 { Some("openid") } else { offline_access.then_some("offline_access") };
                self.target.write(&mut form, besides);
            }
            Grant::TokenExchange { subject, parameters } => {
                form.add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
                form.add("subject_token", subject.text());
                parameters.write(&mut form);
                self.target.write(&mut form, None);
            }
        }
        if let Some(claims) = claims {
            form.add("claims", claims.json());
        }
        form
    }

    /// In which tenant is asked.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.subject().and_then(Subject::tenant).or(self.tenant.as_deref())
    }

    /// With token exchange, which type of token is asked for.
    pub(super) fn requested_type(&self) -> Option<Option<TokenType>> {
        match &self.grant {
            Grant::TokenExchange { parameters, .. } => Some(parameters.requested_type),
            Grant::ClientCredentials | Grant::OnBehalfOf { .. } => None,
        }
    }

    pub(super) fn subject(&self) -> Option<&Subject> {
        match &self.grant {
            Grant::ClientCredentials => None,
            Grant::OnBehalfOf { subject, .. } | Grant::TokenExchange { subject, .. } => Some(subject),
        }
    }
}
