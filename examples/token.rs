//! Gets a token from any server, configured by the environment, and prints what came.
//!
//! | variable | |
//! |---|---|
//! | `ISSUER` | the issuer's identifier; its metadata tells the token endpoint. Or: |
//! | `TOKEN_ENDPOINT` | the token endpoint; then no metadata is fetched |
//! | `PROVIDER` | `entra` or `entra_v1` for Microsoft's way to ask; `ISSUER` is then `https://login.microsoftonline.com/<tenant id>/v2.0`, if it is set |
//! | `METADATA_URL` | where the metadata is, if not where the identifier implies |
//! | `CLIENT_ID` | the client id; required |
//! | `CLIENT_SECRET` | its secret, or: |
//! | `PRIVATE_KEY_FILE` | its private key in PEM form, with `ALGORITHM` (RS256 unless set) and `KEY_ID` |
//! | `CERTIFICATE_FILE` | the certificate to that key, as Entra wants it |
//! | `ASSERTION_FILE` | or an assertion that somebody else signed: workload identity |
//! | `AUTH_METHOD` | how to prove who it is: `client_secret_basic`, `client_secret_post`, `private_key_jwt`, `none`; without it by what is set |
//! | `GRANT` | `client_credentials`, which is also meant without it; `on_behalf_of`, `token_exchange` or `refresh_token` |
//! | `ASSERTION` | the token of a person, to be exchanged by `on_behalf_of` or `token_exchange`; only the server checks it |
//! | `ACTOR_TOKEN` | with `token_exchange`, the token of whoever acts |
//! | `REFRESH_TOKEN` | what `refresh_token` needs |
//! | `SCOPE` | scopes, separated by spaces |
//! | `RESOURCE`, `AUDIENCE` | resources (RFC 8707) and audiences, several separated by commas |
//! | `CA_FILE` | certificates in PEM form to trust, besides those of the system |
//!
//! The token is shortened, unless `--raw` is given.
//!
//! ```console
//! $ ISSUER=https://login.example.com/realms/acme CLIENT_ID=jobs CLIENT_SECRET=… SCOPE=stock.read cargo run --example token
//! token_type    Bearer
//! access_token  eyJhbGciOi… (712 characters)
//! expires_in    3600
//! scope         stock.read
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "support/settings.rs"]
mod settings;

use std::process::ExitCode;
use std::time::SystemTime;

use tower_bearer::jose::Algorithm;
use tower_bearer::{AccessToken, Client, Credential, Entra, Error, Issuer, Target, TokenError};

use settings::{Mistake, fetchable, list, missing, mistake, setting, trusting_ca_file};

