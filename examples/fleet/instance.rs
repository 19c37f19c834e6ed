//! [`Instance`]: one process of the API, its callers, and what these may expect whatever the crate does.

use std::sync::Arc;

use tower_bearer::Validator;

use crate::AUDIENCE;
use crate::answers::{Answers, Expected};
use crate::provider::{Provider, Token};

/// How many callers an instance has. One of them asks each minute; all of them at once ask a fresh instance, and when
/// their tokens have been withdrawn.
pub(crate) const CALLERS: u64 = 8;
/// For how many minutes a token is used, which is good for an hour.
const USED_FOR: u64 = 55;

pub(crate) struct Instance {
    pub(crate) number: u64,
    /// One that all callers share, or one for each caller.
    validators: Vec<Validator>,
    /// Whether nobody has asked yet.
    is_fresh: bool,
    last_asked: Option<u64>,
    /// The keys that could be had in the second in which it was last asked. An answer takes less than a second.
    could_know: Arc<[u64]>,
    /// What its callers bring.
    token: Token,
    /// The minute from which on they bring a newer one.
    renewed_at: u64,
}

impl Instance {
    /// An instance without keys.
    pub(crate) fn start(number: u64, provider: &Arc<Provider>, callers_share: bool) -> Self {
        Self {
            number,
            validators: Self::validators(number, provider, callers_share),
            is_fresh: true,
            last_asked: None,
            could_know: Arc::default(),
            token: provider.token(),
            renewed_at: number % USED_FOR,
        }
    }

    /// The process goes, another comes, the callers stay.
    pub(crate) fn restart(&mut self, provider: &Arc<Provider>, callers_share: bool) {
        self.validators = Self::validators(self.number, provider, callers_share);
        self.is_fresh = true;
        self.could_know = Arc::default();
    }

    fn validators(number: u64, provider: &Arc<Provider>, callers_share: bool) -> Vec<Validator> {
        let issuers = if callers_share { 1 } else { CALLERS };
        (0..issuers).map(|_| provider.issuer(number).validator(AUDIENCE)).collect()
    }

    /// The request of this minute; or those of all callers, where they have been waiting.
    pub(crate) fn ask(&mut self, second: u64, provider: &Provider, answers: &mut Answers) {
        if self.last_asked.replace(second) == Some(second) {
            return; // restarted in this very second, and asked by all callers
        }
        let minute = second / 60;
        let published = provider.published();
        let withdrawn = !published.contains(&self.token.key);
        if withdrawn || minute >= self.renewed_at {
            self.token = provider.token();
            self.renewed_at = minute + if withdrawn { 1 + self.number % USED_FOR } else { USED_FOR };
        }
        let expected = self.expected(&self.token, provider);
        let callers = if self.is_fresh || withdrawn { CALLERS } else { 1 };
        for caller in minute..minute + callers {
            self.verify(caller, self.token.clone(), expected, second, answers);
        }
        if callers > 1 {
            answers.crowd(second, self.number);
        }
        self.is_fresh = false;
        if provider.is_reachable() {
            self.could_know = published;
        }
    }

    /// Somebody else asks, with a token of his own.
    pub(crate) fn ask_with(&self, token: &Token, second: u64, provider: &Provider, answers: &mut Answers) {
        self.verify(0, token.clone(), self.expected(token, provider), second, answers);
    }

    fn expected(&self, token: &Token, provider: &Provider) -> Expected {
        if !provider.published().contains(&token.key) {
            Expected::Refused
        } else if self.could_know.contains(&token.key) {
            Expected::AcceptedAtOnce
        } else if provider.is_reachable() {
            Expected::Accepted
        } else {
            Expected::Unavailable
        }
    }

    fn verify(&self, caller: u64, token: Token, expected: Expected, second: u64, answers: &mut Answers) {
        let mut validators = (0..CALLERS).zip(self.validators.iter().cycle());
        if let Some((_, validator)) = validators.find(|(one, _)| *one == caller % CALLERS) {
            let validator = validator.clone();
            answers.take(second, expected, async move { validator.verify(&token.text).await.map(drop) });
        }
    }
}
