//! On-Behalf-Of: whose token is taken, from whom, and what is given for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TestToken};
use tower_bearer::{Credential, Resource, TokenErrorKind as Kind};

use super::two_tiers::{ALICE, BOB, CONTOSO, FABRIKAM, JWT_BEARER, ORDERS, READ, SECRET, STOCK, TwoTiers, number};
use super::{Answer, Identity, key, request, send};

// --- attacks on a directory ---

#[tokio::test]
async fn a_token_that_this_tenant_did_not_sign_for_this_application_is_refused() {
    let world = TwoTiers::consented();
    let token = || world.token(ALICE);
    let rsa = |id: &str| Arc::new(Identity::rsa('a', 2020, 2040).key(Algorithm::RS256).with_key_id(id));
    let own_key = rsa("own");
    let same_id = rsa(world.directory.signing_key().key_id().unwrap());
    let elsewhere = world.directory.tenant(FABRIKAM);
    let rows: Vec<(&str, TestToken, u64)> = vec![
        ("another key", token().signed_by(&own_key), 50_013),
        ("another key under the same id", token().signed_by(&same_id), 50_013),
        (
            "the key of personal accounts",
            token().signed_by(&world.directory.signing_key_of_personal_accounts()),
            50_013,
        ),
        ("the id of another key", token().header("kid", "another"), 50_013),
        ("another algorithm", token().header("alg", "none"), 50_013),
        ("another tenant", elsewhere.delegated(ORDERS).claim("oid", ALICE), 50_013),
        ("another issuer", token().claim("iss", "https://issuer.test"), 50_013),
        ("the tenant in one claim alone", token().claim("tid", FABRIKAM), 50_013),
        ("for the next API", world.contoso.delegated(STOCK).claim("oid", ALICE), 500_131),
        ("for nobody", token().without("aud"), 500_131),
        ("for another", token().claim("aud", "api://ORDERS"), 500_131),
        ("expired", token().expired(), 500_133),
        ("without an end", token().without("exp"), 500_133),
        ("not yet valid", token().claim("nbf", 99_999_999_999_u64), 500_133),
        ("an application's", world.contoso.application(ORDERS), 7_000_114),
        ("without a scope in it", token().claim("scp", ""), 7_000_114),
        ("an application's that says so", token().claim("idtyp", "app"), 7_000_114),
        ("an ID token", world.contoso.id_token(ORDERS), 7_000_114),
        ("of nobody", token().without("oid"), 50_027),
        ("no JSON", token().payload(b"{"), 50_027),
        ("of two people", token().payload(twice("oid", BOB, &token().sign())), 50_027),
    ];
    for (name, token, code) in rows {
        let answer = world.ask(&token.sign(), READ).await;
        assert_eq!((answer.refusal(), number(&answer)), ((400, "invalid_grant"), code), "{name}: {}", answer.body);
    }
    let answer = world.ask("no.jwt", READ).await;
    assert_eq!((answer.refusal(), number(&answer)), ((400, "invalid_grant"), 50_027));
    let mut changed = world.token(ALICE).sign();
    changed.truncate(changed.len() - 8);
    assert_eq!(world.ask(&changed, READ).await.refusal(), (400, "invalid_grant"));
    assert_eq!(world.ask(&world.token(ALICE).sign(), READ).await.status, 200);
}

/// The claims of this token with a further member of this name before them.
fn twice(name: &str, value: &str, token: &str) -> Vec<u8> {
    let claims = super::decoded(token.split('.').nth(1).unwrap()).to_string();
    format!("{{\"{name}\":\"{value}\",{}", &claims[1..]).into_bytes()
}

#[tokio::test]
async fn clocks_may_differ_by_five_minutes_where_a_token_begins() {
    let world = TwoTiers::consented();
    let now = world.directory.clock().now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for name in ["nbf", "iat"] {
        let status =
            async |ahead: u64| world.ask(&world.token(ALICE).claim(name, now + ahead).sign(), READ).await.status;
        assert_eq!((status(4 * 60).await, status(6 * 60).await), (200, 400), "{name}");
    }
}

