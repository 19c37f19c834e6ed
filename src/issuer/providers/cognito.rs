//! Amazon Cognito: the client in place of the audience.

use crate::error::Error;
use crate::issuer::token_endpoint::TokenEndpoint;
use crate::issuer::{AccessMark, ActorMark, Issuer, PersonClaim, TokenProfile};

const PROFILE: TokenProfile = TokenProfile {
    client_is_audience: true,
    access: AccessMark::TokenUse,
    actor: ActorMark::PersonHas(PersonClaim::Username),
    ..TokenProfile::RFC
};

impl Issuer {
    /// A user pool of Amazon Cognito, by its region and id.
    ///
    /// Its access tokens have no `aud` unless a resource was asked for: the validator's audience is then compared with `client_id`, so
    /// give the validator the id of the app client. `token_use` has to be `access`. See the [manual](crate::manual::cognito).
    ///
    /// # Errors
    /// Not a region, or not the id of a user pool.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::cognito("eu-central-1", "eu-central-1_Ab12Cd34E")?;
    /// let validator = issuer.validator("5example2client7id0");
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn cognito(region: &str, user_pool_id: &str) -> Result<Self, Error> {
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_region = !region.is_empty() && is_word(region);
        let is_pool = user_pool_id
            .split_once('_')
            .is_some_and(|(place, name)| is_word(place) && is_word(name) && !place.is_empty() && !name.is_empty());
        if !(is_region && is_pool) {
            return Err(Error::configuration(
                "cognito(..) takes a region, such as eu-central-1, and the id of a user pool, such as eu-central-1_Ab12Cd34E",
            ));
        }
        // The regions of China have a domain of their own.
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Ok(Self::new(format!("https://cognito-idp.{region}.{domain}/{user_pool_id}"))?
            .with_profile(PROFILE)
            .with_token_endpoint_of(TokenEndpoint::WithoutOnBehalfOf))
    }
}
