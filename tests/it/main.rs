//! The contract of the crate, a file per standard or part.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod axum;
mod floors;
mod jose;
mod keys;
mod rejections;
mod rfc6750;
mod rfc7515;
mod rfc9728;
mod support;
mod token_sources;
mod tower;
