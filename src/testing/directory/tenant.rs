//! [`TestTenant`]: the tokens of one tenant, in the shapes that Microsoft documents.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{PERSONAL, TestDirectory};
use crate::testing::{TestToken, value};

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

    /// The tenant's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `iss` of its tokens.
    pub fn identifier(&self) -> String {
        self.directory.shared.cloud.issuer(&self.id, self.is_v1)
    }

    /// The same tenant, giving out tokens of version 1, as for an API whose `requestedAccessTokenVersion` is 1 or `null`.
    pub fn v1(self) -> Self {
        Self { is_v1: true, ..self }
    }

    /// An access token for this audience by which a client acts for a person. Its scope, `access_as_user` unless set, is in `scp`.
    pub fn delegated(&self, audience: impl Serialize) -> TestToken {
        let token = self.token(audience, [self.client("0"), self.person()]);
        token.claim("scp", "access_as_user")
    }

    /// An access token for this audience by which a client acts as itself. It has the role `access_as_application`, unless set,
    /// and no `idtyp`, which is an optional claim: add it by [`claim`](TestToken::claim).
    pub fn application(&self, audience: impl Serialize) -> TestToken {
        let own = json!({ "oid": SERVICE_PRINCIPAL, "sub": SERVICE_PRINCIPAL });
        let token = self.token(audience, [self.client("1"), own]);
        let token = if self.is_v1 { token.claim("idp", self.identifier()) } else { token };
        token.roles(["access_as_application"])
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
    fn client(&self, proof: &str) -> Value {
        if self.is_v1 {
            json!({ "appid": CLIENT, "appidacr": proof })
        } else {
            json!({ "azp": CLIENT, "azpacr": proof })
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
