//! The tokio runtime at hand, if there is one: without it, whoever asks for something drives it, and nothing is timed.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;

#[cfg(not(tower_bearer_shuttle))]
pub(crate) use tokio::task::AbortHandle;

#[cfg(tower_bearer_shuttle)]
pub(crate) use self::tasks::AbortHandle;

#[cfg(tower_bearer_shuttle)]
#[path = "../tests/concurrency/tasks.rs"]
mod tasks;

/// Whether there is a runtime at hand.
pub(crate) fn is_here() -> bool {
    Handle::try_current().is_ok()
}

/// Runs this in a task of its own. Without a runtime it is given back.
pub(crate) fn spawn<F>(future: F) -> Result<AbortHandle, F>
where
    F: Future<Output = ()> + Send + 'static,
{
    match Handle::try_current() {
        #[cfg(not(tower_bearer_shuttle))]
        Ok(runtime) => Ok(runtime.spawn(future).abort_handle()),
        #[cfg(tower_bearer_shuttle)]
        Ok(_) => Ok(tasks::spawn(future)),
        Err(_) => Err(future),
    }
}

/// A timer; none without a runtime.
pub(crate) fn sleep(duration: Duration) -> Option<tokio::time::Sleep> {
    is_here().then(|| tokio::time::sleep(duration))
}

/// Does work that blocks, such as reading a file, away from the tasks. `None` if it was cut off.
#[cfg(feature = "client")]
pub(crate) async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    if is_here() && !cfg!(tower_bearer_shuttle) { tokio::task::spawn_blocking(work).await.ok() } else { Some(work()) }
}

/// Waits for this so long at most: `None` where it takes longer.
pub(crate) async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    // Time stands still where interleavings are tried.
    if is_here() && !cfg!(tower_bearer_shuttle) {
        tokio::time::timeout(patience, future).await.ok()
    } else {
        Some(future.await)
    }
}
