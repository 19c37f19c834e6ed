//! Auth0: permissions, and a slash at the end.

use crate::error::Error;
use crate::issuer::{ActorMark, Issuer, TokenProfile};

const PROFILE: TokenProfile =
    TokenProfile { roles_at: &["/permissions"], actor: ActorMark::Auth0, ..TokenProfile::RFC };

impl Issuer {
    /// A tenant of Auth0, by its domain: `acme.eu.auth0.com`, or a custom one.
    ///
    /// `permissions` (RBAC) count as [`roles`](crate::VerifiedToken::roles) and not as scopes: they are what a person may do, whatever
    /// the client was allowed to ask for. See the [manual](crate::manual::auth0).
    ///
    /// # Errors
    /// Something else than a domain: a scheme or a path.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::auth0("acme.eu.auth0.com")?;
    /// assert_eq!(issuer.identifier(), "https://acme.eu.auth0.com/");
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn auth0(domain: &str) -> Result<Self, Error> {
        if domain.contains('/') {
            return Err(Error::configuration("auth0(..) takes a domain alone, such as acme.eu.auth0.com"));
        }
        Ok(Self::new(format!("https://{domain}/"))?.with_profile(PROFILE))
    }
}
