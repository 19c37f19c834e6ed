//! Extractors and responses for axum.

use std::ops::Deref;
use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::resource_server::{Rejection, VerifiedToken};

/// The claims of the token as your type, parsed once per token.
///
/// As an extractor: 401 `invalid_token` where the claims don't fit `T`, 401 where no token came. `Option<Claims<T>>` is
/// `None` where no token came.
///
/// ```
/// use tower_bearer::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Staff { department: String }
///
/// async fn handler(Claims(staff): Claims<Staff>) -> String {
///     format!("hello, {}", staff.department)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
pub struct Claims<T>(pub Arc<T>);

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Claims<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Sync> FromRequestParts<S> for VerifiedToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::from_extensions(&parts.extensions).map_err(|rejection| for_caller(rejection, parts))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for VerifiedToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Self::optional_from_extensions(&parts.extensions).map_err(|rejection| for_caller(rejection, parts))
    }
}

impl<S: Sync, T: DeserializeOwned + Send + Sync + 'static> FromRequestParts<S> for Claims<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let token = VerifiedToken::of(&parts.extensions).map_err(|rejection| for_caller(rejection, parts))?;
        token.claims().map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned + Send + Sync + 'static> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let token = <VerifiedToken as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        token.map(|token| token.claims().map(Self)).transpose()
    }
}

/// Where no layer ran, nobody else knows how the caller speaks.
fn for_caller(rejection: Rejection, parts: &Parts) -> Rejection {
    rejection.for_caller(&parts.method, parts.version, &parts.headers)
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.respond::<Body>()
    }
}
