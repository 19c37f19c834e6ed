//! The contract of the crate, a file per standard or part.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Figures are printed, and helpers read better without a borrow.
#![allow(clippy::print_stdout, clippy::needless_pass_by_value)]

mod add_bearer;
#[cfg(feature = "reqwest")]
mod answers;
mod axum;
mod cache;
mod client;
mod entra;
mod examples;
mod explain;
// Those that read the sources are the same whatever the back end.
#[cfg(feature = "aws-lc-rs")]
mod floors;
mod fuzz;
#[cfg(feature = "tonic")]
mod grpc;
mod hostile;
mod issuers;
mod jose;
mod keys;
mod leaks;
#[cfg(feature = "aws-lc-rs")]
mod manual;
mod obo;
mod oracle;
mod pem;
mod providers;
#[cfg(feature = "aws-lc-rs")]
mod readme;
mod rejections;
mod requirement;
mod rfc6750;
mod rfc7515;
mod rfc7519;
mod rfc7638;
mod rfc8414;
mod rfc9068;
mod rfc9728;
mod static_keys;
mod support;
mod test_clock;
mod test_directory;
mod test_issuer;
mod test_token_endpoint;
#[cfg(feature = "aws-lc-rs")]
mod threats;
mod token_sources;
mod tokens;
#[cfg(feature = "tonic")]
mod tonic;
mod tower;
mod until_expiry;
mod vectors;
mod verified_token;
mod without_tonic;
