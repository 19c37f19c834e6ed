//! Several issuers under one layer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{AllowedIssuers, BearerLayer, Entra, Issuer, RejectionKind as Kind, Validator, VerifiedToken};

use crate::support::{AUDIENCE, anonymous, send, with_token};

const ONE_TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "66666666-7777-8888-9999-000000000000";

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

/// Two issuers, with an audience each, and the validator of both.
fn staff_and_shops() -> (TestIssuer, TestIssuer, Validator) {
    let (staff, shops) = (TestIssuer::named("https://staff.test"), TestIssuer::named("https://shops.test"));
    let both = [staff.issuer().validator(AUDIENCE), shops.issuer().validator("orders")];
    let validator = Validator::any_of(both).unwrap();
    (staff, shops, validator)
}

#[tokio::test]
async fn a_token_is_judged_by_the_rules_of_its_issuer() {
    let (staff, shops, validator) = staff_and_shops();
    let of_staff = validator.verify(&staff.token(AUDIENCE).sign()).await.unwrap();
    assert_eq!((of_staff.issuer(), of_staff.audience()), ("https://staff.test", AUDIENCE));
    let of_shops = validator.verify(&shops.token("orders").sign()).await.unwrap();
    assert_eq!((of_shops.issuer(), of_shops.audience()), ("https://shops.test", "orders"));
    assert_eq!(kind(&validator, &staff.token("orders").sign()).await, Some(Kind::WrongAudience));
    assert_eq!(kind(&validator, &shops.token(AUDIENCE).sign()).await, Some(Kind::WrongAudience));
    for stranger in
        ["https://stranger.test", "https://staff.test/", "https://STAFF.test", "https://staff.test.evil.test"]
    {
        let token = TestIssuer::named(stranger).token(AUDIENCE).sign();
        assert_eq!(kind(&validator, &token).await, Some(Kind::UnknownIssuer), "{stranger}");
    }
    assert_eq!(kind(&validator, &staff.token(AUDIENCE).without("iss").sign()).await, Some(Kind::MissingClaim));
    let both = json!(["https://staff.test", "https://shops.test"]);
    assert_eq!(kind(&validator, &staff.token(AUDIENCE).claim("iss", both).sign()).await, Some(Kind::Malformed));
}

#[tokio::test]
async fn a_token_of_one_issuer_that_is_signed_by_a_key_of_another_is_refused_though_their_key_ids_are_equal() {
    let (staff, shops, validator) = staff_and_shops();
    let (key, foreign) = (staff.signing_key(Algorithm::ES256), shops.signing_key(Algorithm::ES256));
    assert_eq!(key.key_id(), foreign.key_id());
    for _ in 0..2 {
        assert_eq!(kind(&validator, &staff.token(AUDIENCE).sign()).await, None);
        assert_eq!(kind(&validator, &shops.token("orders").sign()).await, None);
        let crossed = staff.token(AUDIENCE).signed_by(&foreign).sign();
        assert_eq!(kind(&validator, &crossed).await, Some(Kind::BadSignature));
    }
}

#[tokio::test]
async fn each_issuer_has_its_own_algorithms_and_settings() {
    let (staff, shops) = (TestIssuer::named("https://staff.test"), TestIssuer::named("https://shops.test"));
    let validator = Validator::any_of([
        staff.issuer().validator(AUDIENCE).algorithms([Algorithm::ES256]).max_token_bytes(600),
        shops.issuer().validator(AUDIENCE).algorithms([Algorithm::EdDSA]).rfc9068(),
    ])
    .unwrap();
    assert_eq!(kind(&validator, &staff.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &shops.token(AUDIENCE).algorithm(Algorithm::EdDSA).sign()).await, None);
    let crossed = [staff.token(AUDIENCE).algorithm(Algorithm::EdDSA), shops.token(AUDIENCE)];
    for token in crossed {
        assert_eq!(kind(&validator, &token.sign()).await, Some(Kind::AlgorithmNotAllowed));
    }
    let untyped = |authority: &TestIssuer| authority.token(AUDIENCE).header("typ", "JWT");
    assert_eq!(kind(&validator, &untyped(&staff).sign()).await, None);
    let plain = untyped(&shops).algorithm(Algorithm::EdDSA).sign();
    assert_eq!(kind(&validator, &plain).await, Some(Kind::WrongTokenType));
    let long = "x".repeat(600);
    let of_shops = shops.token(AUDIENCE).algorithm(Algorithm::EdDSA).claim("long", &long).sign();
    assert_eq!(kind(&validator, &staff.token(AUDIENCE).claim("long", &long).sign()).await, Some(Kind::TokenTooLong));
    assert_eq!(kind(&validator, &of_shops).await, None);
}

