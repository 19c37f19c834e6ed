//! Auth0: permissions, and a slash at the end.

use super::is_host;
use crate::error::Error;
use crate::issuer::token_endpoint::TokenEndpoint;
use crate::issuer::{AccessMark, ActorMark, Issuer, TokenProfile};

const PROFILE: TokenProfile = TokenProfile {
    roles_at: &["/permissions"],
    access: AccessMark::Client,
    actor: ActorMark::Auth0,
    ..TokenProfile::RFC
};

impl Issuer {
    /// A tenant of Auth0, by its domain: `acme.eu.auth0.com`, or a custom one.
    ///
    /// `permissions` (RBAC) count as [`roles`](crate::VerifiedToken::roles) and not as scopes: they are what a person may do, whatever
    /// the client was allowed to ask for. A token has to name its client (`azp`, or `client_id` in the profile of RFC 9068), which
    /// ID tokens of Auth0 do by `aud` alone. See the [manual](crate::manual::auth0).
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
        if !is_host(domain) {
            return Err(Error::configuration("auth0(..) takes a domain alone, such as acme.eu.auth0.com"));
        }
        // As tokens spell it, whatever the case in which it was copied.
        Ok(Self::new(format!("https://{}/", domain.to_ascii_lowercase()))?
            .with_profile(PROFILE)
            .with_token_endpoint_of(TokenEndpoint::WithoutOnBehalfOf))
    }
}
