//! Calling further APIs: a [`Client`] gets tokens from an [`Issuer`], keeps them fresh and attaches them to requests.

mod access_token;
mod acquisition;
mod add_bearer;
mod cache;
mod claims_challenge;
mod client_credentials;
mod credential;
mod entry;
mod error;
mod exchange;
mod families;
mod form;
mod grant;
mod on_behalf_of;
mod refusal;
mod rejection;
#[cfg(feature = "reqwest")]
mod reqwest;
mod response;
mod session;
mod subject;
mod target;
mod token_exchange;

use std::fmt;
use std::sync::Arc;

pub use self::access_token::AccessToken;
pub use self::add_bearer::{
    AddBearer, AddBearerFuture, AddBearerLayer, AddBearerService, BearerSource, Replay, ReplayClone, ReplayEmpty,
    ReplayNever,
};
pub use self::claims_challenge::ClaimsChallenge;
pub use self::client_credentials::ClientCredentials;
pub use self::credential::Credential;
pub use self::error::{TokenError, TokenErrorKind};
pub use self::on_behalf_of::OnBehalfOf;
pub use self::session::{OboSession, SessionKey};
pub use self::target::{Resource, Target};
pub use self::token_exchange::{TokenExchange, TokenType};

use self::acquisition::Acquisition;
use self::cache::Cache;
use self::exchange::Exchange;
use self::grant::{Grant, Request};
use crate::error::Error;
use crate::issuer::Issuer;

/// How many tokens a client keeps, unless set.
const TOKENS: u64 = 10_000;

/// An application that is registered with an issuer, and gets tokens there to call further APIs. From [`Issuer::client`].
///
/// Making one does no I/O. Clones share their tokens.
///
/// ```
/// use tower_bearer::{Credential, Entra};
///
/// # fn main() -> Result<(), tower_bearer::Error> {
/// let issuer = Entra::tenant("11111111-2222-3333-4444-555555555555")?.issuer();
/// let client = issuer.client("66666666-7777-8888-9999-000000000000", Credential::secret("…"));
/// let stock = client.client_credentials(["api://stock"])?; // `stock.token().await?` whenever it is needed
/// # Ok(())
/// # }
/// ```
///
/// Of several tenants one is chosen for the application's own tokens; people are acted for in theirs:
///
/// ```
/// use tower_bearer::{Credential, Entra, Issuer, Resource, Target};
///
/// # fn main() -> Result<(), tower_bearer::Error> {
/// let issuer = Entra::any_tenant().issuer();
/// let client = issuer.client("66666666-7777-8888-9999-000000000000", Credential::secret("…"));
/// let client = client.cached_tokens(100_000).app_id_uri("api://orders");
/// assert_eq!(client.client_id(), "66666666-7777-8888-9999-000000000000");
///
/// let jobs = client.for_tenant("11111111-2222-3333-4444-555555555555")?.client_credentials(["api://stock"])?;
/// let stock = client.on_behalf_of(["api://stock/Items.Read", "api://stock/Items.Write"])?;
/// let older = client.on_behalf_of(Resource("api://older"))?; // at the endpoint of version 1
///
/// let elsewhere = Issuer::new("https://login.example.com")?.client("orders", Credential::secret("…"));
/// let stock = elsewhere.token_exchange(Target::from(["stock.read"]).audience("stock"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    exchange: Arc<Exchange>,
    tenant: Option<Arc<str>>,
    app_id_uris: Arc<[Box<str>]>,
    cache: Cache,
}

impl Issuer {
    /// The application with this id, which proves who it is by this credential (RFC 6749 §2.2, §2.3).
    pub fn client(&self, client_id: impl Into<String>, credential: Credential) -> Client {
        let client_id = client_id.into().into();
        Client {
            exchange: Arc::new(Exchange { issuer: self.clone(), client_id, credential }),
            tenant: None,
            app_id_uris: Arc::default(),
            cache: Cache::new(TOKENS),
        }
    }
}

impl Client {
    /// The client id.
    pub fn client_id(&self) -> &str {
        &self.exchange.client_id
    }

    /// The same application in another tenant of [`Entra`](crate::Entra): its tokens are asked for there. Needed where the issuer has
    /// more than one tenant. Both share their tokens' cache, by tenant.
    ///
    /// # Errors
    /// The tenant is none that the issuer trusts, or the issuer has none, or `token_endpoint(..)` is set.
    pub fn for_tenant(&self, id: &str) -> Result<Self, Error> {
        let id = id.to_ascii_lowercase();
        if !self.exchange.issuer.may_ask_in(&id) {
            return Err(Error::configuration(
                "for_tenant(..) takes the id of a tenant that the issuer trusts: a GUID, with an issuer of Entra and without \
                 token_endpoint(..)",
            ));
        }
        Ok(Self { tenant: Some(id.into()), ..self.clone() })
    }

