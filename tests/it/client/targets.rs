//! What a token is asked for, in the words of each kind of issuer.

use tower_bearer::{Client, Credential, Entra, Error, Issuer, Resource, Target};

use super::recorded::{Asked, Recorded};
use super::{CLIENT, CONTOSO, FABRIKAM, ISSUER, issuer};

const HOST: &str = "https://login.microsoftonline.com";
const PROXY: &str = "https://proxy.test/token";
const GUID: &str = "66666666-7777-8888-9999-000000000000";

fn client(issuer: impl Into<Issuer>) -> (Recorded, Client) {
    let endpoint = Recorded::new();
    let client = endpoint.serve(issuer).client(CLIENT, Credential::secret("secret"));
    (endpoint, client)
}

fn contoso() -> Entra {
    Entra::tenant(CONTOSO).unwrap()
}

async fn asked(issuer: impl Into<Issuer>, target: impl Into<Target>) -> Asked {
    let (endpoint, client) = client(issuer);
    endpoint.next_request(&client.client_credentials(target).unwrap()).await
}

fn v2(tenant: &str) -> String {
    format!("{HOST}/{tenant}/oauth2/v2.0/token")
}

fn v1(tenant: &str) -> String {
    format!("{HOST}/{tenant}/oauth2/token")
}

// --- Entra, version 2 ---

#[tokio::test]
async fn entra_is_asked_for_all_that_the_application_may_do_at_an_api() {
    let asked = asked(contoso(), ["api://stock"]).await;
    assert_eq!(asked.url, v2(CONTOSO));
    assert_eq!(asked.names(), ["client_id", "client_secret", "grant_type", "scope"]);
    assert_eq!(asked.field("scope"), Some("api://stock/.default"));
}

#[tokio::test]
async fn an_app_id_uri_has_many_forms() {
    for (given, scope) in [
        ("api://stock", "api://stock/.default"),
        ("api://stock/.default", "api://stock/.default"),
        (GUID, "66666666-7777-8888-9999-000000000000/.default"),
        ("api://66666666-7777-8888-9999-000000000000", "api://66666666-7777-8888-9999-000000000000/.default"),
        (
            "api://66666666-7777-8888-9999-000000000000/stock",
            "api://66666666-7777-8888-9999-000000000000/stock/.default",
        ),
        (
            "api://stock/66666666-7777-8888-9999-000000000000",
            "api://stock/66666666-7777-8888-9999-000000000000/.default",
        ),
        ("https://stock.contoso.example", "https://stock.contoso.example/.default"),
        ("https://contoso.onmicrosoft.com/stock", "https://contoso.onmicrosoft.com/stock/.default"),
        ("https://contoso.example:8443/stock", "https://contoso.example:8443/stock/.default"),
        ("https://graph.microsoft.com", "https://graph.microsoft.com/.default"),
        // Azure takes the slash for a part of the App ID URI, and wants both.
        ("https://management.azure.com/", "https://management.azure.com//.default"),
        ("https://management.azure.com//.default", "https://management.azure.com//.default"),
        ("https://management.azure.com/.default", "https://management.azure.com/.default"),
        ("api://stock/", "api://stock//.default"),
        ("https://contoso.example/stock/", "https://contoso.example/stock//.default"),
        // What looks like a scope, and is said to be none.
        ("api://stock/Items.Read/.default", "api://stock/Items.Read/.default"),
        ("https://contoso.example/my_stock/.default", "https://contoso.example/my_stock/.default"),
        ("urn:contoso:stock/.default", "urn:contoso:stock/.default"),
    ] {
        assert_eq!(asked(contoso(), [given]).await.field("scope"), Some(scope), "{given}");
    }
}

fn refused(issuer: impl Into<Issuer>, target: impl Into<Target>) -> String {
    let error: Error = client(issuer).1.client_credentials(target).unwrap_err();
    assert!(error.is_configuration());
    error.to_string()
}

const MEND: &str = ": with Microsoft, client_credentials(..) takes the App ID URI of one API, such as api://stock. An application \
                    that acts as itself has what it was given there, its app roles, and no single scopes. An App ID URI that looks \
                    like a scope is taken with /.default after it";

fn microsofts() -> Vec<Issuer> {
    vec![
        contoso().issuer(),
        contoso().v1_token_endpoint().issuer(),
        Issuer::entra_external_id("acme", CONTOSO).unwrap(),
        Issuer::azure_ad_b2c("acme", CONTOSO, "B2C_1_signin").unwrap(),
    ]
}

