//! What our client sends to Microsoft Entra ID, and what Microsoft's own libraries send, field by field.

use std::collections::{BTreeMap, BTreeSet};

use tower_bearer::testing::TestDirectory;
use tower_bearer::{AccessToken, Client, Credential, Entra, TokenError, VerifiedToken};

use crate::authority::Authority;
use crate::certified;
use crate::fields::fields;
use crate::microsoft::{Application, Library, Proof};
use crate::wire::Wire;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const API: &str = "api://stock";
const SCOPE: &str = "api://stock/Items.Read";
const SECRET: &str = r#"se:cr%t+/~ &="q"#;

const NOTHING: &str = "nothing";
const PYTHON: &[Library] = &[Library::Msal, Library::AzureIdentity];
const ALL: &[Library] = &[Library::Msal, Library::AzureIdentity, Library::MsalNode];

/// A field that we send otherwise, on purpose: than which libraries, which field, what they send in it, and what we send.
type Difference = (&'static [Library], &'static str, &'static str, &'static str);

// These tables are complete: a library that comes to do as we do fails the tests too.

#[rustfmt::skip]
const CLIENT_CREDENTIALS: &[Difference] = &[
    // It asks who the person is, and there is none.
    (PYTHON, "form client_info", "1", NOTHING),
];

#[rustfmt::skip]
const ON_BEHALF_OF: &[Difference] = &[
    // They keep accounts, and learn from both who the person is; we know it from the token that came in.
    (ALL, "form client_info", "1", NOTHING),
    (ALL, "form scope", "api://stock/Items.Read offline_access openid profile", "api://stock/Items.Read offline_access"),
];

/// With either grant.
#[rustfmt::skip]
const ALWAYS: &[Difference] = &[
    // Nothing else can be read (RFC 6749 §5.1).
    (&[Library::MsalNode], "header accept", "*/*", "application/json"),
    // The type has no parameters.
    (&[Library::MsalNode], "header content-type", "application/x-www-form-urlencoded;charset=utf-8", "application/x-www-form-urlencoded"),
    // Base64url in a JWS has no padding (RFC 7515 §2).
    (&[Library::Msal], "assertion header x5t#S256", "the SHA-256, padded", "the SHA-256"),
    (&[Library::AzureIdentity], "assertion header x5t", "the SHA-1, padded", "the SHA-1"),
    // Base64 in a JWS has no line breaks (RFC 7515 §4.1.6, RFC 4648 §3.1).
    (&[Library::Msal], "assertion header x5c", "the certificate, in lines", "the certificate"),
    // Not every server reads fractions.
    (PYTHON, "assertion claim iat", "a fraction", "whole seconds"),
    (PYTHON, "assertion claim exp", "a fraction", "whole seconds"),
    // Microsoft documents it.
    (PYTHON, "assertion claim nbf", NOTHING, "whole seconds"),
];

/// For whom a token is asked.
#[derive(Clone, Copy)]
enum For<'a> {
    Itself,
    Person(&'a Person),
}

/// Somebody who is signed in at our API.
struct Person {
    /// What came in.
    token: String,
    verified: VerifiedToken,
}

impl Person {
    async fn of(authority: &Authority) -> Self {
        let directory = TestDirectory::serve_as(authority.url()).await.expect("a port can be had");
        let token = directory.tenant(TENANT).delegated(CLIENT).sign();
        let verified = directory.issuer(entra(authority)).validator(CLIENT).verify(&token).await.expect("it is good");
        Self { token, verified }
    }
}

fn entra(authority: &Authority) -> Entra {
    Entra::tenant(TENANT).and_then(|entra| entra.authority_host(authority.url())).expect("both are sound")
}

async fn our_token(client: &Client, whom: For<'_>) -> Result<AccessToken, TokenError> {
    match whom {
        For::Itself => client.client_credentials([API])?.token().await,
        For::Person(person) => client.on_behalf_of([SCOPE])?.token(&person.verified).await,
    }
}