    /// Keeps at most so many tokens; 10,000, unless set. Beyond it those go that are asked for least. A token is
    /// a few kilobytes. One is kept in any case. The client starts without tokens.
    pub fn cached_tokens(self, at_most: u64) -> Self {
        Self { cache: Cache::new(at_most), ..self }
    }

    /// The App ID URI of this application, where it is another than `api://` and the client id (Entra). A caller's token for it can then
    /// be exchanged by [`on_behalf_of`](Self::on_behalf_of). Call it again for more.
    pub fn app_id_uri(self, uri: &str) -> Self {
        let app_id_uris = self.app_id_uris.iter().cloned().chain([uri.into()]).collect();
        Self { app_id_uris, ..self }
    }

    /// Tokens by which the application calls an API as the person whose token came in, in Microsoft's way: a JWT as the grant (RFC 7523)
    /// with `requested_token_use=on_behalf_of`. Each is asked for in the person's own tenant.
    ///
    /// At version 2 of [`Entra`](crate::Entra)'s endpoint it takes scopes of one API, such as `api://stock/Items.Read`, and at version 1 a
    /// [`Resource`]. Elsewhere scopes are sent as they are.
    ///
    /// # Errors
    /// The provider is one that has no such grant, and has [`token_exchange`](Self::token_exchange) at best. Or the target is none that
    /// can be asked for.
    pub fn on_behalf_of(&self, target: impl Into<Target>) -> Result<OnBehalfOf, Error> {
        let issuer = &self.exchange.issuer;
        if !issuer.may_know_on_behalf_of() {
            return Err(Error::configuration(
                "on_behalf_of(..) is Microsoft's grant, which this provider does not have: use token_exchange(..) (RFC 8693)",
            ));
        }
        Ok(OnBehalfOf::new(self.clone(), target.into().of_person(issuer)?))
    }

    /// Tokens by which the application calls an API as the person whose token came in, in the way of RFC 8693. Scopes, resources and
    /// audiences are sent as they are.
    ///
    /// # Errors
    /// A scope is no scope token (RFC 6749 §3.3), or the issuer is Microsoft's, which has [`on_behalf_of`](Self::on_behalf_of) in its
    /// place.
    pub fn token_exchange(&self, target: impl Into<Target>) -> Result<TokenExchange, Error> {
        if self.exchange.issuer.asks_as_microsoft() {
            return Err(Error::configuration("token_exchange(..) is not known to Microsoft: use on_behalf_of(..)"));
        }
        Ok(TokenExchange::new(self.clone(), target.into().checked()?))
    }

    /// Whether it is certain in which tenant is asked.
    fn has_chosen_tenant(&self, method: &str) -> Result<(), Error> {
        if self.exchange.issuer.needs_tenant() && self.tenant.is_none() {
            return Err(Error::configuration(format!(
                "{method} asks in one tenant, and the issuer has several: choose one by for_tenant(..)"
            )));
        }
        Ok(())
    }

    /// Tokens by which the application acts as itself, without a person (RFC 6749 §4.4): for a daemon.
    ///
    /// With [`Entra`](crate::Entra) it takes the App ID URI of one API, and asks for `<App ID URI>/.default`, which is all that the
    /// application may do there; `resource=<App ID URI>` at the endpoint of version 1. Elsewhere these are scopes, sent as they are.
    ///
    /// A refresh token in the answer is ignored (§4.4.3): the client asks again with its credential.
    ///
    /// # Errors
    /// A scope is no scope token (RFC 6749 §3.3). With Microsoft: not exactly one App ID URI, or another scope than `.default`, which
    /// is all that application identity can have; or the tenant is not chosen where there are several.
    pub fn client_credentials(&self, target: impl Into<Target>) -> Result<ClientCredentials, Error> {
        let issuer = &self.exchange.issuer;
        self.has_chosen_tenant("client_credentials(..)")?;
        let target = target.into().of_application(issuer)?;
        let request =
            Request { grant: Grant::ClientCredentials, tenant: self.tenant.clone(), target: Arc::new(target) };
        Ok(ClientCredentials { acquisition: Acquisition { client: self.clone(), request } })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("issuer", &self.exchange.issuer)
            .field("client_id", &self.client_id())
            .finish_non_exhaustive()
    }
}
