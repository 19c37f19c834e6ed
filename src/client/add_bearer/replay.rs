//! [`Replay`]: whether a request can be sent a second time.

use http::Request;
use http_body::Body;

/// Which requests an [`AddBearerLayer`](super::AddBearerLayer) sends once more after a refusal: [`ReplayEmpty`] or [`ReplayClone`].
pub trait Replay<B>: sealed::Sealed {
    /// The request once more, if that can be made.
    #[doc(hidden)]
    fn copy(&self, request: &Request<B>) -> Option<Request<B>>;
}

/// Those without a body.
#[derive(Clone, Copy, Debug)]
pub struct ReplayEmpty(pub(super) ());

/// All, by a clone.
#[derive(Clone, Copy, Debug)]
pub struct ReplayClone(pub(super) ());

impl<B: Body + Default> Replay<B> for ReplayEmpty {
    fn copy(&self, request: &Request<B>) -> Option<Request<B>> {
        request.body().is_end_stream().then(|| with_body(request, B::default()))
    }
}

impl<B: Clone> Replay<B> for ReplayClone {
    fn copy(&self, request: &Request<B>) -> Option<Request<B>> {
        Some(with_body(request, request.body().clone()))
    }
}

fn with_body<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReplayEmpty {}
    impl Sealed for super::ReplayClone {}
}
