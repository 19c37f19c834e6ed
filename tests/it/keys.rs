//! How an issuer's keys are had and kept: the life of keys, as far as callers see it.

mod callers;
mod floods;
mod freshness;
mod outages;
mod rotation;
mod status;

use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{RejectionKind as Kind, Validator};

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

/// Requests for the metadata, and for the keys.
fn fetches(authority: &TestIssuer) -> (usize, usize) {
    (authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks))
}
