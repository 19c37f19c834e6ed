//! [`Guard`]: what a layer decides of a request, before the inner service sees it.

use std::sync::Arc;

use http::{HeaderMap, Request, Uri};
use simdutf8::basic::from_utf8;

use super::context::{Context, Contexts};
use super::grpc::is_in;
use super::language::Language;
use super::outcome::Outcome;
use super::rejection::{Rejection, RejectionKind};
use super::requirement::Requirement;
use super::token_source::{Found, TokenSource, is_token68};
use super::verification::Verification;
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
    /// Methods and services of gRPC that need no token.
    pub(crate) open: Vec<Box<str>>,
    pub(crate) contexts: Contexts,
}

/// What becomes of a request.
pub(crate) enum Judgement {
    Known(Result<Outcome, Rejection>),
    /// Keys have to be fetched first.
    Later(BoxFuture<Result<Outcome, Rejection>>),
}

impl Guard {
    /// How this caller is answered.
    pub(crate) fn context_for<B>(&self, request: &Request<B>) -> &Arc<Context> {
        self.contexts.of(Language::of(request.method(), request.version(), request.headers()))
    }

    /// To be called where nothing is looked for in the headers: whoever looks there marks what is found.
    pub(crate) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        self.sources.iter().for_each(|source| source.mark_sensitive(headers));
    }

    /// Whether this is a call to a method of gRPC that needs no token.
    #[inline]
    pub(crate) fn opens(&self, uri: &Uri, context: &Context) -> bool {
        context.language != Language::Http && self.open.iter().any(|open| is_in(open, uri.path()))
    }

    pub(crate) fn has_functions(&self) -> bool {
        self.sources.iter().any(|source| source.function().is_some())
    }

    /// What the user's functions find in a request, without its body.
    pub(crate) fn ask_functions<B>(&self, mut request: Request<B>) -> (Found<'static>, Request<B>) {
        self.mark_sensitive(request.headers_mut());
        // They don't see what an outer layer has said; nobody else does, as what this one says takes its place.
        request.extensions_mut().remove::<Outcome>();
        let (parts, body) = request.into_parts();
        let functions = self.sources.iter().filter_map(TokenSource::function);
        let found = functions.fold(Found::Nothing, |found, find| found.or(find(&parts).into()));
        (found, Request::from_parts(parts, body))
    }

    /// What stands in the headers, marked.
    fn find<'r>(&self, headers: &'r mut HeaderMap) -> Found<'r> {
        if let [only] = &*self.sources {
            return only.find_marking(headers);
        }
        self.mark_sensitive(headers);
        self.sources.iter().fold(Found::Nothing, |found, source| found.or(source.find(headers)))
    }

    /// Judges a request by its headers, which it marks, and by what the user's functions have found in it.
    pub(crate) fn judge(
        self: &Arc<Self>,
        headers: &mut HeaderMap,
        found: Found<'_>,
        context: &Arc<Context>,
    ) -> Judgement {
        let token = match found.or(self.find(headers)) {
            Found::Nothing if self.optional => {
                return Judgement::Known(Ok(Outcome::Anonymous(Arc::clone(context))));
            }
            Found::Nothing => return reject(RejectionKind::NoCredentials, context),
            Found::Invalid => return reject(RejectionKind::InvalidRequest, context),
            Found::Token(token) => token,
        };
        // What equals a token that was good is one.
        if let Some(verified) = self.verifier.seen(&token) {
            return Judgement::Known(self.admit(verified, context));
        }
        let Ok(token) = from_utf8(&token) else { return reject(RejectionKind::InvalidRequest, context) };
        match self.verifier.start(token) {
            // What could be read as a token is a token68: its alphabet is the smaller one.
            Verification::Done(Err(unread))
                if matches!(unread.kind(), RejectionKind::Malformed | RejectionKind::TokenTooLong)
                    && !is_token68(token) =>
            {
                reject(RejectionKind::InvalidRequest, context)
            }
            Verification::Done(verified) => Judgement::Known(self.admit(verified, context)),
            Verification::NeedsKeys(validator, need) => {
                let (guard, context, token) = (Arc::clone(self), Arc::clone(context), token.to_owned());
                Judgement::Later(Box::pin(async move { guard.admit(validator.finish(&token, need).await, &context) }))
            }
        }
    }

    #[inline]
    fn admit(&self, verified: Result<VerifiedToken, Rejection>, context: &Arc<Context>) -> Result<Outcome, Rejection> {
        let token = verified.map_err(|rejection| rejection.in_context(context))?;
        let token = token.in_context(Arc::clone(context));
        self.required.iter().try_for_each(|requirement| token.satisfies(requirement))?;
        Ok(Outcome::Verified(token))
    }
}

fn reject(kind: RejectionKind, context: &Arc<Context>) -> Judgement {
    Judgement::Known(Err(Rejection::new(kind).in_context(context)))
}
