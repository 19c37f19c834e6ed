//! [`OboSession`]: work for a person that goes on after their token has run out.

mod sealed;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use self::sealed::SessionKey;

use super::entry::{COOL_DOWN, lifetime};
use super::exchange::{Asked, Exchange};
use super::form::Form;
use super::grant::Request;
use super::response::Answer;
use super::target::Target;
use super::{AccessToken, Client, TokenError, TokenErrorKind};
use crate::error::Error;
use crate::kept_fresh::{Held, KeptFresh, Loaded};

/// How long a caller waits for another token than the one that an API refused.
const PATIENCE: Duration = Duration::from_secs(10);

/// Work for one person and one API, begun by their token and carried on by refresh tokens (RFC 6749 §6). From
/// [`OnBehalfOf::session`](super::OnBehalfOf::session).
///
/// The refresh token lives here and in no cache. Where the issuer gives a new one with an answer, that takes its place, and the old one is
/// never sent again; so a session must not be used in two places at once. When the issuer refuses, the session has ended: no token of it
/// is given out any more, and the error says that the person has to sign in again.
///
/// Clones are handles to the same session. It ends with the last one, unless it was [sealed](Self::seal) to be taken up again.
///
/// ```no_run
/// use tower_bearer::{OboSession, OnBehalfOf, VerifiedToken};
///
/// # async fn send(token: &str) -> Result<http::StatusCode, std::io::Error> { Ok(http::StatusCode::OK) }
/// async fn export(stock: &OnBehalfOf, caller: &VerifiedToken) -> Result<(), Box<dyn std::error::Error>> {
///     let session = stock.session(caller).await?; // while the person's token is good
///     for _ in 0..24 {
///         let token = session.token().await?;
///         if send(token.secret()).await? == 401 {
///             send(session.token_in_place_of(&token).await?.secret()).await?;
///         }
///         tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
///     }
///     assert!(!session.has_ended());
///     Ok(())
/// }
///
/// /// As an application that got a refresh token by a sign-in of its own.
/// fn begun(client: &tower_bearer::Client, refresh_token: String) -> Result<OboSession, tower_bearer::Error> {
///     client.session_from_refresh_token(refresh_token, ["api://stock/Items.Read"])
/// }
/// ```
#[derive(Clone)]
pub struct OboSession {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    grant: Arc<Granted>,
    start: Arc<Start>,
    tokens: KeptFresh<Tokens, TokenError>,
}

/// What the session is about.
struct Granted {
    tenant: Option<Box<str>>,
    target: Arc<Target>,
    is_v1: bool,
    /// That it is over, and why.
    ended: OnceLock<TokenError>,
}

/// The tokens of one answer.
struct Tokens {
    access: AccessToken,
    refresh: Arc<SecretString>,
}

/// What the first request is made with.
enum Start {
    Assertion(Request),
    RefreshToken(Arc<SecretString>),
}

impl OboSession {
    pub(super) async fn begin(client: &Client, request: Request) -> Result<Self, TokenError> {
        let granted = Granted {
            tenant: request.tenant().map(Into::into),
            target: Arc::clone(&request.target),
            is_v1: request.target.is_for_v1(&client.exchange.issuer),
            ended: OnceLock::new(),
        };
        let session = Self::new(client, granted, Start::Assertion(request));
        session.token().await?;
        Ok(session)
    }

    fn resume(client: &Client, tenant: Option<Box<str>>, target: Target, refresh_token: SecretString) -> Self {
        let is_v1 = target.is_for_v1(&client.exchange.issuer);
        let granted = Granted { tenant, target: Arc::new(target), is_v1, ended: OnceLock::new() };
        Self::new(client, granted, Start::RefreshToken(Arc::new(refresh_token)))
    }

    fn new(client: &Client, granted: Granted, start: Start) -> Self {
        let grant = Arc::new(granted);
        let exchange = Arc::clone(&client.exchange);
        let start = Arc::new(start);
        let (first, granted) = (Arc::clone(&start), Arc::clone(&grant));
        let clock = exchange.issuer.time().clone();
        let tokens = KeptFresh::new(clock, COOL_DOWN, move |previous| {
            let (exchange, first, granted) = (Arc::clone(&exchange), Arc::clone(&first), Arc::clone(&granted));
            async move { granted.load(&exchange, &first, previous).await }
        });
        Self { inner: Arc::new(Inner { client: client.clone(), grant, start, tokens }) }
    }

