//! [`Fleet`]: who of the instances is asked, and who restarts, in which second.

use std::ops::Range;
use std::sync::Arc;

use crate::answers::Answers;
use crate::instance::Instance;
use crate::provider::{Provider, Token};

pub(crate) const INSTANCES: u64 = 1_000;
/// How many crash.
pub(crate) const CRASHING: u64 = 20;
/// In how many seconds all restart at a rollout.
pub(crate) const ROLLOUT: u64 = 5 * 60;

pub(crate) struct Fleet {
    provider: Arc<Provider>,
    callers_share: bool,
    instances: Vec<Instance>,
    rollout: Range<u64>,
    stolen: Option<Token>,
    /// When the stolen token is tried, once with each instance.
    theft: Range<u64>,
    answers: Answers,
}

impl Fleet {
    /// All instances, without keys.
    pub(crate) fn new(provider: &Arc<Provider>, callers_share: bool) -> Self {
        Self {
            provider: Arc::clone(provider),
            callers_share,
            instances: (0..INSTANCES).map(|number| Instance::start(number, provider, callers_share)).collect(),
            rollout: 0..0,
            stolen: None,
            theft: 0..0,
            answers: Answers::default(),
        }
    }

    pub(crate) fn steal_token(&mut self) {
        self.stolen = Some(self.provider.token());
    }

    pub(crate) fn use_stolen_token(&mut self, second: u64) {
        self.theft = second..second + 60;
    }

    pub(crate) fn crash(&mut self, second: u64) {
        self.restart(second, |number| number % (INSTANCES / CRASHING) == 0);
    }

    pub(crate) fn roll_out(&mut self, second: u64) {
        self.rollout = second..second + ROLLOUT;
    }

    /// Restarts the instances that are due. Their callers are waiting already.
    fn restart(&mut self, second: u64, is_due: impl Fn(u64) -> bool) {
        for instance in self.instances.iter_mut().filter(|instance| is_due(instance.number)) {
            instance.restart(&self.provider, self.callers_share);
            instance.ask(second, &self.provider, &mut self.answers);
        }
    }

    /// What is asked in this second: each instance is asked once a minute, in a second of its own.
    pub(crate) fn ask(&mut self, second: u64) {
        self.answers.count_ready();
        if self.rollout.contains(&second) {
            let passed = second - self.rollout.start;
            self.restart(second, |number| number * ROLLOUT / INSTANCES == passed);
        }
        let stolen = self.stolen.as_ref().filter(|_| self.theft.contains(&second));
        for instance in self.instances.iter_mut().filter(|instance| instance.number % 60 == second % 60) {
            if let Some(stolen) = stolen {
                instance.ask_with(stolen, second, &self.provider, &mut self.answers);
            }
            instance.ask(second, &self.provider, &mut self.answers);
        }
    }

    /// The answers, when all are there.
    pub(crate) async fn into_answers(mut self) -> Answers {
        self.answers.count_all().await;
        self.answers
    }
}
