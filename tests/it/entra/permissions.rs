//! Who acts: a client for a person, or an application as itself, and with which permission.

use serde_json::{Value, json};
use tower_bearer::testing::TestToken;
use tower_bearer::{RejectionKind as Kind, Requirement, Validator, application, client_id, delegated, role, scope};

use super::{API, CONTOSO, kind, of_contoso};
use crate::support::AUDIENCE;

/// The tokens of both versions that this makes.
fn both(make: impl Fn(tower_bearer::testing::TestTenant, &str) -> TestToken) -> (Validator, [TestToken; 2]) {
    let (directory, validator) = of_contoso();
    let tenant = directory.tenant(CONTOSO);
    (validator, [make(tenant.clone().v1(), AUDIENCE), make(tenant, API)])
}

async fn allows(validator: &Validator, token: TestToken, requirement: Requirement) -> bool {
    let verified = validator.verify(&token.sign()).await.unwrap();
    match verified.require(requirement) {
        Ok(()) => true,
        Err(rejection) => {
            assert_eq!(rejection.kind(), Kind::InsufficientScope);
            false
        }
    }
}

#[tokio::test]
async fn a_delegated_token_is_a_persons_with_scopes_and_with_or_without_roles() {
    let (validator, tokens) = both(|tenant, audience| tenant.delegated(audience).scope("orders.read orders.write"));
    for token in tokens {
        for idtyp in [None, Some("user")] {
            for roles in [None, Some(["Orders.Manager"])] {
                let token = idtyp.iter().fold(token.clone(), |token, kind| token.claim("idtyp", kind));
                let token = roles.iter().fold(token, |token, roles| token.roles(*roles));
                let verified = validator.verify(&token.clone().sign()).await.unwrap();
                assert_eq!(verified.is_application(), Some(false));
                assert_eq!(verified.scopes().collect::<Vec<_>>(), ["orders.read", "orders.write"]);
                assert!(allows(&validator, token.clone(), delegated()).await);
                assert!(!allows(&validator, token.clone(), application()).await);
                assert!(allows(&validator, token.clone(), scope("orders.write")).await);
                assert_eq!(allows(&validator, token, role("Orders.Manager")).await, roles.is_some());
            }
        }
        // `idtyp` speaks for itself.
        assert!(allows(&validator, token.claim("idtyp", "user").without("sub"), delegated()).await);
    }
}

#[tokio::test]
async fn an_application_is_told_by_idtyp_or_else_by_oid_being_sub() {
    let (validator, tokens) = both(|tenant, audience| tenant.application(audience).roles(["Orders.Read.All"]));
    for token in tokens {
        let said = token.clone().claim("idtyp", "app");
        let without_sub = said.clone().without("sub").without("oid");
        let other_sub = said.clone().subject("somebody");
        for token in [token.clone(), said, without_sub, other_sub] {
            assert!(allows(&validator, token.clone(), application()).await);
            assert!(!allows(&validator, token.clone(), delegated()).await);
            assert!(allows(&validator, token, role("Orders.Read.All")).await);
        }
    }
}

#[tokio::test]
async fn a_token_without_scp_that_is_no_applications_is_refused_even_with_roles() {
    let (validator, tokens) = both(|tenant, audience| tenant.application(audience).roles(["Orders.Manager"]));
    let unscoped = validator.clone().dangerous_allow_unscoped();
    for token in tokens {
        let not_an_applications = [
            token.clone().subject("somebody"),
            token.clone().without("sub"),
            token.clone().without("oid"),
            token.clone().without("oid").without("sub"),
            token.clone().claim("oid", "").subject(""),
            token.clone().claim("oid", ["0b1ec7ed"]).subject("0b1ec7ed"),
            token.clone().claim("scp", ""),
            token.clone().claim("scp", 1),
            token.clone().claim("scp", json!([])),
            // Only `scp` says what a person delegated.
            token.clone().subject("somebody").claim("scope", "orders.read"),
        ];
        let said_otherwise = ["user", "APP", "application", " app", "device", ""].map(Value::from);
        let said_otherwise = said_otherwise.into_iter().chain([json!(["app"]), json!(true), json!({ "app": 1 })]);
        for refused in
            not_an_applications.into_iter().chain(said_otherwise.map(|kind| token.clone().claim("idtyp", kind)))
        {
            for validator in [&validator, &unscoped] {
                assert_eq!(kind(validator, refused.clone()).await, Some(Kind::WrongTokenType));
            }
        }
    }
}

#[tokio::test]
async fn an_id_token_is_refused_though_it_has_roles_and_the_same_audience() {
    let (directory, validator) = of_contoso();
    let unscoped = validator.clone().dangerous_allow_unscoped();
    let tenant = directory.tenant(CONTOSO);
    for id_token in [tenant.clone().v1().id_token(API), tenant.id_token(API)] {
        for id_token in [id_token.clone(), id_token.clone().claim("nonce", "n"), id_token.claim("azp", API)] {
            for validator in [&validator, &unscoped] {
                assert_eq!(kind(validator, id_token.clone()).await, Some(Kind::WrongTokenType));
            }
        }
    }
}

#[tokio::test]
async fn an_application_without_a_role_is_refused_unless_that_is_allowed() {
    let (validator, tokens) = both(|tenant, audience| tenant.application(audience));
    let unscoped = validator.clone().dangerous_allow_unscoped();
    for token in tokens {
        for token in [token.clone(), token.claim("idtyp", "app")] {
            let without = [
                token.clone().without("roles"),
                token.clone().roles([]),
                token.clone().roles([""]),
                token.clone().claim("roles", Value::Null),
                token.clone().claim("roles", json!({ "a": 1 })),
            ];
            for token in without {
                assert_eq!(kind(&validator, token.clone()).await, Some(Kind::NoPermission));
                assert!(allows(&unscoped, token, application()).await);
            }
        }
    }
}

#[tokio::test]
async fn a_client_id_stands_for_permission_only_where_the_client_acts_as_itself() {
    let daemon = "da3a0000-0000-4000-8000-000000000001";
    for claim in ["appid", "azp"] {
        let from_daemon = |token: TestToken| token.without("appid").without("azp").claim(claim, daemon);
        let (validator, applications) = both(|tenant, audience| from_daemon(tenant.application(audience)));
        for token in applications {
            assert!(allows(&validator, token.clone(), client_id(daemon)).await);
            assert!(!allows(&validator, token.clone(), client_id(API)).await);
            assert!(allows(&validator, token.claim("idtyp", "app"), client_id(daemon)).await);
        }
        let (validator, persons) = both(|tenant, audience| from_daemon(tenant.delegated(audience)));
        for token in persons {
            let verified = validator.verify(&token.clone().sign()).await.unwrap();
            assert_eq!(verified.client_id(), Some(daemon), "it is told, and no permission");
            assert!(!allows(&validator, token.clone(), client_id(daemon)).await);
            assert!(!allows(&validator, token.claim("idtyp", "user"), client_id(daemon)).await);
        }
    }
}
