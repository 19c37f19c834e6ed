//! Tokens under keys that nobody knows: what they may cost.

use std::time::Duration;

use serde_json::json;
use tower_bearer::RejectionKind as Kind;
use tower_bearer::testing::TestIssuer;

use super::{fetches, kind};
use crate::support::AUDIENCE;

#[tokio::test]
async fn tokens_under_unknown_keys_cause_one_fetch_per_gap() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let good = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator, &good).await, None);

    let foreign = |n: usize| authority.token(AUDIENCE).header("kid", format!("unknown-{n}")).sign();
    assert_eq!(kind(&validator, &foreign(0)).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 2), "the first one may be signed by a new key");
    for n in 1..50 {
        assert_eq!(kind(&validator, &foreign(n)).await, Some(Kind::UnknownKey));
    }
    assert_eq!(fetches(&authority), (1, 2));

    authority.advance(Duration::from_secs(14));
    let newer = foreign(51);
    let rejection = validator.verify(&newer).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable, "its key may have been published since the last fetch");
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(fetches(&authority), (1, 2));

    authority.advance(Duration::from_secs(1));
    assert_eq!(kind(&validator, &newer).await, Some(Kind::UnknownKey));
    assert_eq!(fetches(&authority), (1, 3), "one gap later it is looked for again");
}

#[tokio::test]
async fn tokens_that_would_be_rejected_anyway_never_cause_a_fetch() {
    let authority = TestIssuer::new();
    let stranger = TestIssuer::named("https://stranger.test");
    let validator = authority.issuer().validator(AUDIENCE);
    let own = |audience| authority.token(audience).header("kid", "unknown");
    let tokens = [
        (stranger.token(AUDIENCE).sign(), Kind::UnknownIssuer),
        (own("api://stock").sign(), Kind::WrongAudience),
        (own(AUDIENCE).expired().sign(), Kind::Expired),
        (own(AUDIENCE).claim("cnf", json!({"jkt": "x"})).sign(), Kind::SenderConstrained),
        (own(AUDIENCE).header("typ", "dpop+jwt").sign(), Kind::WrongTokenType),
        (own(AUDIENCE).header("alg", "HS256").sign(), Kind::AlgorithmNotAllowed),
    ];
    for (token, expected) in &tokens {
        assert_eq!(kind(&validator, token).await, Some(*expected));
    }
    assert_eq!(fetches(&authority), (0, 0), "not even for the first keys");
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
    for (token, expected) in &tokens {
        assert_eq!(kind(&validator, token).await, Some(*expected));
    }
    assert_eq!(fetches(&authority), (1, 1));
}
