//! Entra External ID and Azure AD B2C: Microsoft's directories of customers.

use super::{entra, is_label};
use crate::error::Error;
use crate::issuer::token_endpoint::TokenEndpoint;
use crate::issuer::{ActorMark, Issuer, TokenProfile};

/// Applications have scopes as persons do, and `oid` is `sub` for persons too, where a policy puts it into a token: nothing tells
/// them apart, and only a scope tells an access token from an ID token.
const B2C: TokenProfile = TokenProfile { actor: ActorMark::Untold, ..entra::PROFILE };

impl Issuer {
    /// An external tenant of Microsoft Entra, by the name before `.onmicrosoft.com` and the tenant's id.
    ///
    /// Tokens are judged as those of [`Entra`](crate::Entra) are, in version 2 alone: `requestedAccessTokenVersion` has to be 2. See
    /// the [manual](crate::manual::external_id).
    ///
    /// # Errors
    /// The name holds something else than letters, digits and hyphens, or the id is not a GUID.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::entra_external_id("acme", "11111111-2222-3333-4444-555555555555")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn entra_external_id(name: &str, tenant: &str) -> Result<Self, Error> {
        let (name, tenant) = as_spelled("entra_external_id(..)", name, tenant)?;
        let metadata = format!("https://{name}.ciamlogin.com/{tenant}/v2.0/.well-known/openid-configuration");
        // Named by its id, unlike the host that serves the metadata.
        let issuer = Self::new(format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0"))?;
        let issuer = issuer.metadata_url(&metadata)?.with_profile(entra::PROFILE);
        Ok(issuer.with_token_endpoint_of(TokenEndpoint::Microsoft))
    }

    /// A user flow or custom policy of Azure AD B2C, by the name before `.onmicrosoft.com`, the tenant's id and the policy. See the
    /// [manual](crate::manual::external_id).
    ///
    /// A token has to have a scope (`scp`), a person's and an application's alike: an ID token may have whatever a policy puts into it,
    /// but none. Whether an application acts as itself can't be told.
    ///
    /// All policies of a tenant have one `iss`: look at `tfp` or `acr` by a [check](crate::Validator::check) where one must not do for
    /// another.
    ///
    /// # Errors
    /// The name or the policy holds something else than letters, digits, hyphens and underscores, or the id is not a GUID.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::azure_ad_b2c("acme", "11111111-2222-3333-4444-555555555555", "B2C_1_signin")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn azure_ad_b2c(name: &str, tenant: &str, policy: &str) -> Result<Self, Error> {
        let (name, tenant) = as_spelled("azure_ad_b2c(..)", name, tenant)?;
        if policy.is_empty() || !policy.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Error::configuration("azure_ad_b2c(..) takes the name of a policy, such as B2C_1_signin"));
        }
        let host = format!("https://{name}.b2clogin.com");
        let metadata = format!("{host}/{name}.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration");
        let issuer = Self::new(format!("{host}/{tenant}/v2.0/"))?.metadata_url(&metadata)?.with_profile(B2C);
        Ok(issuer.with_token_endpoint_of(TokenEndpoint::Microsoft))
    }
}

/// The tenant's name and id as tokens spell them.
fn as_spelled(setting: &str, name: &str, tenant: &str) -> Result<(String, String), Error> {
    if !is_label(name) {
        return Err(Error::configuration(format!("{setting} takes the tenant's name alone, without .onmicrosoft.com")));
    }
    if !entra::is_guid(tenant) {
        return Err(Error::configuration(format!("{setting} takes the tenant's id, which is a GUID")));
    }
    Ok((name.to_ascii_lowercase(), tenant.to_ascii_lowercase()))
}
