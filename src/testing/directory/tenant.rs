//! [`TestTenant`]: the tokens of one tenant, in the shapes that Microsoft documents.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{PERSONAL, TestDirectory};
use crate::jose::SigningKey;
use crate::testing::{TestApp, TestToken, value};

/// The client that got each token, unless changed.
const CLIENT: &str = "c1c1c1c1-0000-4000-8000-000000000001";
/// The person to whom a token is about.
const PERSON: &str = "0b1ec7ed-0000-4000-8000-000000000002";
/// The client's service principal, which an application's token is about.
const SERVICE_PRINCIPAL: &str = "0b1ec7ed-0000-4000-8000-000000000003";

/// A tenant of a [`TestDirectory`], which gives out tokens of version 2, or of version 1 after [`v1`](Self::v1).
///
/// Each token is good for an hour and can be changed before it is signed. Its client is the one that `azp` (v2) or `appid` (v1)
/// names.
///
/// ```
/// use tower_bearer::testing::TestDirectory;
///
/// let tenant = TestDirectory::new().tenant("11111111-2222-3333-4444-555555555555");
/// assert_eq!(tenant.identifier(), format!("https://login.microsoftonline.com/{}/v2.0", tenant.id()));
/// let person = tenant.delegated("api://orders").claim("scp", "Orders.Read").sign();
/// let daemon = tenant.application("api://orders").roles(["Orders.Process"]).sign();
/// let wrong = tenant.id_token("66666666-7777-8888-9999-000000000000").sign();
///
/// // Whoever went on for this person by a refresh token can't any more.
/// tenant.revoke_refresh_tokens("a11ce000-0000-4000-8000-000000000001");
/// ```
#[derive(Clone)]
pub struct TestTenant {
    directory: TestDirectory,
    id: String,
    is_v1: bool,
}

impl TestTenant {
    pub(super) fn new(directory: &TestDirectory, id: &str) -> Self {
        Self { directory: directory.clone(), id: id.to_owned(), is_v1: false }
    }

    pub(super) fn directory(&self) -> &TestDirectory {
        &self.directory
    }

    /// The tenant's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `iss` of its tokens.
    pub fn identifier(&self) -> String {
        self.identifier_of(self.is_v1)
    }

    /// The `iss` of its tokens of this version.
    pub(super) fn identifier_of(&self, is_v1: bool) -> String {
        self.directory.shared.cloud.issuer(&self.id, is_v1)
    }

    /// The keys that sign for this tenant: those whose JWK names it, or every tenant, or none.
    pub(super) fn signing_keys(&self) -> Vec<Arc<SigningKey>> {
        let own = self.identifier_of(false);
        let signs = |key: &Arc<SigningKey>| match self.directory.shared.issuer_of_key(key) {
            Some(issuer) if self.id == PERSONAL => issuer == own,
            Some(issuer) => issuer.replace("{tenantid}", &self.id) == own,
            None => true,
        };
        self.directory.shared.authority.keys().into_iter().filter(signs).collect()
    }

    /// The same tenant, giving out tokens of version 1, as for an API whose `requestedAccessTokenVersion` is 1 or `null`.
    pub fn v1(self) -> Self {
        Self { is_v1: true, ..self }
    }

    /// Registers an application, as a client or as an API, with this client id. This tenant is its home; it may be
    /// [added](Self::add) to others. The token endpoints of the tenants where it is then give out tokens by client credentials, and by
    /// On-Behalf-Of and refresh tokens where somebody [consented](Self::consent).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tower_bearer::Entra;
    /// use tower_bearer::testing::TestDirectory;
    ///
    /// let (contoso, orders, jobs) =
    ///     ("11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000", "c1c1c1c1-0000-4000-8000-000000000009");
    /// let directory = TestDirectory::serve().await?;
    /// let tenant = directory.tenant(contoso);
    /// let api = tenant.register(orders).app_id_uri("api://orders").app_role("Orders.Process");
    /// tenant.register(jobs).secret("correct horse").assign_role(&api, "Orders.Process");
    ///
    /// let url = format!("{}/{contoso}/oauth2/v2.0/token", directory.authority_host());
    /// let form = [
    ///     ("grant_type", "client_credentials"),
    ///     ("client_id", jobs),
    ///     ("client_secret", "correct horse"),
    ///     ("scope", "api://orders/.default"),
    /// ];
    /// let answer: serde_json::Value = reqwest::Client::new().post(url).form(&form).send().await?.json().await?;
    ///
    /// let issuer = Entra::tenant(contoso)?.authority_host(directory.authority_host())?;
    /// let token = answer["access_token"].as_str().unwrap();
    /// let token = directory.issuer(issuer).validator(orders).verify(token).await?;
    /// assert!(token.has_role("Orders.Process"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// The directory has an application with this id already.
    pub fn register(&self, client_id: &str) -> TestApp {
        let version = if self.is_v1 { 1 } else { 2 };
        let registry = &self.directory.shared.authority.shared.tokens.registry;
        TestApp::register(registry, client_id, &self.id.to_ascii_lowercase(), version)
    }