#[tokio::test]
async fn a_token_is_good_to_its_last_second_by_the_clock_of_the_directory() {
    let world = TwoTiers::consented();
    let token = world.token(ALICE).sign();
    world.directory.clock().advance(Duration::from_secs(3599));
    assert_eq!(world.ask(&token, READ).await.status, 200);
    world.directory.clock().advance(Duration::from_secs(1));
    assert_eq!(world.ask(&token, READ).await.refusal(), (400, "invalid_grant"));
}

#[tokio::test]
async fn who_does_not_authenticate_gets_nothing_for_a_good_token() {
    let world = TwoTiers::consented();
    let assertion = world.token(ALICE).sign();
    let grant = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", &assertion),
        ("scope", READ),
        ("client_id", ORDERS),
    ];
    let url = format!("{}/{CONTOSO}/oauth2/v2.0/token", world.directory.authority_host());
    let ask =
        async |form: &[(&str, &str)]| send(world.directory.transport(), request(&url, &[&grant, form].concat())).await;
    assert_eq!(ask(&[]).await.refusal(), (401, "invalid_client"));
    assert_eq!(ask(&[("client_secret", "wrong")]).await.refusal(), (401, "invalid_client"));
    assert_eq!(ask(&[("client_secret", SECRET)]).await.status, 200);
}

#[tokio::test]
async fn another_application_can_not_use_a_token_that_is_not_for_it() {
    let world = TwoTiers::consented();
    let thief = "99999999-0000-4000-8000-000000000000";
    let app = world.contoso.register(thief).app_id_uri("api://thief").secret(SECRET);
    world.contoso.consent(ALICE, &app, &world.stock, "Items.Read");
    let assertion = world.token(ALICE).sign();
    let form = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", &*assertion),
        ("scope", READ),
        ("client_id", thief),
        ("client_secret", SECRET),
    ];
    let url = format!("{}/{CONTOSO}/oauth2/v2.0/token", world.directory.authority_host());
    let answer = send(world.directory.transport(), request(&url, &form)).await;
    assert_eq!((answer.refusal(), number(&answer)), ((400, "invalid_grant"), 500_131));
}

#[tokio::test]
async fn what_can_not_be_asked_for_is_refused() {
    let world = TwoTiers::consented();
    let assertion = world.token(ALICE).sign();
    for (scope, error, code) in [
        ("", "invalid_request", 90_014),
        ("openid offline_access", "invalid_scope", 70_011),
        ("Items.Read", "invalid_resource", 500_011),
        ("api://unknown/Items.Read", "invalid_resource", 500_011),
        ("api://stock/Items.Read api://orders/x", "invalid_scope", 70_011),
        ("api://stock/Items.Read api://stock/.default", "invalid_scope", 70_011),
        ("api://stock/Items.Steal", "invalid_scope", 650_053),
        ("api://stock/items.read", "invalid_scope", 650_053),
    ] {
        let answer = world.ask(&assertion, scope).await;
        assert_eq!((answer.refusal(), number(&answer)), ((400, error), code), "{scope}");
    }
    let path = format!("{CONTOSO}/oauth2/v2.0/token");
    for form in [
        &[("assertion", &*assertion)][..],
        &[("requested_token_use", "on_behalf_of")],
        &[("requested_token_use", "logon"), ("assertion", &assertion)],
    ] {
        let form = [&[("grant_type", JWT_BEARER), ("scope", READ)], form].concat();
        assert_eq!(world.post(&path, &form).await.refusal(), (400, "invalid_request"));
    }
    assert_eq!(world.ask_v1(&assertion, "").await.refusal(), (400, "invalid_request"));
    assert_eq!(world.ask_v1(&assertion, "api://unknown").await.refusal(), (400, "invalid_resource"));
}

