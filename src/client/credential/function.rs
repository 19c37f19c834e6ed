//! What is asked of a function of the user's: it ends in time or it failed, and its panic is a failure too.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::runtime;

/// How long it may take. Callers wait for their token for 10 s in all.
const TIME_OUT: Duration = Duration::from_secs(8);

/// Why it gave nothing. What its error said was dropped where it was called: there may be secrets in it.
#[derive(Clone, Copy)]
pub(super) enum Failed {
    Error,
    Panicked,
    TimedOut,
}

/// What the function gives. It is called by the first poll, so that its panic is met here in any case.
pub(super) async fn outcome<F, T>(call: impl FnOnce() -> F + Send) -> Result<T, Failed>
where
    F: Future<Output = Option<T>> + Send,
{
    let mut called = Box::pin(async move { call().await });
    // Whatever it left half-way is dropped with it, and nothing of ours is in there.
    let caught = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| called.as_mut().poll(context))) {
        Ok(poll) => poll.map(|given| given.ok_or(Failed::Error)),
        Err(_) => Err(Failed::Panicked).into(),
    });
    runtime::within(TIME_OUT, caught).await.unwrap_or(Err(Failed::TimedOut))
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("failed"),
            Self::Panicked => f.write_str("panicked"),
            Self::TimedOut => write!(f, "did not end within {} s", TIME_OUT.as_secs()),
        }
    }
}
