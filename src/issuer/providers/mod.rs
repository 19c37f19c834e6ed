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

/// Whether this is the name of a host alone: labels of letters, digits and hyphens (RFC 1123 §2.1).
fn is_host(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
