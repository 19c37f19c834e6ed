//! [`Answers`]: what callers may expect, and what they get.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use tokio::task::JoinSet;
use tower_bearer::Rejection;

/// What a caller may expect, whatever the crate does.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// The instance was asked before when the key could be had: accepted, without waiting.
    AcceptedAtOnce,
    /// The key can be had now: accepted.
    Accepted,
    /// This instance has had no way to the key yet: if not accepted, then told to try again later.
    Unavailable,
    /// The key has been withdrawn: not accepted.
    Refused,
}

/// What became of one request.
struct Answer {
    second: u64,
    expected: Expected,
    waited: bool,
    outcome: Result<(), Rejection>,
}

#[derive(Default)]
pub(crate) struct Answers {
    waiting: JoinSet<Answer>,
    pub(crate) taken: u64,
    /// When requests came that waited, by second of the day.
    pub(crate) waited: Vec<u64>,
    pub(crate) waited_in_vain: u64,
    /// When requests came that were told to try again later, as they had to be.
    pub(crate) unavailable: Vec<u64>,
    pub(crate) good_refused: u64,
    /// Those refused for good, or without a time to try again, while the key could not be had.
    pub(crate) sent_away: u64,
    pub(crate) withdrawn: u64,
    pub(crate) withdrawn_accepted: u64,
    /// When all callers of an instance came at once, and which.
    pub(crate) crowds: Vec<(u64, u64)>,
}

impl Answers {
    /// Takes a request's verification: at once, if it need not wait.
    pub(crate) fn take(
        &mut self,
        second: u64,
        expected: Expected,
        verification: impl Future<Output = Result<(), Rejection>> + Send + 'static,
    ) {
        let mut verification = Box::pin(verification);
        match verification.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => self.count(Answer { second, expected, waited: false, outcome }),
            Poll::Pending => {
                let answer = async move { Answer { second, expected, waited: true, outcome: verification.await } };
                self.waiting.spawn(answer);
            }
        }
    }

    pub(crate) fn crowd(&mut self, second: u64, instance: u64) {
        self.crowds.push((second, instance));
    }

    /// Counts those that waited and have their answer.
    pub(crate) fn count_ready(&mut self) {
        while let Some(answer) = self.waiting.try_join_next() {
            // A verification that panics is an answer that is missing in the end.
            answer.into_iter().for_each(|answer| self.count(answer));
        }
    }

    /// Counts all, waiting for them.
    pub(crate) async fn count_all(&mut self) {
        while let Some(answer) = self.waiting.join_next().await {
            answer.into_iter().for_each(|answer| self.count(answer));
        }
    }

    fn count(&mut self, answer: Answer) {
        let Answer { second, expected, waited, outcome } = answer;
        self.taken += 1;
        if waited {
            self.waited.push(second);
        }
        match (expected, outcome) {
            (Expected::AcceptedAtOnce, Ok(())) => self.waited_in_vain += u64::from(waited),
            (Expected::Accepted | Expected::Unavailable, Ok(())) => {}
            (Expected::AcceptedAtOnce | Expected::Accepted, Err(_)) => self.good_refused += 1,
            (Expected::Unavailable, Err(rejection)) if rejection.retry_after().is_some() => {
                self.unavailable.push(second);
            }
            (Expected::Unavailable, Err(_)) => self.sent_away += 1,
            (Expected::Refused, outcome) => {
                self.withdrawn += 1;
                self.withdrawn_accepted += u64::from(outcome.is_ok());
            }
        }
    }
}