#[tokio::test]
async fn what_is_set_on_both_is_set_for_each() {
    let (staff, shops, validator) = staff_and_shops();
    let validator = validator.audience("everywhere").leeway(Duration::ZERO);
    for authority in [&staff, &shops] {
        assert_eq!(kind(&validator, &authority.token("everywhere").sign()).await, None);
        let token = authority.token("everywhere").expires_in(Duration::ZERO).sign();
        assert_eq!(kind(&validator, &token).await, Some(Kind::Expired));
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_does_not_touch_the_others() {
    let (staff, shops, validator) = staff_and_shops();
    shops.fail(Endpoint::Metadata, Fault::Hanging);
    let waiting = tokio::spawn({
        let (validator, token) = (validator.clone(), shops.token("orders").sign());
        async move { validator.verify(&token).await }
    });
    for n in 0..10 {
        let token = staff.token(AUDIENCE).subject(&format!("caller-{n}")).sign();
        assert_eq!(kind(&validator, &token).await, None);
    }
    assert_eq!(staff.requests(Endpoint::Jwks), 1);
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_withdrawn_key_of_one_issuer_is_refused_while_the_tokens_of_the_other_stay() {
    let (staff, shops, validator) = staff_and_shops();
    let (of_staff, of_shops) = (staff.token(AUDIENCE).sign(), shops.token("orders").sign());
    assert_eq!(kind(&validator, &of_staff).await, None);
    assert_eq!(kind(&validator, &of_shops).await, None);
    staff.rotate();
    assert_eq!(kind(&validator, &staff.token(AUDIENCE).sign()).await, None);
    assert_eq!(kind(&validator, &of_staff).await, Some(Kind::UnknownKey));
    assert_eq!(kind(&validator, &of_shops).await, None);
}

#[test]
fn two_validators_for_one_issuer_are_an_error_that_says_what_to_do() {
    let issuer = |identifier: &str| Issuer::new(identifier).unwrap().validator(AUDIENCE);
    let one = |entra: Entra| entra.issuer().validator(AUDIENCE);
    let tenant = |id| one(Entra::tenant(id).unwrap());
    let v1 = format!("https://sts.windows.net/{ONE_TENANT}/");
    let v2 = format!("https://login.microsoftonline.com/{ONE_TENANT}/v2.0");
    let us = Entra::tenant(ONE_TENANT).unwrap().authority_host("https://login.microsoftonline.us").unwrap();
    let doubled = [
        vec![issuer("https://a.test"), issuer("https://b.test"), issuer("https://a.test")],
        vec![Issuer::google().validator(AUDIENCE), issuer("accounts.google.com")],
        vec![issuer("https://accounts.google.com"), Issuer::google().validator(AUDIENCE)],
        vec![tenant(ONE_TENANT), issuer(&v2)],
        vec![issuer(&v1), tenant(ONE_TENANT)],
        vec![tenant(ONE_TENANT), one(Entra::tenants([OTHER_TENANT, ONE_TENANT]).unwrap())],
        vec![one(Entra::any_tenant()), tenant(ONE_TENANT)],
        vec![one(Entra::any_tenant()), one(Entra::any_tenant())],
        // The v1 tokens of both clouds have one issuer.
        vec![tenant(ONE_TENANT), one(us)],
    ];
    for validators in doubled {
        let error = Validator::any_of(validators).unwrap_err();
        assert!(error.is_configuration());
        assert!(error.to_string().contains("put both audiences into one"), "{error}");
    }
    assert!(Validator::any_of([]).is_err());
    let apart = [tenant(ONE_TENANT), tenant(OTHER_TENANT), issuer("https://a.test"), issuer("https://a.test/")];
    assert!(Validator::any_of(apart).is_ok());
}

#[tokio::test]
async fn a_key_that_names_another_issuer_verifies_nothing() {
    let authority = TestIssuer::new();
    let named = |issuer: &str| {
        let set: Value = serde_json::from_str(&authority.jwks()).unwrap();
        let mut key = set["keys"][0].clone();
        key["issuer"] = json!(issuer);
        let issuer = authority.issuer().with_jwks(json!({ "keys": [key] }).to_string()).unwrap();
        issuer.validator(AUDIENCE)
    };
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&named("https://issuer.test"), &token).await, None);
    for foreign in ["https://issuer.test/", "https://other.test", "", "https://{tenantid}.test"] {
        assert_eq!(kind(&named(foreign), &token).await, Some(Kind::KeyOfAnotherIssuer), "{foreign:?}");
    }
}

#[tokio::test]
async fn one_layer_guards_an_app_for_the_callers_of_both() {
    let (staff, shops, validator) = staff_and_shops();
    let app = axum::Router::new()
        .route("/", axum::routing::get(|token: tower_bearer::VerifiedToken| async move { token.issuer().to_owned() }))
        .route_layer(BearerLayer::new(validator));
    assert_eq!(send(&app, with_token(&staff.token(AUDIENCE).sign())).await.body, "https://staff.test");
    assert_eq!(send(&app, with_token(&shops.token("orders").sign())).await.body, "https://shops.test");
    let stranger = TestIssuer::named("https://stranger.test").token(AUDIENCE).sign();
    assert_eq!(send(&app, with_token(&stranger)).await.kind, Some(Kind::UnknownIssuer));
}

/// Issuers of realms whose names are allowed, which all live at one authority's clock; and how often each was asked for.
fn realms(allowed: &[&'static str]) -> (Vec<TestIssuer>, AllowedIssuers, Arc<Mutex<Vec<String>>>) {
    let named = |name: &&str| TestIssuer::named(format!("https://login.test/realms/{name}"));
    let authorities: Vec<_> = allowed.iter().map(named).collect();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (known, log) = (authorities.clone(), Arc::clone(&asked));
    let issuers = AllowedIssuers::new(move |issuer| {
        log.lock().unwrap().push(issuer.to_owned());
        let authority = known.iter().find(|one| one.identifier() == issuer)?;
        Some(authority.issuer().validator(AUDIENCE))
    });
    (authorities, issuers, asked)
}

async fn allowed(issuers: &AllowedIssuers, token: &str) -> Option<Kind> {
    issuers.verify(token).await.err().map(|rejection| rejection.kind())
}

#[tokio::test]
async fn an_issuer_that_is_allowed_is_asked_for_once_and_its_tokens_are_judged_by_its_own_rules() {
    let (authorities, issuers, asked) = realms(&["acme", "globex"]);
    for _ in 0..3 {
        for authority in &authorities {
            assert_eq!(allowed(&issuers, &authority.token(AUDIENCE).sign()).await, None);
            assert_eq!(allowed(&issuers, &authority.token("api://stock").sign()).await, Some(Kind::WrongAudience));
            assert_eq!(authority.requests(Endpoint::Jwks), 1);
        }
    }
    assert_eq!(*asked.lock().unwrap(), ["https://login.test/realms/acme", "https://login.test/realms/globex"]);
    let [acme, globex] = &authorities[..] else { panic!() };
    let crossed = acme.token(AUDIENCE).signed_by(&globex.signing_key(Algorithm::ES256)).sign();
    assert_eq!(allowed(&issuers, &crossed).await, Some(Kind::BadSignature));
}

#[tokio::test]
async fn an_issuer_that_is_not_allowed_costs_no_room_and_no_fetch() {
    let (authorities, issuers, asked) = realms(&["acme"]);
    for n in 0..100 {
        let stranger = TestIssuer::named(format!("https://login.test/realms/stranger-{n}"));
        assert_eq!(allowed(&issuers, &stranger.token(AUDIENCE).sign()).await, Some(Kind::UnknownIssuer));
        assert_eq!(stranger.requests(Endpoint::Metadata), 0);
    }
    assert!(issuers.held().is_empty());
    assert_eq!(asked.lock().unwrap().len(), 100);
    let good = &authorities[0];
    for (odd, expected) in [
        (good.token(AUDIENCE).without("iss").sign(), Kind::MissingClaim),
        (good.token(AUDIENCE).claim("iss", 1).sign(), Kind::Malformed),
        ("opaque".to_owned(), Kind::Malformed),
        ("x".repeat(100_000), Kind::TokenTooLong),
    ] {
        assert_eq!(allowed(&issuers, &odd).await, Some(expected));
    }
    assert!(issuers.held().is_empty());
}

#[tokio::test]
async fn a_validator_that_is_given_for_another_issuer_lets_nobody_in() {
    let (acme, globex) = (TestIssuer::named("https://acme.test"), TestIssuer::named("https://globex.test"));
    let validator = globex.issuer().validator(AUDIENCE);
    let issuers = AllowedIssuers::new(move |_| Some(validator.clone()));
    assert_eq!(allowed(&issuers, &acme.token(AUDIENCE).sign()).await, Some(Kind::UnknownIssuer));
    assert_eq!(acme.requests(Endpoint::Jwks) + globex.requests(Endpoint::Jwks), 0);
}

/// So many realms, whose names live as long as the test does.
fn many(count: usize) -> Vec<&'static str> {
    (0..count).map(|n| &*Box::leak(format!("realm-{n}").into_boxed_str())).collect()
}

#[tokio::test]
async fn issuers_are_bounded_and_the_one_whose_last_token_is_the_oldest_makes_room() {
    let (authorities, issuers, asked) = realms(&many(4));
    let issuers = issuers.at_most(3);
    let [first, second, third, fourth] = &authorities[..] else { panic!() };
    for authority in [first, second, third] {
        assert_eq!(allowed(&issuers, &authority.token(AUDIENCE).sign()).await, None);
    }
    let rejection = issuers.verify(&fourth.token(AUDIENCE).sign()).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::KeysUnavailable, "all of them are in use");
    assert!(rejection.retry_after().unwrap() <= Duration::from_secs(15));
    assert_eq!(fourth.requests(Endpoint::Jwks), 0);

    authorities.iter().for_each(|authority| authority.advance(Duration::from_secs(16)));
    for authority in [first, third] {
        assert_eq!(allowed(&issuers, &authority.token(AUDIENCE).sign()).await, None);
    }
    assert_eq!(allowed(&issuers, &fourth.token(AUDIENCE).sign()).await, None);
    let mut held: Vec<_> = issuers.held().iter().map(|issuer| issuer.identifier().to_owned()).collect();
    held.sort();
    let expected = [first, third, fourth].map(|authority| authority.identifier().to_owned());
    assert_eq!(held, expected);
    assert!(issuers.held().iter().all(|issuer| issuer.status().is_ready));
    assert_eq!(asked.lock().unwrap().len(), 5, "the three, and the fourth twice");
}

