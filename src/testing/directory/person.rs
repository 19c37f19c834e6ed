//! For whom a tenant's endpoint gives out tokens: a person who brought one, and the token for the next API.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::TenantEndpoint;
use crate::jose::sha256;
use crate::testing::TestToken;
use crate::testing::registration::TestApp;
use crate::testing::token_endpoint::{Authority, Client, Person, SignedToken, TokenFault};

/// What the next token says about the person too.
const CLAIMS: [&str; 13] = [
    "oid",
    "name",
    "preferred_username",
    "upn",
    "unique_name",
    "given_name",
    "family_name",
    "ipaddr",
    "acr",
    "amr",
    "acrs",
    "auth_time",
    "sid",
];

impl TenantEndpoint {
    /// The person whose access token of this tenant this is, if it is for one of these.
    pub(in crate::testing) fn person(&self, token: &str, names: &[String]) -> Result<Person, TokenFault> {
        let token = SignedToken::verify(token, &self.tenant.signing_keys(), self.now())?;
        let tenant = &self.tenant;
        let issuers = [tenant.identifier_of(false), tenant.identifier_of(true)];
        let is_of_tenant = token.claim("tid") == Some(tenant.id());
        if !is_of_tenant || !issuers.iter().any(|issuer| token.claim("iss") == Some(issuer)) {
            return Err(TokenFault::Issuer);
        }
        token.check_audience(names)?;
        // An ID token has no `scp` either.
        if token.claim("scp").is_none_or(str::is_empty) || token.claim("idtyp") == Some("app") {
            return Err(TokenFault::Application);
        }
        let id = token.claim("oid").ok_or(TokenFault::Malformed)?.to_owned();
        Ok(Person { id, claims: token.some(&CLAIMS) })
    }

    /// A token for this API, of the version that it wants, by which the client acts for a person.
    pub(in crate::testing) fn persons_token(
        &self,
        api: &TestApp,
        resource: &str,
        client: &Client,
        person: &Person,
        scopes: &[String],
    ) -> TestToken {
        let (tenant, audience) = self.tenant_and_audience(api, resource);
        let token = tenant.of_person(audience, client.app.client_id(), client.proof_claim());
        let own = person.claims.iter().fold(token, |token, (name, content)| token.claim(name, content));
        own.claim("sub", pairwise(&person.id, api.client_id())).claim("scp", scopes.join(" "))
    }
}

/// A person's `sub` is another one at each API.
fn pairwise(person: &str, api: &str) -> String {
    let hash = sha256(format!("{person} {api}").as_bytes());
    URL_SAFE_NO_PAD.encode(hash.unwrap_or_else(|error| panic!("TestDirectory can't make a `sub`: {error}")))
}
