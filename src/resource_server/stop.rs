//! [`Stop`]: why the procedure has no verified token, yet or at all.

use std::time::Duration;

use super::check::{Check, Failure};
use super::rejection::{Rejection, RejectionKind as Kind};
use crate::issuer::{Issuer, Keys};

/// Why there is no verified token, yet or at all.
pub(crate) enum Stop {
    Rejected(Rejection),
    /// Newer keys may verify it, but can't be fetched before so long.
    TooSoon {
        left: Duration,
        /// Even keys that were fetched for this token are older than it: a copy of them was sent.
        outdated: bool,
    },
    NeedsKeys(Need),
}

/// Which keys are needed.
pub(crate) struct Need {
    pub(crate) issuer: Issuer,
    /// Newer ones than these; where there are none, this verdict stands. `None`: any at all.
    pub(crate) newer: Option<(Keys, Failure)>,
}

impl Need {
    /// What to say where the keys that are needed can't be had.
    pub(crate) fn verdict(&self) -> Failure {
        self.newer.as_ref().map_or(Check::Key.failed(Kind::UnknownKey), |(_, verdict)| *verdict)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Rejected(failure.into())
    }
}
