//! [`VerifiedToken`]: proof that a token came in and was checked.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::context::Context;
use super::outcome::Outcome;
use super::rejection::{Rejection, RejectionKind};
use super::requirement::Requirement;
use super::verified::Verified;
use crate::clock::Clock;
use crate::error::JsonFault;
use crate::scope;

/// An access token that was checked: signature, issuer, audience, time and the validator's own checks.
///
/// Only a [`Validator`](super::Validator) makes one. Cloning is cheap. `Debug` shows no claim.
///
/// Handlers have it from the axum extractor of the same type, or from [`from_extensions`](Self::from_extensions) with
/// any other framework.
#[derive(Clone)]
pub struct VerifiedToken {
    verified: Arc<Verified>,
    context: Option<Arc<Context>>,
}

impl VerifiedToken {
    #[inline]
    pub(crate) fn new(verified: Arc<Verified>) -> Self {
        Self { verified, context: None }
    }

    #[inline]
    pub(crate) fn in_context(self, context: Arc<Context>) -> Self {
        Self { context: Some(context), ..self }
    }

    /// The token of the request with these extensions, behind a [`BearerLayer`](super::BearerLayer).
    ///
    /// # Errors
    /// 401 where the layer is [`optional`](super::BearerLayer::optional) and no token came; 500 where no layer ran.
    ///
    /// ```
    /// use tower_bearer::{Rejection, VerifiedToken};
    ///
    /// fn owner(request: &http::Request<()>) -> Result<String, Rejection> {
    ///     let token = VerifiedToken::from_extensions(request.extensions())?;
    ///     Ok(token.subject().unwrap_or_default().to_owned())
    /// }
    /// # assert_eq!(owner(&http::Request::new(())).unwrap_err().status(), 500);
    /// ```
    pub fn from_extensions(extensions: &http::Extensions) -> Result<Self, Rejection> {
        Self::of(extensions).cloned()
    }

    /// The same, without a clone.
    #[inline]
    pub(crate) fn of(extensions: &http::Extensions) -> Result<&Self, Rejection> {
        Outcome::of(extensions)?.token()
    }

    /// As [`from_extensions`](Self::from_extensions), for a layer that is [`optional`](super::BearerLayer::optional):
    /// `None` where no token came.
    ///
    /// # Errors
    /// 500 where no layer ran.
    pub fn optional_from_extensions(extensions: &http::Extensions) -> Result<Option<Self>, Rejection> {
        Ok(Outcome::of(extensions)?.token().ok().cloned())
    }

    /// The issuer (`iss`). With [`Entra`](crate::Entra) it names the tenant, and v1 and v2 tokens of one person have different ones:
    /// know people there by [`tenant`](Self::tenant) and the claim `oid`.
    pub fn issuer(&self) -> &str {
        &self.verified.issuer
    }

    /// The audience by which the token was accepted: one of the validator's.
    pub fn audience(&self) -> &str {
        &self.verified.audience
    }

    /// The subject (`sub`). It is unique within one issuer only.
    pub fn subject(&self) -> Option<&str> {
        self.verified.text(self.verified.subject.as_ref())
    }

    /// The client that asked for the token (`client_id`, `azp`, `appid` or `cid`).
    pub fn client_id(&self) -> Option<&str> {
        self.verified.text(self.verified.client_id.as_ref())
    }

    /// The tenant (`tid`).
    pub fn tenant(&self) -> Option<&str> {
        self.verified.text(self.verified.tenant.as_ref())
    }

    /// Whether the client acts as itself and not for a person: `None` where the token doesn't tell.
    ///
    /// In tokens of RFC 9068, `sub` is then the client id (§2.2). Where another issuer's `sub` is not, nothing can be told, but for
    /// providers with marks of their own: Entra, Auth0, Cognito, Keycloak and Okta. With Azure AD B2C nothing tells.
    pub fn is_application(&self) -> Option<bool> {
        self.verified.is_application
    }

    /// Whether the client id alone may stand for permission here: with Entra only where the client acts as itself.
    pub(crate) fn client_may_authorize(&self) -> bool {
        !self.verified.client_is_no_permission || self.verified.is_application == Some(true)
    }

