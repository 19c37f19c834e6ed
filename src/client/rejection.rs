//! A token that could not be had, as the answer to whoever called.

use super::error::{TokenError, TokenErrorKind};
use crate::resource_server::{Rejection, RejectionKind};

/// A handler's `?`: the caller learns what they can do about it, and nothing else.
///
/// | the error | the answer |
/// |---|---|
/// | the person has to act, and what for is said (`claims`), and their client can answer that (`xms_cc` has `cp1`) | 401 with the claims challenge |
/// | the person has to act | 403 `interaction_required` |
/// | nobody: it may work later | 503 with `Retry-After` |
/// | the caller is an application, where only a person can be acted for | 403 `insufficient_scope` |
/// | the operator of this service has to act | 500, and the log says why |
impl From<TokenError> for Rejection {
    fn from(error: TokenError) -> Self {
        match (error.kind(), &error.relay, error.claims()) {
            (TokenErrorKind::InteractionRequired, Some(relay), Some(claims)) => {
                Self::insufficient_claims(relay.authorization_uri.as_deref(), &claims.base64())
            }
            (TokenErrorKind::InteractionRequired, _, _) => Self::new(RejectionKind::InteractionRequired),
            (TokenErrorKind::Unavailable, _, _) => Self::token_unavailable(error.retry_after()),
            (TokenErrorKind::Refused, _, _) if error.is_of_caller() => Self::new(RejectionKind::InsufficientScope),
            (TokenErrorKind::Refused, _, _) => {
                tracing::error!(%error, "a request is answered with 500, as no token to call a further API can be had");
                Self::new(RejectionKind::TokenRefused)
            }
        }
    }
}
