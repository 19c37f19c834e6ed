//! [`Guard`]: what a layer decides of a request, before the inner service sees it.

use std::sync::Arc;

use http::request::Parts;

use super::challenge::Context;
use super::outcome::Outcome;
use super::rejection::{Rejection, RejectionKind};
use super::requirement::Requirement;
use super::token_source::{Found, TokenSource};
use super::validator::Verification;
use super::verified_token::VerifiedToken;
use super::verifier::Verifier;
use crate::kept_fresh::BoxFuture;

/// The settings of a layer, which its services share.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) verifier: Verifier,
    pub(crate) sources: Vec<TokenSource>,
    pub(crate) optional: bool,
    pub(crate) required: Option<Requirement>,
    pub(crate) context: Arc<Context>,
}

/// What becomes of a request.
pub(crate) enum Judgement {
    Known(Result<Outcome, Rejection>),
    /// Keys have to be fetched first.
    Later(BoxFuture<Result<Outcome, Rejection>>),
}

impl Guard {
    pub(crate) fn judge(self: &Arc<Self>, request: &mut Parts) -> Judgement {
        request.extensions.remove::<Outcome>();
        for source in &self.sources {
            source.mark_sensitive(&mut request.headers);
        }
        let token = match self.find(request) {
            Found::Nothing if self.optional => {
                return Judgement::Known(Ok(Outcome::Anonymous(Arc::clone(&self.context))));
            }
            Found::Nothing => return self.reject(RejectionKind::NoCredentials),
            Found::Invalid => return self.reject(RejectionKind::InvalidRequest),
            Found::Token(token) => token,
        };
        match self.verifier.start(&token) {
            Verification::Done(verified) => Judgement::Known(self.admit(verified)),
            Verification::NeedsKeys(validator, need) => {
                let (guard, token) = (Arc::clone(self), token.into_owned());
                Judgement::Later(Box::pin(async move { guard.admit(validator.finish(&token, need).await) }))
            }
        }
    }

    fn find<'r>(&self, request: &'r Parts) -> Found<'r> {
        let mut found = Found::Nothing;
        for source in &self.sources {
            found = match (found, source.find(request)) {
                (only, Found::Nothing) | (Found::Nothing, only) => only,
                _ => Found::Invalid,
            };
        }
        found
    }

    fn admit(&self, verified: Result<VerifiedToken, Rejection>) -> Result<Outcome, Rejection> {
        let token = verified.map_err(|rejection| rejection.in_context(&self.context))?;
        let token = token.in_context(Arc::clone(&self.context));
        self.required.iter().try_for_each(|requirement| token.satisfies(requirement))?;
        Ok(Outcome::Verified(token))
    }

    fn reject(&self, kind: RejectionKind) -> Judgement {
        Judgement::Known(Err(Rejection::new(kind).in_context(&self.context)))
    }
}
