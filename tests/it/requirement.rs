//! What a token must allow: each requirement, and how they combine.

use serde_json::{Value, json};
use tower_bearer::testing::{TestIssuer, TestToken};
use tower_bearer::{
    Rejection, RejectionKind as Kind, Requirement, Validator, VerifiedToken, all_of, any_of, claim, client_id, role,
    role_in, satisfies, scope, tenant,
};

use super::support::{AUDIENCE, Log};

/// The token with these claims, once it was verified with these settings.
async fn verified_by(settings: impl FnOnce(Validator) -> Validator, claims: Value) -> VerifiedToken {
    let authority = TestIssuer::new();
    let start = authority.token(AUDIENCE).without("client_id");
    let members = claims.as_object().unwrap().clone().into_iter();
    let token: TestToken = members.fold(start, |token, (name, content)| token.claim(name, content));
    settings(authority.issuer().validator(AUDIENCE)).verify(&token.sign()).await.unwrap()
}

async fn verified(claims: Value) -> VerifiedToken {
    verified_by(|validator| validator, claims).await
}

fn kind(token: &VerifiedToken, requirement: Requirement) -> Option<Kind> {
    token.require(requirement).err().map(|rejection| rejection.kind())
}

fn has(token: &VerifiedToken, requirement: Requirement) -> bool {
    match kind(token, requirement) {
        None => true,
        Some(Kind::InsufficientScope) => false,
        Some(other) => panic!("rejected as {other:?}"),
    }
}

/// What a 403 says would do.
fn hint(token: &VerifiedToken, requirement: Requirement) -> Option<String> {
    token.require(requirement).unwrap_err().scope().map(str::to_owned)
}

#[tokio::test]
async fn scopes_stand_in_scope_or_scp_as_a_string_or_an_array() {
    for name in ["scope", "scp"] {
        for value in [json!("orders.read orders.write"), json!(["orders.read", "orders.write"])] {
            let token = verified(json!({name: value})).await;
            assert!(has(&token, scope("orders.read")), "{name} {value}");
            assert!(has(&token, scope("orders.write".to_owned())), "{name} {value}");
            for other in ["orders", "orders.", "Orders.read", "orders.rea", "read", "orders.read orders.write", "", " "]
            {
                assert!(!has(&token, scope(other)), "{name} {value}: {other:?}");
            }
        }
    }
    let both = verified(json!({"scope": "a", "scp": ["b"]})).await;
    assert!(has(&both, all_of([scope("a"), scope("b")])));
}

