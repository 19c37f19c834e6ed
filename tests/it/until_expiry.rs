//! Streams that are bound to a token.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use http::Request;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt, empty, iter, pending};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::{BearerLayer, Issuer, Rejection, RejectionKind, UntilExpiry, VerifiedToken};

use super::support::AUDIENCE;

type Item = Result<u8, Rejection>;
type Feed = UnboundedReceiverStream<Item>;

/// A token that is good for an hour and, as that is the leeway, a minute more.
async fn token(authority: &TestIssuer) -> VerifiedToken {
    let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(3600)).sign();
    authority.issuer().validator(AUDIENCE).verify(&token).await.unwrap()
}

const LIFE: Duration = Duration::from_secs(3660);

fn feed() -> (mpsc::UnboundedSender<Item>, Feed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, UnboundedReceiverStream::new(receiver))
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn is_expired(item: Option<Item>) {
    assert_eq!(item.unwrap().unwrap_err().kind(), RejectionKind::Expired);
}

#[tokio::test]
async fn items_pass_until_a_new_request_would_be_refused_and_then_the_stream_ends_with_the_rejection() {
    let authority = TestIssuer::new();
    // On a whole second, as `exp` is one.
    authority.set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let (sender, stream) = feed();
    let mut stream = token(&authority).await.until_expiry(stream);
    let text = authority.token(AUDIENCE).expires_in(Duration::from_secs(3600)).sign();
    let validator = authority.issuer().validator(AUDIENCE);
    sender.send(Ok(1)).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), 1);

    authority.advance(LIFE - Duration::from_millis(1));
    assert!(validator.verify(&text).await.is_ok());
    sender.send(Ok(2)).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), 2);

    authority.advance(Duration::from_millis(1));
    assert_eq!(validator.verify(&text).await.unwrap_err().kind(), RejectionKind::Expired);
    sender.send(Ok(3)).unwrap();
    is_expired(stream.next().await);
    assert!(sender.is_closed(), "the stream within was dropped");
    assert!(stream.next().await.is_none());
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_is_never_idle_ends_too() {
    let authority = TestIssuer::new();
    let mut stream = token(&authority).await.until_expiry(iter(std::iter::repeat(1)).map(Item::Ok));
    for _ in 0..1_000 {
        assert!(stream.next().await.unwrap().is_ok());
    }
    authority.advance(LIFE);
    is_expired(stream.next().await);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_is_woken_when_a_tests_clock_is_moved() {
    let authority = TestIssuer::new();
    let (sender, stream) = feed();
    let mut stream = token(&authority).await.until_expiry(stream);
    let started = tokio::time::Instant::now();
    let waiting = tokio::spawn(async move { (stream.next().await, stream.next().await.is_none()) });
    yield_now().await;
    for _ in 0..3 {
        authority.advance(LIFE / 4);
        yield_now().await;
        assert!(!waiting.is_finished());
    }
    authority.advance(LIFE / 4);
    let (item, ended) = waiting.await.unwrap();
    is_expired(item);
    assert!(ended && sender.is_closed());
    assert_eq!(started.elapsed(), Duration::ZERO, "no timer was waited for");
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_ends_by_the_clock_of_the_system() {
    let authority = TestIssuer::new();
    let text = authority.token(AUDIENCE).expires_in(Duration::from_secs(1)).sign();
    let issuer = Issuer::new(authority.identifier()).unwrap().with_jwks(authority.jwks()).unwrap();
    let expires_at = issuer.validator(AUDIENCE).verify(&text).await.unwrap().expires_at();
    // What is left of its life is some milliseconds, in which the timers of the paused runtime fire again and again.
    let end = SystemTime::now() + Duration::from_millis(20);
    let (expires_at, leeway) = match end.duration_since(expires_at) {
        Ok(leeway) => (expires_at, leeway),
        Err(_) => (expires_at, Duration::ZERO),
    };
    let token = issuer.validator(AUDIENCE).leeway(leeway).verify(&text).await.unwrap();
    let mut stream = token.until_expiry(pending::<Item>());
    is_expired(stream.next().await);
    assert!(SystemTime::now() >= expires_at + leeway);
}

#[test]
fn without_a_runtime_the_clock_is_looked_at_on_each_poll() {
    let authority = TestIssuer::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let token = runtime.block_on(token(&authority));
    let mut stream = token.until_expiry(pending::<Item>());
    assert!(poll(&mut stream).is_pending());
    authority.advance(LIFE - Duration::from_secs(1));
    assert!(poll(&mut stream).is_pending());
    authority.advance(Duration::from_secs(1));
    let Poll::Ready(item) = poll(&mut stream) else { panic!("the token has expired") };
    is_expired(item);
    assert!(matches!(poll(&mut stream), Poll::Ready(None)));
}

#[tokio::test]
async fn the_wall_clock_counts_forwards_and_back() {
    let authority = TestIssuer::new();
    let clock = TestClock::new();
    let text = authority.token(AUDIENCE).expires_in(Duration::from_secs(3600)).sign();
    let issuer = Issuer::new(authority.identifier()).unwrap().with_jwks(authority.jwks()).unwrap().clock(&clock);
    let token = issuer.validator(AUDIENCE).verify(&text).await.unwrap();
    let mut stream = token.until_expiry(pending::<Item>());
    let mut other = token.until_expiry(pending::<Item>());
    assert!(poll(&mut stream).is_pending());
    clock.set_wall_clock(clock.now() + LIFE - Duration::from_secs(30));
    assert!(poll(&mut stream).is_pending());
    clock.set_wall_clock(clock.now() + Duration::from_secs(31));
    let Poll::Ready(item) = poll(&mut stream) else { panic!("the token has expired") };
    is_expired(item);
    clock.set_wall_clock(clock.now() - Duration::from_secs(60));
    assert!(matches!(poll(&mut stream), Poll::Ready(None)), "a stream that has ended stays so");
    assert!(poll(&mut other).is_pending(), "one that nobody looked at meanwhile goes on");
}

#[tokio::test]
async fn a_stream_that_ends_by_itself_ends_without_a_rejection_and_its_own_errors_pass() {
    let authority = TestIssuer::new();
    let token = token(&authority).await;
    let mut nothing = token.until_expiry(empty::<Item>());
    assert!(nothing.next().await.is_none());
    authority.advance(LIFE);
    assert!(nothing.next().await.is_none());

    let authority = TestIssuer::new();
    let own = [Err(Rejection::new(RejectionKind::Refused)), Ok(7)];
    let mut stream = self::token(&authority).await.until_expiry(iter(own));
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), RejectionKind::Refused);
    assert_eq!(stream.next().await.unwrap().unwrap(), 7);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_token_that_has_run_out_already_lets_nothing_pass() {
    let authority = TestIssuer::new();
    let token = token(&authority).await;
    authority.advance(LIFE);
    let mut stream = token.until_expiry(iter([Item::Ok(1)]));
    is_expired(stream.next().await);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_key_that_is_withdrawn_meanwhile_ends_no_stream() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let text = authority.token(AUDIENCE).sign();
    let validator = issuer.validator(AUDIENCE);
    let mut stream = validator.verify(&text).await.unwrap().until_expiry(iter(std::iter::repeat(1)).map(Item::Ok));
    authority.rotate();
    authority.advance(Duration::from_secs(15));
    validator.verify(&authority.token(AUDIENCE).sign()).await.unwrap();
    assert!(validator.verify(&text).await.is_err(), "the key is gone");
    assert!(stream.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn the_rejection_is_said_as_the_layer_says_it() {
    let authority = TestIssuer::new();
    let layer = BearerLayer::new(authority.issuer().validator(AUDIENCE)).realm("Orders").unwrap();
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let token = VerifiedToken::from_extensions(request.extensions()).unwrap();
        Ok::<_, std::convert::Infallible>(http::Response::new(Some(token.until_expiry(iter([Item::Ok(1)])))))
    }));
    let bearer = format!("Bearer {}", authority.token(AUDIENCE).expires_in(Duration::from_secs(3600)).sign());
    let request = Request::builder().header("authorization", bearer).body(()).unwrap();
    let mut stream = service.oneshot(request).await.unwrap().into_body().unwrap();
    authority.advance(LIFE);
    let rejection = stream.next().await.unwrap().unwrap_err();
    let challenge = r#"Bearer realm="Orders", error="invalid_token", error_description="the token has expired""#;
    assert_eq!(rejection.www_authenticate().unwrap(), challenge);
}