#[tokio::test]
async fn as_many_issuers_as_are_allowed_are_all_held() {
    let (authorities, issuers, asked) = realms(&many(300));
    let issuers = issuers.at_most(300);
    for _ in 0..2 {
        for authority in &authorities {
            assert_eq!(allowed(&issuers, &authority.token(AUDIENCE).sign()).await, None);
        }
    }
    assert_eq!(asked.lock().unwrap().len(), 300);
    assert_eq!(issuers.held().len(), 300);
}

#[tokio::test]
async fn what_was_verified_under_other_settings_is_judged_anew() {
    let authority = TestIssuer::named("https://acme.test");
    let issuer = authority.issuer(); // the keys stay the same ones
    let audience = Arc::new(Mutex::new(AUDIENCE));
    let current = Arc::clone(&audience);
    let issuers = AllowedIssuers::new(move |_| Some(issuer.validator(*current.lock().unwrap())));
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(allowed(&issuers, &token).await, None);
    *audience.lock().unwrap() = "api://stock";
    issuers.forget("https://acme.test");
    assert_eq!(allowed(&issuers, &token).await, Some(Kind::WrongAudience));
}

/// Claims are parsed once per token that is held: two values are one if and only if the second came from the cache.
async fn claims(token: VerifiedToken) -> Arc<serde_json::Map<String, Value>> {
    token.claims().unwrap()
}

