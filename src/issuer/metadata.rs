//! [`Metadata`]: what an issuer says of itself (OpenID Connect Discovery 1.0, RFC 8414).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::document::Members;
use super::freshness;
use super::revision::Revision;
use crate::error::Error;
use crate::kept_fresh::{Held, Loaded};
use crate::transport::{Document, Received, Transport, Url};

const WHAT: &str = "the issuer's metadata";

/// The part of an issuer's metadata document that this crate uses.
#[derive(Clone, PartialEq, Eq)]
pub struct Metadata {
    issuer: Arc<str>,
    jwks_uri: Option<Url>,
    token_endpoint: Option<Url>,
    takes_post_alone: bool,
    revision: Option<Revision>,
}

impl Metadata {
    /// The issuer identifier: exactly the one that the [`Issuer`](super::Issuer) was made from.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the keys are (`jwks_uri`), or what [`jwks_url`](super::Issuer::jwks_url) set.
    pub fn jwks_uri(&self) -> Option<String> {
        self.jwks_uri.as_ref().map(Url::as_string)
    }

    /// Where tokens are issued (`token_endpoint`), or what [`token_endpoint`](super::Issuer::token_endpoint) set.
    pub fn token_endpoint(&self) -> Option<String> {
        self.token_endpoint.as_ref().map(Url::as_string)
    }

    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    pub(super) fn token_url(&self) -> Option<&Url> {
        self.token_endpoint.as_ref()
    }

    /// Whether a client's secret is taken in the form and not in the header (`token_endpoint_auth_methods_supported`). Where
    /// nothing is said, the header is meant (RFC 8414 §2).
    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    pub(super) fn takes_post_alone(&self) -> bool {
        self.takes_post_alone
    }

    pub(super) fn keys_url(&self) -> Result<&Url, Error> {
        self.jwks_uri.as_ref().ok_or_else(|| {
            Error::unavailable(
                "the issuer's metadata has no `jwks_uri`: set `jwks_url(..)` or give keys by `with_jwks(..)`",
            )
        })
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What is needed to fetch the document, and what overrides its members.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) identifier: Arc<str>,
    pub(super) metadata_url: Option<Url>,
    pub(super) jwks_url: Option<Url>,
    pub(super) token_endpoint: Option<Url>,
    pub(super) transport: Transport,
    pub(super) grace: Duration,
}

impl Source {
    pub(super) async fn load(self, previous: Option<Arc<Held<Arc<Metadata>>>>) -> Result<Loaded<Arc<Metadata>>, Error> {
        let issuer = Arc::clone(&self.identifier);
        let loaded = self.renew(previous).await;
        loaded.inspect_err(|error| tracing::warn!(%issuer, %error, "metadata could not be fetched"))
    }

    async fn renew(self, previous: Option<Arc<Held<Arc<Metadata>>>>) -> Result<Loaded<Arc<Metadata>>, Error> {
        let previous = previous.map(|held| Arc::clone(&held.value));
        let (url, document) = self.fetch(previous.as_deref()).await?;
        let (metadata, headers) = match (document, previous) {
            (Document::New { body, headers }, _) => {
                let revision = Revision::of(&url, &headers);
                (Arc::new(Metadata { revision, ..self.read(&url, &body, &headers)? }), headers)
            }
            (Document::NotModified { headers }, Some(previous)) => (previous, headers),
            (Document::NotModified { .. }, None) => return Err(Error::unavailable(format!("{WHAT} was not sent"))),
        };
        Ok(Loaded { value: metadata, lifetime: freshness::lifetime(&headers, self.grace) })
    }

    fn read(&self, url: &Url, body: &Bytes, headers: &HeaderMap) -> Result<Metadata, Error> {
        let members = Members::parse(body).map_err(|unfit| {
            Error::unavailable(format!("{WHAT} {unfit} (from {url}: {})", Received::new(headers, body)))
        })?;
        if *members.issuer != *self.identifier {
            return Err(Error::unavailable(format!(
                "{WHAT} (from {url}) is for another issuer than \"{}\": the document's `issuer` must equal the \
                 identifier letter by letter (OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3); give \
                 Issuer::new(..) the document's spelling",
                self.identifier
            )));
        }
        let jwks_uri = members.jwks_uri.filter(|_| self.jwks_url.is_none());
        let jwks_uri = jwks_uri.map(|it| Url::parse(&format!("`jwks_uri` in {WHAT} (from {url})"), &it)).transpose();
        // One that can't be used costs nobody who only validates tokens.
        let token_endpoint = members.token_endpoint.and_then(|url| Url::parse("`token_endpoint`", &url).ok());
        Ok(Metadata {
            issuer: Arc::clone(&self.identifier),
            jwks_uri: self.jwks_url.clone().or(jwks_uri.map_err(Error::sent_by_issuer)?),
            token_endpoint: self.token_endpoint.clone().or(token_endpoint),
            takes_post_alone: members.takes_post_alone,
            revision: None,
        })
    }

    /// The document, and where it was found.
    async fn fetch(&self, previous: Option<&Metadata>) -> Result<(Url, Document), Error> {
        let revision = previous.and_then(|metadata| metadata.revision.as_ref());
        let mut missing = None;
        for url in self.locations()? {
            match self.transport.get(WHAT, &url, revision.and_then(|revision| revision.at(&url))).await {
                Ok(document) => return Ok((url, document)),
                // No such document here: the other specification puts it elsewhere.
                Err(error) if error.is_missing() => missing = missing.or(Some(error)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(missing.map_or_else(|| Error::unavailable(format!("{WHAT} has no location")), Error::from))
    }

    /// Where the document may be: what was set, else OpenID Connect Discovery §4 (appended to the identifier), then
    /// RFC 8414 §3.1 (between host and path).
    fn locations(&self) -> Result<Vec<Url>, Error> {
        if let Some(url) = &self.metadata_url {
            return Ok(vec![url.clone()]);
        }
        let id = Url::parse("the issuer identifier", &self.identifier).map_err(|error| {
            Error::configuration(format!(
                "{error}; or set `metadata_url(..)` or `jwks_url(..)`, or give keys by `with_jwks(..)`"
            ))
        })?;
        if id.has_query() {
            return Err(Error::configuration(
                "the issuer identifier has a query, so its metadata has no standard location (RFC 8414 §2): set `metadata_url(..)`",
            ));
        }
        let (origin, path) = (id.origin(), id.path());
        Ok(vec![
            Url::parse("the metadata URL", &format!("{origin}{path}/.well-known/openid-configuration"))?,
            Url::parse("the metadata URL", &format!("{origin}/.well-known/oauth-authorization-server{path}"))?,
        ])
    }
}