#[tokio::test]
async fn only_the_persons_own_tenant_exchanges_their_token() {
    let world = TwoTiers::consented();
    let assertion = world.token(ALICE).sign();
    for authority in ["common", "organizations", FABRIKAM] {
        let answer = world.ask_in(authority, &assertion, READ).await;
        assert_eq!((answer.refusal(), number(&answer)), ((400, "unauthorized_client"), 700_016), "{authority}");
    }
    let fabrikam = world.directory.tenant(FABRIKAM);
    fabrikam.add(&world.stock);
    fabrikam.admin_consent(&world.orders);
    let answer = world.ask_in(FABRIKAM, &assertion, READ).await;
    assert_eq!((answer.refusal(), number(&answer)), ((400, "invalid_grant"), 50_013), "also where all is agreed");
    let own = fabrikam.delegated(ORDERS).sign();
    assert_eq!(world.ask_in(FABRIKAM, &own, READ).await.claims()["tid"], FABRIKAM);
}

// --- what is given ---

#[tokio::test]
async fn version_2_gives_a_token_for_the_same_person_to_the_calling_application() {
    let world = TwoTiers::consented();
    let token = world.token(ALICE).claim("name", "Alice Liddell");
    let answer = world.ask(&token.sign(), "openid profile api://stock/Items.Read").await;
    let mut body = answer.body.clone();
    body["access_token"].take();
    let expected = json!({
        "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": null, "scope": READ,
    });
    assert_eq!(body, expected, "and no refresh token, as it was not asked for");
    let claims = answer.claims();
    assert_eq!((&claims["oid"], &claims["tid"]), (&json!(ALICE), &json!(CONTOSO)));
    assert_eq!((&claims["aud"], &claims["ver"]), (&json!(STOCK), &json!("2.0")));
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(ORDERS), &json!("1")));
    assert_eq!((&claims["scp"], &claims["name"]), (&json!("Items.Read"), &json!("Alice Liddell")));
    assert_eq!(claims.get("roles"), None);

    let with_offline_access = world.ask(&world.token(ALICE).sign(), &format!("{READ} offline_access")).await;
    assert!(with_offline_access.body["refresh_token"].is_string());
}

#[tokio::test]
async fn version_1_takes_a_resource_and_always_gives_a_refresh_token() {
    let world = TwoTiers::consented();
    world.stock.access_token_version(1);
    let answer = world
        .ask_v1(&world.contoso.clone().v1().delegated("api://orders").claim("oid", ALICE).sign(), "api://stock")
        .await;
    let claims = answer.claims();
    assert_eq!((&answer.body["expires_in"], &answer.body["scope"]), (&json!("3599"), &json!("Items.Read")));
    assert_eq!(answer.body["resource"], "api://stock");
    assert!(answer.body["refresh_token"].is_string());
    assert_eq!(
        (&claims["ver"], &claims["aud"], &claims["appid"]),
        (&json!("1.0"), &json!("api://stock"), &json!(ORDERS))
    );
    assert_eq!((&claims["oid"], &claims["scp"]), (&json!(ALICE), &json!("Items.Read")));
}

#[tokio::test]
async fn a_person_has_another_sub_at_each_api_and_the_same_one_each_time() {
    let world = TwoTiers::consented();
    world.contoso.consent(BOB, &world.orders, &world.stock, "Items.Read");
    let sub = async |person| world.ask(&world.token(person).sign(), READ).await.claims()["sub"].clone();
    assert_eq!(sub(ALICE).await, sub(ALICE).await);
    assert_ne!(sub(ALICE).await, sub(BOB).await);
    let books =
        world.contoso.register("88888888-9999-0000-1111-222222222222").app_id_uri("api://books").expose_scope("read");
    world.contoso.consent(ALICE, &world.orders, &books, "read");
    let at_books = world.ask(&world.token(ALICE).sign(), "api://books/read").await.claims()["sub"].clone();
    assert_ne!(at_books, sub(ALICE).await);
}

