//! Keycloak: roles of the realm.

use crate::error::Error;
use crate::issuer::{Issuer, TokenProfile};

const PROFILE: TokenProfile = TokenProfile { roles_at: &["/realm_access/roles"], ..TokenProfile::RFC };

impl Issuer {
    /// A realm of Keycloak, by its address: `https://keycloak.example.com/realms/acme`.
    ///
    /// The realm's roles (`realm_access`) count as [`roles`](crate::VerifiedToken::roles); those at a client are asked for by
    /// [`role_in`](crate::role_in). Where the service reaches Keycloak at another address than its callers, give the public one here
    /// and the internal one to [`metadata_url`](Self::metadata_url), and to [`jwks_url`](Self::jwks_url) where Keycloak names the
    /// public one for its keys. See the [manual](crate::manual::keycloak).
    ///
    /// # Errors
    /// As [`Issuer::new`].
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let issuer = Issuer::keycloak("https://keycloak.example.com/realms/acme")?
    ///     .metadata_url("http://127.0.0.1:8080/realms/acme/.well-known/openid-configuration")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn keycloak(realm_url: impl Into<String>) -> Result<Self, Error> {
        Ok(Self::new(realm_url)?.with_profile(PROFILE))
    }
}
