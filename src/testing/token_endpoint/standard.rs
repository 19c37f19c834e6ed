//! The token endpoint of a [`TestIssuer`], by the standards alone.

use serde_json::{Value, json};

use super::client_credentials;
use super::{Authority, Grant, Refusal, TestTokenRequest, TokenEndpoint};
use crate::jose::Algorithm;
use crate::testing::registration::TestApp;
use crate::testing::{TestIssuer, seconds};

/// What its metadata names.
pub(in crate::testing) const GRANT_TYPES: [&str; 1] = ["client_credentials"];

impl Authority for TestIssuer {
    fn now(&self) -> u64 {
        seconds(TestIssuer::now(self))
    }

    fn tokens(&self) -> &TokenEndpoint {
        &self.shared.tokens
    }

    fn client(&self, client_id: &str) -> Option<TestApp> {
        TestApp::find(&self.shared.tokens.registry, client_id, "")
    }

    fn assertion_audiences(&self) -> Vec<String> {
        vec![self.identifier().to_owned(), self.shared.token_endpoint()]
    }

    fn federated_audiences(&self) -> Vec<String> {
        self.assertion_audiences()
    }

    fn certificate_algorithms(&self) -> &'static [Algorithm] {
        Algorithm::ASYMMETRIC
    }

    fn grant(&self, grant_type: &str) -> Option<Grant<'_>> {
        match grant_type {
            "client_credentials" => {
                Some(Box::new(|request, client| client_credentials::standard(self, request, client)))
            }
            _ => None,
        }
    }

    fn refuse(&self, refusal: Refusal, _: &TestTokenRequest) -> Value {
        json!({ "error": refusal.error(), "error_description": refusal.sentence() })
    }
}