#[test]
fn with_microsoft_a_single_scope_is_an_error_at_construction() {
    for issuer in microsofts() {
        for scope in [
            "api://stock/Items.Read",
            "api://stock/read",
            "api://stock/access_as_user",
            "api://66666666-7777-8888-9999-000000000000/Items.Read",
            "api://66666666-7777-8888-9999-000000000000/user_impersonation",
            "api://66666666-7777-8888-9999-000000000000/stock/read",
            "api://stock/66666666-7777-8888-9999-000000000000/Items.Read",
            "https://graph.microsoft.com/User.Read",
            "https://graph.microsoft.com/email",
            "https://vault.azure.net/user_impersonation",
            "https://management.azure.com//user_impersonation",
            "https://contoso.onmicrosoft.com/stock/read",
            "Items.Read",
            "User.Read.All",
            "openid",
            "offline_access",
            ".default",
            "/.default",
            "stock",
            "://stock",
            "api://",
            "api:///",
            "https:///stock",
        ] {
            assert_eq!(
                refused(issuer.clone(), [scope]),
                format!("a scope for a single permission is given{MEND}"),
                "{scope}"
            );
        }
        let beside = refused(issuer, ["api://stock/.default", "api://stock/Items.Read"]);
        assert_eq!(beside, format!("a scope for a single permission is given{MEND}"));
    }
}

#[test]
fn with_microsoft_it_is_one_api_and_no_audience() {
    for issuer in microsofts() {
        for (target, why) in [
            (Target::new(), "no API is given"),
            (Target::from(["api://stock", "api://orders"]), "several APIs are given"),
            (Target::from(["api://stock"]).resource("api://orders"), "several APIs are given"),
            (Target::new().resource("api://stock").resource("api://orders"), "several APIs are given"),
            (Target::from(["api://stock"]).audience("api://stock"), "an audience is given"),
            (Target::new().audience("api://stock"), "an audience is given"),
        ] {
            assert_eq!(refused(issuer.clone(), target), format!("{why}{MEND}"));
        }
    }
}

#[tokio::test]
async fn one_api_in_two_spellings_is_one() {
    let target = ["api://stock/.default", "api://stock"];
    assert_eq!(asked(contoso(), target).await.field("scope"), Some("api://stock/.default"));
    // Another name sorts between the two.
    assert!(refused(contoso(), ["api://stock", "api://stock-2", "api://stock/.default"]).starts_with("several APIs"));
}

#[tokio::test]
async fn clouds_and_customers_directories_are_asked_at_their_own_places() {
    let us = contoso().authority_host("https://login.microsoftonline.us").unwrap();
    let asked_there = asked(us, ["api://stock"]).await;
    assert_eq!(asked_there.url, format!("https://login.microsoftonline.us/{CONTOSO}/oauth2/v2.0/token"));

    let external = Issuer::entra_external_id("acme", CONTOSO).unwrap();
    let there = "https://acme.ciamlogin.com/there/oauth2/v2.0/token";
    let metadata = serde_json::json!({ "issuer": external.identifier(), "token_endpoint": there });
    let endpoint = Recorded::new().with_metadata(&metadata);
    let client = endpoint.serve(external).client(CLIENT, Credential::secret("secret"));
    let asked = endpoint.next_request(&client.client_credentials(["api://stock"]).unwrap()).await;
    assert_eq!((&*asked.url, asked.field("scope")), (there, Some("api://stock/.default")));
}

// --- Entra, version 1 ---

#[tokio::test]
async fn the_endpoint_of_version_1_is_asked_for_a_resource_and_no_scope() {
    let set = |url: &str| contoso().issuer().token_endpoint(url).unwrap();
    let elsewhere = "https://proxy.test/entra/oauth2/token";
    for (issuer, url) in [
        (contoso().v1_token_endpoint().issuer(), v1(CONTOSO)),
        (set(&v1(CONTOSO)), v1(CONTOSO)),
        (set(elsewhere), elsewhere.to_owned()),
        // Of a path that tells nothing, the preset says it.
        (contoso().v1_token_endpoint().issuer().token_endpoint(PROXY).unwrap(), PROXY.to_owned()),
    ] {
        for target in [
            Target::from(["api://stock"]),
            Target::from(["api://stock/.default"]),
            Target::from(Resource("api://stock")),
            Target::from(["api://stock"]).resource("api://stock"),
        ] {
            let asked = asked(issuer.clone(), target).await;
            assert_eq!(asked.url, url);
            assert_eq!(asked.names(), ["client_id", "client_secret", "grant_type", "resource"]);
            assert_eq!(asked.field("resource"), Some("api://stock"));
        }
    }
}