/// What our client sends.
async fn ours(authority: &Authority, credential: Credential, whom: For<'_>) -> BTreeMap<String, String> {
    let client = Wire::new().to(entra(authority).issuer()).client(CLIENT, credential);
    let token = our_token(&client, whom).await.expect("the authority gives a token");
    assert_eq!(token.secret(), "the-same-for-all");
    fields(&authority.sent())
}

/// What a library sends.
async fn theirs(authority: &Authority, library: Library, proof: Proof<'_>, whom: For<'_>) -> BTreeMap<String, String> {
    let by = Application { tenant: TENANT, client_id: CLIENT, proof };
    let token = match whom {
        For::Itself => library.token(authority.url(), by, API).await,
        For::Person(person) => library.token_on_behalf_of(authority.url(), by, &person.token, SCOPE).await,
    };
    assert_eq!(token.as_deref(), Ok("the-same-for-all"));
    fields(&authority.sent())
}

/// Compares what a library sends with what we send for the same.
async fn compare(authority: &Authority, library: Library, proof: Proof<'_>, credential: Credential, whom: For<'_>) {
    let theirs = theirs(authority, library, proof, whom).await;
    let ours = ours(authority, credential, whom).await;
    let value = |fields: &BTreeMap<String, String>, name: &str| fields.get(name).map_or(NOTHING, |it| it).to_owned();
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let found: BTreeSet<_> = names
        .into_iter()
        .map(|name| (name.clone(), value(&theirs, name), value(&ours, name)))
        .filter(|(_, theirs, ours)| theirs != ours)
        .collect();
    let with_assertion = matches!(proof, Proof::Certificate { .. });
    let of_grant = match whom {
        For::Itself => CLIENT_CREDENTIALS,
        For::Person(_) => ON_BEHALF_OF,
    };
    let listed: BTreeSet<_> = [of_grant, ALWAYS]
        .concat()
        .into_iter()
        .filter(|(whose, field, ..)| whose.contains(&library) && (with_assertion || !field.starts_with("assertion")))
        .map(|(_, field, theirs, ours)| (field.to_owned(), theirs.to_owned(), ours.to_owned()))
        .collect();
    assert_eq!(found, listed, "{library:?}: field, theirs and ours, as found and as listed");
}

async fn compare_by_secret(authority: &Authority, whom: For<'_>) {
    for &library in ALL {
        compare(authority, library, Proof::Secret(SECRET), Credential::secret(SECRET), whom).await;
    }
}

async fn compare_by_certificate(authority: &Authority, whom: For<'_>) {
    let pair = certified::shared();
    let ours = || Credential::certificate(&pair.certificate, &pair.private_key).expect("they match");
    compare(authority, Library::MsalNode, pair.proof(), ours(), whom).await;
    // It always sends the certificate along.
    let with_chain = ours().certificate_chain().expect("it is a certificate");
    compare(authority, Library::Msal, pair.proof(), with_chain, whom).await;
    // It knows no other thumbprint.
    let by_sha1 = ours().sha1_thumbprint().expect("it is a certificate");
    compare(authority, Library::AzureIdentity, pair.proof(), by_sha1, whom).await;
}

#[tokio::test]
async fn client_credentials_by_secret_are_asked_for_as_microsofts_libraries_do() {
    compare_by_secret(&Authority::start(), For::Itself).await;
}

#[tokio::test]
async fn client_credentials_by_certificate_are_asked_for_as_microsofts_libraries_do() {
    compare_by_certificate(&Authority::start(), For::Itself).await;
}

#[tokio::test]
async fn on_behalf_of_by_secret_is_asked_for_as_microsofts_libraries_do() {
    let authority = Authority::start();
    let person = Person::of(&authority).await;
    compare_by_secret(&authority, For::Person(&person)).await;
}

#[tokio::test]
async fn on_behalf_of_by_certificate_is_asked_for_as_microsofts_libraries_do() {
    let authority = Authority::start();
    let person = Person::of(&authority).await;
    compare_by_certificate(&authority, For::Person(&person)).await;
}
