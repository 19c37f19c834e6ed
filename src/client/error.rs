//! [`TokenError`]: why no token could be had, by who has to act.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::claims_challenge::ClaimsChallenge;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::kept_fresh::{LoadError, NoOutcome};
use crate::resource_server::VerifiedToken;
use crate::transport::ExchangeError;

/// Who has to act before a token can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The person for whom the token is: sign in again, consent, or prove who they are in a stronger way.
    InteractionRequired,
    /// The operator of this service: the client id, the credential, a scope or an address is wrong, or the registration lacks
    /// something. Trying again will not help.
    Refused,
    /// Nobody: the issuer can't be reached or is at its limit. [`retry_after`](TokenError::retry_after) says when to try again.
    Unavailable,
}

/// Why no token could be had.
///
/// ```
/// use tower_bearer::{ClientCredentials, TokenErrorKind};
///
/// async fn count(jobs: &ClientCredentials) {
///     match jobs.token().await {
///         Ok(token) => println!("good until {:?}", token.expires_at()),
///         Err(error) => match (error.kind(), error.retry_after()) {
///             (TokenErrorKind::Unavailable, Some(wait)) => println!("again in {} s", wait.as_secs()),
///             // The message is for whoever runs the service: what was wrong, and what to do.
///             _ => eprintln!("{error}"),
///         },
///     }
/// }
/// ```
///
/// Its message is a sentence for the operator. It holds no token, no secret and nothing of the text that the issuer sent: of that it
/// keeps the error code, if it is a registered one, and what is made of digits alone.
///
/// What helps to find the cause:
///
/// ```
/// use tower_bearer::TokenError;
///
/// fn report(error: &TokenError) {
///     // `invalid_grant`, [50173], the id that Microsoft's support asks for
///     println!("{:?} {:?} {:?}", error.error_code(), error.error_numbers(), error.correlation_id());
///     if let Some(claims) = error.claims() {
///         println!("the person has to sign in again, with claims={}", claims.json());
///     }
/// }
/// ```
#[derive(Clone)]
pub struct TokenError {
    inner: Arc<Inner>,
    retry_after: Option<Duration>,
    /// How a claims challenge is relayed, where a caller is acted for who can answer one.
    pub(super) relay: Option<Relay>,
}

#[derive(Clone)]
struct Inner {
    kind: TokenErrorKind,
    message: Cow<'static, str>,
    said: Refusal,
    /// Whether it is for whoever called: nobody can act for them.
    is_callers: bool,
}

/// How to relay a claims challenge.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) authorization_uri: Option<Arc<str>>,
}

/// What a client says that can answer claims challenges.
const CLAIMS_CHALLENGES: &str = "cp1";

/// When to try again where the issuer did not say.
const SOON: Duration = Duration::from_secs(5);
/// The longest that `Retry-After` is obeyed.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What an issuer said of a refusal, as far as it is kept.
#[derive(Clone, Default)]
pub(super) struct Refusal {
    pub(super) code: Option<&'static str>,
    pub(super) numbers: Box<[u64]>,
    pub(super) correlation_id: Option<Box<str>>,
    pub(super) claims: Option<ClaimsChallenge>,
}

impl TokenError {
    pub(super) fn interaction_required(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(TokenErrorKind::InteractionRequired, message.into(), None)
    }

    pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(TokenErrorKind::Refused, message.into(), None)
    }

    pub(super) fn unavailable(message: impl Into<Cow<'static, str>>, retry_after: Option<Duration>) -> Self {
        let retry_after = retry_after.unwrap_or(SOON).min(LONGEST_WAIT);
        Self::new(TokenErrorKind::Unavailable, message.into(), Some(retry_after))
    }

    fn new(kind: TokenErrorKind, message: Cow<'static, str>, retry_after: Option<Duration>) -> Self {
        let inner = Inner { kind, message, said: Refusal::default(), is_callers: false };
        Self { inner: Arc::new(inner), retry_after, relay: None }
    }

    /// The same, with what the issuer said of it.
    pub(super) fn with(self, said: Refusal) -> Self {
        Self { inner: Arc::new(Inner { said, ..(*self.inner).clone() }), ..self }
    }

    /// The same, as a matter for whoever called.
    pub(super) fn of_caller(self) -> Self {
        Self { inner: Arc::new(Inner { is_callers: true, ..(*self.inner).clone() }), ..self }
    }

    /// Whether nobody can act for whoever called.
    pub(super) fn is_of_caller(&self) -> bool {
        self.inner.is_callers
    }

    pub(super) fn of_exchange(url: impl fmt::Display, error: ExchangeError) -> Self {
        let message = format!("no token was had from {url}: {error}");
        match error {
            ExchangeError::Insecure | ExchangeError::NoClient => Self::refused(message),
            _ => Self::unavailable(message, None),
        }
    }

    /// The same for a caller who is told it later, when so much of the time is left.
    pub(super) fn with_time_left(self, left: Option<Duration>) -> Self {
        let retry_after = self.retry_after.map(|said| left.unwrap_or(said));
        Self { retry_after, ..self }
    }

    /// The same for whoever acts for a caller: a claims challenge is relayed to those who say that they can answer one.
    pub(super) fn for_caller(self, caller: Option<&VerifiedToken>, issuer: &Issuer) -> Self {
        let capable = caller.filter(|caller| self.claims().is_some() && caller.client_is_capable_of(CLAIMS_CHALLENGES));
        let relay = capable
            .map(|caller| Relay { authorization_uri: issuer.authorization_uri(caller.tenant()).map(Into::into) });
        Self { relay, ..self }
    }

    /// What the issuer wants to know of the person before it gives a token: to be relayed to whoever signs them in. Turned into a
    /// [`Rejection`](crate::Rejection), the error does that.
    pub fn claims(&self) -> Option<&ClaimsChallenge> {
        self.inner.said.claims.as_ref()
    }

    /// Who has to act.
    pub fn kind(&self) -> TokenErrorKind {
        self.inner.kind
    }

    /// How long to wait before trying again will make sense; `None` where it won't, as somebody has to act first. An hour at most.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The error code of the answer (RFC 6749 §5.2), such as `invalid_client`. `None` where the answer had none, or one that is not
    /// registered.
    pub fn error_code(&self) -> Option<&str> {
        self.inner.said.code
    }

    /// The numbers in `error_codes` of Microsoft's answer: those after `AADSTS`. They explain an error to a person who looks them up;
    /// Microsoft changes them without notice, so nothing should depend on them.
    pub fn error_numbers(&self) -> &[u64] {
        &self.inner.said.numbers
    }

    /// The `correlation_id` of Microsoft's answer, by which its support finds the request.
    pub fn correlation_id(&self) -> Option<&str> {
        self.inner.said.correlation_id.as_deref()
    }
}

impl LoadError for TokenError {
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<NoOutcome> for TokenError {
    fn from(none: NoOutcome) -> Self {
        let message = match none {
            NoOutcome::Died => "asking for a token was cut off twice: the runtime or the transport went away",
            NoOutcome::StillLoading => "the issuer has not answered in time; the request goes on",
        };
        Self::unavailable(message, None)
    }
}

/// What went wrong before a token could be asked for.
impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        if error.is_configuration() { Self::refused(message) } else { Self::unavailable(message, None) }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        if let [first, ..] = *self.inner.said.numbers {
            write!(f, " (AADSTS{first})")?;
        }
        if let Some(id) = &self.inner.said.correlation_id {
            write!(f, " (correlation id {id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenError")
            .field("kind", &self.inner.kind)
            .field("error_code", &self.inner.said.code)
            .field("retry_after", &self.retry_after)
            .field("message", &self.to_string())
            .finish()
    }
}

impl std::error::Error for TokenError {}