    /// The token by which the API is called as the person, renewed where that is due.
    ///
    /// # Errors
    /// None could be had. [`InteractionRequired`](TokenErrorKind::InteractionRequired) ends the session.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        let Inner { grant, tokens, client, .. } = &*self.inner;
        if let Some(ended) = grant.ended.get() {
            return Err(ended.clone());
        }
        let mut held = tokens.get().await.map_err(|error| error.with_time_left(tokens.cooling_down()))?;
        if held.value.access.expires_at() <= client.exchange.issuer.time().wall() {
            held = tokens.newer_than(&held, PATIENCE).await?;
        }
        match grant.ended.get() {
            Some(ended) => Err(ended.clone()),
            None => Ok(held.value.access.clone()),
        }
    }

    /// Another token than this one, which the API refused; the refresh token is used for it. At most once in 5 seconds, else it fails.
    ///
    /// # Errors
    /// None could be had.
    pub async fn token_in_place_of(&self, refused: &AccessToken) -> Result<AccessToken, TokenError> {
        let Inner { grant, tokens, .. } = &*self.inner;
        if let Some(ended) = grant.ended.get() {
            return Err(ended.clone());
        }
        match tokens.peek().filter(|held| held.value.access.is(refused)) {
            None => self.token().await,
            Some(held) => {
                if let Some(left) = tokens.beyond_doubt_for(&held) {
                    let message = "the API refused this token, and the one before it a moment ago";
                    return Err(TokenError::unavailable(message, Some(left)));
                }
                tokens.newer_than(&held, PATIENCE).await.map(|held| held.value.access.clone())
            }
        }
    }

    /// Whether the issuer has refused to go on.
    pub fn has_ended(&self) -> bool {
        self.inner.grant.ended.get().is_some()
    }
}

impl Granted {
    async fn load(
        &self,
        exchange: &Exchange,
        start: &Start,
        previous: Option<Arc<Held<Tokens>>>,
    ) -> Result<Loaded<Tokens>, TokenError> {
        if let Some(ended) = self.ended.get() {
            return Err(ended.clone());
        }
        let refresh_token = match (&previous, start) {
            (Some(previous), _) => &previous.value.refresh,
            (None, Start::RefreshToken(first)) => first,
            (None, Start::Assertion(request)) => {
                let answer = exchange.ask(request, None).await?;
                return self.keep(answer, None);
            }
        };
        let answer = self.refresh(exchange, refresh_token).await.inspect_err(|error| {
            if error.kind() == TokenErrorKind::InteractionRequired {
                let _another_was_faster = self.ended.set(error.clone());
            }
        })?;
        self.keep(answer, Some(refresh_token))
    }

    async fn refresh(&self, exchange: &Exchange, refresh_token: &SecretString) -> Result<Answer, TokenError> {
        let mut form = Form::new();
        form.add("grant_type", "refresh_token");
        form.add("refresh_token", refresh_token.expose_secret());
        // At version 2 `offline_access` is asked for again, or there is no new refresh token.
        let besides = (!self.is_v1 && exchange.issuer.asks_as_microsoft()).then_some("offline_access");
        self.target.write(&mut form, besides);
        let asked = Asked {
            tenant: self.tenant.as_deref(),
            is_v1: self.is_v1,
            is_for_person: true,
            is_on_behalf_of: false,
            token_exchange: None,
        };
        exchange.ask_with(asked, form).await
    }

    fn keep(&self, answer: Answer, refresh_token: Option<&Arc<SecretString>>) -> Result<Loaded<Tokens>, TokenError> {
        let lifetime = lifetime(&answer);
        let refresh = answer.refresh_token.map(Arc::new).or_else(|| refresh_token.cloned()).ok_or_else(|| {
            TokenError::refused(
                "the issuer gave no refresh token, so no session can go on: let the client have offline access there",
            )
        })?;
        Ok(Loaded { value: Tokens { access: answer.token, refresh }, lifetime })
    }
}

impl Client {
    /// A session of which only the refresh token is left (RFC 6749 §6), got by this client in another way.
    ///
    /// # Errors
    /// The target is none that can be asked for, or the issuer has several tenants and none was chosen.
    pub fn session_from_refresh_token(
        &self,
        refresh_token: impl Into<SecretString>,
        target: impl Into<Target>,
    ) -> Result<OboSession, Error> {
        self.has_chosen_tenant("session_from_refresh_token(..)")?;
        let target = target.into().of_person(&self.exchange.issuer)?;
        let tenant = self.tenant.as_deref().map(Into::into);
        Ok(OboSession::resume(self, tenant, target, refresh_token.into()))
    }
}

/// Shows neither tokens nor whose they are.
impl fmt::Debug for OboSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OboSession")
            .field("client", &self.inner.client)
            .field("target", &self.inner.grant.target)
            .field("has_ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