#[tokio::test]
async fn allowed_issuers_share_a_cache_that_can_be_turned_off() {
    let (authorities, issuers, _) = realms(&["acme"]);
    let token = authorities[0].token(AUDIENCE).sign();
    let seen = |issuers: AllowedIssuers| {
        let token = token.clone();
        async move {
            let first = claims(issuers.verify(&token).await.unwrap()).await;
            Arc::ptr_eq(&first, &claims(issuers.verify(&token).await.unwrap()).await)
        }
    };
    assert!(seen(issuers.clone()).await);
    assert!(!seen(issuers.cache_bytes(0)).await);
}

#[tokio::test]
async fn a_validator_of_several_issuers_has_no_cache_where_one_of_them_has_none() {
    let (staff, shops) = (TestIssuer::named("https://staff.test"), TestIssuer::named("https://shops.test"));
    let [on, off] = [staff.issuer().validator(AUDIENCE), shops.issuer().validator(AUDIENCE).without_cache()];
    for both in [[on.clone(), off.clone()], [off, on.clone()]] {
        let validator = Validator::any_of(both).unwrap();
        let token = staff.token(AUDIENCE).sign();
        let first = claims(validator.verify(&token).await.unwrap()).await;
        assert!(!Arc::ptr_eq(&first, &claims(validator.verify(&token).await.unwrap()).await));
    }
}

