//! What a client proves itself with, and what it gets for it, shows nowhere.

use std::future::ready;

use http::Response;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use tower_bearer::jose::SigningKey;
use tower_bearer::{
    Client, ClientCredentials, Credential, Entra, Error, Issuer, Resource, Target, TokenError, TokenErrorKind,
};

use super::{Algorithm, Log, Tokens, assert_no_canary, shown, whole};
#[cfg(feature = "reqwest")]
use super::{Endpoint, Engine, STANDARD, TestIssuer};
use crate::client::folder::Folder;
use crate::client::made::{Pair, RSA_A};
use crate::client::recorded::Recorded;
use crate::hostile::world::{base64url, pem};

const SECRET: &str = "canary: a secret/with+odd=characters";

/// Answers that hold a canary, and who has to act.
fn answers() -> Vec<(&'static str, u16, &'static str, Result<(), TokenErrorKind>)> {
    let refused = Err(TokenErrorKind::Refused);
    let unavailable = Err(TokenErrorKind::Unavailable);
    let person = Err(TokenErrorKind::InteractionRequired);
    let canaries = r#""error_description":"canary","error_uri":"https://canary.example","canary":"canary""#;
    assert!(canaries.contains("canary"));
    vec![
        (
            "a token",
            200,
            r#"{"access_token":"canary-access-token","token_type":"Bearer","expires_in":60,"scope":"canary","refresh_token":"canary"}"#,
            Ok(()),
        ),
        ("an unknown client", 401, r#"{"error":"invalid_client","error_description":"canary"}"#, refused),
        ("a wrong scope", 400, r#"{"error":"invalid_scope","error_description":"canary"}"#, refused),
        ("an error of its own", 400, r#"{"error":"canary","error_description":"canary"}"#, refused),
        ("odd numbers", 400, r#"{"error":"invalid_client","error_codes":["canary"],"trace_id":"canary"}"#, refused),
        ("an odd id", 400, r#"{"error":"invalid_client","correlation_id":"canary"}"#, refused),
        ("an error of Microsoft's", 400, r#"{"error":"invalid_grant","suberror":"canary","claims":"canary"}"#, person),
        ("a page", 403, "<html>canary</html>", refused),
        ("an outage", 503, "canary", unavailable),
        ("a page for a token", 200, "<html>canary</html>", unavailable),
        ("another type", 200, r#"{"access_token":"canary-access-token","token_type":"canary"}"#, refused),
        (
            "no life",
            200,
            r#"{"access_token":"canary-access-token","token_type":"Bearer","expires_in":"canary"}"#,
            unavailable,
        ),
        ("no token", 200, r#"{"access_token":["canary-access-token"],"token_type":"Bearer"}"#, unavailable),
        ("no header value", 200, r#"{"access_token":"canary\n","token_type":"Bearer","expires_in":60}"#, unavailable),
    ]
}

/// The credentials that hold a canary, or a key or an assertion that is looked for.
fn credentials(folder: &Folder) -> Vec<Credential> {
    let key = pem("PRIVATE KEY", RSA_A);
    let pair = Pair::rsa(RSA_A);
    let sign =
        |algorithm, message: bytes::Bytes| ready(SigningKey::from_pkcs8(algorithm, RSA_A).unwrap().sign(&message));
    let path = folder.put("token", "canary.canary.canary");
    vec![
        Credential::secret(SECRET),
        Credential::client_secret_post(SECRET),
        Credential::private_key_pem(Algorithm::PS256, &key).unwrap(),
        Credential::private_key_file(Algorithm::PS256, folder.put("key.pem", key)).unwrap(),
        Credential::certificate(&pair.certificate, &pair.key).unwrap(),
        Credential::certificate_signer(&pair.certificate, sign).unwrap().certificate_chain().unwrap(),
        Credential::signer(Algorithm::RS256, sign),
        Credential::assertion_file(path).unwrap(),
        Credential::assertion(|| ready(Ok::<_, ()>(SecretString::from("canary.canary.canary")))),
    ]
}

fn source(endpoint: &Recorded, credential: Credential) -> (Client, ClientCredentials) {
    let issuer = Issuer::new("https://issuer.test").unwrap().token_endpoint("https://issuer.test/token").unwrap();
    let client = endpoint.serve(issuer).client("orders", credential);
    let source = client.client_credentials(["orders.read"]).unwrap();
    (client, source)
}

#[tokio::test]
async fn nothing_that_goes_to_a_token_endpoint_or_comes_from_it_is_shown_told_or_logged() {
    let folder = Folder::new();
    // The key itself, however somebody may have spelled it.
    let key = [pem("PRIVATE KEY", RSA_A).replace('\n', ""), base64url(RSA_A)];
    let (log, _capturing) = Log::capture();
    for (name, status, body, expected) in answers() {
        for credential in credentials(&folder) {
            let answer = move |_: &_| Response::builder().status(status).body(body.to_owned()).unwrap();
            let endpoint = Recorded::answering(answer);
            let mut seen = shown(&credential);
            let (client, source) = source(&endpoint, credential);
            seen += &(shown(&client) + &shown(&source));
            match (source.token().await, expected) {
                (Ok(token), Ok(())) => {
                    assert_eq!(token.secret(), "canary-access-token");
                    seen += &(shown(&token) + &shown(&token.authorization()));
                }
                (Err(error), Err(kind)) => {
                    assert_eq!(error.kind(), kind, "{name}: {error}");
                    seen += &of(&error);
                }
                (got, _) => panic!("{name}: {got:?}"),
            }
            let logged = log.take();
            assert_eq!(logged.contains("no token could be had"), expected.is_err(), "{name}: {logged}");
            let asked = endpoint.asked().remove(0);
            let mut secrets: Vec<String> = ["client_assertion", "client_secret"]
                .iter()
                .filter_map(|name| asked.field(name))
                .map(Into::into)
                .collect();
            secrets.extend(asked.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap()[6..].to_owned()));
            assert_eq!(secrets.len(), 1, "{name}");
            let secrets = secrets.iter().chain(&key).map(String::as_bytes);
            assert_eq!(Tokens::of(secrets).leak(&(seen + &logged)), None, "{name}");
        }
    }
}

fn of(error: &TokenError) -> String {
    let public = (error.kind(), error.error_code(), error.error_numbers(), error.correlation_id(), error.retry_after());
    format!("{} {public:?}", whole(error))
}

#[tokio::test]
async fn what_an_own_transport_or_function_says_of_its_failure_is_not_repeated() {
    let (log, _capturing) = Log::capture();
    let failing = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| {
        ready(Err::<Response<String>, _>(std::io::Error::other("canary")))
    });
    let issuer = Issuer::new("https://issuer.test").unwrap().token_endpoint("https://issuer.test/token").unwrap();
    let issuer = issuer.transport(failing);
    let error = |credential| {
        let source = issuer.client("orders", credential).client_credentials(["orders.read"]).unwrap();
        async move { source.token().await.unwrap_err() }
    };
    assert_no_canary(&of(&error(Credential::secret(SECRET)).await));
    let signer = Credential::signer(Algorithm::ES256, |_, _| ready(Err::<Vec<u8>, _>("canary")));
    assert_no_canary(&of(&error(signer).await));
    let signer = Credential::signer(Algorithm::ES256, |_, _| ready(Ok::<_, ()>(b"canary".to_vec())));
    assert_no_canary(&of(&error(signer).await));
    let assertion = |given: &'static str| Credential::assertion(move || ready(Ok::<_, ()>(given.to_owned())));
    assert_no_canary(&of(&error(assertion("canary and white space")).await));
    let logged = log.take();
    assert_eq!(logged.matches("no token could be had").count(), 4, "{logged}");
    assert_no_canary(&logged);
}

#[tokio::test]
async fn a_file_that_wont_do_any_more_is_logged_without_what_is_in_it() {
    let folder = Folder::new();
    let path = folder.put("key.pem", pem("PRIVATE KEY", RSA_A));
    let endpoint = Recorded::new();
    let (_, source) = source(&endpoint, Credential::private_key_file(Algorithm::RS256, path).unwrap());
    let half = &pem("PRIVATE KEY", RSA_A)[..900];
    let (log, _capturing) = Log::capture();
    for content in [half, "canary", "-----BEGIN canary-----\ncanary\n-----END canary-----", "\u{feff}canary"] {
        folder.put("key.pem", content);
        endpoint.next_request(&source).await;
        let logged = log.take();
        assert!(logged.contains("could not be read again") && logged.contains("key.pem"), "{logged}");
        assert_eq!(Tokens::of([half.as_bytes()]).leak(&logged), None);
    }
}

#[test]
fn an_error_at_construction_repeats_nothing_of_a_credential_or_a_target() {
    let folder = Folder::new();
    let Pair { certificate, key, .. } = Pair::rsa(RSA_A);
    let canaries = [
        "canary".to_owned(),
        "-----BEGIN canary-----\ncanary\n-----END canary-----".to_owned(),
        "-----BEGIN PRIVATE KEY-----canary-----END PRIVATE KEY-----".to_owned(),
        pem("PRIVATE KEY", b"canary canary canary"),
        pem("CERTIFICATE", b"canary canary canary"),
    ];
    let client = Issuer::new("https://issuer.test").unwrap().client("orders", Credential::secret(SECRET));
    let entra = Entra::any_tenant().issuer().client("orders", Credential::secret(SECRET));
    let at_entra = Entra::tenant("11111111-2222-3333-4444-555555555555").unwrap().issuer();
    let at_entra = at_entra.client("orders", Credential::secret(SECRET));
    let mut errors: Vec<Error> = Vec::new();
    for canary in &canaries {
        errors.extend(Credential::private_key_pem(Algorithm::RS256, canary).err());
        errors.extend(Credential::private_key_pem(Algorithm::ES256, canary).err());
        errors.extend(Credential::certificate(canary, &key).err());
        errors.extend(Credential::certificate(&certificate, canary).err());
        let path = folder.put("file", canary);
        errors.extend(Credential::private_key_file(Algorithm::RS256, &path).err());
        errors.extend(Credential::certificate_files(&path, &path).err());
        errors.extend(Credential::assertion_file(&path).err());
    }
    assert_eq!(errors.len(), 7 * canaries.len());
    for target in [Target::from(["canary canary"]), Target::from(["canary\""]), Target::new().scope("canary\n")] {
        errors.extend(client.client_credentials(target).err());
    }
    for target in [
        Target::from(["canary"]),
        Target::from(["api://stock/canary"]),
        Target::from(["api://canary", "api://stock"]),
        Target::from(["api://stock"]).audience("canary"),
        Target::from(Resource("api://canary")).scope("api://stock"),
    ] {
        errors.extend(at_entra.client_credentials(target).err());
    }
    errors.extend(entra.for_tenant("canary").err());
    assert_eq!(errors.len(), 7 * canaries.len() + 3 + 5 + 1);
    let words = Tokens::of([base64url(b"canary canary canary").as_bytes()]);
    for error in errors {
        assert!(error.is_configuration(), "{error}");
        assert_eq!(words.leak(&whole(&error)), None);
    }
}

/// The built-in client and all that it is made of log as well: that they connect, and nothing of the form.
#[cfg(feature = "reqwest")]
#[tokio::test]
async fn the_built_in_client_logs_that_it_connects_and_no_secret_no_form_and_no_token() {
    const SECRET: &str = "canary-secret-of-the-client";
    const WRONG: &str = "canary-secret-of-somebody-else";
    let authority = TestIssuer::serve().await.unwrap();
    let api = authority.register("api://canary").app_role("reader");
    authority.register("jobs").secret(SECRET).assign_role(&api, "reader");
    let (log, _capturing) = Log::capture();
    for credential in [Credential::client_secret_basic, Credential::client_secret_post] {
        for (secret, is_right) in [(SECRET, true), (WRONG, false)] {
            let issuer = Issuer::new(authority.identifier()).unwrap().clock(&authority.clock());
            let client = issuer.client("jobs", credential(SecretString::from(secret)));
            let source = client.client_credentials(Target::from(Resource("api://canary"))).unwrap();
            let mut hidden = vec![SECRET.to_owned(), WRONG.to_owned(), STANDARD.encode(format!("jobs:{secret}"))];
            let mut seen = match source.token().await {
                Ok(token) if is_right => {
                    hidden.push(token.secret().to_owned());
                    shown(&token)
                }
                Err(error) if !is_right => {
                    assert_eq!(error.error_code(), Some("invalid_client"));
                    of(&error)
                }
                got => panic!("{got:?}"),
            };
            let logged = log.take();
            assert!(
                logged.contains("reqwest") && logged.contains("127.0.0.1"),
                "the client was not captured: {logged}"
            );
            seen += &(logged + &shown(&client));
            let request = authority.token_requests().pop().unwrap();
            hidden.extend(request.header("authorization"));
            // Every form has it, and nothing else would.
            assert!(request.form("grant_type").is_some() && !seen.contains("grant_type"), "a form in: {seen}");
            assert_eq!(Tokens::of(hidden.iter().map(String::as_bytes)).leak(&seen), None);
        }
    }
    assert_eq!(authority.requests(Endpoint::Token), 4);
}
