//! Entra External ID and Azure AD B2C: Microsoft's directories of customers.

use super::entra;
use crate::error::Error;
use crate::issuer::Issuer;

impl Issuer {
    /// An external tenant of Microsoft Entra, by the name before `.onmicrosoft.com` and the tenant's id. See the
    /// [manual](crate::manual::external_id).
    ///
    /// # Errors
    /// The name holds something else than letters, digits and hyphens, or the id is not a GUID.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::entra_external_id("acme", "11111111-2222-3333-4444-555555555555")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn entra_external_id(name: &str, tenant: &str) -> Result<Self, Error> {
        let tenant = checked("entra_external_id(..)", name, tenant)?;
        let metadata = format!("https://{name}.ciamlogin.com/{tenant}/v2.0/.well-known/openid-configuration");
        let issuer = Self::new(format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0"))?;
        Ok(issuer.metadata_url(&metadata)?.with_profile(entra::PROFILE))
    }

    /// A user flow or custom policy of Azure AD B2C, by the name before `.onmicrosoft.com`, the tenant's id and the policy. See the
    /// [manual](crate::manual::external_id).
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
        let tenant = checked("azure_ad_b2c(..)", name, tenant)?;
        if policy.is_empty() || !policy.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Error::configuration("azure_ad_b2c(..) takes the name of a policy, such as B2C_1_signin"));
        }
        let host = format!("https://{name}.b2clogin.com");
        let metadata = format!("{host}/{name}.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration");
        Ok(Self::new(format!("{host}/{tenant}/v2.0/"))?.metadata_url(&metadata)?.with_profile(entra::PROFILE))
    }
}

/// The tenant's id as tokens spell it.
fn checked(setting: &str, name: &str, tenant: &str) -> Result<String, Error> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::configuration(format!("{setting} takes the tenant's name alone, without .onmicrosoft.com")));
    }
    if !entra::is_guid(tenant) {
        return Err(Error::configuration(format!("{setting} takes the tenant's id, which is a GUID")));
    }
    Ok(tenant.to_ascii_lowercase())
}
