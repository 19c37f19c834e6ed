//! A rejection as a status of tonic, the names of guarded services, and why a call was not sent.

#[cfg(feature = "client")]
use std::error::Error;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Code, Status};

#[cfg(feature = "client")]
use crate::client::TokenError;
use crate::resource_server::{BearerService, GrpcMethodsService, Rejection, RequireService};

/// The status as the layer would answer: code, message, details, and in the metadata the challenge and `retry-after`. The
/// rejection is its [`source`](std::error::Error::source). So `?` serves in a method:
///
/// ```
/// use tonic::{Request, Response, Status};
/// use tower_bearer::{VerifiedToken, scope};
///
/// async fn place(request: Request<String>) -> Result<Response<String>, Status> {
///     let token = VerifiedToken::from_extensions(request.extensions())?;
///     token.require(scope("orders.write"))?;
///     Ok(Response::new(format!("placed for {}", token.subject().unwrap_or("?"))))
/// }
/// ```
///
/// and in an interceptor:
///
/// ```
/// use tonic::{Request, Status};
/// use tower_bearer::{VerifiedToken, scope};
///
/// fn writers(request: Request<()>) -> Result<Request<()>, Status> {
///     VerifiedToken::from_extensions(request.extensions())?.require(scope("orders.write"))?;
///     Ok(request)
/// }
/// ```
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let mut headers = HeaderMap::new();
        headers.extend(rejection.www_authenticate().map(|challenge| (WWW_AUTHENTICATE, challenge)));
        headers.extend(rejection.retry_after_seconds().map(|seconds| (RETRY_AFTER, seconds.into())));
        let mut status = Self::with_details_and_metadata(
            Code::from_i32(rejection.grpc_code()),
            rejection.description(),
            rejection.grpc_details().into(),
            MetadataMap::from_headers(headers),
        );
        status.set_source(Arc::new(rejection));
        status
    }
}

impl<S: NamedService> NamedService for BearerService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService> NamedService for GrpcMethodsService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService> NamedService for RequireService<S> {
    const NAME: &'static str = S::NAME;
}

#[cfg(feature = "client")]
impl TokenError {
    /// Why a call was not sent, where a channel with an [`AddBearerLayer`](crate::AddBearerLayer) had no token for it: tonic makes a
    /// status of that error, whose code and message are of no use to others. `None` where the call failed for another reason.
    ///
    /// A method that calls a further service should not pass on each status of that call as it is: the message may name the token
    /// endpoint, and callers who see UNAUTHENTICATED throw away their own token, which was good.
    ///
    /// ```
    /// use tonic::{Code, Status};
    /// use tower_bearer::{Rejection, RejectionKind, TokenError};
    ///
    /// fn relayed(status: Status) -> Status {
    ///     match TokenError::from_status(&status) {
    ///         Some(error) => Rejection::from(error.clone()).into(), // what the caller can do about it
    ///         None if status.code() == Code::Unauthenticated => Rejection::new(RejectionKind::TokenRefused).into(),
    ///         None => status, // about what the caller asked for
    ///     }
    /// }
    /// ```
    pub fn from_status(status: &Status) -> Option<&Self> {
        let mut cause = status.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}