#[tokio::test]
async fn a_challenge_names_an_audience_only_where_it_is_that_of_all_issuers() {
    let challenge = |audiences: [&'static str; 2]| async move {
        let issuers = ["https://staff.test", "https://shops.test"].map(|name| Issuer::new(name).unwrap());
        let validators = issuers.iter().zip(audiences).map(|(issuer, audience)| issuer.validator(audience));
        let layer = BearerLayer::new(Validator::any_of(validators).unwrap());
        let app = axum::Router::new().route("/", axum::routing::get(|| async { "in" })).route_layer(layer);
        send(&app, anonymous()).await.challenge().unwrap().to_owned()
    };
    assert_eq!(challenge([AUDIENCE, AUDIENCE]).await, r#"Bearer realm="api://orders""#);
    assert_eq!(challenge([AUDIENCE, "orders"]).await, "Bearer");
}

/// A key of one issuer among those of others must not hide that its own has changed.
#[tokio::test]
async fn keys_of_other_issuers_in_a_shared_set_do_not_hide_a_new_one_of_ones_own() {
    let (authority, other) = (TestIssuer::new(), TestIssuer::new());
    let set = |authority: &TestIssuer, issuer: &str| {
        let mut set: Value = serde_json::from_str(&authority.jwks()).unwrap();
        set["keys"][0]["issuer"] = json!(issuer);
        set["keys"][0].clone()
    };
    let published = Arc::new(Mutex::new(json!({})));
    let publish = || {
        let keys = [set(&other, "https://other.test"), set(&authority, "https://issuer.test")];
        *published.lock().unwrap() = json!({ "keys": keys });
    };
    publish();
    let answers = Arc::clone(&published);
    let transport = tower::service_fn(move |_: http::Request<Full<Bytes>>| {
        let body = answers.lock().unwrap().to_string();
        std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(body)))
    });
    let issuer = authority.issuer().transport(transport).jwks_url("https://issuer.test/keys").unwrap();
    let validator = issuer.validator(AUDIENCE);
    let unnamed = || authority.token(AUDIENCE).without_header("kid").sign();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None, "under one id with the other's");
    assert_eq!(kind(&validator, &unnamed()).await, None);
    for _ in 0..2 {
        authority.rotate_under_old_ids();
        publish();
        authority.advance(Duration::from_secs(16));
        assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()).await, None);
        authority.rotate_under_old_ids();
        publish();
        authority.advance(Duration::from_secs(16));
        assert_eq!(kind(&validator, &unnamed()).await, None);
    }
    let of_other = authority.token(AUDIENCE).signed_by(&other.signing_key(Algorithm::ES256));
    assert_eq!(kind(&validator, &of_other.clone().sign()).await, Some(Kind::BadSignature));
    assert_eq!(kind(&validator, &of_other.without_header("kid").sign()).await, Some(Kind::UnknownKey));
}