// --- with the client of this crate ---

#[tokio::test]
async fn the_next_api_sees_the_same_person_and_the_first_tier_as_the_client() {
    let world = TwoTiers::consented();
    let alice = world.at_orders(world.token(ALICE)).await;
    for target in [tower_bearer::Target::from([READ]), Resource("api://stock").into()] {
        let token = world.client().on_behalf_of(target).unwrap().token(&alice).await.unwrap();
        let seen = world.at_stock(token.secret()).await;
        assert_eq!((seen.claim("oid"), seen.tenant()), (Some(ALICE), Some(CONTOSO)));
        assert_eq!((seen.client_id(), seen.is_application()), (Some(ORDERS), Some(false)));
        assert!(seen.has_scope("Items.Read") && !seen.has_scope("access_as_user"));
    }
    // The token that came in is not for the next API.
    let issuer = world.directory.issuer(tower_bearer::Entra::any_tenant());
    assert!(issuer.validator(STOCK).verify(&world.token(ALICE).sign()).await.is_err());
}

#[tokio::test]
async fn a_claims_challenge_reaches_the_client_and_is_answered_by_the_claims() {
    let world = TwoTiers::consented();
    let claims = json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } });
    world.stock.demand_claims(&claims);
    let answer = world.ask(&world.token(ALICE).sign(), READ).await;
    assert_eq!((answer.refusal(), number(&answer)), ((400, "interaction_required"), 50_076));
    assert_eq!(serde_json::from_str::<serde_json::Value>(answer.body["claims"].as_str().unwrap()).unwrap(), claims);

    let alice = world.at_orders(world.token(ALICE)).await;
    let stock = world.client().on_behalf_of([READ]).unwrap();
    let error = stock.token(&alice).await.unwrap_err();
    assert_eq!((error.kind(), error.error_code()), (Kind::InteractionRequired, Some("interaction_required")));
    let challenge = error.claims().unwrap();
    assert!(stock.token_with_claims(&alice, challenge).await.is_ok());

    let stepped_up = world.token(ALICE).claim("acrs", ["c1"]);
    assert_eq!(world.ask(&stepped_up.sign(), READ).await.status, 200, "the person did what was asked of them");
    let another = world.token(ALICE).claim("acrs", ["c2"]);
    assert_eq!(world.ask(&another.sign(), READ).await.refusal(), (400, "interaction_required"));
    world.stock.demand_no_claims();
    assert_eq!(world.ask(&world.token(ALICE).sign(), READ).await.status, 200);
}

// --- at an issuer of the standards ---

/// `orders` may read the items at `api://stock` for whoever calls it.
fn standard() -> TestIssuer {
    let authority = TestIssuer::new();
    let stock = authority.register("api://stock").expose_scope("items.read").expose_scope("items.write");
    authority.register("orders").app_id_uri("api://orders").secret(SECRET).allow_scope(&stock, "items.read");
    authority
}

async fn exchanged(authority: &TestIssuer, assertion: &str, form: &[(&str, &str)]) -> Answer {
    let grant = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", assertion),
        ("client_id", "orders"),
        ("client_secret", SECRET),
    ];
    send(authority.transport(), request("https://issuer.test/token", &[&grant, form].concat())).await
}

