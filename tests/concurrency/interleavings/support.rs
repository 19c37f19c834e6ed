//! Interleavings, callers, and an issuer whose answers the test writes.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::JoinHandle;
use shuttle::{Config, Runner};
use tower_bearer::{RejectionKind as Kind, Validator};
use tower_service::Service;

pub(crate) const AUDIENCE: &str = "api://orders";

/// Interleavings of a scenario, by each scheduler. `SCHEDULES` sets another number.
const SCHEDULES: usize = 200;
/// Where the choice of interleavings begins, so that every run tries the same. `SEED` sets another one.
const SEED: u64 = 9;

/// Whether there is a tokio runtime that drives fetches, or the callers do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Runtime {
    Here,
    Absent,
}

/// Tries the scenario in many orders: in any order, and in those that few changes of priority bring about, which hold one
/// thread back for long.
pub(crate) fn interleave(runtime: Runtime, scenario: impl Fn() + Send + Sync + 'static) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let schedules = number("SCHEDULES").map_or(SCHEDULES, |schedules| schedules as usize);
    let seed = number("SEED").unwrap_or(SEED);
    let scenario = Arc::new(scenario);
    run(runtime, RandomScheduler::new_from_seed(seed, schedules), Arc::clone(&scenario));
    run(runtime, PctScheduler::new_from_seed(seed, 3, schedules), scenario);
}

fn run(runtime: Runtime, scheduler: impl Scheduler + 'static, scenario: Arc<impl Fn() + Send + Sync + 'static>) {
    // Says that there is a runtime; shuttle drives the tasks.
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _here = (runtime == Runtime::Here).then(|| tokio.enter());
    let mut config = Config::new();
    config.stack_size = 256 * 1024; // room for cryptography that is not optimized
    Runner::new(scheduler, config).run(move || scenario());
}

/// Somebody who verifies a token, in a thread of its own.
pub(crate) fn caller(validator: &Validator, token: &str) -> JoinHandle<Option<Kind>> {
    let (validator, token) = (validator.clone(), token.to_owned());
    shuttle::thread::spawn(move || kind(&validator, &token))
}

/// Why the token is rejected, if it is.
pub(crate) fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    block_on(validator.verify(token)).err().map(|rejection| rejection.kind())
}

/// Answers each request by what `answer` says to its number, counted from one, a moment after it was asked.
#[derive(Clone)]
pub(crate) struct Answering<A> {
    asked: Arc<AtomicUsize>,
    answer: A,
}

pub(crate) enum Answer {
    Keys(String),
    /// After others had their turn, several times.
    LateKeys(String),
    Status(u16),
    Panic,
}

impl<A> Answering<A> {
    pub(crate) fn new(answer: A) -> Self {
        Self { asked: Arc::default(), answer }
    }

    pub(crate) fn requests(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl<A: Fn(usize) -> Answer> Service<Request<Full<Bytes>>> for Answering<A> {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let answer = (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst) + 1);
        Box::pin(async move {
            shuttle::future::yield_now().await;
            let (status, body) = match answer {
                Answer::Keys(keys) => (200, keys),
                Answer::LateKeys(keys) => {
                    // Within one poll, so that it can't be aborted in between.
                    (0..3).for_each(|_| shuttle::thread::yield_now());
                    (200, keys)
                }
                Answer::Status(status) => (status, String::new()),
                // Without a word: it is asked for.
                Answer::Panic => std::panic::resume_unwind(Box::new("the transport panics, as asked for")),
            };
            Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
        })
    }
}
