//! The manual: what is too long for the pages of single items.

#[doc = include_str!("threats.md")]
pub mod threats {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("dangerous.md")]
pub mod dangerous {}

#[doc = include_str!("calling.md")]
#[cfg(feature = "client")]
pub mod calling {}

#[doc = include_str!("grpc.md")]
pub mod grpc {}

#[doc = include_str!("entra.md")]
pub mod entra {}

#[doc = include_str!("keycloak.md")]
pub mod keycloak {}

#[doc = include_str!("auth0.md")]
pub mod auth0 {}

#[doc = include_str!("okta.md")]
pub mod okta {}

#[doc = include_str!("cognito.md")]
pub mod cognito {}

#[doc = include_str!("google.md")]
pub mod google {}

#[doc = include_str!("external_id.md")]
pub mod external_id {}
