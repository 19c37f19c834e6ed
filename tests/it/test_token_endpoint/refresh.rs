//! Refresh tokens: each is good once, for one client in one tenant, until it is revoked.

use std::time::Duration;

use tower_bearer::TokenErrorKind as Kind;
use tower_bearer::testing::TestIssuer;

use super::two_tiers::{ALICE, BOB, CONTOSO, FABRIKAM, JWT_BEARER, ORDERS, READ, SECRET, TwoTiers, number};
use super::{Answer, request, send};

const HOUR: Duration = Duration::from_secs(3600);

fn refresh_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["refresh_token"].as_str().unwrap().to_owned()
}

async fn first(world: &TwoTiers, person: &str) -> String {
    refresh_token(&world.ask(&world.token(person).sign(), &format!("{READ} offline_access")).await)
}

#[tokio::test]
async fn using_one_twice_ends_all_of_its_chain_and_no_other() {
    let world = TwoTiers::consented();
    let (stolen, another) = (first(&world, ALICE).await, first(&world, ALICE).await);
    let second = refresh_token(&world.refresh(&stolen).await);
    let third = refresh_token(&world.refresh(&second).await);
    let reused = world.refresh(&stolen).await;
    assert_eq!((reused.refusal(), number(&reused)), ((400, "invalid_grant"), 50_173));
    for token in [&third, &second, &stolen] {
        assert_eq!(world.refresh(token).await.refusal(), (400, "invalid_grant"));
    }
    assert_eq!(world.refresh(&another).await.status, 200);
}