#[tokio::test]
async fn where_scopes_can_not_be_told_there_are_none() {
    for odd in
        [json!(null), json!(1), json!(true), json!({"a": "a"}), json!(["a", 1]), json!([["a"]]), json!([]), json!("")]
    {
        for name in ["scope", "scp", "roles"] {
            let token = verified(json!({name: odd})).await;
            for wanted in ["a", "", "1", "true", "null"] {
                assert!(!has(&token, scope(wanted)), "{name} {odd}: {wanted:?}");
                assert!(
                    !has(&token, role(wanted)) || (odd == json!("") && wanted.is_empty()),
                    "{name} {odd}: {wanted:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_scope_is_no_role_and_a_role_no_scope() {
    let token = verified(json!({"scope": "admin", "roles": ["Manager"]})).await;
    assert!(has(&token, scope("admin")) && has(&token, role("Manager")));
    assert!(!has(&token, role("admin")) && !has(&token, scope("Manager")));
}

#[tokio::test]
async fn roles_stand_in_roles_as_a_string_or_an_array_and_may_have_spaces() {
    let many = verified(json!({"roles": ["Manager", "Night shift"]})).await;
    assert!(has(&many, role("Manager")) && has(&many, role("Night shift")));
    assert!(!has(&many, role("manager")) && !has(&many, role("Night")) && !has(&many, role("")));
    let one = verified(json!({"roles": "Night shift"})).await;
    assert!(has(&one, role("Night shift")) && !has(&one, role("shift")));
}

#[tokio::test]
async fn roles_are_also_found_where_a_pointer_says() {
    let claims = json!({
        "roles": ["Top"],
        "realm_access": {"roles": ["Realm", "Other"]},
        "https://acme.example/role": "Single",
        "groups": ["Group", 7, null],
        "deep": [{"a/b": "Deep"}],
        "number": 1,
        "object": {"Key": "Value"},
    });
    let pointers = [
        "/realm_access/roles",
        "/https:~1~1acme.example~1role",
        "/groups",
        "/deep/0/a~1b",
        "/number",
        "/object",
        "/no/where",
    ];
    let token = verified_by(
        |validator| pointers.into_iter().fold(validator, |validator, pointer| validator.roles_at(pointer).unwrap()),
        claims.clone(),
    )
    .await;
    for held in ["Top", "Realm", "Other", "Single", "Group", "Deep"] {
        assert!(has(&token, role(held)), "{held}");
    }
    for other in ["7", "1", "Key", "Value", "null", ""] {
        assert!(!has(&token, role(other)), "{other}");
    }
    let unpointed = verified(claims).await;
    assert_eq!(unpointed.roles().collect::<Vec<_>>(), ["Top"]);
}

#[test]
fn a_pointer_that_points_nowhere_is_refused_where_it_is_set() {
    let validator = || TestIssuer::new().issuer().validator(AUDIENCE);
    for pointer in
        ["", "roles", "realm_access/roles", "realm_access.roles", "$.roles", "#/roles", " /roles", "/a~", "/a~2b"]
    {
        let error = validator().roles_at(pointer).unwrap_err();
        assert!(error.is_configuration(), "{pointer}");
        assert_eq!(
            error.to_string(),
            "roles_at(..) is not a JSON pointer to a member (RFC 6901): write one that starts with a slash, such as \
             `/realm_access/roles`, with `~0` for `~` and `~1` for a slash in a name"
        );
    }
    for pointer in ["/roles", "/", "/a~0b~1c/0", "/https:~1~1acme.example~1role"] {
        assert!(validator().roles_at(pointer).is_ok(), "{pointer}");
    }
}

#[tokio::test]
async fn a_role_at_a_client_has_the_shape_of_keycloak() {
    let token = verified(json!({"resource_access": {
        "orders": {"roles": ["viewer", "editor"]},
        "stock": {"roles": "viewer"},
        "odd": ["viewer"],
    }}))
    .await;
    assert!(has(&token, role_in("orders", "viewer")) && has(&token, role_in("orders".to_owned(), "editor")));
    for (client, wanted) in [
        ("orders", "admin"),
        ("orders", "Viewer"),
        ("Orders", "viewer"),
        ("stock", "viewer"),
        ("odd", "viewer"),
        ("none", "viewer"),
        ("", ""),
    ] {
        assert!(!has(&token, role_in(client, wanted)), "{client} {wanted}");
    }
    assert!(!has(&token, role("viewer")), "a role at a client is none at large");
    for claims in [json!({}), json!({"resource_access": null}), json!({"resource_access": [{"roles": ["viewer"]}]})] {
        assert!(!has(&verified(claims).await, role_in("orders", "viewer")));
    }
}

#[tokio::test]
async fn a_claim_has_the_value_or_is_an_array_with_it() {
    let token = verified(json!({
        "department": "sales",
        "level": 3,
        "email_verified": true,
        "groups": ["a", "b", 3, ["c"]],
        "address": {"city": "Bonn"},
        "nothing": null,
    }))
    .await;
    let held = [
        claim("department", "sales"),
        claim("level", 3),
        claim("email_verified", true),
        claim("groups", "a"),
        claim("groups", 3),
        claim("groups", ["c"]),
        claim("groups", json!(["a", "b", 3, ["c"]])),
        claim("address", json!({"city": "Bonn"})),
        claim("sub".to_owned(), "test-subject"),
    ];
    for (number, requirement) in held.into_iter().enumerate() {
        assert!(has(&token, requirement), "{number}");
    }
    let missing = [
        claim("department", "Sales"),
        claim("department", "sale"),
        claim("department", ["sales"]),
        claim("Department", "sales"),
        claim("level", "3"),
        claim("level", 4),
        claim("level", 3.5),
        claim("email_verified", "true"),
        claim("email_verified", 1),
        claim("groups", "c"),
        claim("groups", ["a", "b"]),
        claim("address", "Bonn"),
        claim("address/city", "Bonn"),
        claim("/address/city", "Bonn"),
        claim("absent", Value::Null),
        claim("nothing", ""),
        claim("", ""),
    ];
    for (number, requirement) in missing.into_iter().enumerate() {
        assert!(!has(&token, requirement), "{number}");
    }
}

#[tokio::test]
async fn a_value_that_is_no_json_is_the_value_of_no_claim() {
    let unwritable: std::collections::HashMap<Vec<u8>, u8> = [(vec![1], 1)].into();
    let token = verified(json!({"odd": {"[1]": 1}, "nothing": null})).await;
    assert!(!has(&token, claim("odd", unwritable)));
    assert!(!has(&token, claim("nothing", f64::NAN)), "NaN is not null");
    assert!(!has(&token, claim("nothing", None::<String>)), "a setting that is missing opens nothing");
}

#[tokio::test]
async fn a_client_is_named_by_client_id_azp_or_appid_in_this_order() {
    for name in ["client_id", "azp", "appid"] {
        let token = verified(json!({name: "orders-web"})).await;
        assert!(has(&token, client_id("orders-web")), "{name}");
        assert!(!has(&token, client_id("Orders-web")) && !has(&token, client_id("")), "{name}");
    }
    let all = verified(json!({"client_id": "one", "azp": "two", "appid": "three"})).await;
    assert!(has(&all, client_id("one")) && !has(&all, client_id("two")) && !has(&all, client_id("three")));
    assert!(!has(&verified(json!({})).await, client_id("")));
    assert!(!has(&verified(json!({"client_id": ["orders-web"]})).await, client_id("orders-web")));
}

#[tokio::test]
async fn a_tenant_is_compared_letter_by_letter() {
    let token = verified(json!({"tid": "72f988bf-86f1-41af-91ab-2d7cd011db47"})).await;
    assert!(has(&token, tenant("72f988bf-86f1-41af-91ab-2d7cd011db47")));
    assert!(!has(&token, tenant("72F988BF-86F1-41AF-91AB-2D7CD011DB47")));
    for claims in [json!({}), json!({"tid": null}), json!({"tid": ["t"]}), json!({"tid": 1})] {
        let token = verified(claims).await;
        assert!(!has(&token, tenant("t")) && !has(&token, tenant("")));
    }
}

#[tokio::test]
async fn any_of_needs_one_and_all_of_needs_each() {
    let token = verified(json!({"scope": "a b"})).await;
    let (a, b, x, y) = (|| scope("a"), || scope("b"), || scope("x"), || scope("y"));
    assert!(has(&token, any_of([x(), a()])) && has(&token, any_of([a(), b()])) && !has(&token, any_of([x(), y()])));
    assert!(has(&token, all_of([a(), b()])) && !has(&token, all_of([a(), x()])) && !has(&token, all_of([x(), a()])));
    assert!(has(&token, all_of([any_of([x(), a()]), any_of([b(), y()])])));
    assert!(has(&token, any_of([all_of([a(), x()]), all_of([a(), b()])])));
    assert!(!has(&token, any_of([all_of([a(), x()]), all_of([b(), y()])])));
    assert!(has(&token, any_of(vec![a()])), "any list will do");
}

#[tokio::test]
async fn of_nothing_neither_any_nor_all_is_held_by_anybody() {
    let token = verified(json!({"scope": "a", "roles": ["r"]})).await;
    assert!(!has(&token, any_of([])) && !has(&token, all_of([])));
    assert!(!has(&token, all_of([scope("a"), all_of([])])) && !has(&token, all_of([all_of([]), scope("a")])));
    assert!(has(&token, any_of([all_of([]), scope("a")])), "but an alternative may hold");
}

#[tokio::test]
async fn a_function_decides_and_its_error_is_the_answer_except_among_alternatives() {
    let token = verified(json!({"scope": "a", "sub": "alice"})).await;
    let own = |wanted: &'static str, otherwise: Kind| {
        satisfies(move |token| match token.subject() {
            Some(subject) if subject == wanted => Ok(()),
            _ => Err(Rejection::new(otherwise)),
        })
    };
    assert_eq!(kind(&token, own("alice", Kind::Refused)), None);
    assert_eq!(kind(&token, own("bob", Kind::Refused)), Some(Kind::Refused));
    assert_eq!(kind(&token, all_of([scope("a"), own("bob", Kind::Refused)])), Some(Kind::Refused));
    assert_eq!(kind(&token, all_of([scope("x"), own("bob", Kind::Refused)])), Some(Kind::InsufficientScope));
    assert_eq!(kind(&token, any_of([own("bob", Kind::Refused), scope("a")])), None);
    assert_eq!(kind(&token, any_of([own("bob", Kind::Refused), scope("x")])), Some(Kind::InsufficientScope));
}

#[tokio::test]
async fn a_requirement_can_be_used_again_and_asked_for_by_several() {
    let requirement = all_of([scope("a"), satisfies(|_| Ok(()))]);
    let (good, bad) = (verified(json!({"scope": "a"})).await, verified(json!({"scope": "b"})).await);
    for _ in 0..2 {
        assert!(has(&good, requirement.clone()) && !has(&bad, requirement.clone()));
    }
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&requirement);
}

#[tokio::test]
async fn a_rejection_names_the_first_alternative_that_is_made_of_scopes_alone() {
    let token = verified(json!({})).await;
    for (requirement, expected) in [
        (scope("a"), Some("a")),
        (all_of([scope("a"), scope("b")]), Some("a b")),
        (any_of([scope("a"), scope("b")]), Some("a")),
        (any_of([role("r"), scope("b")]), Some("b")),
        (any_of([all_of([scope("a"), role("r")]), scope("b")]), Some("b")),
        (any_of([all_of([scope("a"), any_of([scope("c"), scope("d")])]), scope("b")]), Some("a c")),
        (all_of([any_of([role("r"), scope("b")]), scope("c")]), Some("b c")),
        (all_of([any_of([all_of([scope("a"), role("r")]), scope("b")]), scope("c")]), Some("b c")),
        (all_of([scope("a"), role("r")]), None),
        (all_of([scope("a"), satisfies(|_| Ok(()))]), None),
        (role("r"), None),
        (claim("c", 1), None),
        (client_id("c"), None),
        (tenant("t"), None),
        (any_of([]), None),
        (all_of([]), None),
        (any_of([all_of([]), scope("a")]), Some("a")),
        (scope("a b"), None),
        (scope("a\"b"), None),
        (scope("a\r\nb"), None),
        (scope("ä"), None),
        (scope(""), None),
    ] {
        assert_eq!(hint(&token, requirement).as_deref(), expected);
    }
}

#[tokio::test]
async fn a_scope_that_no_token_can_have_is_held_by_nobody() {
    let token = verified(json!({"scope": "a b\u{a0}c\td", "scp": ["e f", ""]})).await;
    for wanted in ["a b\u{a0}c\td", "b\u{a0}c\td", "e f", "", " ", "b", "c", "d"] {
        assert!(!has(&token, scope(wanted)), "{wanted:?}");
    }
    assert!(has(&token, scope("a")), "only spaces separate");
}

#[tokio::test]
async fn what_is_no_scope_token_is_no_scope_in_a_string_or_an_array() {
    let odd = ["a\"b", "a\\b", "\u{e4}", "a\tb", "a\nb", "a\u{7f}", "a\u{a0}b"];
    for name in ["scope", "scp"] {
        for one in odd {
            for value in [json!(format!("orders.read {one} orders.write")), json!(["orders.read", one, "orders.write"])]
            {
                let token = verified(json!({name: value})).await;
                assert_eq!(token.scopes().collect::<Vec<_>>(), ["orders.read", "orders.write"], "{name} {value}");
                assert!(!token.has_scope(one) && !has(&token, scope(one)), "{name} {value}");
            }
        }
    }
}

#[tokio::test]
async fn an_element_of_an_array_with_a_space_in_it_is_no_scope() {
    for name in ["scope", "scp"] {
        let token = verified(json!({name: ["orders.read admin", "orders.write"]})).await;
        assert_eq!(token.scopes().collect::<Vec<_>>(), ["orders.write"]);
    }
}

#[test]
fn a_scope_that_no_token_can_have_is_named_as_a_mistake_in_the_log() {
    for mistake in ["orders.read orders.write", "", "a\"b", "\u{e4}"] {
        let log = Log::capture();
        drop(scope(mistake));
        let said = log.text();
        assert!(said.contains("ERROR") && said.contains("combine several by all_of(..)"), "{mistake:?}: {said}");
    }
    let log = Log::capture();
    drop(all_of([scope("orders.read"), scope("https://api.example/a:b")]));
    assert_eq!(log.text(), "");
}