#[tokio::test]
async fn a_resource_alone_is_asked_for_at_version_1() {
    for (given, resource) in [
        ("api://stock", "api://stock"),
        ("https://management.azure.com/", "https://management.azure.com/"),
        ("api://stock/.default", "api://stock"),
        // It is said to be one, whatever it looks like.
        ("https://contoso.example/v1.0/stock", "https://contoso.example/v1.0/stock"),
        (GUID, GUID),
    ] {
        let asked = asked(contoso(), Resource(given)).await;
        assert_eq!(asked.url, v1(CONTOSO));
        assert_eq!(asked.names(), ["client_id", "client_secret", "grant_type", "resource"]);
        assert_eq!(asked.field("resource"), Some(resource));
    }
}

#[test]
fn a_resource_is_an_error_where_there_is_version_2_alone() {
    for issuer in [
        contoso().issuer().token_endpoint(&v2(CONTOSO)).unwrap(),
        // The endpoint that is set is the one that is asked.
        contoso().v1_token_endpoint().issuer().token_endpoint(&v2(CONTOSO)).unwrap(),
        Issuer::entra_external_id("acme", CONTOSO).unwrap(),
        Issuer::azure_ad_b2c("acme", CONTOSO, "B2C_1_signin").unwrap(),
    ] {
        let expected = format!("a Resource is given, and the token endpoint is not that of version 1{MEND}");
        assert_eq!(refused(issuer, Resource("api://stock")), expected);
    }
    assert_eq!(refused(contoso(), Resource("/.default")), format!("no API is given{MEND}"));
}

// --- several tenants ---

#[test]
fn where_there_are_several_tenants_one_has_to_be_chosen() {
    for entra in [
        Entra::tenants([CONTOSO, FABRIKAM]).unwrap(),
        Entra::any_tenant(),
        Entra::any_tenant().personal_accounts(),
        contoso().personal_accounts(),
        Entra::any_tenant().v1_token_endpoint(),
    ] {
        assert_eq!(
            refused(entra, ["api://stock"]),
            "client_credentials(..) asks in one tenant, and the issuer has several: choose one by for_tenant(..)"
        );
    }
}

