//! What Microsoft's own libraries think of our `TestDirectory`.

use tower_bearer::Entra;
use tower_bearer::testing::TestDirectory;

use crate::authority::Authority;
use crate::certified::{self, Certified};
use crate::microsoft::{Application, Library, Proof};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const STOCK: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const API: &str = "api://stock";
const SECRET: &str = r#"se:cr%t+/~ &="q"#;
const LIBRARIES: [Library; 3] = [Library::Msal, Library::AzureIdentity, Library::MsalNode];

/// A directory behind TLS. The application may read at the API, and proves who it is by the secret or the shared certificate.
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
        let stock = tenant.register(STOCK).app_id_uri(API).app_role("Items.Read.All");
        let client = tenant.register(CLIENT).secret(SECRET).certificate(&certified::shared().certificate);
        client.assign_role(&stock, "Items.Read.All");
        Self { directory, authority }
    }

    async fn token(&self, library: Library, client_id: &str, proof: Proof<'_>) -> Result<String, String> {
        library.token(self.authority.url(), Application { tenant: TENANT, client_id, proof }, API).await
    }
}

#[tokio::test]
async fn microsofts_libraries_get_tokens_by_secret_and_by_certificate() {
    let world = World::new().await;
    let issuer = Entra::tenant(TENANT).and_then(|entra| entra.authority_host(world.authority.url())).expect("sound");
    let validator = world.directory.issuer(issuer).validator(STOCK);
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
