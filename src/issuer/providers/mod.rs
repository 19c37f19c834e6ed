//! Identity providers whose tokens or addresses differ from the standards: a file for each that sets only what differs.

mod auth0;
mod cognito;
mod entra;
mod external_id;
mod google;
mod keycloak;
mod okta;

pub use self::entra::Entra;
pub(super) use self::entra::Tenants;
pub(crate) use self::entra::is_guid;