    /// An application of another tenant is present in this one as well from now on. What this returns is its service principal
    /// here: its permissions are those to which this tenant agrees.
    ///
    /// ```
    /// # use tower_bearer::testing::TestDirectory;
    /// # let directory = TestDirectory::new();
    /// # let (contoso, fabrikam) = ("11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    /// let orders = directory.tenant(contoso).register("orders").app_role("Orders.Process");
    /// let jobs = directory.tenant(contoso).register("jobs").secret("correct horse");
    ///
    /// let orders_there = directory.tenant(fabrikam).add(&orders);
    /// let jobs_there = directory.tenant(fabrikam).add(&jobs).assign_role(&orders_there, "Orders.Process");
    /// assert_ne!(jobs.object_id(), jobs_there.object_id());
    /// ```
    pub fn add(&self, app: &TestApp) -> TestApp {
        app.add_to(&self.directory.shared.authority.shared.tokens.registry, &self.id.to_ascii_lowercase())
    }

    /// An access token for this audience by which a client acts for a person. Its scope, `access_as_user` unless set, is in `scp`.
    pub fn delegated(&self, audience: impl Serialize) -> TestToken {
        let token = self.token(audience, [self.client(CLIENT, "0"), self.person()]);
        token.claim("scp", "access_as_user")
    }

    /// An access token for this audience by which a client acts as itself. It has the role `access_as_application`, unless set,
    /// and no `idtyp`, which is an optional claim: add it by [`claim`](TestToken::claim).
    pub fn application(&self, audience: impl Serialize) -> TestToken {
        self.of_client(audience, CLIENT, SERVICE_PRINCIPAL, "1").roles(["access_as_application"])
    }

    /// An access token without permissions by which this client acts as itself.
    pub(super) fn of_client(
        &self,
        audience: impl Serialize,
        client_id: &str,
        object_id: &str,
        proof: &str,
    ) -> TestToken {
        let own = json!({ "oid": object_id, "sub": object_id });
        let token = self.token(audience, [self.client(client_id, proof), own]);
        if self.is_v1 { token.claim("idp", self.identifier()) } else { token }
    }

    /// An access token without scopes by which this client acts for a person.
    pub(super) fn of_person(&self, audience: impl Serialize, client_id: &str, proof: &str) -> TestToken {
        self.token(audience, [self.client(client_id, proof), self.person()])
    }

    /// An ID token for this client, of a person who has the role `Orders.Manager` there: roles come in it as in access tokens.
    pub fn id_token(&self, client_id: &str) -> TestToken {
        self.token(client_id, [self.person()]).roles(["Orders.Manager"])
    }

    fn token<const N: usize>(&self, audience: impl Serialize, parts: [Value; N]) -> TestToken {
        let mut claims = Map::new();
        claims.insert("aud".to_owned(), value(audience));
        let common = json!({
            "iss": self.identifier(),
            "tid": self.id,
            "aio": "Y2Zh/8W8V9vZ4=",
            "rh": "0.AAAA.",
            "uti": format!("{:016x}", fastrand::u64(..)),
            "ver": if self.is_v1 { "1.0" } else { "2.0" },
        });
        let parts = parts.into_iter().chain([common]);
        claims.extend(parts.filter_map(|part| part.as_object().cloned()).flatten());
        let token = TestToken::of_directory(&self.directory.shared.authority, claims);
        let key = if self.id == PERSONAL {
            Arc::clone(&self.directory.shared.key_of_personal_accounts)
        } else {
            self.directory.signing_key()
        };
        let token = token.signed_by(&key);
        if self.is_v1 { token.header("x5t", key.key_id()) } else { token }
    }

    /// The client and how it proved who it is: "0" for not at all, "1" by a secret, "2" by a certificate.
    fn client(&self, client_id: &str, proof: &str) -> Value {
        if self.is_v1 {
            json!({ "appid": client_id, "appidacr": proof })
        } else {
            json!({ "azp": client_id, "azpacr": proof })
        }
    }

    /// A person; `sub` is another one at each API.
    fn person(&self) -> Value {
        let sub = "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ";
        let (name, upn) = ("Alice Example", "alice@contoso.example");
        if self.is_v1 {
            json!({
                "oid": PERSON, "sub": sub, "name": name, "given_name": "Alice", "family_name": "Example",
                "upn": upn, "unique_name": upn, "ipaddr": "192.0.2.1", "acr": "1", "amr": ["pwd"],
            })
        } else {
            json!({ "oid": PERSON, "sub": sub, "name": name, "preferred_username": upn })
        }
    }
}

impl fmt::Debug for TestTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestTenant").field("id", &self.id).finish_non_exhaustive()
    }
}
