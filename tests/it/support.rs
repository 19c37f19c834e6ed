//! What several contracts share: the audience, requests, and answers as a caller sees them.

use std::fmt::Debug;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_bearer::{Rejection, RejectionKind};

pub(crate) const AUDIENCE: &str = "api://orders";

/// All of an answer, the headers in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) kind: Option<RejectionKind>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} came more than once");
        value
    }

    pub(crate) fn challenge(&self) -> Option<&str> {
        self.header(WWW_AUTHENTICATE.as_str())
    }

    /// Status and challenge: what most contracts are about.
    pub(crate) fn said(&self) -> (u16, Option<&str>) {
        (self.status, self.challenge())
    }
}

/// `GET /` with these values of `Authorization`.
pub(crate) fn get<V>(credentials: impl IntoIterator<Item = V>) -> Request<Body>
where
    V: TryInto<HeaderValue>,
    V::Error: Debug,
{
    let mut request = Request::new(Body::empty());
    for value in credentials {
        request.headers_mut().append(AUTHORIZATION, value.try_into().unwrap());
    }
    request
}

/// `GET /` without credentials.
pub(crate) fn anonymous() -> Request<Body> {
    Request::new(Body::empty())
}

/// `GET /` with this token.
pub(crate) fn with_token(token: &str) -> Request<Body> {
    get([format!("Bearer {token}")])
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let Ok(response) = app.clone().oneshot(request).await;
    let mut headers: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    Answer {
        status: response.status().as_u16(),
        headers,
        kind: response.extensions().get::<Rejection>().map(Rejection::kind),
        body: String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap(),
    }
}

/// To be called before events are captured on one thread.
///
/// While there is a single subscriber, tracing asks that of the thread which meets an event first whether anybody wants it, and
/// keeps the answer for all threads: a thread that captures nothing would switch the event off for those that do. With a second
/// one, each is asked.
pub(crate) fn keep_events_on() {
    static SECOND: LazyLock<tracing::Dispatch> = LazyLock::new(|| tracing_subscriber::registry().into());
    LazyLock::force(&SECOND);
}

/// What is logged on this thread, at any level, as long as this lives.
pub(crate) struct Log {
    written: Written,
    _capturing: tracing::subscriber::DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn capture() -> Self {
        keep_events_on();
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { written, _capturing: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits for all of them at once.
pub(crate) async fn together<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    futures.into_iter().collect::<JoinSet<_>>().join_all().await
}

/// Lets background tasks run until this holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("this never came about");
}
