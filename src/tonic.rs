//! A rejection as a status of tonic, and the names of guarded services.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Code, Status};

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
