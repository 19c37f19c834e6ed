//! What Microsoft's own libraries think of our `TestDirectory`.

use tower_bearer::testing::{TestDirectory, TestTenant};
use tower_bearer::{Entra, Issuer};

use crate::authority::Authority;
use crate::certified::{self, Certified};
use crate::microsoft::{Application, Library, Proof};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
const STOCK: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const API: &str = "api://stock";
const SCOPE: &str = "api://stock/Items.Read";
const SECRET: &str = r#"se:cr%t+/~ &="q"#;
const LIBRARIES: [Library; 3] = [Library::Msal, Library::AzureIdentity, Library::MsalNode];

/// A directory behind TLS. The application may read at the API, as itself and for people, and proves who it is by the secret or the
/// shared certificate.
struct World {
    directory: TestDirectory,
    authority: Authority,
}

impl World {
    async fn new() -> Self {
        let mut authority = Authority::start();
        let directory = TestDirectory::serve_as(authority.url()).await.expect("a port can be had");
        authority.pass_on_to(&format!("http://{}", directory.address().expect("it is served")));
        let tenant = directory.tenant(TENANT);
        let stock = tenant.register(STOCK).app_id_uri(API).app_role("Items.Read.All").expose_scope("Items.Read");
        let client = tenant.register(CLIENT).secret(SECRET).certificate(&certified::shared().certificate);
        client.assign_role(&stock, "Items.Read.All").require_scope(&stock, "Items.Read");
        tenant.admin_consent(&client);
        Self { directory, authority }
    }

    fn tenant(&self) -> TestTenant {
        self.directory.tenant(TENANT)
    }

    fn issuer(&self) -> Issuer {
        let entra = Entra::tenant(TENANT).and_then(|entra| entra.authority_host(self.authority.url()));
        self.directory.issuer(entra.expect("sound"))
    }

    async fn token(&self, library: Library, client_id: &str, proof: Proof<'_>) -> Result<String, String> {
        library.token(self.authority.url(), Application { tenant: TENANT, client_id, proof }, API).await
    }

    /// A token by which the application acts for the person whose token came in.
    async fn token_for(&self, library: Library, proof: Proof<'_>, person: &str, scope: &str) -> Result<String, String> {
        let by = Application { tenant: TENANT, client_id: CLIENT, proof };
        library.token_on_behalf_of(self.authority.url(), by, person, scope).await
    }
}

#[tokio::test]
async fn microsofts_libraries_get_tokens_by_secret_and_by_certificate() {
    let world = World::new().await;
    let validator = world.issuer().validator(STOCK);
    for library in LIBRARIES {
        for proof in [Proof::Secret(SECRET), certified::shared().proof()] {
            let token =
                world.token(library, CLIENT, proof).await.unwrap_or_else(|error| panic!("{library:?}: {error}"));
            let token = validator.verify(&token).await.expect("it is good at the API");
            assert_eq!(token.client_id(), Some(CLIENT));
            assert!(token.has_role("Items.Read.All"));
        }
    }
}

#[tokio::test]
async fn microsofts_libraries_are_refused_with_a_wrong_secret_and_a_wrong_certificate() {
    let world = World::new().await;
    let other = Certified::new();
    let mixed = Proof::Certificate { certificate: &certified::shared().certificate, private_key: &other.private_key };
    for library in LIBRARIES {
        for (client_id, proof, number) in [
            (CLIENT, Proof::Secret("wrong"), "AADSTS7000215"),
            (CLIENT, other.proof(), "AADSTS700027"),
            (CLIENT, mixed, "AADSTS700027"),
            (STOCK, Proof::Secret(SECRET), "AADSTS7000215"),
            (TENANT, Proof::Secret(SECRET), "AADSTS700016"),
        ] {
            let error = world.token(library, client_id, proof).await.expect_err("the proof is wrong");
            assert!(error.contains(number), "{library:?}, {number}: {error}");
        }
    }
}

#[tokio::test]
async fn microsofts_libraries_act_for_a_person_by_secret_and_by_certificate() {
    let world = World::new().await;
    let validator = world.issuer().validator(STOCK);
    let person = world.tenant().delegated(CLIENT).claim("oid", ALICE).sign();
    for library in LIBRARIES {
        for proof in [Proof::Secret(SECRET), certified::shared().proof()] {
            let token = world.token_for(library, proof, &person, SCOPE).await;
            let token = token.unwrap_or_else(|error| panic!("{library:?}: {error}"));
            let token = validator.verify(&token).await.expect("it is good at the API");
            assert_eq!((token.claim("oid"), token.client_id()), (Some(ALICE), Some(CLIENT)));
            assert_eq!(token.scopes().collect::<Vec<_>>(), ["Items.Read"]);
        }
    }
}

#[tokio::test]
async fn microsofts_libraries_are_refused_for_a_person_whose_token_is_not_good() {
    let world = World::new().await;
    let (tenant, elsewhere) = (world.tenant(), world.directory.tenant(ALICE));
    for (number, token) in [
        ("AADSTS500131", tenant.delegated(API)),
        ("AADSTS500133", tenant.delegated(CLIENT).expired()),
        ("AADSTS50013", elsewhere.delegated(CLIENT)),
        ("AADSTS7000114", tenant.application(CLIENT)),
    ] {
        let person = token.sign();
        for library in LIBRARIES {
            let refused = world.token_for(library, Proof::Secret(SECRET), &person, SCOPE).await;
            let error = refused.expect_err("the token is not good");
            assert!(error.contains(&format!("{number}:")), "{library:?}, {number}: {error}");
        }
    }
}

#[tokio::test]
async fn microsofts_libraries_are_refused_what_nobody_agreed_to() {
    let world = World::new().await;
    world.tenant().register("another").app_id_uri("api://another").expose_scope("Items.Burn");
    let person = world.tenant().delegated(CLIENT).claim("oid", ALICE).sign();
    let burn = "api://another/Items.Burn";
    for library in LIBRARIES {
        let refused = world.token_for(library, Proof::Secret(SECRET), &person, burn).await;
        let error = refused.expect_err("nobody agreed to it");
        assert!(error.contains("AADSTS65001:"), "{library:?}: {error}");
    }
}
