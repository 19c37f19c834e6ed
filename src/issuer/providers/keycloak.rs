//! Keycloak: roles of the realm, and what kind a token is.

use crate::error::Error;
use crate::issuer::token_endpoint::TokenEndpoint;
use crate::issuer::{AccessMark, ActorMark, Issuer, TokenProfile};

const PROFILE: TokenProfile = TokenProfile {
    roles_at: &["/realm_access/roles"],
    access: AccessMark::Typ,
    actor: ActorMark::Keycloak,
    ..TokenProfile::RFC
};

impl Issuer {
    /// A realm of Keycloak, by its address: `https://keycloak.example.com/realms/acme`.
    ///
    /// The realm's roles (`realm_access`) count as [`roles`](crate::VerifiedToken::roles); those at a client are asked for by
    /// [`role_in`](crate::role_in). The claim `typ` has to be `Bearer`: it is `ID`, `Refresh`, `Offline` or `Logout` in the other
    /// tokens, which are signed by the same keys.
    ///
    /// Where the service reaches Keycloak at another address than its callers, give the public one here and the internal one to
    /// [`metadata_url`](Self::metadata_url), and to [`jwks_url`](Self::jwks_url) where Keycloak names the public one for its keys.
    /// See the [manual](crate::manual::keycloak).
    ///
    /// # Errors
    /// Not the address of a realm, which ends in `/realms/` and its name, without a slash after it.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let issuer = Issuer::keycloak("https://keycloak.example.com/realms/acme")?
    ///     .metadata_url("http://127.0.0.1:8080/realms/acme/.well-known/openid-configuration")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn keycloak(realm_url: impl Into<String>) -> Result<Self, Error> {
        let realm_url: String = realm_url.into();
        let realm = realm_url.rsplit_once("/realms/").map(|(_, realm)| realm);
        if realm.is_none_or(|realm| realm.is_empty() || realm.contains(['/', '?', '#'])) {
            return Err(Error::configuration(
                "keycloak(..) takes the address of a realm, such as https://keycloak.example.com/realms/acme, without anything \
                 after its name",
            ));
        }
        Ok(Self::new(realm_url)?.with_profile(PROFILE).with_token_endpoint_of(TokenEndpoint::WithoutOnBehalfOf))
    }
}
