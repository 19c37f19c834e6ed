//! Against programs of others: a real OpenID provider, npm `oidc-provider`, a token exchange, PyPI `idpyoidc`, the client libraries
//! of Microsoft, and clients of gRPC. `tests/interop/run` installs and starts all of it.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod authority;
mod certified;
mod client_credentials;
mod delegated;
mod exchange;
mod explain;
mod fields;
mod grpc;
mod grpc_client;
mod grpc_server;
mod guarded;
mod load;
mod microsoft;
mod msal;
mod oidc_provider;
mod outage;
mod process;
mod provider;
mod resource_server;
mod rotation;
mod same_key_ids;
mod service;
mod test_directory;
mod token;
mod wire;
