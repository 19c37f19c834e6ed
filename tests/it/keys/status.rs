//! What an issuer says of its keys: `status()` and `ready()`.

use serde_json::json;
use tower_bearer::testing::TestIssuer;

use super::kind;
use crate::support::AUDIENCE;

#[tokio::test]
async fn an_odd_key_costs_nobody_else_and_is_listed_with_its_reason() {
    let authority = TestIssuer::new();
    authority.publish_jwk(json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "from-the-future"}));
    authority.publish_jwk(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}));
    let issuer = authority.issuer();
    assert_eq!(kind(&issuer.validator(AUDIENCE), &authority.token(AUDIENCE).sign()).await, None);
    let status = issuer.status();
    assert_eq!(status.keys.len(), 1);
    let skipped: Vec<_> = status.skipped.iter().map(|key| key.key_id().unwrap()).collect();
    assert_eq!(skipped, ["from-the-future", "secret"]);
}
