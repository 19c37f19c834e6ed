//! Consent: who may let an application act for whom, in which tenant, and what that gives.

use serde_json::json;
use tower_bearer::TokenErrorKind as Kind;

use super::two_tiers::{ALICE, BOB, CONTOSO, FABRIKAM, ORDERS, READ, TwoTiers, number};

const WRITE: &str = "api://stock/Items.Write";
const COUNT: &str = "api://stock/Items.Count";
const DEFAULT: &str = "api://stock/.default";

#[tokio::test]
async fn a_required_permission_gives_nothing_without_consent() {
    let world = TwoTiers::new();
    let alice = world.token(ALICE).sign();
    for scope in [READ, WRITE, DEFAULT] {
        let answer = world.ask(&alice, scope).await;
        assert_eq!((answer.refusal(), number(&answer)), ((400, "invalid_grant"), 65_001), "{scope}");
        assert_eq!(answer.body["suberror"], "consent_required");
        assert!(answer.body["error_description"].as_str().unwrap().starts_with("AADSTS65001: "));
    }
    assert_eq!(world.ask_v1(&alice, "api://stock").await.body["suberror"], "consent_required");

    let caller = world.at_orders(world.token(ALICE)).await;
    let error = world.client().on_behalf_of([READ]).unwrap().token(&caller).await.unwrap_err();
    assert_eq!((error.kind(), error.error_code()), (Kind::InteractionRequired, Some("invalid_grant")));
}

#[tokio::test]
async fn a_persons_consent_is_for_that_person_and_that_scope_alone() {
    let world = TwoTiers::consented();
    let (alice, bob) = (world.token(ALICE).sign(), world.token(BOB).sign());
    assert_eq!(world.ask(&alice, READ).await.claims()["scp"], "Items.Read");
    assert_eq!(world.ask(&bob, READ).await.body["suberror"], "consent_required");
    let both = format!("{READ} {COUNT}");
    assert_eq!(world.ask(&alice, &both).await.body["suberror"], "consent_required");
    world.contoso.consent(ALICE, &world.orders, &world.stock, "Items.Count");
    assert_eq!(world.ask(&alice, &both).await.claims()["scp"], "Items.Read Items.Count");
    let fewer = world.ask(&alice, READ).await;
    assert_eq!(fewer.claims()["scp"], "Items.Read Items.Count", "all that was consented to");
    assert_eq!(fewer.body["scope"], both);
}

#[tokio::test]
async fn a_persons_consent_is_not_enough_for_a_scope_that_needs_an_administrators() {
    let world = TwoTiers::consented();
    world.contoso.consent(ALICE, &world.orders, &world.stock, "Items.Write");
    let alice = world.token(ALICE).sign();
    assert_eq!(world.ask(&alice, WRITE).await.body["suberror"], "consent_required");
    assert_eq!(world.ask(&alice, DEFAULT).await.claims()["scp"], "Items.Read", "nor does it come along");
    world.contoso.admin_consent(&world.orders);
    assert_eq!(world.ask(&alice, WRITE).await.claims()["scp"], "Items.Read Items.Write");
}

#[tokio::test]
async fn an_administrators_consent_is_for_everybody_and_for_all_that_is_required_and_no_more() {
    let world = TwoTiers::new();
    world.contoso.admin_consent(&world.orders);
    world.contoso.admin_consent(&world.orders);
    for person in [ALICE, BOB] {
        let token = world.token(person).sign();
        assert_eq!(world.ask(&token, DEFAULT).await.claims()["scp"], "Items.Read Items.Write");
        assert_eq!(world.ask(&token, COUNT).await.body["suberror"], "consent_required");
    }
}

#[tokio::test]
async fn consent_in_one_tenant_changes_nothing_in_another() {
    let world = TwoTiers::consented();
    world.contoso.admin_consent(&world.orders);
    let fabrikam = world.directory.tenant(FABRIKAM);
    let there = fabrikam.delegated(ORDERS).claim("oid", ALICE).sign();
    let absent = world.ask_in(FABRIKAM, &there, READ).await;
    assert_eq!((absent.refusal(), number(&absent)), ((400, "unauthorized_client"), 700_016), "no application there");
    fabrikam.add(&world.orders);
    let absent = world.ask_in(FABRIKAM, &there, READ).await;
    assert_eq!((absent.refusal(), number(&absent)), ((400, "invalid_resource"), 500_011), "no API there");
    fabrikam.add(&world.stock);
    assert_eq!(world.ask_in(FABRIKAM, &there, READ).await.body["suberror"], "consent_required");
    fabrikam.admin_consent(&world.orders);
    let claims = world.ask_in(FABRIKAM, &there, READ).await.claims();
    assert_eq!((&claims["tid"], &claims["oid"]), (&json!(FABRIKAM), &json!(ALICE)));

    // And the other way round.
    let world = TwoTiers::new();
    let fabrikam = world.directory.tenant(FABRIKAM);
    fabrikam.add(&world.stock);
    fabrikam.admin_consent(&world.orders);
    fabrikam.consent(ALICE, &world.orders, &world.stock, "Items.Read");
    assert_eq!(world.ask(&world.token(ALICE).sign(), READ).await.body["suberror"], "consent_required");
}

