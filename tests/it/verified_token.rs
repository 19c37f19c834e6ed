//! A token that was checked: what it tells, and what it never shows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, RejectionKind as Kind, VerifiedToken, scope};

const AUDIENCE: &str = "api://orders";

/// The claims that several tests look at.
fn rich() -> Value {
    json!({
        "sub": "alice",
        "client_id": "orders-web",
        "tid": "72f988bf",
        "scope": "orders.read orders.write",
        "scp": ["offline"],
        "roles": ["Manager", "Night shift"],
        "name": "Alice \u{c4}. \"Al\" O\\Hara",
        "department": "sales",
        "level": 3,
        "tags": ["a", "b"],
        "nothing": null,
    })
}

async fn verified(claims: Value) -> VerifiedToken {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let members = claims.as_object().unwrap().clone();
    let start = authority.token(AUDIENCE).without("sub").without("client_id");
    let token = members.into_iter().fold(start, |token, (name, content)| token.claim(name, content));
    validator.verify(&token.sign()).await.unwrap()
}

#[tokio::test]
async fn every_accessor_tells_its_claim() {
    let token = verified(rich()).await;
    assert_eq!(token.issuer(), "https://issuer.test");
    assert_eq!(token.audience(), AUDIENCE);
    assert_eq!(token.subject(), Some("alice"));
    assert_eq!(token.client_id(), Some("orders-web"));
    assert_eq!(token.tenant(), Some("72f988bf"));
    assert_eq!(token.scopes().collect::<Vec<_>>(), ["orders.read", "orders.write", "offline"]);
    assert!(token.has_scope("offline") && !token.has_scope("orders"));
    assert_eq!(token.roles().collect::<Vec<_>>(), ["Manager", "Night shift"]);
    assert!(token.has_role("Night shift") && !token.has_role("Night"));
}

#[tokio::test]
async fn what_is_not_in_the_token_is_none() {
    let token = verified(json!({})).await;
    assert_eq!((token.subject(), token.client_id(), token.tenant()), (None, None, None));
    assert_eq!((token.scopes().count(), token.roles().count()), (0, 0));
    assert_eq!(token.claim::<Value>("absent"), None);
}

#[tokio::test]
async fn times_are_told_to_the_fraction() {
    let authority = TestIssuer::new();
    let at = |seconds: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
    authority.set_wall_clock(at(1_800_000_000.0));
    let validator = authority.issuer().validator(AUDIENCE);
    let start = authority.token(AUDIENCE).claim("iat", 1_799_999_999.25).claim("exp", 1_800_000_600.5);
    let token = validator.verify(&start.sign()).await.unwrap();
    assert_eq!((token.issued_at(), token.expires_at()), (Some(at(1_799_999_999.25)), at(1_800_000_600.5)));
    let without = validator.verify(&authority.token(AUDIENCE).without("iat").sign()).await.unwrap();
    assert_eq!(without.issued_at(), None);
}

#[tokio::test]
async fn the_client_is_the_first_of_client_id_azp_and_appid() {
    for (claims, expected) in [
        (json!({"client_id": "one", "azp": "two", "appid": "three"}), "one"),
        (json!({"azp": "two", "appid": "three"}), "two"),
        (json!({"appid": "three"}), "three"),
        (json!({"client_id": null, "appid": "three"}), "three"),
    ] {
        assert_eq!(verified(claims).await.client_id(), Some(expected));
    }
}

