//! What a [`TestIssuer`](super::TestIssuer) answers: its documents, and its token endpoint.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::endpoint::status;
use super::server::{Answer, BoxError, Server};
use super::token_endpoint::standard::GRANT_TYPES;
use super::token_endpoint::{self, TestTokenRequest};
use super::{Endpoint, Shared, TestIssuer, value_of_json};
use crate::jose::Algorithm;

impl Server for Shared {
    fn answer(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        Box::pin(async move { self.respond(&request).await })
    }
}

impl Shared {
    /// What is at this path, of whatever host: an issuer may be reached by several.
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let own = path_of(&self.identifier).trim_end_matches('/');
        let is_metadata = match self.shape.metadata_url() {
            Some(url) => path == path_of(url),
            None => {
                path == format!("{own}/.well-known/openid-configuration")
                    || path == format!("/.well-known/oauth-authorization-server{own}")
            }
        };
        let is_at = |url: String| path == path_of(&url);
        match () {
            () if is_metadata => Some(Endpoint::Metadata),
            () if is_at(self.jwks_uri()) => Some(Endpoint::Jwks),
            () if is_at(self.token_endpoint()) => Some(Endpoint::Token),
            () => None,
        }
    }

    async fn respond(self: Arc<Self>, request: &Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let Some(endpoint) = self.endpoint(request.uri().path()) else {
            return Ok(status(StatusCode::NOT_FOUND));
        };
        if endpoint == Endpoint::Token {
            let received = TestTokenRequest::new(self.token_endpoint(), request);
            let held = self.tokens.receive(&received);
            return match self.endpoints.arrive(endpoint, held).await {
                Some(fault) => fault.answer().await,
                None => Ok(token_endpoint::answer(&TestIssuer { shared: self }, &received)),
            };
        }
        match self.endpoints.arrive(endpoint, Vec::new()).await {
            Some(fault) => fault.answer().await,
            None => Ok(self.document(endpoint, request.headers().get(IF_NONE_MATCH))),
        }
    }

    fn document(&self, endpoint: Endpoint, known: Option<&HeaderValue>) -> Response<Bytes> {
        let (body, content_type) = match endpoint {
            Endpoint::Jwks => (self.jwks(), "application/jwk-set+json"),
            _ => (self.metadata(), "application/json"),
        };
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("\"{:x}\"", hasher.finish());
        let mut response = if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            status(StatusCode::NOT_MODIFIED)
        } else {
            Response::new(Bytes::from(body))
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, text) in [(ETAG, etag), (CACHE_CONTROL, self.cache_control())] {
            headers.insert(name, HeaderValue::try_from(text).unwrap_or_else(|error| panic!("not a header: {error}")));
        }
        response
    }

    pub(super) fn jwks(&self) -> String {
        let published = self.published();
        let own = published.keys.iter().map(|one| value_of_json(&one.key.public_jwk()));
        json!({ "keys": own.chain(published.odd_keys.iter().cloned()).collect::<Vec<_>>() }).to_string()
    }

    fn metadata(&self) -> String {
        let algorithms: Vec<_> = Algorithm::ASYMMETRIC.iter().map(|algorithm| algorithm.as_str()).collect();
        let standing = json!({
            "issuer": self.identifier,
            "jwks_uri": self.jwks_uri(),
            "token_endpoint": self.token_endpoint(),
            "grant_types_supported": GRANT_TYPES,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
        });
        let mut metadata: Map<_, _> = standing.as_object().cloned().unwrap_or_default();
        metadata.extend(self.published().metadata.clone());
        Value::Object(metadata).to_string()
    }

    fn jwks_uri(&self) -> String {
        self.shape.jwks_uri().map_or_else(|| self.beside("jwks.json"), str::to_owned)
    }

    pub(super) fn token_endpoint(&self) -> String {
        self.beside("token")
    }

    fn beside(&self, name: &str) -> String {
        format!("{}/{name}", self.identifier.trim_end_matches('/'))
    }

    fn cache_control(&self) -> String {
        self.published().cache_control.clone()
    }
}

fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or_default()
}
