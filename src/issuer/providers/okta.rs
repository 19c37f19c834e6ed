//! Okta: custom authorization servers.

use crate::error::Error;
use crate::issuer::token_endpoint::TokenEndpoint;
use crate::issuer::{AccessMark, ActorMark, Issuer, PersonClaim, TokenProfile};

const PROFILE: TokenProfile =
    TokenProfile { access: AccessMark::Cid, actor: ActorMark::PersonHas(PersonClaim::Uid), ..TokenProfile::RFC };

impl Issuer {
    /// A custom authorization server of Okta, by its issuer URI: `https://acme.okta.com/oauth2/default`.
    ///
    /// Tokens of the org authorization server (`https://acme.okta.com`) are for Okta's own API and can't be validated by others. A
    /// token has to name its client by `cid`, which ID tokens of Okta don't have. See the [manual](crate::manual::okta).
    ///
    /// # Errors
    /// As [`Issuer::new`], or not a custom authorization server, whose address ends in `/oauth2/` and its id.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::okta("https://acme.okta.com/oauth2/default")?;
    /// assert!(tower_bearer::Issuer::okta("https://acme.okta.com").is_err());
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn okta(issuer_uri: &str) -> Result<Self, Error> {
        let id = issuer_uri.rsplit_once("/oauth2/").map(|(_, id)| id);
        if id.is_none_or(|id| id.is_empty() || id.contains(['/', '?', '#'])) {
            return Err(Error::configuration(
                "okta(..) takes a custom authorization server, such as https://acme.okta.com/oauth2/default, without anything \
                 after its id: tokens of the org authorization server can't be validated by others than Okta",
            ));
        }
        Ok(Self::new(issuer_uri)?.with_profile(PROFILE).with_token_endpoint_of(TokenEndpoint::WithoutOnBehalfOf))
    }
}
