//! [`TokenExchange`]: tokens by which an API calls the next one as the person who calls it, in the way of RFC 8693.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::acquisition::Acquisition;
use super::form::Form;
use super::grant::{Grant, Request};
use super::subject::Subject;
use super::target::Target;
use super::{AccessToken, Client, TokenError};
use crate::jose::sha256;
use crate::resource_server::VerifiedToken;

/// A type of token (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// `urn:ietf:params:oauth:token-type:access_token`
    AccessToken,
    /// `urn:ietf:params:oauth:token-type:jwt`
    Jwt,
    /// `urn:ietf:params:oauth:token-type:id_token`
    IdToken,
}

impl TokenType {
    const ALL: [Self; 3] = [Self::AccessToken, Self::Jwt, Self::IdToken];

    /// Its identifier.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
        }
    }

    pub(super) fn named(identifier: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == identifier)
    }
}

/// What is asked for besides the target.
#[derive(Clone)]
pub(super) struct Parameters {
    subject_type: TokenType,
    pub(super) requested_type: Option<TokenType>,
    /// The actor's token and its SHA-256, which stands for it in the cache.
    actor: Option<(Arc<SecretString>, [u8; 32])>,
}

impl Parameters {
    pub(super) fn write(&self, form: &mut Form) {
        form.add("subject_token_type", self.subject_type.as_str());
        if let Some(requested) = self.requested_type {
            form.add("requested_token_type", requested.as_str());
        }
        if let Some((actor, _)) = &self.actor {
            form.add("actor_token", actor.expose_secret());
            form.add("actor_token_type", TokenType::AccessToken.as_str());
        }
    }

    fn key(&self) -> (TokenType, Option<TokenType>, Option<&[u8; 32]>) {
        (self.subject_type, self.requested_type, self.actor.as_ref().map(|(_, digest)| digest))
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Parameters {}

impl std::hash::Hash for Parameters {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Tokens for one API, each for the person whose token came in (RFC 8693). From [`Client::token_exchange`].
///
/// They are cached and renewed as those of [`OnBehalfOf`](super::OnBehalfOf) are.
///
/// ```no_run
/// use tower_bearer::{AccessToken, Client, TokenError, TokenType, VerifiedToken};
///
/// # async fn call(client: Client, caller: VerifiedToken) -> Result<(), Box<dyn std::error::Error>> {
/// let stock = client.token_exchange(["stock.read"])?.requested_token_type(TokenType::AccessToken);
/// let token: AccessToken = stock.token(&caller).await?;
/// assert_eq!(token.issued_token_type().map(TokenType::as_str), Some("urn:ietf:params:oauth:token-type:access_token"));
///
/// // The issuer is told who acts for the person: this application.
/// let own = client.client_credentials(["stock.act"])?.token().await?;
/// let token = stock.actor(own.secret())?.token(&caller).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange {
    client: Client,
    target: Arc<Target>,
    parameters: Arc<Parameters>,
}

impl TokenExchange {
    pub(super) fn new(client: Client, target: Target) -> Self {
        let parameters = Parameters { subject_type: TokenType::AccessToken, requested_type: None, actor: None };
        Self { client, target: Arc::new(target), parameters: Arc::new(parameters) }
    }

    /// Asks for this type of token (`requested_token_type`, §2.1). Unless set, that is up to the issuer, and has to be an access token or
    /// a JWT.
    pub fn requested_token_type(self, requested: TokenType) -> Self {
        let parameters = Parameters { requested_type: Some(requested), ..(*self.parameters).clone() };
        Self { parameters: Arc::new(parameters), ..self }
    }

    /// Names who acts for the person (`actor_token`, §2.1), by an access token of theirs: mostly one of this application's own. It is
    /// sent as it is given here, also after it has run out; name it anew when it is renewed.
    ///
    /// # Errors
    /// The crate was built without a cryptographic back end.
    pub fn actor(self, token: impl Into<SecretString>) -> Result<Self, TokenError> {
        let token = token.into();
        let digest =
            sha256(token.expose_secret().as_bytes()).map_err(|error| TokenError::refused(error.to_string()))?;
        let parameters = Parameters { actor: Some((Arc::new(token), digest)), ..(*self.parameters).clone() };
        Ok(Self { parameters: Arc::new(parameters), ..self })
    }

    /// The token by which the API is called as the person of this token; from the cache where it is there.
    ///
    /// # Errors
    /// None could be had. Before anything is sent it is refused where the caller's token is of another issuer than the client's or an
    /// application's, or has run out. Where that can't be told ([`is_application`](VerifiedToken::is_application) is `None`), the issuer
    /// decides; [`require`](crate::require)`(`[`delegated()`](crate::delegated)`)` lets no such token in.
    pub async fn token(&self, caller: &VerifiedToken) -> Result<AccessToken, TokenError> {
        self.acquisition(caller)?.token().await
    }

    /// As [`token`](Self::token), for a token that nobody checked: whoever can call this decides on whose behalf the next API is called.
    /// The issuer still checks it. For tools, and tokens that this API can't check itself.
    ///
    /// # Errors
    /// None could be had.
    pub async fn dangerous_token_for_unverified(
        &self,
        subject_token: impl Into<SecretString>,
    ) -> Result<AccessToken, TokenError> {
        self.acquisition_for(Subject::unverified(subject_token.into())?).token().await
    }

    /// Drops the token for this caller from the cache, if it is this one: the API refused it.
    pub fn forget(&self, caller: &VerifiedToken, token: &AccessToken) {
        if let Ok(subject) = Subject::verified(caller) {
            self.acquisition_for(subject).forget(token);
        }
    }

    pub(super) fn acquisition(&self, caller: &VerifiedToken) -> Result<Acquisition, TokenError> {
        self.client.may_act_for(caller)?;
        Ok(self.acquisition_for(Subject::verified(caller)?))
    }

    fn acquisition_for(&self, subject: Subject) -> Acquisition {
        let grant = Grant::TokenExchange { subject, parameters: Arc::clone(&self.parameters) };
        let request = Request { grant, tenant: self.client.tenant.clone(), target: Arc::clone(&self.target) };
        Acquisition { client: self.client.clone(), request }
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("client", &self.client)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
