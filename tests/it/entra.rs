//! Microsoft Entra ID: whose tokens are accepted, by which keys, and with which permission.

mod clouds;
mod keys;
mod permissions;
mod tenants;

use tower_bearer::testing::{TestDirectory, TestToken};
use tower_bearer::{Entra, RejectionKind as Kind, Validator};

use crate::support::AUDIENCE;

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const FABRIKAM: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const STRANGER: &str = "5ca1ab1e-0000-4000-8000-00000000000f";
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// The API's client id, for which v2 tokens are; those of v1 are for its App ID URI, [`AUDIENCE`].
const API: &str = "66666666-7777-8888-9999-000000000000";

async fn kind(validator: &Validator, token: TestToken) -> Option<Kind> {
    validator.verify(&token.sign()).await.err().map(|rejection| rejection.kind())
}

fn validator(directory: &TestDirectory, entra: Entra) -> Validator {
    directory.issuer(entra).validator(AUDIENCE).audience(API)
}

/// The API that trusts one tenant.
fn of_contoso() -> (TestDirectory, Validator) {
    let directory = TestDirectory::new();
    let validator = validator(&directory, Entra::tenant(CONTOSO).unwrap());
    (directory, validator)
}

/// A person's token of this tenant in both versions, each for the audience that it has by default.
fn delegated(directory: &TestDirectory, tenant: &str) -> [TestToken; 2] {
    [directory.tenant(tenant).v1().delegated(AUDIENCE), directory.tenant(tenant).delegated(API)]
}
