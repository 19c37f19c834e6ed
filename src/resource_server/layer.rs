//! [`BearerLayer`]: the tower layer that lets requests with a good token through.

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::challenge::quote;
use super::context::{Context, Contexts};
use super::grpc::{is_method, is_service};
use super::guard::Guard;
use super::metadata::ProtectedResource;
use super::requirement::{Requirement, all_of};
use super::respond::{Respond, Responder};
use super::service::BearerService;
use super::token_source::TokenSource;
use super::verifier::Verifier;
use crate::error::Error;
use crate::scope::is_scope_token;

/// Lets requests through that carry a good bearer token.
///
/// 1. An outcome that an outer layer left in the request is taken away. By HTTP version and content type it is seen whether the
///    caller speaks gRPC, grpc-web or plain HTTP; what is said below is said [in that language](crate::manual::grpc).
/// 2. A call to a method of gRPC that is [`open`](Self::open) goes to the inner service at once, as one without a token.
/// 3. The token is looked for in each [`TokenSource`]; the `Authorization` header, unless told otherwise. Its value is
///    marked sensitive.
/// 4. More than one token, or credentials that are not `Bearer <token68>`: 400. None, or another scheme: 401, unless
///    [`optional`](Self::optional).
/// 5. The [`Validator`](super::Validator) decides. What it refuses: 401; where the keys can't be had: 503.
/// 6. What [`require`](Self::require) asks for is missing: 403.
/// 7. The [`VerifiedToken`](super::VerifiedToken) is put into the request's extensions and the inner service called.
/// 8. Where that answers with a [`Rejection`](super::Rejection) of its own making, it is said in this layer's way; a status and headers
///    that were set besides stay. So it is with a `Status` of tonic that was made from one (feature `tonic`).
///
/// It takes any request body, any response body that has a default (the empty body of a rejection), and any inner
/// service; errors of the inner service pass through. Layers that wrap the response body in a type without a default, as
/// those for tracing and compression do, go outside.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{BearerLayer, Issuer};
///
/// let issuer = Issuer::new("https://login.example.com")?;
/// let guard = ServiceBuilder::new().layer(BearerLayer::new(issuer.validator("api://orders")));
/// # Ok::<(), tower_bearer::Error>(())
/// ```
#[derive(Clone)]
pub struct BearerLayer {
    guard: Arc<Guard>,
}

impl BearerLayer {
    /// A layer that needs a token which this validator accepts, or one of [`AllowedIssuers`](super::AllowedIssuers). The `realm` of
    /// challenges is the validator's audience.
    pub fn new(verifier: impl Into<Verifier>) -> Self {
        let verifier = verifier.into();
        let context = Context { realm: verifier.audience().and_then(quote), ..Context::default() };
        let sources = vec![TokenSource::authorization()];
        let contexts = Contexts::new(&context);
        Self {
            guard: Arc::new(Guard { verifier, sources, optional: false, required: None, open: Vec::new(), contexts }),
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Guard)) -> Self {
        change(Arc::make_mut(&mut self.guard));
        self
    }

    fn change_context(self, change: impl FnOnce(&mut Context)) -> Self {
        self.change(|guard| guard.contexts.change(change))
    }

    /// Lets requests without a token through as well; handlers then see `None`. A bad token is still a 401.
    pub fn optional(self) -> Self {
        self.change(|guard| guard.optional = true)
    }

    /// Opens a service of gRPC to everybody, such as `/grpc.health.v1.Health/`, or one method, `/grpc.health.v1.Health/Check`: for a
    /// layer around a whole server, of which nothing is open by default, reflection neither. Services that are wrapped one by one need
    /// no such call; the open ones are just not wrapped.
    ///
    /// Only calls of gRPC and grpc-web to exactly `/{service}/{method}` are let through; other requests to the same path are not.
    /// A token that such a call brings is not looked at, and what is behind the layer sees it as one without a token.
    ///
    /// # Errors
    /// Neither a service, with a slash at both ends, nor the path of a method.
    ///
    /// ```
    /// # let issuer = tower_bearer::Issuer::new("https://login.example.com")?;
    /// let layer = tower_bearer::BearerLayer::new(issuer.validator("api://orders")).open("/grpc.health.v1.Health/")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn open(self, method_or_service: &str) -> Result<Self, Error> {
        if !is_method(method_or_service) && !is_service(method_or_service) {
            return Err(Error::configuration(
                "open(..) was given neither a service of gRPC nor a method: write `/package.Service/` or `/package.Service/Method`",
            ));
        }
        Ok(self.change(|guard| guard.open.push(method_or_service.into())))
    }

    /// Requires this of every token. Its scope goes into the challenge of a request without a token too. Call it again
    /// to require more. Requests that [`optional`](Self::optional) lets through without a token are not asked.
    pub fn require(self, requirement: Requirement) -> Self {
        self.change(|guard| {
            let required = match guard.required.take() {
                Some(before) => all_of([before, requirement]),
                None => requirement,
            };
            guard.contexts.change(|context| context.scope = required.scope_hint());
            guard.required = Some(required);
        })
    }

    /// Names the protection space in challenges (RFC 9110 §11.5).
    ///
    /// # Errors
    /// A character that can't stand in a header.
    pub fn realm(self, realm: &str) -> Result<Self, Error> {
        let realm = quote(realm)
            .ok_or_else(|| Error::configuration("realm(..): only visible ASCII and spaces can stand in a challenge"))?;
        Ok(self.change_context(|context| context.realm = Some(realm)))
    }

    /// Looks for the token in these places, and no others.
    pub fn token_from(self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        let sources = sources.into_iter().collect();
        self.change(|guard| guard.sources = sources)
    }

    /// Answers rejections in your own way, wherever they come from: this layer, [`require`](super::require), an
    /// extractor or a handler. Callers who speak gRPC are answered as gRPC has it, without this. `B` is the body that the guarded service answers with.
    pub fn respond_with<B: 'static, R: Respond<B>>(self, responder: R) -> Self {
        self.change_context(|context| context.responder = Some(Arc::new(Responder(Box::new(responder)))))
    }

    /// Tells callers in every 401 and 403 where the metadata of this API is (RFC 9728 §5.1).
    ///
    /// # Errors
    /// A character that can't stand in a URL.
    pub fn resource_metadata(self, url: impl Into<String>) -> Result<Self, Error> {
        let url = url.into();
        if !is_scope_token(&url) {
            return Err(Error::configuration("resource_metadata(..): write an absolute URL, percent-encoded"));
        }
        Ok(self.change_context(|context| context.resource_metadata = Some(url)))
    }

    /// As [`resource_metadata`](Self::resource_metadata), with the URL of this document.
    pub fn protected_resource(self, resource: &ProtectedResource) -> Self {
        let url = resource.metadata_url().to_owned();
        self.change_context(|context| context.resource_metadata = Some(url))
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerService::new(inner, Arc::clone(&self.guard))
    }
}

impl fmt::Debug for BearerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerLayer").field("optional", &self.guard.optional).finish_non_exhaustive()
    }
}
