//! The settings of the examples that take any issuer: an issuer and a validator, from the environment.

#![allow(dead_code)] // each example uses a part of it

use std::env::{self, VarError};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::http::{Request, Response, Uri};
use bytes::Bytes;
use http_body_util::Full;
use tower_bearer::jose::Algorithm;
use tower_bearer::{Issuer, Validator};

/// What is wrong with the settings, as a sentence for the person who made them.
pub(crate) struct Mistake(pub(crate) String);

/// The issuer that is set.
pub(crate) fn issuer() -> Result<Issuer, Mistake> {
    let identifier = setting("ISSUER")?.ok_or_else(|| {
        missing("ISSUER", "write the issuer's identifier, such as https://login.example.com/realms/acme")
    })?;
    let (metadata_url, jwks_url) = (setting("METADATA_URL")?, setting("JWKS_URL")?);
    if metadata_url.is_none() && jwks_url.is_none() {
        fetchable("ISSUER", &identifier)?;
        if identifier.contains('?') {
            return Err(mistake(
                "ISSUER",
                "its metadata has no standard place, as it has a query; set METADATA_URL too",
            ));
        }
    }
    let mut issuer = Issuer::new(identifier).map_err(|error| mistake("ISSUER", error))?;
    if let Some(url) = metadata_url {
        fetchable("METADATA_URL", &url)?;
        issuer = issuer.metadata_url(&url).map_err(|error| mistake("METADATA_URL", error))?;
    }
    if let Some(url) = jwks_url {
        fetchable("JWKS_URL", &url)?;
        issuer = issuer.jwks_url(&url).map_err(|error| mistake("JWKS_URL", error))?;
    }
    trusting_ca_file(issuer)
}

/// The issuer, asked by a client that trusts the certificates that are set.
pub(crate) fn trusting_ca_file(issuer: Issuer) -> Result<Issuer, Mistake> {
    match setting("CA_FILE")? {
        None => Ok(issuer),
        Some(path) => fetching_with(&issuer, &trusting(&path)?),
    }
}

/// Has the issuer fetch through this client: any tower service from a request to a response will do.
fn fetching_with(issuer: &Issuer, client: &reqwest::Client) -> Result<Issuer, Mistake> {
    let client = client.clone();
    let transport = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            Ok::<Response<reqwest::Body>, reqwest::Error>(client.execute(request).await?.into())
        }
    });
    Ok(issuer.clone().transport(transport))
}

/// A client that trusts the certificates of this file too. Like the built-in one, it follows no redirects.
fn trusting(path: &str) -> Result<reqwest::Client, Mistake> {
    let pem = std::fs::read(path).map_err(|error| mistake("CA_FILE", format!("{path} can't be read: {error}")))?;
    let no_certificate = || mistake("CA_FILE", format!("{path} holds no certificate in PEM form that can be used"));
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| no_certificate())?;
    if certificates.is_empty() {
        return Err(no_certificate());
    }
    reqwest::Client::builder()
        .tls_certs_merge(certificates)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| no_certificate())
}

/// The validator that is set, for tokens of this issuer.
pub(crate) fn validator(issuer: &Issuer) -> Result<Validator, Mistake> {
    let audiences = list("AUDIENCE")?.unwrap_or_default();
    let (first, more) = audiences.split_first().ok_or_else(|| {
        missing(
            "AUDIENCE",
            "write the `aud` of tokens for this server, such as api://orders; separate several by commas",
        )
    })?;
    let mut validator = more.iter().fold(issuer.validator(first), |validator, audience| validator.audience(audience));
    if let Some(names) = list("ALGORITHMS")? {
        let algorithms: Result<Vec<_>, _> = names.iter().map(|name| algorithm(name)).collect();
        validator = validator.algorithms(algorithms?);
    }
    if let Some(seconds) = setting("LEEWAY_SECONDS")? {
        let seconds: u32 = seconds.parse().map_err(|_| mistake("LEEWAY_SECONDS", "write a whole number of seconds"))?;
        validator = validator.leeway(Duration::from_secs(seconds.into()));
    }
    Ok(validator)
}

fn algorithm(name: &str) -> Result<Algorithm, Mistake> {
    let one: Algorithm = name.parse().map_err(|error| mistake("ALGORITHMS", format!("{name} is {error}")))?;
    if one.is_symmetric() {
        return Err(mistake(
            "ALGORITHMS",
            format!("{name} needs a shared secret, and this server has public keys only"),
        ));
    }
    Ok(one)
}

/// Refuses at the start what would be refused at the first fetch.
pub(crate) fn fetchable(name: &str, url: &str) -> Result<(), Mistake> {
    let anywhere = || {
        mistake(
            name,
            "this is not a URL that can be fetched; write an absolute one without a user name, such as https://login.example.com",
        )
    };
    // The crate's own judgement, whatever the setting is for.
    Issuer::new("anybody").and_then(|issuer| issuer.metadata_url(url)).map_err(|_| anywhere())?;
    let url: Uri = url.parse().map_err(|_| anywhere())?;
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback => Ok(()),
        _ => Err(mistake(name, "write an https URL; plain http is taken on loopback only")),
    }
}

/// An empty variable counts as one that is not set.
pub(crate) fn setting(name: &str) -> Result<Option<String>, Mistake> {
    match env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(mistake(name, "the value is not UTF-8")),
    }
}

pub(crate) fn list(name: &str) -> Result<Option<Vec<String>>, Mistake> {
    let Some(text) = setting(name)? else { return Ok(None) };
    let values: Vec<_> = text.split(',').map(|value| value.trim().to_owned()).collect();
    if values.contains(&String::new()) {
        return Err(mistake(name, "nothing stands beside a comma; write values with single commas between them"));
    }
    Ok(Some(values))
}

pub(crate) fn mistake(name: &str, sentence: impl fmt::Display) -> Mistake {
    Mistake(format!("{name}: {sentence}"))
}

pub(crate) fn missing(name: &str, sentence: &str) -> Mistake {
    Mistake(format!("{name} is not set: {sentence}"))
}
