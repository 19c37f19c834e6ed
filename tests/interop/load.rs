//! [`Load`]: callers that ask over and over, and a tally of what they were answered.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::guarded::ask;

const CALLERS: usize = 8;
/// Between an answer and the caller's next request: most of the machine is for the provider.
const PAUSE: Duration = Duration::from_millis(4);
/// Longer than anything in these tests takes.
const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Load {
    callers: JoinSet<()>,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    accepted: AtomicU64,
    refused: AtomicU64,
    waited: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    /// Callers who each ask with this token, and ask again when they are answered.
    pub(crate) fn start(app: &Router, token: &str) -> Self {
        let tally = Arc::new(Tally::default());
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            callers.spawn(call(app.clone(), token.to_owned(), Arc::clone(&tally)));
        }
        Self { callers, tally }
    }

    /// Waits until so many more requests were accepted.
    pub(crate) async fn goes_on(&self, requests: u64) {
        let wanted = self.accepted() + requests;
        until(|| self.accepted() >= wanted).await;
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.tally.accepted.load(Relaxed)
    }

    /// How many requests were not answered at once, because something had to be waited for.
    pub(crate) fn waited(&self) -> u64 {
        self.tally.waited.load(Relaxed)
    }

    /// Lets the callers finish and says how many requests were refused.
    pub(crate) async fn end(self) -> u64 {
        self.tally.ended.store(true, Relaxed);
        self.callers.join_all().await;
        self.tally.refused.load(Relaxed)
    }
}

async fn call(app: Router, token: String, tally: Arc<Tally>) {
    while !tally.ended.load(Relaxed) {
        let mut asking = pin!(ask(&app, "/orders", &token));
        let at_once = std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context))).await;
        let answer = match at_once {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                tally.waited.fetch_add(1, Relaxed);
                asking.await
            }
        };
        let outcome = if answer.status == StatusCode::OK { &tally.accepted } else { &tally.refused };
        outcome.fetch_add(1, Relaxed);
        sleep(PAUSE).await;
    }
}

/// Lets other tasks run until this holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "this never came about");
        sleep(PAUSE).await;
    }
}
