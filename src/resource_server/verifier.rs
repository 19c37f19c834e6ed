//! [`Verifier`]: what a `BearerLayer` is made from.

use std::fmt;

use super::allowed_issuers::AllowedIssuers;
use super::rejection::Rejection;
use super::validator::Validator;
use super::verification::Verification;
use super::verified_token::VerifiedToken;

/// What checks the tokens for a [`BearerLayer`](super::BearerLayer): made from a [`Validator`], or from [`AllowedIssuers`].
#[derive(Clone)]
pub struct Verifier(Kind);

#[derive(Clone)]
enum Kind {
    Validator(Validator),
    AllowedIssuers(AllowedIssuers),
}

impl Verifier {
    /// What becomes of a token that was seen before.
    #[inline]
    pub(crate) fn seen(&self, token: &[u8]) -> Option<Result<VerifiedToken, Rejection>> {
        match &self.0 {
            Kind::Validator(validator) => validator.seen(token),
            Kind::AllowedIssuers(issuers) => issuers.seen(token),
        }
    }

    /// How far a token gets that was not.
    pub(crate) fn start(&self, token: &str) -> Verification {
        match &self.0 {
            Kind::Validator(validator) => validator.start(token),
            Kind::AllowedIssuers(issuers) => issuers.start(token),
        }
    }

    /// The audience to name in challenges, where there is one for all tokens.
    pub(crate) fn audience(&self) -> Option<&str> {
        match &self.0 {
            Kind::Validator(validator) => validator.audience_of_all(),
            Kind::AllowedIssuers(_) => None,
        }
    }
}

impl From<Validator> for Verifier {
    fn from(validator: Validator) -> Self {
        Self(Kind::Validator(validator))
    }
}

impl From<AllowedIssuers> for Verifier {
    fn from(issuers: AllowedIssuers) -> Self {
        Self(Kind::AllowedIssuers(issuers))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}
