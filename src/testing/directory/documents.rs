//! What a [`TestDirectory`](super::TestDirectory) publishes, and how it reaches those who ask: metadata and keys of both versions,
//! for each tenant and for `common` and `organizations`.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::token_endpoint::TenantEndpoint;
use super::{Shared, TestDirectory};
use crate::jose::SigningKey;
use crate::testing::endpoint::status;
use crate::testing::server::{Answer, BoxError, Server};
use crate::testing::token_endpoint::{self, TestTokenRequest};
use crate::testing::{Endpoint, value_of_json};

impl Server for Shared {
    fn answer(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        Box::pin(async move { self.respond(&request).await })
    }
}

/// Whose document is asked for.
#[derive(Clone, Copy)]
struct Asked<'u> {
    /// A tenant's id, `common` or `organizations`.
    authority: &'u str,
    is_v1: bool,
    /// The client id in `?appid=`.
    application: Option<&'u str>,
}

impl Shared {
    async fn respond(self: Arc<Self>, request: &Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let url = self.absolute(request.uri());
        self.state().requested.push(url.clone());
        let path_and_query = url.strip_prefix(&self.cloud.authority_host).and_then(|rest| rest.strip_prefix('/'));
        let (path, query) = path_and_query.map_or(("", ""), |rest| rest.split_once('?').unwrap_or((rest, "")));
        let (authority, document) = path.split_once('/').unwrap_or_default();
        let application = query.split('&').find_map(|parameter| parameter.strip_prefix("appid="));
        let asked = |is_v1| Asked { authority, is_v1, application };
        let endpoint = match document {
            ".well-known/openid-configuration" | "v2.0/.well-known/openid-configuration" => Endpoint::Metadata,
            "discovery/keys" | "discovery/v2.0/keys" => Endpoint::Jwks,
            "oauth2/token" | "oauth2/v2.0/token" => Endpoint::Token,
            _ => return Ok(status(StatusCode::NOT_FOUND)),
        };
        let is_v1 = !document.contains("v2.0/");
        let common = Arc::clone(&self.authority.shared);
        let received = TestTokenRequest::new(format!("{}/{path}", self.cloud.authority_host), request);
        let held = if endpoint == Endpoint::Token { common.tokens.receive(&received) } else { Vec::new() };
        if let Some(fault) = common.endpoints.arrive(endpoint, held).await {
            return fault.answer().await;
        }
        Ok(match endpoint {
            Endpoint::Metadata => document_response(&self.metadata(asked(is_v1))),
            Endpoint::Jwks => document_response(&self.keys(application)),
            Endpoint::Token => {
                let directory = TestDirectory { shared: Arc::clone(&self) };
                let url = received.endpoint().to_owned();
                token_endpoint::answer(&TenantEndpoint::new(&directory, authority, is_v1, url), &received)
            }
        })
    }

    /// What comes over the network names no host: it is this one.
    fn absolute(&self, uri: &Uri) -> String {
        if uri.authority().is_some() { uri.to_string() } else { format!("{}{uri}", self.cloud.authority_host) }
    }

    fn metadata(&self, asked: Asked<'_>) -> Value {
        let Asked { authority, is_v1, application } = asked;
        let tenant = if matches!(authority, "common" | "organizations") { "{tenantid}" } else { authority };
        let at = |path: &str| format!("{}/{authority}/{path}", self.cloud.authority_host);
        let version = if is_v1 { "" } else { "v2.0/" };
        let of_application = application.map(|id| format!("?appid={id}")).unwrap_or_default();
        let mut metadata = json!({
            "issuer": self.cloud.issuer(tenant, is_v1),
            "authorization_endpoint": at(&format!("oauth2/{version}authorize")),
            "token_endpoint": at(&format!("oauth2/{version}token")),
            "jwks_uri": at(&format!("discovery/{version}keys{of_application}")),
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        if let Some(members) = metadata.as_object_mut() {
            members.extend(self.state().metadata.clone());
        }
        metadata
    }

    fn keys(&self, application: Option<&str>) -> Value {
        let state = self.state();
        let custom = application.and_then(|id| state.custom_keys.get(id));
        let keys = custom.map_or_else(|| self.authority.keys(), |key| vec![Arc::clone(key)]);
        let issuer = |key: &SigningKey| state.key_issuers.get(key.key_id().unwrap_or_default()).cloned().flatten();
        json!({ "keys": keys.iter().map(|key| jwk(key, issuer(key))).collect::<Vec<_>>() })
    }
}

/// As Microsoft publishes it: without `alg`, with the issuer for whose tokens it is.
fn jwk(key: &SigningKey, issuer: Option<String>) -> Value {
    let mut jwk = value_of_json(&key.public_jwk());
    if let Some(members) = jwk.as_object_mut() {
        members.remove("alg");
        members.extend(key.key_id().map(|id| ("x5t".to_owned(), json!(id))));
        members.extend(issuer.map(|issuer| ("issuer".to_owned(), json!(issuer))));
    }
    jwk
}

fn document_response(document: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400, private"));
    response
}