#[tokio::test]
async fn an_application_that_acts_as_itself_needs_a_role_and_has_nothing_of_delegated_permissions() {
    let world = TwoTiers::consented();
    world.contoso.admin_consent(&world.orders);
    let form = [("grant_type", "client_credentials"), ("scope", DEFAULT)];
    let own = async || world.post(&format!("{CONTOSO}/oauth2/v2.0/token"), &form).await.claims();
    let claims = own().await;
    assert_eq!((claims.get("scp"), claims.get("roles")), (None, None));

    world.orders.require_role(&world.stock, "Items.Process");
    assert_eq!(own().await.get("roles"), None, "that it needs it gives it nothing");
    world.contoso.admin_consent(&world.orders);
    let claims = own().await;
    assert_eq!((claims.get("scp"), &claims["roles"]), (None, &json!(["Items.Process"])));
    let for_alice = world.ask(&world.token(ALICE).sign(), READ).await.claims();
    assert_eq!(for_alice.get("roles"), None, "which is the application's and not hers");
}

#[tokio::test]
async fn after_the_administrators_consent_the_client_gets_its_token() {
    let world = TwoTiers::new();
    let alice = world.at_orders(world.token(ALICE)).await;
    let stock = world.client().on_behalf_of([READ]).unwrap();
    assert_eq!(stock.token(&alice).await.unwrap_err().kind(), Kind::InteractionRequired);
    world.contoso.admin_consent(&world.orders);
    world.directory.clock().advance(std::time::Duration::from_secs(6));
    let token = stock.token(&alice).await.unwrap();
    assert!(world.at_stock(token.secret()).await.has_scope("Items.Write"));
}

#[tokio::test]
async fn claims_are_demanded_in_one_tenant_alone() {
    let world = TwoTiers::consented();
    let fabrikam = world.directory.tenant(FABRIKAM);
    fabrikam.add(&world.stock).demand_claims(json!({ "access_token": { "acrs": { "value": "c1" } } }));
    fabrikam.admin_consent(&world.orders);
    assert_eq!(world.ask(&world.token(ALICE).sign(), READ).await.status, 200);
    let there = world.ask_in(FABRIKAM, &fabrikam.delegated(ORDERS).sign(), READ).await;
    assert_eq!(there.refusal(), (400, "interaction_required"));
}

#[tokio::test]
async fn demanded_claims_are_met_by_all_of_them_in_the_token_or_the_very_same_in_the_request() {
    let world = TwoTiers::consented();
    let two = json!({ "access_token": { "acrs": { "value": "c1" }, "acr": { "value": "mfa" } } });
    world.stock.demand_claims(&two);
    let status = async |acrs: serde_json::Value, acr: &str, claims: &str| {
        let token = world.token(ALICE).claim("acrs", acrs).claim("acr", acr).sign();
        let form = [
            ("grant_type", super::two_tiers::JWT_BEARER),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", &*token),
            ("scope", READ),
            ("claims", claims),
        ];
        world.post(&format!("{CONTOSO}/oauth2/v2.0/token"), &form).await.status
    };
    assert_eq!(status(json!(["c0", "c1"]), "mfa", "").await, 200);
    assert_eq!(status(json!("c1"), "mfa", "").await, 200);
    assert_eq!(status(json!(["c1"]), "pwd", "").await, 400);
    assert_eq!(status(json!([]), "mfa", "").await, 400);
    assert_eq!(status(json!([]), "pwd", &two.to_string()).await, 200);
    for other in ["{}", "no JSON", r#"{"access_token":{"acrs":{"value":"c1"}}}"#] {
        assert_eq!(status(json!([]), "pwd", other).await, 400, "{other}");
    }
    world.stock.demand_claims(json!({ "access_token": {} }));
    assert_eq!(status(json!(["c1"]), "mfa", "").await, 400, "what names nothing can't be in a token");
}

#[test]
#[should_panic(expected = "the API has no scope \"Items.Burn\"")]
fn consent_to_a_scope_that_is_not_there_is_a_misuse_that_is_named() {
    let world = TwoTiers::new();
    world.contoso.consent(ALICE, &world.orders, &world.stock, "Items.Burn");
}

#[test]
#[should_panic(expected = "is not there where")]
fn consent_where_the_api_is_absent_is_a_misuse_that_is_named() {
    let world = TwoTiers::new();
    world.directory.tenant(FABRIKAM).admin_consent(&world.orders);
}