#[tokio::test]
async fn an_issuer_of_the_standards_checks_as_much() {
    let authority = standard();
    let token = || authority.token("api://orders").subject("alice");
    for (name, token) in [
        ("another audience", authority.token("api://stock").subject("alice")),
        ("expired", token().expired()),
        ("another issuer", token().claim("iss", "https://elsewhere.test")),
        ("another key", token().signed_by(&key(Algorithm::ES256, "es256-1"))),
        ("an application's", authority.application_token("api://orders")),
        ("an ID token", authority.id_token("orders")),
        ("a logout token", authority.logout_token("orders")),
        ("of another type", token().header("typ", "JWT")),
    ] {
        assert_eq!(exchanged(&authority, &token.sign(), &[]).await.refusal(), (400, "invalid_grant"), "{name}");
    }
    for (audience, status) in
        [(json!(["api://other", "api://orders"]), 200), (json!(["api://other"]), 400), (json!([]), 400)]
    {
        let answer = exchanged(&authority, &token().claim("aud", &audience).sign(), &[]).await;
        assert_eq!(answer.status, status, "{audience}");
    }
    let token = token().sign();
    assert_eq!(exchanged(&authority, &token, &[("scope", "items.write")]).await.refusal(), (400, "consent_required"));
    assert_eq!(exchanged(&authority, &token, &[("scope", "items.burn")]).await.refusal(), (400, "invalid_scope"));
    assert_eq!(exchanged(&authority, &token, &[("resource", "api://no")]).await.refusal(), (400, "invalid_target"));
    assert_eq!(exchanged(&authority, &token, &[]).await.status, 200);
}

#[tokio::test]
async fn in_the_shape_of_any_provider_only_a_persons_access_token_is_one_to_act_by() {
    for authority in [TestIssuer::new(), TestIssuer::keycloak(), TestIssuer::auth0(), TestIssuer::okta()] {
        let stock = authority.register("api://stock").expose_scope("items.read");
        authority.register("orders").secret(SECRET).allow_scope(&stock, "items.read");
        let url = format!("{}/token", authority.identifier().trim_end_matches('/'));
        let rows = [
            (authority.token("orders"), 200),
            // Some issuers put it into access tokens too.
            (authority.token("orders").scope("a").claim("nonce", "b"), 200),
            (authority.application_token("orders"), 400),
            (authority.id_token("orders"), 400),
            (authority.logout_token("orders"), 400),
        ];
        for (token, status) in rows {
            let token = token.sign();
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                ("subject_token", &*token),
                ("client_id", "orders"),
                ("client_secret", SECRET),
            ];
            let answer = send(authority.transport(), request(&url, &form)).await;
            assert_eq!(answer.status, status, "{}: {}", authority.identifier(), answer.body);
        }
    }
}

#[tokio::test]
async fn an_issuer_of_the_standards_demands_claims_as_well() {
    let authority = TestIssuer::new();
    let stock = authority.register("api://stock").expose_scope("items.read");
    authority.register("orders").app_id_uri("api://orders").secret(SECRET).allow_scope(&stock, "items.read");
    let claims = json!({ "access_token": { "acr": { "value": "mfa" } } });
    stock.demand_claims(&claims);
    let token = authority.token("api://orders").subject("alice");
    let refused = exchanged(&authority, &token.clone().sign(), &[]).await;
    assert_eq!(refused.refusal(), (400, "interaction_required"));
    assert_eq!(refused.body["claims"], claims.to_string());
    assert_eq!(exchanged(&authority, &token.clone().sign(), &[("claims", &claims.to_string())]).await.status, 200);
    assert_eq!(exchanged(&authority, &token.claim("acr", "mfa").sign(), &[]).await.status, 200);
}

#[tokio::test]
async fn an_issuer_of_the_standards_gives_a_token_for_the_same_subject() {
    let authority = standard();
    let caller = authority.token("api://orders").subject("alice").sign();
    let caller = authority.issuer().validator("api://orders").verify(&caller).await.unwrap();
    let client = authority.issuer().client("orders", Credential::secret(SECRET));
    let token = client.on_behalf_of(["items.read"]).unwrap().token(&caller).await.unwrap();
    let seen = authority.issuer().validator("api://stock").verify(token.secret()).await.unwrap();
    assert_eq!((seen.subject(), seen.client_id()), (Some("alice"), Some("orders")));
    assert_eq!(seen.is_application(), Some(false));
    assert!(seen.has_scope("items.read") && !seen.has_scope("items.write"));
}
