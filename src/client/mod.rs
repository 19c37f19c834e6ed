//! Calling further APIs: a [`Client`] gets tokens from an [`Issuer`], keeps them fresh and attaches them to requests.

mod access_token;
mod acquisition;
mod add_bearer;
mod cache;
mod client_credentials;
mod credential;
mod error;
mod exchange;
mod form;
mod grant;
#[cfg(feature = "reqwest")]
mod reqwest;
mod response;
mod target;

use std::fmt;
use std::sync::Arc;

pub use self::access_token::AccessToken;
pub use self::add_bearer::{
    AddBearer, AddBearerFuture, AddBearerLayer, AddBearerService, BearerSource, Replay, ReplayClone, ReplayEmpty,
    ReplayNever,
};
pub use self::client_credentials::ClientCredentials;
pub use self::credential::Credential;
pub use self::error::{TokenError, TokenErrorKind};
pub use self::target::{Resource, Target};

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
#[derive(Clone)]
pub struct Client {
    exchange: Arc<Exchange>,
    tenant: Option<Arc<str>>,
    cache: Cache,
}

impl Issuer {
    /// The application with this id, which proves who it is by this credential (RFC 6749 §2.2, §2.3).
    pub fn client(&self, client_id: impl Into<String>, credential: Credential) -> Client {
        let client_id = client_id.into().into();
        Client {
            exchange: Arc::new(Exchange { issuer: self.clone(), client_id, credential }),
            tenant: None,
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

    /// Keeps at most so many tokens; 10,000, unless set. Beyond it the ones that were not used for the longest time go. A token is
    /// a few kilobytes. The client starts without tokens.
    pub fn cached_tokens(self, at_most: u64) -> Self {
        Self { cache: Cache::new(at_most), ..self }
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
        if issuer.needs_tenant() && self.tenant.is_none() {
            return Err(Error::configuration(
                "client_credentials(..) asks in one tenant, and the issuer has several: choose one by for_tenant(..)",
            ));
        }
        let target = target.into().of_application(issuer)?;
        let request = Request { grant: Grant::ClientCredentials, tenant: self.tenant.clone(), target };
        Ok(ClientCredentials { acquisition: Acquisition { client: self.clone(), request: Arc::new(request) } })
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