#[tokio::test]
async fn whatever_can_be_made_of_a_rejection_is_an_error_of_the_stream() {
    let authority = TestIssuer::new();
    let token = token(&authority).await;
    authority.advance(LIFE);
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    let mut stream = token.until_expiry(iter([Ok::<u8, Boxed>(1)]));
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref::<Rejection>().unwrap().kind(), RejectionKind::Expired);
}

#[tokio::test]
async fn it_says_how_many_items_may_come() {
    let authority = TestIssuer::new();
    let mut stream = token(&authority).await.until_expiry(iter([Item::Ok(1)]));
    assert_eq!(stream.size_hint(), (0, Some(2)), "or the rejection");
    stream.next().await.unwrap().unwrap();
    assert!(stream.next().await.is_none());
    assert_eq!(stream.size_hint(), (0, Some(0)));
}

#[tokio::test]
async fn it_is_as_free_as_the_stream_within() {
    fn is_free<T: Send + Sync + Unpin + 'static>() {}
    is_free::<UntilExpiry<Feed>>();
    let authority = TestIssuer::new();
    // One that can't be moved serves as well.
    let held = Arc::new(());
    let within = Arc::clone(&held);
    let stream = token(&authority).await.until_expiry(tokio_stream::once(()).then(move |()| {
        let within = Arc::clone(&within);
        async move {
            std::future::pending::<()>().await;
            drop(within);
            Item::Ok(1)
        }
    }));
    let mut stream = pin!(stream);
    assert!(stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
    authority.advance(LIFE);
    is_expired(stream.next().await);
    assert_eq!(Arc::strong_count(&held), 1, "it was dropped where it is");
}
