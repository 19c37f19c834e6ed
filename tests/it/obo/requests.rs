//! What is asked on behalf of a caller, and what is refused before anything is asked.

use tower_bearer::testing::TestIssuer;
use tower_bearer::{Credential, Entra, Issuer, Resource, TokenErrorKind as Kind};

use super::{ALICE, CLIENT, OTHER_TENANT, TENANT, World, answer, is};

#[tokio::test]
async fn at_version_2_scopes_are_asked_for_and_offline_access_besides() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    stock.token(&alice).await.unwrap();
    let asked = &world.asked()[0];
    assert_eq!(asked.url, format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(asked.form("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    assert_eq!(asked.form("requested_token_use"), Some("on_behalf_of"));
    assert_eq!(asked.form("scope"), Some("api://stock/Items.Read offline_access"));
    assert_eq!(asked.form("client_id"), Some(CLIENT));
    assert_eq!(asked.form("client_secret"), Some("canary-secret"));
    assert_eq!(asked.assertion()["oid"], ALICE);
    assert_eq!(asked.form.len(), 6, "{:?}", asked.form.keys());

    stock.without_offline_access().token(&alice).await.unwrap();
    assert_eq!(world.asked()[1].form("scope"), Some("api://stock/Items.Read"));
}

#[tokio::test]
async fn at_version_1_a_resource_is_asked_for() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let older = world.at(Entra::tenant(TENANT).unwrap().v1_token_endpoint());
    let older = older.client(CLIENT, Credential::secret("canary-secret"));
    for (spelling, uri) in [
        ("api://stock", "api://stock"),
        ("api://orders/.default", "api://orders"),
        // Azure takes the slash for a part of the App ID URI.
        ("https://management.azure.com/", "https://management.azure.com/"),
    ] {
        for source in [older.on_behalf_of([spelling]), world.client().on_behalf_of(Resource(spelling))] {
            source.unwrap().token(&alice).await.unwrap();
            let asked = world.asked().pop().unwrap();
            assert_eq!(asked.url, format!("https://login.microsoftonline.com/{TENANT}/oauth2/token"));
            assert_eq!((asked.form("resource"), asked.form("scope")), (Some(uri), Some("openid")));
        }
    }
    assert_eq!(world.requests(), 6);
}

#[tokio::test]
async fn the_persons_own_tenant_is_asked() {
    let world = World::new();
    let elsewhere = world.verified(world.tenant(OTHER_TENANT).delegated(CLIENT)).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    stock.token(&elsewhere).await.unwrap();
    // Also where the client asks in another one for itself.
    let own = world.client().for_tenant(TENANT).unwrap().on_behalf_of(["api://stock/Items.Write"]).unwrap();
    own.token(&elsewhere).await.unwrap();
    for asked in world.asked() {
        assert_eq!(asked.url, format!("https://login.microsoftonline.com/{OTHER_TENANT}/oauth2/v2.0/token"));
    }
}

#[tokio::test]
async fn a_token_for_any_name_of_this_application_can_be_exchanged() {
    let world = World::new();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    for audience in [CLIENT, "api://orders"] {
        let token = world.verified(world.tenant(TENANT).delegated(audience)).await;
        stock.token(&token).await.unwrap();
    }
    let by_default = format!("api://{CLIENT}");
    let issuer = world.directory.issuer(Entra::any_tenant());
    let token = world.tenant(TENANT).delegated(&by_default).sign();
    stock.token(&issuer.validator(&by_default).verify(&token).await.unwrap()).await.unwrap();
    let v1 = world.verified(world.tenant(TENANT).v1().delegated("api://orders")).await;
    stock.token(&v1).await.unwrap();
    let of_both = world.client().app_id_uri("api://another").on_behalf_of(["api://stock/Items.Read"]).unwrap();
    of_both.token(&v1).await.unwrap();
    assert_eq!(world.requests(), 5);
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused_before_anything_is_sent() {
    let world = World::new();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let token = world.verified(world.tenant(TENANT).delegated("api://another")).await;
    is(&stock.token(&token).await.unwrap_err(), Kind::Refused, "app_id_uri");
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn with_another_issuer_whose_audiences_and_callers_are_its_own_matter_it_decides() {
    let world = World::new();
    let issuer = world.at(Issuer::new("https://issuer.test").unwrap());
    let issuer = issuer.token_endpoint("https://issuer.test/token").unwrap();
    let stock = issuer.client("orders", Credential::none()).on_behalf_of(["stock.read"]).unwrap();
    let authority = TestIssuer::new();
    let validator = authority.issuer().validator("https://orders.test");
    let token =
        authority.token("https://orders.test").subject("alice").without("client_id").header("typ", "JWT").sign();
    let caller = validator.verify(&token).await.unwrap();
    assert_eq!(caller.is_application(), None);
    assert!(stock.token(&caller).await.is_ok());
}

#[tokio::test]
async fn at_an_endpoint_that_is_set_its_path_tells_the_version() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let rows = [
        ("https://login.test/oauth2/token", Some("api://stock"), Some("openid")),
        ("https://login.test/oauth2/v2.0/token", None, Some("api://stock/.default offline_access")),
    ];
    for (url, resource, scope) in rows {
        let issuer = world.entra().token_endpoint(url).unwrap();
        let client = issuer.client(CLIENT, Credential::none());
        client.on_behalf_of(["api://stock"]).unwrap().token(&alice).await.unwrap();
        let asked = world.asked().pop().unwrap();
        assert_eq!((asked.form("resource"), asked.form("scope")), (resource, scope), "{url}");
        assert_eq!(asked.url, url);
    }
}

#[tokio::test]
async fn an_applications_token_is_refused_before_anything_is_sent() {
    let world = World::new();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    for token in
        [world.tenant(TENANT).application(CLIENT), world.tenant(TENANT).application(CLIENT).claim("idtyp", "app")]
    {
        let token = world.verified(token).await;
        is(&stock.token(&token).await.unwrap_err(), Kind::Refused, "client_credentials");
        is(&stock.session(&token).await.unwrap_err(), Kind::Refused, "client_credentials");
    }
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused_before_anything_is_sent() {
    let world = World::new();
    let only_other = world.at(Entra::tenant(OTHER_TENANT).unwrap()).client(CLIENT, Credential::secret("canary-secret"));
    let stock = only_other.on_behalf_of(["api://stock/Items.Read"]).unwrap();
    is(&stock.token(&world.person(ALICE).await).await.unwrap_err(), Kind::Refused, "another issuer");

    let authority = TestIssuer::named("https://elsewhere.test");
    let token = authority.token("api://orders").subject("alice").sign();
    let token = authority.issuer().validator("api://orders").verify(&token).await.unwrap();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    is(&stock.token(&token).await.unwrap_err(), Kind::Refused, "another issuer");
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn a_token_that_has_run_out_is_refused_before_anything_is_sent() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    world.clock().set_wall_clock(alice.expires_at());
    is(&stock.token(&alice).await.unwrap_err(), Kind::InteractionRequired, "session");
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn what_can_not_be_asked_for_is_refused_at_construction() {
    let client = World::new().client();
    for (target, words) in [
        (tower_bearer::Target::new(), "no API"),
        (tower_bearer::Target::new().audience("stock"), "audience"),
        (tower_bearer::Target::from(Resource("/.default")), "no API"),
        (tower_bearer::Target::from(["a b"]), "RFC 6749"),
        (tower_bearer::Target::from(["api://stock/Items.Read"]).resource("api://stock"), "Resource"),
    ] {
        let error = client.on_behalf_of(target).unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(words), "{error}");
    }
    let v1 = World::new().at(Entra::tenant(TENANT).unwrap().v1_token_endpoint());
    let error = v1.client(CLIENT, Credential::none()).on_behalf_of(["api://stock/Items.Read"]).unwrap_err();
    assert!(error.to_string().contains("version 1"), "{error}");
}

#[tokio::test]
async fn an_app_id_uri_alone_stands_for_all_that_was_consented_to() {
    let world = World::new();
    let alice = world.person(ALICE).await;
    for (uri, scope) in [
        ("api://stock", "api://stock/.default offline_access"),
        ("https://management.azure.com/", "https://management.azure.com//.default offline_access"),
    ] {
        world.client().on_behalf_of([uri]).unwrap().token(&alice).await.unwrap();
        assert_eq!(world.asked().pop().unwrap().form("scope"), Some(scope));
    }
}

#[tokio::test]
async fn a_provider_that_is_known_not_to_have_the_grant_is_refused_with_the_name_of_the_other() {
    let issuers = [
        Issuer::keycloak("https://login.example.com/realms/acme").unwrap(),
        Issuer::auth0("acme.eu.auth0.com").unwrap(),
        Issuer::okta("https://acme.okta.com/oauth2/default").unwrap(),
        Issuer::cognito("eu-west-1", "eu-west-1_aaaaaaaaa").unwrap(),
        Issuer::google(),
    ];
    for issuer in issuers {
        let error = issuer.client("orders", Credential::none()).on_behalf_of(["stock.read"]).unwrap_err();
        assert!(error.to_string().contains("token_exchange"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_says_so_itself_has_the_name_of_the_other_in_the_error() {
    let world = World::answering(|_, _| answer(400, serde_json::json!({ "error": "unsupported_grant_type" })));
    let authority = TestIssuer::new();
    let issuer =
        world.at(Issuer::new("https://issuer.test").unwrap()).token_endpoint("https://issuer.test/token").unwrap();
    let token = authority.token("api://orders").subject("alice").sign();
    let token = authority.issuer().validator("api://orders").verify(&token).await.unwrap();
    let stock = issuer.client("orders", Credential::none()).on_behalf_of(["stock.read"]).unwrap();
    is(&stock.token(&token).await.unwrap_err(), Kind::Refused, "token_exchange");
}