#[tokio::test]
async fn one_is_good_for_its_client_in_its_tenant_alone_and_survives_the_attempt() {
    let world = TwoTiers::consented();
    let token = first(&world, ALICE).await;
    let thief = "99999999-0000-4000-8000-000000000000";
    world.contoso.register(thief).secret(SECRET);
    let url = format!("{}/{CONTOSO}/oauth2/v2.0/token", world.directory.authority_host());
    let grant = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
    let form = [&grant[..], &[("client_id", thief), ("client_secret", SECRET)]].concat();
    let stolen = send(world.directory.transport(), request(&url, &form)).await;
    assert_eq!((stolen.refusal(), number(&stolen)), ((400, "invalid_grant"), 70_000));

    let public =
        send(world.directory.transport(), request(&url, &[&grant[..], &[("client_id", ORDERS)]].concat())).await;
    assert_eq!(public.refusal(), (401, "invalid_client"));

    let fabrikam = world.directory.tenant(FABRIKAM);
    fabrikam.add(&world.stock);
    fabrikam.admin_consent(&world.orders);
    let elsewhere = world.post(&format!("{FABRIKAM}/oauth2/v2.0/token"), &grant).await;
    assert_eq!((elsewhere.refusal(), number(&elsewhere)), ((400, "invalid_grant"), 70_000));
    assert_eq!(world.refresh("refresh.unknown").await.refusal(), (400, "invalid_grant"));
    assert_eq!(world.refresh("").await.refusal(), (400, "invalid_request"));
    assert_eq!(world.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn a_revoked_one_is_refused_and_so_is_what_followed_it() {
    let world = TwoTiers::consented();
    world.contoso.consent(BOB, &world.orders, &world.stock, "Items.Read");
    let (alices, bobs) = (first(&world, ALICE).await, first(&world, BOB).await);
    let alices = refresh_token(&world.refresh(&alices).await);
    world.directory.tenant(FABRIKAM).revoke_refresh_tokens(ALICE);
    let alices = refresh_token(&world.refresh(&alices).await);
    world.contoso.revoke_refresh_tokens(ALICE);
    let refused = world.refresh(&alices).await;
    assert_eq!((refused.refusal(), number(&refused)), ((400, "invalid_grant"), 50_173));
    assert_eq!(world.refresh(&bobs).await.status, 200);
    assert_eq!(world.refresh(&first(&world, ALICE).await).await.status, 200, "after signing in again");
}

#[tokio::test]
async fn one_that_is_not_used_for_ninety_days_has_expired() {
    let world = TwoTiers::consented();
    let token = first(&world, ALICE).await;
    world.directory.clock().advance(90 * 24 * HOUR - Duration::from_secs(1));
    let next = refresh_token(&world.refresh(&token).await);
    world.directory.clock().advance(90 * 24 * HOUR);
    let expired = world.refresh(&next).await;
    assert_eq!((expired.refusal(), number(&expired)), ((400, "invalid_grant"), 700_082));

    let mut token = first(&world, ALICE).await;
    for _ in 0..3 {
        world.directory.clock().advance(60 * 24 * HOUR);
        token = refresh_token(&world.refresh(&token).await);
    }
}

#[tokio::test]
async fn it_gives_no_more_than_is_consented_to_and_is_not_used_up_by_a_refusal() {
    let world = TwoTiers::consented();
    let token = first(&world, ALICE).await;
    let with_scope = async |token: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        world.post(&format!("{CONTOSO}/oauth2/v2.0/token"), &form).await
    };
    assert_eq!(with_scope(&token, "api://stock/Items.Write").await.body["suberror"], "consent_required");
    world.stock.demand_claims(serde_json::json!({ "access_token": { "acrs": { "value": "c1" } } }));
    assert_eq!(world.refresh(&token).await.refusal(), (400, "interaction_required"));
    world.stock.demand_no_claims();
    let next = world.refresh(&token).await;
    assert_eq!((&next.claims()["oid"], &next.claims()["scp"]), (&ALICE.into(), &"Items.Read".into()));
    world.contoso.admin_consent(&world.orders);
    let next = with_scope(&refresh_token(&next), "api://stock/Items.Write offline_access").await;
    assert_eq!(next.claims()["scp"], "Items.Read Items.Write");
}

#[tokio::test]
async fn a_session_of_the_client_goes_on_by_them_until_they_are_revoked() {
    let world = TwoTiers::consented();
    let alice = world.at_orders(world.token(ALICE)).await;
    let session = world.client().on_behalf_of([READ]).unwrap().session(&alice).await.unwrap();
    for _ in 0..3 {
        let seen = world.at_stock(session.token().await.unwrap().secret()).await;
        assert_eq!((seen.claim("oid"), seen.tenant(), seen.client_id()), (Some(ALICE), Some(CONTOSO), Some(ORDERS)));
        world.directory.clock().advance(HOUR);
    }
    assert_eq!(world.directory.token_requests().len(), 3);
    world.contoso.revoke_refresh_tokens(ALICE);
    assert_eq!(session.token().await.unwrap_err().kind(), Kind::InteractionRequired);
    assert!(session.has_ended());
}

#[tokio::test]
async fn a_session_at_version_1_goes_on_as_well() {
    let world = TwoTiers::consented();
    let alice = world.at_orders(world.token(ALICE)).await;
    let stock = world.client().on_behalf_of(tower_bearer::Resource("api://stock")).unwrap();
    let session = stock.session(&alice).await.unwrap();
    world.directory.clock().advance(HOUR);
    let seen = world.at_stock(session.token().await.unwrap().secret()).await;
    assert_eq!(seen.claim("oid"), Some(ALICE));
    let urls: Vec<_> = world.directory.token_requests().iter().map(|asked| asked.endpoint().to_owned()).collect();
    assert_eq!(urls, vec![format!("{}/{CONTOSO}/oauth2/token", world.directory.authority_host()); 2]);
}

// --- at an issuer of the standards ---

async fn at(authority: &TestIssuer, form: &[(&str, &str)]) -> Answer {
    let client = [("client_id", "orders"), ("client_secret", SECRET)];
    send(authority.transport(), request("https://issuer.test/token", &[&client, form].concat())).await
}

#[tokio::test]
async fn an_issuer_of_the_standards_rotates_them_too_and_never_gives_more_than_at_first() {
    let authority = TestIssuer::new();
    let stock = authority.register("api://stock").expose_scope("read").expose_scope("count").expose_scope("write");
    let orders = authority.register("orders").secret(SECRET).allow_scope(&stock, "read").allow_scope(&stock, "count");
    let assertion = authority.token("orders").subject("alice").sign();
    let begin = async |scope: &str| {
        let form = [
            ("grant_type", JWT_BEARER),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", &*assertion),
            ("scope", scope),
        ];
        at(&authority, &form).await
    };
    let refresh = async |token: &str, scope: &str| {
        at(&authority, &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    };
    assert_eq!(begin("read").await.body.get("refresh_token"), None, "not asked for");
    let first = refresh_token(&begin("offline_access").await);
    orders.allow_scope(&stock, "write");
    assert_eq!(refresh(&first, "write").await.refusal(), (400, "invalid_scope"));
    let fewer = refresh(&first, "read").await;
    assert_eq!((&fewer.claims()["scope"], &fewer.claims()["sub"]), (&"read".into(), &"alice".into()));
    let fewer = refresh(&refresh_token(&fewer), "read offline_access").await;
    assert_eq!(fewer.claims()["scope"], "read");
    let again = refresh(&refresh_token(&fewer), "").await;
    assert_eq!(again.claims()["scope"], "read count", "fewer once is not fewer for ever");
    assert_eq!(refresh(&first, "").await.refusal(), (400, "invalid_grant"));
    assert_eq!(refresh(&refresh_token(&again), "").await.refusal(), (400, "invalid_grant"), "the chain has ended");
    let another = refresh_token(&begin("read offline_access").await);
    authority.revoke_refresh_tokens("alice");
    assert_eq!(refresh(&another, "").await.refusal(), (400, "invalid_grant"));
}
