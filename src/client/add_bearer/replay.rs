//! [`Replay`]: whether a request can be sent a second time.

use http::Request;
use http_body::Body;

/// Which requests an [`AddBearerLayer`](super::AddBearerLayer) sends once more after a refusal: [`ReplayEmpty`], [`ReplayClone`] or
/// [`ReplayNever`]. Nobody else can implement it.
///
/// A struct says it in the type of the service:
///
/// ```
/// use tower_bearer::{AddBearerService, ReplayClone, ReplayNever};
///
/// struct Apis<C> {
///     stock: AddBearerService<C>,                  // requests without a body
///     orders: AddBearerService<C, ReplayClone>,    // all, by `replay_bodies()`
///     upstream: AddBearerService<C, ReplayNever>,  // none, by `never_replay()`
/// }
/// ```
pub trait Replay<B>: sealed::Sealed {
    /// The request once more, if that can be made.
    #[doc(hidden)]
    fn copy(&self, request: &Request<B>) -> Option<Request<B>>;
}

/// Those without a body are sent once more. What [`AddBearerLayer`](super::AddBearerLayer) does unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct ReplayEmpty(pub(super) ());

/// All are sent once more, by a clone: [`AddBearerLayer::replay_bodies`](super::AddBearerLayer::replay_bodies).
#[derive(Clone, Copy, Debug)]
pub struct ReplayClone(pub(super) ());

/// None is sent once more: [`AddBearerLayer::never_replay`](super::AddBearerLayer::never_replay).
#[derive(Clone, Copy, Debug)]
pub struct ReplayNever(pub(super) ());

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

impl<B> Replay<B> for ReplayNever {
    fn copy(&self, _: &Request<B>) -> Option<Request<B>> {
        None
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
    impl Sealed for super::ReplayNever {}
}
