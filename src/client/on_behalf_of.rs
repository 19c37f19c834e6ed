//! [`OnBehalfOf`]: tokens by which an API calls the next one as the person who calls it, in Microsoft's way.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use super::acquisition::Acquisition;
use super::grant::{Grant, Request};
use super::subject::Subject;
use super::target::Target;
use super::{AccessToken, ClaimsChallenge, Client, OboSession, TokenError};
use crate::resource_server::VerifiedToken;

/// Tokens for one API, each for the person whose token came in. From [`Client::on_behalf_of`].
///
/// They are cached by the token that came in, not by the person: two sessions of one person may differ in what they allow. Each is
/// renewed ahead as those of [`ClientCredentials`](crate::ClientCredentials::token) are, for as long as the token that came in is
/// good. A token that is cached is given out to its own end, also where the token that came in has run out in the meantime: the issuer
/// decided how long it is good, and the person was let in before. A new one is not asked for then; work that goes on for longer begins a
/// [`session`](Self::session).
///
/// ```no_run
/// use tower_bearer::{AccessToken, ClaimsChallenge, Client, OnBehalfOf, TokenError, VerifiedToken};
///
/// /// Once, where the service starts.
/// fn stock(client: &Client) -> Result<OnBehalfOf, tower_bearer::Error> {
///     Ok(client.on_behalf_of(["api://stock/Items.Read"])?.without_offline_access()) // no session is ever begun here
/// }
///
/// /// The next token, where the API refused this one.
/// async fn next(
///     stock: &OnBehalfOf, caller: &VerifiedToken, refused: &AccessToken, headers: &http::HeaderMap,
/// ) -> Result<AccessToken, TokenError> {
///     match ClaimsChallenge::from_headers(headers) {
///         Some(claims) => stock.token_with_claims(caller, &claims).await,
///         None => {
///             stock.forget(caller, refused);
///             stock.token(caller).await
///         }
///     }
/// }
/// # async fn tool(stock: OnBehalfOf) -> Result<(), TokenError> {
/// # let pasted = String::new();
/// // A tool that was given a token by its user, and can't check it:
/// let token = stock.dangerous_token_for_unverified(pasted).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OnBehalfOf {
    pub(super) client: Client,
    pub(super) target: Arc<Target>,
    offline_access: bool,
}

impl OnBehalfOf {
    pub(super) fn new(client: Client, target: Target) -> Self {
        Self { client, target: Arc::new(target), offline_access: true }
    }

    /// Does not ask for `offline_access`, and so gets no refresh token: for an API that begins no [`session`](Self::session).
    pub fn without_offline_access(self) -> Self {
        Self { offline_access: false, ..self }
    }

    /// The token by which the API is called as the person of this token; from the cache where it is there. A cached token for more
    /// scopes does as well.
    ///
    /// # Errors
    /// None could be had. Before anything is sent it is refused, as a matter for the operator, where the token is of another issuer than
    /// the client's, is an application's and not a person's, or, with Microsoft, is for another audience than this application (its client
    /// id, `api://` and its client id, or what [`app_id_uri`](Client::app_id_uri) says); and as one for the person where it has run out.
    pub async fn token(&self, caller: &VerifiedToken) -> Result<AccessToken, TokenError> {
        self.acquisition(caller)?.token().await
    }

    /// A token that is asked for with what the API wants to know besides, which it said in a claims challenge. It never comes from the
    /// cache, and takes the place of the one that is there.
    ///
    /// # Errors
    /// As [`token`](Self::token). Where the issuer wants to ask the person first, the error turns into a
    /// [`Rejection`](crate::Rejection) that says so.
    pub async fn token_with_claims(
        &self,
        caller: &VerifiedToken,
        claims: &ClaimsChallenge,
    ) -> Result<AccessToken, TokenError> {
        self.acquisition(caller)?.token_with_claims(claims).await
    }

    /// As [`token`](Self::token), for a token that nobody checked: whoever can call this decides on whose behalf the next API is called.
    /// The issuer still checks it. For tools, and tokens that this API can't check itself.
    ///
    /// # Errors
    /// None could be had.
    pub async fn dangerous_token_for_unverified(
        &self,
        assertion: impl Into<SecretString>,
    ) -> Result<AccessToken, TokenError> {
        self.acquisition_for(Subject::unverified(assertion.into())?).token().await
    }

    /// Drops the token for this caller from the cache, if it is this one: the API refused it.
    pub fn forget(&self, caller: &VerifiedToken, token: &AccessToken) {
        if let Ok(subject) = Subject::verified(caller) {
            self.acquisition_for(subject).forget(token);
        }
    }

    /// Begins work that goes on after the person's token has run out, by the refresh token that the issuer gives.
    ///
    /// # Errors
    /// As [`token`](Self::token), and where the issuer gives no refresh token or none is [asked for](Self::without_offline_access).
    pub async fn session(&self, caller: &VerifiedToken) -> Result<OboSession, TokenError> {
        if !self.offline_access {
            let message = "no session can begin, as no refresh token is asked for: leave without_offline_access() out";
            return Err(TokenError::refused(message));
        }
        let request = self.acquisition(caller)?.request;
        OboSession::begin(&self.client, request).await
    }

    /// Where the token for this caller comes from, once it is certain that it may be asked for.
    pub(super) fn acquisition(&self, caller: &VerifiedToken) -> Result<Acquisition, TokenError> {
        self.client.may_act_for(caller)?;
        if self.client.exchange.issuer.asks_as_microsoft() && !self.client.is_audience(caller.audience()) {
            return Err(TokenError::refused(
                "the caller's token is for another audience than this application, so it can't be exchanged: say its App ID URI by \
                 Client::app_id_uri(..), if it has one of its own",
            ));
        }
        Ok(self.acquisition_for(Subject::verified(caller)?))
    }

    fn acquisition_for(&self, subject: Subject) -> Acquisition {
        let grant = Grant::OnBehalfOf { subject, offline_access: self.offline_access };
        let request = Request { grant, tenant: self.client.tenant.clone(), target: Arc::clone(&self.target) };
        Acquisition { client: self.client.clone(), request }
    }
}

impl Client {
    /// Whether a token for this caller may be asked for at all.
    pub(super) fn may_act_for(&self, caller: &VerifiedToken) -> Result<(), TokenError> {
        let issuer = &self.exchange.issuer;
        if !issuer.identity().issues(caller.issuer(), caller.tenant()) {
            return Err(TokenError::refused(
                "the caller's token is of another issuer than this client: exchange it at the issuer that made it",
            ));
        }
        if caller.is_application() == Some(true) {
            let message = "the caller is an application and not a person, so nobody can be acted for: use client_credentials(..), and \
                           require(delegated()) of whoever calls";
            return Err(TokenError::refused(message).of_caller());
        }
        Ok(())
    }

    /// Whether a token for this audience is for this application.
    fn is_audience(&self, audience: &str) -> bool {
        let id = &*self.exchange.client_id;
        audience == id
            || audience.strip_prefix("api://").is_some_and(|rest| rest == id)
            || self.app_id_uris.iter().any(|uri| **uri == *audience)
    }
}

impl fmt::Debug for OnBehalfOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalfOf").field("client", &self.client).field("target", &self.target).finish_non_exhaustive()
    }
}
