//! Okta: custom authorization servers.

use crate::error::Error;
use crate::issuer::{ActorMark, Issuer, PersonClaim, TokenProfile};

const PROFILE: TokenProfile = TokenProfile { actor: ActorMark::PersonHas(PersonClaim::Uid), ..TokenProfile::RFC };

impl Issuer {
    /// A custom authorization server of Okta, by its issuer URI: `https://acme.okta.com/oauth2/default`.
    ///
    /// Tokens of the org authorization server (`https://acme.okta.com`) are for Okta's own API and can't be validated by others. See
    /// the [manual](crate::manual::okta).
    ///
    /// # Errors
    /// As [`Issuer::new`], or the org authorization server.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::okta("https://acme.okta.com/oauth2/default")?;
    /// assert!(tower_bearer::Issuer::okta("https://acme.okta.com").is_err());
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn okta(issuer_uri: &str) -> Result<Self, Error> {
        if !issuer_uri.contains("/oauth2/") {
            return Err(Error::configuration(
                "okta(..) takes a custom authorization server, such as https://acme.okta.com/oauth2/default: tokens of the org \
                 authorization server can't be validated by others than Okta",
            ));
        }
        Ok(Self::new(issuer_uri)?.with_profile(PROFILE))
    }
}
