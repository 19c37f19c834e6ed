//! What the crate's `runtime` runs fetches in, in this package: tasks that shuttle drives.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

pub(crate) use shuttle::future::AbortHandle;

/// Runs this in a task of its own, whose panic ends nothing but the task: as tokio does.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let mut future = Some(Box::pin(future));
    let contained = poll_fn(move |cx| {
        let Some(running) = &mut future else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            future = None;
            return Poll::Ready(());
        }
        Poll::Pending
    });
    shuttle::future::spawn(contained).abort_handle()
}