enum Failure {
    Settings(Mistake),
    Token(TokenError),
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::Settings(mistake)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(Mistake(sentence))) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
        Err(Failure::Token(error)) => {
            eprintln!("{:?}: {error}", error.kind());
            if let Some(wait) = error.retry_after() {
                eprintln!("Try again in {} s.", wait.as_secs());
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_raw = match arguments.as_slice() {
        [] => false,
        [option] if option == "--raw" => true,
        // It may be a token at the wrong place, so it isn't repeated.
        _ => return Err(Mistake("there is one option, --raw; all else is set by variables".to_owned()).into()),
    };
    let client = client()?;
    let token = match setting("GRANT")?.as_deref() {
        None | Some("client_credentials") => {
            only(&[])?;
            let source = client.client_credentials(target()?).map_err(|error| mistake("SCOPE", error))?;
            source.token().await
        }
        Some("on_behalf_of") => {
            only(&["ASSERTION"])?;
            let source = client.on_behalf_of(target()?).map_err(|error| mistake("SCOPE", error))?;
            source.dangerous_token_for_unverified(needed("ASSERTION")?).await
        }
        Some("token_exchange") => {
            only(&["ASSERTION", "ACTOR_TOKEN"])?;
            let source = client.token_exchange(target()?).map_err(|error| mistake("SCOPE", error))?;
            let source = match setting("ACTOR_TOKEN")? {
                Some(actor) => source.actor(actor).map_err(Failure::Token)?,
                None => source,
            };
            source.dangerous_token_for_unverified(needed("ASSERTION")?).await
        }
        Some("refresh_token") => {
            only(&["REFRESH_TOKEN"])?;
            let session = client.session_from_refresh_token(needed("REFRESH_TOKEN")?, target()?);
            session.map_err(|error| mistake("SCOPE", error))?.token().await
        }
        Some(other) => {
            let known = "client_credentials, on_behalf_of, token_exchange or refresh_token";
            return Err(mistake("GRANT", format!("{other} is not known; write {known}")).into());
        }
    };
    print(&token.map_err(Failure::Token)?, is_raw);
    Ok(())
}

fn needed(name: &str) -> Result<String, Mistake> {
    setting(name)?.ok_or_else(|| missing(name, "GRANT asks for it"))
}

/// Refuses a token that is set and that the grant would pass over in silence, where these are what it takes.
fn only(taken: &[&str]) -> Result<(), Mistake> {
    for name in ["ASSERTION", "ACTOR_TOKEN", "REFRESH_TOKEN"] {
        if !taken.contains(&name) && setting(name)?.is_some() {
            return Err(mistake(name, "it is set, but GRANT has no use for it; unset it, or set another GRANT"));
        }
    }
    Ok(())
}

fn client() -> Result<Client, Mistake> {
    let id = setting("CLIENT_ID")?.ok_or_else(|| missing("CLIENT_ID", "write the client id that is registered"))?;
    Ok(issuer()?.client(id, credential()?))
}

fn issuer() -> Result<Issuer, Mistake> {
    let token_endpoint = setting("TOKEN_ENDPOINT")?;
    let issuer = match (setting("PROVIDER")?.as_deref(), &token_endpoint) {
        (None, None) => settings::issuer()?,
        // An assertion is then for the token endpoint.
        (None, Some(url)) => {
            let identifier = setting("ISSUER")?.unwrap_or_else(|| url.clone());
            trusting_ca_file(Issuer::new(identifier).map_err(|error| mistake("ISSUER", error))?)?
        }
        (Some("entra"), url) => trusting_ca_file(entra(url.is_some())?.issuer())?,
        (Some("entra_v1"), url) => trusting_ca_file(entra(url.is_some())?.v1_token_endpoint().issuer())?,
        (Some(other), _) => {
            return Err(mistake(
                "PROVIDER",
                format!(
                    "{other} is not known; write entra or entra_v1, and nothing for others: they ask as the RFCs say"
                ),
            ));
        }
    };
    match token_endpoint {
        None => Ok(issuer),
        Some(url) => {
            fetchable("TOKEN_ENDPOINT", &url)?;
            issuer.token_endpoint(&url).map_err(|error| mistake("TOKEN_ENDPOINT", error))
        }
    }
}

/// The tenant and the cloud, from `https://<authority host>/<tenant id>/v2.0`. Where the token endpoint is set, they matter not.
fn entra(is_endpoint_set: bool) -> Result<Entra, Mistake> {
    let issuer = match setting("ISSUER")? {
        Some(issuer) => issuer,
        None if is_endpoint_set => return Ok(Entra::any_tenant()),
        None => {
            return Err(missing(
                "ISSUER",
                "with PROVIDER write https://login.microsoftonline.com/<tenant id>/v2.0, or set TOKEN_ENDPOINT",
            ));
        }
    };
    fetchable("ISSUER", &issuer)?;
    let host_and_path = issuer.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let (_, path) = host_and_path.ok_or_else(|| mistake("ISSUER", "it is not a URL with a tenant in its path"))?;
    let host = issuer.strip_suffix(path).unwrap_or_default();
    let tenant = path.split('/').next().unwrap_or_default();
    let wrong = |error: Error| mistake("ISSUER", error);
    Entra::tenant(tenant).and_then(|entra| entra.authority_host(host)).map_err(wrong)
}

fn credential() -> Result<Credential, Mistake> {
    let secret = setting("CLIENT_SECRET")?;
    let (key, certificate) = (setting("PRIVATE_KEY_FILE")?, setting("CERTIFICATE_FILE")?);
    let assertion = setting("ASSERTION_FILE")?;
    let has_key = key.is_some() || certificate.is_some();
    if usize::from(secret.is_some()) + usize::from(has_key) + usize::from(assertion.is_some()) > 1 {
        return Err(Mistake("set one of CLIENT_SECRET, PRIVATE_KEY_FILE and ASSERTION_FILE".to_owned()));
    }
    if key.is_none() || certificate.is_some() {
        for name in ["ALGORITHM", "KEY_ID"] {
            if setting(name)?.is_some() {
                let sentence =
                    "it goes with PRIVATE_KEY_FILE where no CERTIFICATE_FILE is set, and with nothing else; unset it";
                return Err(mistake(name, sentence));
            }
        }
    }
    let wants = |what: &str| missing(what, "AUTH_METHOD asks for it");
    let method = setting("AUTH_METHOD")?;
    match (method.as_deref(), secret) {
        (None, Some(secret)) => return Ok(Credential::secret(secret)),
        (Some("client_secret_basic"), Some(secret)) => return Ok(Credential::client_secret_basic(secret)),
        (Some("client_secret_post"), Some(secret)) => return Ok(Credential::client_secret_post(secret)),
        (Some("client_secret_basic" | "client_secret_post"), None) => return Err(wants("CLIENT_SECRET")),
        (Some("private_key_jwt"), None) if has_key || assertion.is_some() => {}
        (Some("private_key_jwt"), _) => return Err(wants("PRIVATE_KEY_FILE")),
        (Some("none"), None) if !has_key && assertion.is_none() => return Ok(Credential::none()),
        (Some("none"), _) => return Err(mistake("AUTH_METHOD", "none needs no credential, and one is set")),
        (Some(other), _) => {
            let known = "client_secret_basic, client_secret_post, private_key_jwt or none";
            return Err(mistake("AUTH_METHOD", format!("{other} is not supported; write {known}")));
        }
        (None, None) => {}
    }
    match (key, certificate, assertion) {
        (Some(key), Some(certificate), _) => {
            Credential::certificate_files(certificate, key).map_err(|error| mistake("CERTIFICATE_FILE", error))
        }
        (None, Some(_), _) => Err(missing("PRIVATE_KEY_FILE", "write the file with the certificate's key")),
        (Some(key), None, _) => private_key(&key),
        (None, None, Some(file)) => Credential::assertion_file(file).map_err(|error| mistake("ASSERTION_FILE", error)),
        (None, None, None) => Ok(Credential::none()),
    }
}

fn private_key(file: &str) -> Result<Credential, Mistake> {
    let algorithm = setting("ALGORITHM")?.unwrap_or_else(|| "RS256".to_owned());
    let algorithm: Algorithm = algorithm.parse().map_err(|error| mistake("ALGORITHM", error))?;
    let credential =
        Credential::private_key_file(algorithm, file).map_err(|error| mistake("PRIVATE_KEY_FILE", error))?;
    match setting("KEY_ID")? {
        None => Ok(credential),
        Some(id) => credential.key_id(&id).map_err(|error| mistake("KEY_ID", error)),
    }
}

fn target() -> Result<Target, Mistake> {
    let scopes = setting("SCOPE")?.unwrap_or_default();
    let target = scopes.split_whitespace().fold(Target::new(), Target::scope);
    let target = list("RESOURCE")?.unwrap_or_default().into_iter().fold(target, Target::resource);
    Ok(list("AUDIENCE")?.unwrap_or_default().into_iter().fold(target, Target::audience))
}

fn print(token: &AccessToken, is_raw: bool) {
    let expires_in = token.expires_at().duration_since(SystemTime::now()).unwrap_or_default();
    let scopes: Vec<_> = token.scopes().collect();
    println!("token_type    Bearer");
    println!("access_token  {}", if is_raw { token.secret().to_owned() } else { shortened(token.secret()) });
    println!("expires_in    {}", expires_in.as_secs_f64().round());
    if let Some(issued) = token.issued_token_type() {
        println!("issued_token_type  {}", issued.as_str());
    }
    if !scopes.is_empty() {
        println!("scope         {}", scopes.join(" "));
    }
}

/// The start of a token, of which the first characters only tell its kind.
fn shortened(token: &str) -> String {
    let start: String = token.chars().take((token.chars().count() / 4).min(10)).collect();
    format!("{start}… ({} characters)", token.chars().count())
}
