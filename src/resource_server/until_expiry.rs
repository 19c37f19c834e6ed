//! [`UntilExpiry`]: a stream that ends when its token runs out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::rejection::{Rejection, RejectionKind};
use super::verified_token::VerifiedToken;
use crate::runtime;

/// How long an idle stream does not look at the clock: somebody may set it meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl VerifiedToken {
    /// Binds a stream to this token: it passes items on until the moment from which a new request with the token would be refused,
    /// that is `exp` and the validator's leeway by the validator's clock. Then its last item is the rejection
    /// ([`Expired`](RejectionKind::Expired)), and the stream within is dropped, also while it is idle.
    ///
    /// It is for calls that last: streams of gRPC in either direction, server-sent events, and the like. Their token is checked when
    /// they start, and not again but for this. What is not noticed: that the issuer withdrew the key meanwhile, and what your own
    /// [`check`](super::Validator::check)s would say now.
    ///
    /// While the stream is idle the clock is looked at once a minute, in case somebody set it, and when it shows the end; that takes a
    /// tokio runtime with its timers switched on (`enable_time`), and panics in one without. Outside of any runtime it is looked at
    /// whenever the stream is polled.
    ///
    /// ```
    /// use tokio_stream::Stream;
    /// use tonic::{Request, Response, Status};
    /// use tower_bearer::{UntilExpiry, VerifiedToken};
    ///
    /// async fn watch<S>(request: Request<()>, orders: S) -> Result<Response<UntilExpiry<S>>, Status>
    /// where
    ///     S: Stream<Item = Result<String, Status>>,
    /// {
    ///     let token = VerifiedToken::from_extensions(request.extensions())?;
    ///     Ok(Response::new(token.until_expiry(orders)))
    /// }
    /// ```
    pub fn until_expiry<S, T, E>(&self, stream: S) -> UntilExpiry<S>
    where
        S: Stream<Item = Result<T, E>>,
        E: From<Rejection>,
    {
        UntilExpiry { inner: Some(stream), token: self.clone(), timer: None }
    }
}

pin_project! {
    /// A stream that ends when its token runs out. Made by [`VerifiedToken::until_expiry`].
    #[must_use = "streams do nothing unless polled"]
    pub struct UntilExpiry<S> {
        // None once it has ended.
        #[pin]
        inner: Option<S>,
        token: VerifiedToken,
        // In a box, so that this can be moved as freely as what is within; made when the stream is idle for the first time.
        timer: Option<Pin<Box<Sleep>>>,
    }
}

impl<S, T, E> Stream for UntilExpiry<S>
where
    S: Stream<Item = Result<T, E>>,
    E: From<Rejection>,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            let Some(left) = this.token.time_left() else {
                tracing::debug!("a stream has ended with its token");
                this.inner.set(None);
                *this.timer = None;
                let rejection = this.token.rejected(Rejection::new(RejectionKind::Expired));
                return Poll::Ready(Some(Err(rejection.into())));
            };
            if let Poll::Ready(item) = inner.poll_next(cx) {
                if item.is_none() {
                    this.inner.set(None);
                    *this.timer = None;
                }
                return Poll::Ready(item);
            }
            // A clock in a test's hand may have been moved since it was looked at.
            this.token.clock().wake_when_moved(cx.waker());
            if this.token.time_left().is_none() {
                continue;
            }
            if this.timer.is_none() {
                *this.timer = runtime::sleep(left.min(LOOK_AGAIN)).map(Box::pin);
            }
            let Some(timer) = this.timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(cx));
            *this.timer = None;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.inner {
            // And the rejection; or nothing but that.
            Some(inner) => (0, inner.size_hint().1.and_then(|most| most.checked_add(1))),
            None => (0, Some(0)),
        }
    }
}

impl<S> fmt::Debug for UntilExpiry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilExpiry").field("ended", &self.inner.is_none()).finish_non_exhaustive()
    }
}