#[tokio::test]
async fn each_tenant_is_asked_at_its_own_place_and_its_tokens_are_kept_apart() {
    for (entra, place) in [
        (Entra::tenants([CONTOSO, FABRIKAM]).unwrap(), v2 as fn(&str) -> String),
        (Entra::any_tenant(), v2),
        (Entra::any_tenant().v1_token_endpoint(), v1),
    ] {
        let (endpoint, client) = client(entra);
        for tenant in [CONTOSO, FABRIKAM] {
            let there = client.for_tenant(&tenant.to_ascii_uppercase()).unwrap();
            assert_eq!(there.client_id(), CLIENT);
            let jobs = there.client_credentials(["api://stock"]).unwrap();
            assert_eq!(endpoint.next_request(&jobs).await.url, place(tenant));
        }
        assert_eq!(endpoint.count(), 2);
        // Asked for once more, it is there.
        let again = client.for_tenant(CONTOSO).unwrap().client_credentials(["api://stock"]).unwrap();
        assert_eq!(again.token().await.unwrap().secret(), "token-0");
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_trusted_or_no_tenant_cant_be_chosen() {
    let personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let of_both = || Entra::tenants([CONTOSO, FABRIKAM]).unwrap().issuer();
    for (issuer, tenant) in [
        (of_both(), GUID),
        (of_both(), personal),
        (contoso().issuer(), FABRIKAM),
        (Entra::any_tenant().issuer(), personal),
        (Entra::any_tenant().issuer(), "contoso.onmicrosoft.com"),
        (Entra::any_tenant().issuer(), "common"),
        (Entra::any_tenant().issuer(), ""),
        (Entra::any_tenant().issuer(), "../11111111-2222-3333-4444-555555555"),
        (of_both().token_endpoint(&v2(CONTOSO)).unwrap(), CONTOSO),
        (Issuer::new(ISSUER).unwrap(), CONTOSO),
        (Issuer::entra_external_id("acme", CONTOSO).unwrap(), CONTOSO),
    ] {
        let error = client(issuer).1.for_tenant(tenant).unwrap_err();
        assert!(error.is_configuration());
        assert!(
            error.to_string().starts_with("for_tenant(..) takes the id of a tenant that the issuer trusts"),
            "{error}"
        );
    }
    // The only one there is may be named, and personal accounts have a tenant too.
    assert!(client(contoso()).1.for_tenant(CONTOSO).is_ok());
    assert!(client(Entra::any_tenant().personal_accounts()).1.for_tenant(personal).is_ok());
}

#[tokio::test]
async fn a_token_endpoint_that_is_set_serves_whatever_tenants_are_trusted() {
    let set = format!("{HOST}/{FABRIKAM}/oauth2/v2.0/token");
    let asked = asked(Entra::any_tenant().issuer().token_endpoint(&set).unwrap(), ["api://stock"]).await;
    assert_eq!((&asked.url, asked.field("scope")), (&set, Some("api://stock/.default")));
}

// --- elsewhere ---

fn elsewhere() -> Issuer {
    Issuer::new(ISSUER).unwrap().token_endpoint("https://issuer.test/token").unwrap()
}

#[tokio::test]
async fn elsewhere_scopes_are_sent_as_they_are_in_order_and_each_once() {
    let scopes = ["orders.write", "api://stock", "orders.read", "orders.write", "https://stock.test/.default"];
    let asked = asked(elsewhere(), scopes).await;
    assert_eq!(asked.names(), ["grant_type", "scope"]);
    assert_eq!(asked.field("scope"), Some("api://stock https://stock.test/.default orders.read orders.write"));
}

#[tokio::test]
async fn elsewhere_resources_and_audiences_are_repeated_and_nothing_has_to_be_asked_for() {
    let target = Target::new()
        .resource("https://b.test")
        .resource("https://a.test/x y?z&ü")
        .audience("stock")
        .audience("orders")
        .audience("stock")
        .scope("read");
    let asked_for = asked(elsewhere(), target).await;
    assert_eq!(asked_for.names(), ["audience", "audience", "grant_type", "resource", "resource", "scope"]);
    assert_eq!(asked_for.all("resource"), ["https://a.test/x y?z&ü", "https://b.test"]);
    assert_eq!(asked_for.all("audience"), ["orders", "stock"]);
    assert_eq!(asked(elsewhere(), Target::new()).await.names(), ["grant_type"]);
    assert_eq!(asked(elsewhere(), Resource("https://a.test")).await.names(), ["grant_type", "resource"]);
    assert_eq!(asked(elsewhere(), vec!["a".to_owned()]).await.field("scope"), Some("a"));
}

#[test]
fn a_scope_that_is_none_is_an_error_with_every_issuer() {
    for issuer in [elsewhere(), contoso().issuer()] {
        for scope in ["", " ", "a b", "a\nb", "a\"b", "a\\b", "ö", "api://stock/.default openid"] {
            let said = refused(issuer.clone(), [scope]);
            assert!(said.contains("(RFC 6749 §3.3): give each scope by itself"), "{said}");
        }
        for target in [Target::new().resource(""), Target::new().audience(""), Target::from(Resource(""))] {
            assert_eq!(refused(issuer.clone(), target), "a resource or an audience is empty");
        }
    }
}

#[tokio::test]
async fn two_spellings_of_one_set_share_a_token_and_two_sets_do_not() {
    let (endpoint, issuer) = issuer();
    let client = issuer.client(CLIENT, Credential::secret("secret"));
    let one = |target: Target| client.client_credentials(target).unwrap();
    let same = [
        Target::from(["b", "a"]).resource("y").resource("x").audience("n").audience("m"),
        Target::from(["a", "b", "a"]).audience("m").audience("n").audience("m").resource("x").resource("y"),
        Target::new().audience("n").scope("a").resource("y").scope("b").audience("m").resource("x"),
    ];
    assert!(same.iter().all(|target| *target == same[0]));
    for target in same {
        assert_eq!(one(target).token().await.unwrap().secret(), "token-0");
    }
    assert_eq!(endpoint.count(), 1);
    for (number, other) in [
        Target::from(["a", "b"]),
        Target::from(["a"]),
        Target::new().resource("a"),
        Target::new().audience("a"),
        Target::new(),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(one(other).token().await.unwrap().secret(), format!("token-{}", number + 1));
    }
}

#[tokio::test]
async fn at_entra_the_spellings_of_one_api_share_a_token_by_version() {
    let (endpoint, client) = client(contoso());
    let one = |target: Target| client.client_credentials(target).unwrap();
    for target in [Target::from(["api://stock"]), Target::from(["api://stock/.default", "api://stock"])] {
        assert_eq!(one(target).token().await.unwrap().secret(), "token-0");
    }
    for target in [Target::from(Resource("api://stock")), Target::from(Resource("api://stock/.default"))] {
        assert_eq!(one(target).token().await.unwrap().secret(), "token-1");
    }
    assert_eq!(endpoint.count(), 2);
}
