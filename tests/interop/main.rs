//! Against a real OpenID provider, npm `oidc-provider`. Needs Node: `tests/interop/run` installs and starts all of it.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod explain;
mod guarded;
mod load;
mod oidc_provider;
mod outage;
mod provider;
mod resource_server;
mod rotation;
mod same_key_ids;
mod service;
