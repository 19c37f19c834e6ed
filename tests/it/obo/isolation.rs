//! Who gets whose token: nobody another's, as each returned token says by its `oid` and `tid`.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_bearer::TokenErrorKind as Kind;
use tower_bearer::testing::{TestClock, TestIssuer};

use crate::support::until;

use super::{ALICE, Asked, BOB, CLIENT, OTHER_TENANT, TENANT, World, answer, never, ok, token_for, whose};

#[tokio::test]
async fn two_people_with_equal_scopes_have_tokens_of_their_own() {
    let world = World::new();
    let (alice, bob) = (world.person(ALICE).await, world.person(BOB).await);
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    for _ in 0..3 {
        for (caller, oid) in [(&alice, ALICE), (&bob, BOB)] {
            let token = stock.token(caller).await.unwrap();
            assert_eq!(whose(&token), (oid.to_owned(), TENANT.to_owned()));
        }
    }
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn equal_names_in_two_tenants_are_two_people() {
    let world = World::new();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    for _ in 0..2 {
        for tenant in [TENANT, OTHER_TENANT] {
            let token = world.tenant(tenant).delegated(CLIENT).claim("oid", ALICE).claim("sub", "same");
            let caller = world.verified(token.claim("iat", 1_000).claim("aio", "same").claim("uti", "same")).await;
            assert_eq!(whose(&stock.token(&caller).await.unwrap()), (ALICE.to_owned(), tenant.to_owned()));
        }
    }
}

#[tokio::test]
async fn one_person_with_two_sessions_has_two_tokens() {
    let world = World::new();
    let token = || world.tenant(TENANT).delegated(CLIENT).claim("oid", ALICE);
    let without = world.verified(token().claim("amr", ["pwd"])).await;
    let with_mfa = world.verified(token().claim("amr", ["pwd", "mfa"])).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let (one, other) = (stock.token(&without).await.unwrap(), stock.token(&with_mfa).await.unwrap());
    assert_ne!(one.secret(), other.secret());
    assert_eq!([&one, &other].map(whose), [(); 2].map(|()| (ALICE.to_owned(), TENANT.to_owned())));
    let assertions: Vec<_> = world.asked().iter().map(Asked::assertion).collect();
    assert_eq!((&assertions[0]["amr"], &assertions[1]["amr"]), (&json!(["pwd"]), &json!(["pwd", "mfa"])));
}

#[tokio::test]
async fn a_token_for_more_scopes_does_for_fewer_of_the_same_person() {
    let world = World::new();
    let (alice, bob) = (world.person(ALICE).await, world.person(BOB).await);
    let client = world.client();
    let both = client.on_behalf_of(["api://stock/Items.Read", "api://stock/Items.Write"]).unwrap();
    let read = client.on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let more = client.on_behalf_of(["api://stock/Items.Read", "api://stock/Items.Delete"]).unwrap();
    let first = both.token(&alice).await.unwrap();
    assert_eq!(whose(&first), (ALICE.to_owned(), TENANT.to_owned()));
    assert_eq!(read.token(&alice).await.unwrap().secret(), first.secret());
    assert_eq!(world.requests(), 1);
    assert_eq!(whose(&read.token(&bob).await.unwrap()).0, BOB, "not of another person");
    assert_ne!(more.token(&alice).await.unwrap().secret(), first.secret(), "not for a scope that it lacks");
    assert_eq!(world.requests(), 3);
}

#[tokio::test]
async fn what_counts_is_which_scopes_were_given_and_not_which_were_asked_for() {
    let world = World::answering(|number, asked| {
        let mut answer = token_for(number, asked);
        answer["scope"] = json!("api://stock/Items.Write");
        ok(answer)
    });
    let alice = world.person(ALICE).await;
    let client = world.client();
    let both = client.on_behalf_of(["api://stock/Items.Read", "api://stock/Items.Write"]).unwrap();
    both.token(&alice).await.unwrap();
    client.on_behalf_of(["api://stock/Items.Read"]).unwrap().token(&alice).await.unwrap();
    assert_eq!(world.requests(), 2);
    client.on_behalf_of(["api://stock/Items.Write"]).unwrap().token(&alice).await.unwrap();
    assert_eq!(world.requests(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_people_with_ten_calls_each_cost_a_thousand_token_requests() {
    let world = World::new();
    let client = world.client();
    let mut calls = JoinSet::new();
    for number in 0..1_000_u32 {
        let oid = format!("{number:08x}-0000-4000-8000-000000000000");
        let caller = world.person(&oid).await;
        for _ in 0..10 {
            let (client, caller, oid) = (client.clone(), caller.clone(), oid.clone());
            calls.spawn(async move {
                let stock = client.on_behalf_of(["api://stock/Items.Read"]).unwrap();
                assert_eq!(whose(&stock.token(&caller).await.unwrap()), (oid, TENANT.to_owned()));
            });
        }
    }
    assert_eq!(calls.join_all().await.len(), 10_000);
    assert_eq!(world.requests(), 1_000);
}

#[tokio::test]
async fn a_cached_token_may_outlive_the_one_that_came_in_and_never_its_own_end() {
    let world = World::answering(|number, asked| {
        let mut answer = token_for(number, asked);
        answer["expires_in"] = json!(2 * 3600);
        ok(answer)
    });
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let token = stock.token(&alice).await.unwrap();
    world.clock().advance(Duration::from_secs(90 * 60));
    assert_eq!(stock.token(&alice).await.unwrap().secret(), token.secret());
    world.clock().advance(Duration::from_secs(30 * 60));
    assert_eq!(stock.token(&alice).await.unwrap_err().kind(), Kind::InteractionRequired);
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn a_slow_person_never_delays_another_nor_does_a_slow_scope() {
    let world = World::answering(|number, asked| {
        let is_slow = asked.assertion()["oid"] == ALICE || asked.form("scope") == Some("api://slow/Items.Read");
        if is_slow { never() } else { ok(token_for(number, asked)) }
    });
    let (alice, bob, carol) = (world.person(ALICE).await, world.person(BOB).await, world.person("carol").await);
    let client = world.client();
    let stock = client.on_behalf_of(["api://stock/Items.Read"]).unwrap().without_offline_access();
    let cached = stock.token(&bob).await.unwrap();
    let slow_scope = client.on_behalf_of(["api://slow/Items.Read"]).unwrap().without_offline_access();
    for (source, caller) in [(stock.clone(), alice), (slow_scope, bob.clone())] {
        tokio::spawn(async move { source.token(&caller).await });
    }
    until(|| world.requests() == 3).await;
    let at_once = pin!(stock.token(&bob)).poll(&mut Context::from_waker(Waker::noop()));
    assert!(
        matches!(at_once, Poll::Ready(Ok(token)) if token.secret() == cached.secret()),
        "nobody waits for what is cached"
    );
    assert_eq!(whose(&stock.token(&carol).await.unwrap()).0, "carol");
    assert_eq!(world.requests(), 4);
}

#[tokio::test]
async fn no_token_is_given_out_after_its_own_exp_however_the_clock_moves() {
    // Its answers promise more than nine minutes, and the tokens say one.
    let clock = Arc::new(OnceLock::<TestClock>::new());
    let now = Arc::clone(&clock);
    let seconds = |clock: &TestClock| clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let world = World::answering(move |number, _| {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = part(json!({ "exp": seconds(now.get().unwrap()) + 60, "jti": number }));
        ok(json!({
            "access_token": format!("{}.{claims}.c2ln", part(json!({ "alg": "ES256" }))),
            "token_type": "Bearer",
            "expires_in": 579,
            "refresh_token": "refresh",
        }))
    });
    let clock = clock.get_or_init(|| world.clock());
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let session = stock.session(&alice).await.unwrap();
    let check = async |when: &str| {
        for token in [stock.token(&alice).await.unwrap(), session.token().await.unwrap()] {
            let claims = URL_SAFE_NO_PAD.decode(token.secret().split('.').nth(1).unwrap()).unwrap();
            let exp = serde_json::from_slice::<Value>(&claims).unwrap()["exp"].as_u64().unwrap();
            assert!(seconds(clock) < exp, "{when}: {} s too late", seconds(clock) - exp);
        }
    };
    for step in [0, 10, 49, 1, 60, 61] {
        clock.advance(Duration::from_secs(step));
        check("later").await;
    }
    let start = clock.now();
    for (back, on) in [(600, 61), (3, 59), (100_000, 61)] {
        clock.set_wall_clock(start - Duration::from_secs(back));
        check("set back").await;
        clock.advance(Duration::from_secs(on));
        check("going on").await;
        clock.set_wall_clock(start + Duration::from_secs(on));
        check("set forward").await;
    }
}

#[tokio::test]
async fn a_token_that_nobody_checked_is_exchanged_in_the_clients_tenant_and_kept_by_tenant() {
    let world = World::new();
    let signed = world.tenant(TENANT).delegated(CLIENT).claim("oid", ALICE).sign();
    let client = world.client();
    let in_tenant = async |tenant: &str| {
        let stock = client.for_tenant(tenant).unwrap().on_behalf_of(["api://stock/Items.Read"]).unwrap();
        stock.dangerous_token_for_unverified(signed.clone()).await.unwrap().secret().to_owned()
    };
    let (one, other) = (in_tenant(TENANT).await, in_tenant(OTHER_TENANT).await);
    assert_ne!(one, other);
    assert_eq!((in_tenant(TENANT).await, in_tenant(OTHER_TENANT).await), (one, other));
    assert_eq!(world.requests(), 2);
    let nowhere = client.on_behalf_of(["api://stock/Items.Read"]).unwrap();
    assert_eq!(nowhere.dangerous_token_for_unverified(signed).await.unwrap_err().kind(), Kind::Refused);
}

#[tokio::test]
async fn of_the_requests_for_one_person_the_last_sixteen_are_looked_through_for_more_scopes() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let client = world.client();
    let with = |scopes: Vec<String>| client.on_behalf_of(scopes).unwrap();
    let pair = |number: u32| vec![format!("api://stock/A{number}"), format!("api://stock/B{number}")];
    for number in 0..17 {
        with(pair(number)).token(&alice).await.unwrap();
    }
    with(vec!["api://stock/A1".to_owned()]).token(&alice).await.unwrap();
    with(vec!["api://stock/A16".to_owned()]).token(&alice).await.unwrap();
    assert_eq!(world.requests(), 17);
    with(vec!["api://stock/A0".to_owned()]).token(&alice).await.unwrap();
    assert_eq!(world.requests(), 18, "the oldest was forgotten");
    with(pair(0)).token(&alice).await.unwrap();
    assert_eq!(world.requests(), 18, "its token was not");
}

#[tokio::test]
async fn the_failure_of_one_person_is_none_of_another() {
    let world = World::answering(|number, asked| match asked.assertion()["oid"] == ALICE {
        true => answer(400, json!({ "error": "invalid_grant" })),
        false => ok(token_for(number, asked)),
    });
    let (alice, bob) = (world.person(ALICE).await, world.person(BOB).await);
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    assert_eq!(stock.token(&alice).await.unwrap_err().kind(), Kind::InteractionRequired);
    assert_eq!(whose(&stock.token(&bob).await.unwrap()).0, BOB);
}

#[tokio::test]
async fn what_nobody_checked_shares_nothing_with_what_was_checked() {
    let world = World::new();
    let signed = world.tenant(TENANT).delegated(CLIENT).claim("oid", ALICE).sign();
    let validator = world.directory.issuer(tower_bearer::Entra::any_tenant()).validator(CLIENT);
    let alice = validator.verify(&signed).await.unwrap();
    let client = world.client().for_tenant(TENANT).unwrap();
    let stock = client.on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let checked = stock.token(&alice).await.unwrap();
    let unchecked = stock.dangerous_token_for_unverified(signed).await.unwrap();
    assert_ne!(checked.secret(), unchecked.secret());
}

#[tokio::test]
async fn with_another_issuer_subjects_and_not_object_ids_tell_people_apart() {
    let world = World::answering(|number, asked| {
        let mut answer = token_for(number, asked);
        answer["access_token"] = json!(format!("{number}~{}~-", asked.assertion()["sub"].as_str().unwrap()));
        ok(answer)
    });
    let authority = TestIssuer::new();
    let issuer = world.at(tower_bearer::Issuer::new("https://issuer.test").unwrap());
    let issuer = issuer.token_endpoint("https://issuer.test/token").unwrap();
    let stock = issuer.client("orders", tower_bearer::Credential::none()).on_behalf_of(["stock.read"]).unwrap();
    let validator = authority.issuer().validator("api://orders");
    for subject in ["alice", "bob", "alice"] {
        let token = validator.verify(&authority.token("api://orders").subject(subject).sign()).await.unwrap();
        assert_eq!(whose(&stock.token(&token).await.unwrap()).0, subject);
    }
}