    /// The scopes (`scope` and `scp`): the words of a string, or the elements of an array. What is no scope token in either, for
    /// instance an element with a space in it, is left out (RFC 6749 §3.3).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        scope::words(self.verified.payload.text(&self.verified.scopes))
    }

    /// Whether it has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// The roles (`roles`, and where [`roles_at`](super::Validator::roles_at) points).
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.verified.roles.iter().map(|role| self.verified.payload.text(role))
    }

    /// Whether it has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|held| held == role)
    }

    /// When it expires (`exp`). The validator adds its leeway to this.
    pub fn expires_at(&self) -> SystemTime {
        self.verified.expires_at
    }

    /// When it was issued (`iat`).
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.verified.issued_at
    }

    /// One claim; `None` where it is missing or doesn't fit `T`.
    pub fn claim<'t, T: Deserialize<'t>>(&'t self, name: &str) -> Option<T> {
        T::deserialize(self.all()?.get(name)?).ok()
    }

    /// All claims as your type, parsed once per token.
    ///
    /// # Errors
    /// 401 `invalid_token` where the claims don't fit `T`.
    ///
    /// ```
    /// # fn handler(token: tower_bearer::VerifiedToken) -> Result<(), tower_bearer::Rejection> {
    /// #[derive(serde::Deserialize)]
    /// struct Staff { department: String }
    ///
    /// let staff = token.claims::<Staff>()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn claims<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<T>, Rejection> {
        if let Some(claims) = self.verified.read_later.typed() {
            return Ok(claims);
        }
        let claims: Arc<T> = match serde_json::from_str(self.verified.payload.as_str()) {
            Ok(claims) => Arc::new(claims),
            Err(error) => {
                let fault = JsonFault::from(error);
                tracing::debug!(%fault, r#type = std::any::type_name::<T>(), "the claims don't fit the type");
                return Err(self.rejected(Rejection::new(RejectionKind::ClaimsMismatch)));
            }
        };
        self.verified.read_later.keep(Arc::clone(&claims));
        Ok(claims)
    }

    /// Whether the token satisfies this: the same value guards routes by [`require`](super::require).
    ///
    /// # Errors
    /// 403 `insufficient_scope` where it does not.
    #[allow(clippy::needless_pass_by_value)] // reads as `token.require(scope("…"))?`
    pub fn require(&self, requirement: Requirement) -> Result<(), Rejection> {
        self.satisfies(&requirement)
    }

    pub(crate) fn satisfies(&self, requirement: &Requirement) -> Result<(), Rejection> {
        requirement.check(self).map_err(|rejection| self.rejected(rejection))
    }

    /// How much longer the validator takes it; `None` where that time is over.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let end = self.verified.expires_at.checked_add(self.verified.leeway)?;
        end.duration_since(self.verified.clock.wall()).ok().filter(|left| !left.is_zero())
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.verified.clock
    }

    /// The token in these extensions, put there by a layer or by whoever hands it on.
    #[cfg(feature = "client")]
    pub(crate) fn in_extensions(extensions: &http::Extensions) -> Option<&Self> {
        let of_layer = || extensions.get::<Outcome>().and_then(|outcome| outcome.token().ok());
        extensions.get().or_else(of_layer)
    }

    /// The token as it came, to be exchanged for another. It is a secret.
    #[cfg(feature = "client")]
    pub(crate) fn text(&self) -> &str {
        &self.verified.token
    }

    /// The SHA-256 of the token, by which what was had for it is found again. Computed once.
    #[cfg(feature = "client")]
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        self.verified.read_later.digest(self.text())
    }

    /// Whether its client says that it can do this (`xms_cc`), such as `cp1`: answer a claims challenge.
    #[cfg(feature = "client")]
    pub(crate) fn client_is_capable_of(&self, capability: &str) -> bool {
        let is_it = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(capability));
        match self.all().and_then(|all| all.get("xms_cc")) {
            Some(Value::Array(all)) => all.iter().any(is_it),
            Some(one) => is_it(one),
            None => false,
        }
    }

    /// All claims, for those who look for one by name or path.
    pub(crate) fn all(&self) -> Option<&Map<String, Value>> {
        self.verified.read_later.all(self.verified.payload.as_str())?.as_object()
    }

    /// Said as the layer says it that let the token through.
    pub(crate) fn rejected(&self, rejection: Rejection) -> Rejection {
        match &self.context {
            Some(context) => rejection.in_context(context),
            None => rejection,
        }
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").finish_non_exhaustive()
    }
}
