//! Amazon Cognito: the client in place of the audience.

use crate::error::Error;
use crate::issuer::{ActorMark, Issuer, PersonClaim, TokenProfile};

const PROFILE: TokenProfile = TokenProfile {
    client_is_audience: true,
    says_access_by_token_use: true,
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
    /// A region or an id with a slash or white space in it.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::cognito("eu-central-1", "eu-central-1_Ab12Cd34E")?;
    /// let validator = issuer.validator("5example2client7id0");
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn cognito(region: &str, user_pool_id: &str) -> Result<Self, Error> {
        if [region, user_pool_id].iter().any(|part| part.is_empty() || part.contains('/')) {
            return Err(Error::configuration(
                "cognito(..) takes a region, such as eu-central-1, and the id of a user pool",
            ));
        }
        Ok(Self::new(format!("https://cognito-idp.{region}.amazonaws.com/{user_pool_id}"))?.with_profile(PROFILE))
    }
}
