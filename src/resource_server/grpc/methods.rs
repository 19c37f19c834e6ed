//! [`GrpcMethods`]: what each method of gRPC services requires.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::super::outcome::Outcome;
use super::super::rejection::{Rejection, RejectionKind};
use super::super::require::RequireFuture;
use super::super::requirement::{Requirement, all_of};
use super::path;
use crate::error::Error;

/// A layer that asks something of each method of gRPC services by itself: around one service, or around a whole server.
///
/// A [`BearerLayer`](super::super::BearerLayer) has to run before it. Then, by the path of the request, whatever the caller speaks:
///
/// 1. The method has a rule: its token has to satisfy that. 403 for others (7 in gRPC), 401 (16) where no token came.
/// 2. It has none, but the layer [opened](super::super::BearerLayer::open) it: it is let through.
/// 3. It has none: [`otherwise`](Self::otherwise) counts. Where that is not set, the method is denied to everybody, so that one that is
///    added to a service is not open until somebody has thought of it.
///
/// A path is compared letter by letter, as services of gRPC do: nothing is decoded or made regular, and what another spelling of a
/// path leads to is not the method. A query does not belong to it. Where something between this layer and the service changes paths,
/// the rules count for what they were before: a service that made paths regular would run a method that has a rule under
/// [`otherwise`](Self::otherwise). A path of REST is no method and has no rule, so in a router that holds both this goes around the
/// services of gRPC alone, and the [`BearerLayer`](super::super::BearerLayer) around all. A streaming call is checked when it starts; see
/// [`until_expiry`](super::super::VerifiedToken::until_expiry).
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{BearerLayer, GrpcMethods, Issuer, satisfies, scope};
///
/// let issuer = Issuer::new("https://login.example.com")?;
/// let methods = GrpcMethods::new()
///     .method("/orders.v1.Orders/Place", scope("orders.write"))?
///     .method("/orders.v1.Orders/List", satisfies(|_| Ok(())))? // any good token
///     .otherwise(scope("orders.admin")); // without this line, what is not listed is denied
/// let guard = ServiceBuilder::new().layer(BearerLayer::new(issuer.validator("api://orders"))).layer(methods);
/// # Ok::<(), tower_bearer::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct GrpcMethods {
    rules: Arc<Rules>,
}

#[derive(Clone, Default)]
struct Rules {
    methods: HashMap<Box<str>, Requirement>,
    otherwise: Option<Requirement>,
}

impl GrpcMethods {
    /// Without a rule: every method is denied.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires this of calls to this method, by its path `/{package}.{Service}/{Method}`. Of one that is named twice both are required.
    ///
    /// # Errors
    /// Not the path of a method.
    pub fn method(mut self, path: &str, requirement: Requirement) -> Result<Self, Error> {
        if !path::is_method(path) {
            return Err(Error::configuration(
                "GrpcMethods::method(..) was given what is not the path of a method: write it as `/package.Service/Method`",
            ));
        }
        let methods = &mut Arc::make_mut(&mut self.rules).methods;
        let required = and(methods.remove(path), requirement);
        methods.insert(path.into(), required);
        Ok(self)
    }

    /// Requires this of calls to all methods that have no rule, in place of denying them. Called twice, both are required.
    pub fn otherwise(mut self, requirement: Requirement) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        rules.otherwise = Some(and(rules.otherwise.take(), requirement));
        self
    }
}

fn and(before: Option<Requirement>, requirement: Requirement) -> Requirement {
    match before {
        Some(before) => all_of([before, requirement]),
        None => requirement,
    }
}

impl Rules {
    fn judge<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        let outcome = Outcome::of(request.extensions())?;
        let required = match self.methods.get(request.uri().path()) {
            Some(own) => Some(own),
            None if outcome.is_open() => return Ok(()),
            None => self.otherwise.as_ref(),
        };
        let token = outcome.token()?;
        let Some(required) = required else {
            tracing::debug!(
                "a method that GrpcMethods has no rule for was called, and denied: where it should be allowed, add \
                 `.method(path, requirement)`, or `.otherwise(requirement)` for all of them"
            );
            return Err(token.rejected(Rejection::new(RejectionKind::UnlistedMethod)));
        };
        token.satisfies(required)
    }
}

impl<S> Layer<S> for GrpcMethods {
    type Service = GrpcMethodsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GrpcMethodsService { inner, rules: Arc::clone(&self.rules) }
    }
}

/// A service whose methods are called with tokens that satisfy what each requires. Made by [`GrpcMethods`].
#[derive(Clone)]
pub struct GrpcMethodsService<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S, B, R> Service<Request<B>> for GrpcMethodsService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.rules.judge(&request) {
            Ok(()) => RequireFuture::calling(self.inner.call(request)),
            Err(rejection) => RequireFuture::rejected(rejection, &request),
        }
    }
}

impl fmt::Debug for GrpcMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcMethods").field("methods", &self.rules.methods.len()).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for GrpcMethodsService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcMethodsService").finish_non_exhaustive()
    }
}
