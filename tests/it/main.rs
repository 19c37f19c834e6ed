//! The contract of the crate, a file per standard or part.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod floors;
mod jose;
mod keys;
mod rfc7515;
mod rfc7638;
mod vectors;
