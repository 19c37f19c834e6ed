//! The manual: what is too long for the pages of single items.

#[doc = include_str!("threats.md")]
pub mod threats {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("dangerous.md")]
pub mod dangerous {}

#[doc = include_str!("entra.md")]
pub mod entra {}
