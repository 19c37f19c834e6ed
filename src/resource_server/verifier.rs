//! [`Verifier`]: what a `BearerLayer` is made from.

use std::fmt;

use super::validator::Validator;

/// What checks the tokens for a [`BearerLayer`](super::BearerLayer): made from a [`Validator`].
#[derive(Clone)]
pub struct Verifier(pub(crate) Validator);

impl From<Validator> for Verifier {
    fn from(validator: Validator) -> Self {
        Self(validator)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}