#[tokio::test]
async fn one_claim_comes_as_any_type_that_fits() {
    let token = verified(rich()).await;
    assert_eq!(token.claim::<String>("name").as_deref(), Some("Alice \u{c4}. \"Al\" O\\Hara"));
    assert_eq!(token.claim::<&str>("department"), Some("sales"), "borrowed");
    assert_eq!((token.claim::<u8>("level"), token.claim::<f64>("level")), (Some(3), Some(3.0)));
    assert_eq!(token.claim::<Vec<String>>("tags"), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(token.claim::<Value>("tags"), Some(json!(["a", "b"])));
    assert_eq!(token.claim::<Option<String>>("nothing"), Some(None));
    assert_eq!(token.claim::<String>("iss").as_deref(), Some("https://issuer.test"), "registered ones too");
    assert_eq!(token.claim::<u8>("department"), None, "it doesn't fit");
    assert_eq!(token.claim::<String>("level"), None, "it doesn't fit");
    assert_eq!(token.claim::<String>("nothing"), None, "it doesn't fit");
    assert_eq!(token.claim::<String>("Department"), None, "names are case-sensitive");
}

#[derive(Debug, Deserialize, PartialEq)]
struct Staff {
    department: String,
    level: u8,
}

/// A type of its own for each number.
#[derive(Deserialize)]
struct Level<const N: u8> {
    level: u8,
}

#[tokio::test]
async fn all_claims_come_as_a_type_that_is_parsed_once_and_shared_by_clones() {
    let token = verified(rich()).await;
    let clone = token.clone();
    let staff: Arc<Staff> = token.claims().unwrap();
    assert_eq!(*staff, Staff { department: "sales".to_owned(), level: 3 });
    assert!(Arc::ptr_eq(&staff, &token.claims().unwrap()));
    assert!(Arc::ptr_eq(&staff, &clone.claims().unwrap()), "whoever asks first parses for all");
    assert!(Arc::ptr_eq(&staff, &clone.clone().claims().unwrap()));
    assert_eq!(clone.subject().map(str::as_ptr), token.subject().map(str::as_ptr), "a clone copies no claim");
}

#[tokio::test]
async fn claims_come_as_more_types_than_are_kept() {
    let token = verified(rich()).await;
    macro_rules! check {
        ($($number:literal),*) => { $(
            assert_eq!(token.claims::<Level<$number>>().unwrap().level, 3, "type {}", $number);
        )* };
    }
    check!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert!(Arc::ptr_eq(&token.claims::<Level<0>>().unwrap(), &token.claims::<Level<0>>().unwrap()), "kept");
    check!(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    assert_eq!(token.claims::<Staff>().unwrap().level, 3);
    assert_eq!(token.claims::<Value>().unwrap()["sub"], "alice");
}

#[tokio::test]
async fn claims_that_do_not_fit_the_type_are_a_rejection_that_shows_none() {
    let token = verified(json!({"department": "do-not-show", "level": "do-not-show"})).await;
    for _ in 0..2 {
        let rejection = token.claims::<Staff>().unwrap_err();
        assert_eq!((rejection.kind(), rejection.status().as_u16()), (Kind::ClaimsMismatch, 401));
        assert_eq!(rejection.error(), Some("invalid_token"));
        assert!(!format!("{rejection} {rejection:?}").contains("do-not-show"));
        assert!(std::error::Error::source(&rejection).is_none());
    }
    assert!(token.claims::<Value>().is_ok(), "another type may fit");
    assert_eq!(verified(json!({})).await.claims::<Staff>().unwrap_err().kind(), Kind::ClaimsMismatch, "missing");
}

#[tokio::test]
async fn many_threads_may_ask_for_the_same_claims_at_once() {
    let token = verified(rich()).await;
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let token = token.clone();
            std::thread::spawn(move || (token.claims::<Staff>().unwrap().level, token.claim::<u8>("level").unwrap()))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), (3, 3));
    }
}

#[tokio::test]
async fn each_token_has_claims_of_its_own() {
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator(AUDIENCE);
    let mut held = Vec::new();
    for level in 0..20_u8 {
        let token = authority.token(AUDIENCE).claim("department", "sales").claim("level", level).sign();
        held.push((level, validator.verify(&token).await.unwrap()));
    }
    for (level, token) in held {
        assert_eq!(token.claims::<Staff>().unwrap().level, level);
        assert_eq!(token.claim::<u8>("level"), Some(level));
    }
}

#[tokio::test]
async fn debug_shows_no_claim_and_no_token() {
    let authority = TestIssuer::new();
    let issuer = authority.issuer();
    let validator = issuer.validator(AUDIENCE);
    let secrets = ["alice-secret", "client-secret", "tenant-secret", "scope-secret", "role-secret", "own-secret"];
    let [subject, client, tenant, held, role, own] = secrets;
    let token = authority.token(AUDIENCE).subject(subject).claim("client_id", client).claim("tid", tenant);
    let token = token.scope(held).roles([role]).claim("own", own).sign();
    let verified = validator.verify(&token).await.unwrap();
    let _parsed = (verified.claims::<Value>().unwrap(), verified.claim::<Value>("own"));
    let layer = BearerLayer::new(validator.clone());
    let shown = [
        format!("{verified:?} {verified:#?}"),
        format!("{:?}", verified.require(scope("another")).unwrap_err()),
        format!("{:?}", validator.verify(&format!("{token}x")).await.unwrap_err()),
        format!("{validator:?} {validator:#?}"),
        format!("{issuer:?} {issuer:#?} {:?}", issuer.status()),
        format!("{layer:?} {layer:#?}"),
        format!("{:?}", scope("another")),
        format!("{authority:?} {:?}", authority.token(AUDIENCE).subject(subject)),
    ];
    let parts = token.split('.').map(str::to_owned);
    let hidden: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).chain(parts).collect();
    for text in shown {
        assert!(!text.is_empty());
        for secret in &hidden {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
}

#[test]
fn a_token_can_be_sent_shared_and_cloned() {
    fn handle<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    handle::<VerifiedToken>();
    handle::<tower_bearer::Issuer>();
    handle::<tower_bearer::Validator>();
    handle::<tower_bearer::Rejection>();
    handle::<tower_bearer::Error>();
}