#[tokio::test]
async fn an_issuer_that_is_forgotten_is_asked_for_again_and_its_old_tokens_with_it() {
    let authority = TestIssuer::named("https://acme.test");
    let trusted = Arc::new(AtomicBool::new(true));
    let (is_trusted, of) = (Arc::clone(&trusted), authority.clone());
    let issuers =
        AllowedIssuers::new(move |_| is_trusted.load(Ordering::Relaxed).then(|| of.issuer().validator(AUDIENCE)));
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(allowed(&issuers, &token).await, None);
    trusted.store(false, Ordering::Relaxed);
    assert_eq!(allowed(&issuers, &token).await, None, "it is held");
    issuers.forget("https://acme.test");
    assert_eq!(allowed(&issuers, &token).await, Some(Kind::UnknownIssuer), "though it was verified before");
}

#[tokio::test]
async fn an_issuer_that_is_forgotten_by_one_of_its_two_names_is_asked_for_again_by_that_one() {
    let authority = TestIssuer::google();
    let trusts_short = Arc::new(AtomicBool::new(true));
    let (is_short_trusted, of) = (Arc::clone(&trusts_short), authority.clone());
    let issuers = AllowedIssuers::new(move |issuer| {
        let is_trusted = issuer.starts_with("https://") || is_short_trusted.load(Ordering::Relaxed);
        is_trusted.then(|| of.issuer().validator(AUDIENCE))
    });
    let named = |issuer: &str| authority.token(AUDIENCE).claim("iss", issuer).sign();
    let (long, short) = (named("https://accounts.google.com"), named("accounts.google.com"));
    for token in [&long, &short, &long, &short] {
        assert_eq!(allowed(&issuers, token).await, None);
    }
    trusts_short.store(false, Ordering::Relaxed);
    issuers.forget("accounts.google.com");
    assert_eq!(allowed(&issuers, &short).await, Some(Kind::UnknownIssuer), "though it was verified before");
    assert_eq!(allowed(&issuers, &long).await, None);
}

#[tokio::test]
async fn a_layer_takes_allowed_issuers_and_waits_for_their_keys() {
    let (authorities, issuers, _) = realms(&["acme"]);
    let app = axum::Router::new()
        .route("/", axum::routing::get(|token: tower_bearer::VerifiedToken| async move { token.issuer().to_owned() }))
        .route_layer(BearerLayer::new(issuers));
    let answer = send(&app, with_token(&authorities[0].token(AUDIENCE).sign())).await;
    assert_eq!(answer.body, "https://login.test/realms/acme");
    let stranger = TestIssuer::named("https://stranger.test").token(AUDIENCE).sign();
    let refused = send(&app, with_token(&stranger)).await;
    let said = "Bearer error=\"invalid_token\", error_description=\"the token's issuer is not accepted\"";
    assert_eq!(refused.said(), (401, Some(said)), "without a realm, as there is not one audience for all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_of_a_new_issuer_on_many_threads_share_its_first_fetch() {
    for round in 0..20 {
        let (authorities, issuers, _) = realms(&["acme"]);
        let mut callers = JoinSet::new();
        for _ in 0..20 {
            let (issuers, token) = (issuers.clone(), authorities[0].token(AUDIENCE).sign());
            callers.spawn(async move { allowed(&issuers, &token).await });
        }
        assert!(callers.join_all().await.iter().all(Option::is_none), "round {round}");
        assert_eq!(authorities[0].requests(Endpoint::Jwks), 1, "round {round}");
        assert_eq!(issuers.held().len(), 1);
    }
}

#[tokio::test]
async fn a_function_that_panics_costs_the_caller_that_asked_it_and_nobody_else() {
    let authority = TestIssuer::named("https://acme.test");
    let (panics, of) = (Arc::new(AtomicBool::new(true)), authority.clone());
    let panicking = Arc::clone(&panics);
    let issuers = AllowedIssuers::new(move |_| {
        assert!(!panicking.load(Ordering::Relaxed), "as asked for");
        Some(of.issuer().validator(AUDIENCE))
    });
    let token = authority.token(AUDIENCE).sign();
    let caller = tokio::spawn({
        let (issuers, token) = (issuers.clone(), token.clone());
        async move { allowed(&issuers, &token).await }
    });
    assert!(caller.await.unwrap_err().is_panic());
    panics.store(false, Ordering::Relaxed);
    assert_eq!(allowed(&issuers, &token).await, None);
}
