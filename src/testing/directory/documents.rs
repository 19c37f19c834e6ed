//! What a [`TestDirectory`](super::TestDirectory) publishes, and how it reaches those who ask: metadata and keys of both versions,
//! for each tenant and for `common` and `organizations`.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Value, json};
use tower_service::Service;

use super::Shared;
use crate::jose::SigningKey;
use crate::testing::value_of_json;

/// The transport of those who ask.
#[derive(Clone)]
pub(super) struct InMemory(pub(super) Arc<Shared>);

impl Service<Request<Full<Bytes>>> for InMemory {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        self.0.state().requested.push(request.uri().to_string());
        ready(Ok(self.0.answer(request.uri())))
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
    fn answer(&self, uri: &Uri) -> Response<Full<Bytes>> {
        let text = uri.to_string();
        let path_and_query = text.strip_prefix(self.cloud.authority_host).and_then(|rest| rest.strip_prefix('/'));
        let (path, query) = path_and_query.map_or(("", ""), |rest| rest.split_once('?').unwrap_or((rest, "")));
        let (authority, document) = path.split_once('/').unwrap_or_default();
        let application = query.split('&').find_map(|parameter| parameter.strip_prefix("appid="));
        let asked = |is_v1| Asked { authority, is_v1, application };
        let body = match document {
            ".well-known/openid-configuration" => self.metadata(asked(true)),
            "v2.0/.well-known/openid-configuration" => self.metadata(asked(false)),
            "discovery/keys" | "discovery/v2.0/keys" => self.keys(application),
            _ => return not_found(),
        };
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400, private"));
        response
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

fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
