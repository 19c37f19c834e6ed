//! [`ProtectedResource`]: the document in which an API says what it is and whose tokens it takes (RFC 9728).

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tower_service::Service;

use crate::error::Error;
use crate::issuer::Issuer;
use crate::scope::is_scope_token;
use crate::transport::Url;

/// The metadata of a protected resource (RFC 9728), such as clients of the Model Context Protocol ask for.
///
/// It is a tower service that answers with the document, to be mounted at [`path`](Self::path) outside of the
/// [`BearerLayer`](super::BearerLayer). [`BearerLayer::protected_resource`](super::BearerLayer::protected_resource)
/// puts its URL into challenges. Clients in browsers can read it from everywhere: it is public, and answers their preflight.
///
/// ```
/// use axum::Router;
/// use tower_bearer::{BearerLayer, Issuer, ProtectedResource};
///
/// let issuer = Issuer::new("https://login.example.com")?;
/// let resource = ProtectedResource::new("https://api.example.com/orders")?
///     .authorization_server(&issuer)
///     .scopes_supported(["orders.read", "orders.write"]);
/// assert_eq!(resource.path(), "/.well-known/oauth-protected-resource/orders");
///
/// let guard = BearerLayer::new(issuer.validator("https://api.example.com/orders")).protected_resource(&resource);
/// let app: Router = Router::new()
///     .route("/orders", axum::routing::get(|| async { "orders" }))
///     .route_layer(guard)
///     .route_service(resource.path(), resource.clone());
/// # Ok::<(), tower_bearer::Error>(())
/// ```
#[derive(Clone)]
pub struct ProtectedResource {
    document: Document,
    json: Bytes,
    metadata_url: String,
    path: String,
}

#[derive(Clone, Serialize)]
struct Document {
    resource: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const METHODS: &str = "GET, HEAD, OPTIONS";

impl ProtectedResource {
    /// The resource with this identifier: the URL at which clients reach the API, never taken from a request.
    ///
    /// # Errors
    /// Not an https URL (http is taken on loopback), or one with a fragment (RFC 9728 §1.2).
    pub fn new(resource: impl Into<String>) -> Result<Self, Error> {
        let resource = resource.into();
        let url = Url::parse("ProtectedResource::new(..)", &resource)?;
        if !is_scope_token(&resource) {
            return Err(Error::configuration(
                "ProtectedResource::new(..): this character can't stand in a challenge; percent-encode it",
            ));
        }
        if resource.contains('#') {
            return Err(Error::configuration("ProtectedResource::new(..): a resource identifier has no fragment"));
        }
        if !(url.is_https() || url.is_loopback()) {
            return Err(Error::configuration(
                "ProtectedResource::new(..): a resource identifier is an https URL (RFC 9728 §1.2)",
            ));
        }
        let path = format!("{WELL_KNOWN}{}", url.path_after_host());
        let metadata_url = format!("{}{path}{}", url.origin(), url.query_string());
        let document = Document {
            resource,
            authorization_servers: Vec::new(),
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
        };
        Ok(Self { document, json: Bytes::new(), metadata_url, path }.written())
    }

    fn written(mut self) -> Self {
        // A document of strings can always be written.
        self.json = serde_json::to_vec(&self.document).map(Bytes::from).unwrap_or_default();
        self
    }

    /// Names an issuer whose tokens are taken (`authorization_servers`).
    pub fn authorization_server(mut self, issuer: &Issuer) -> Self {
        self.document.authorization_servers.push(issuer.identifier().to_owned());
        self.written()
    }

    /// Names the scopes that a client can ask for (`scopes_supported`).
    pub fn scopes_supported<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.document.scopes_supported.extend(scopes.into_iter().map(Into::into));
        self.written()
    }

    /// A name for people (`resource_name`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.document.resource_name = Some(name.into());
        self.written()
    }

    /// Where the document has to be served: the path of `metadata_url`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of the document, with `/.well-known/oauth-protected-resource` between host and path (RFC 9728 §3.1).
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The document, as JSON.
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

impl<B> Service<Request<B>> for ProtectedResource {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        // Public, and read by clients in browsers before they have a token.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        match *request.method() {
            Method::GET | Method::HEAD => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
                *response.body_mut() = Full::new(self.json.clone());
            }
            // A browser asks first where a client adds headers of its own, as `MCP-Protocol-Version`.
            Method::OPTIONS => {
                headers.insert(ALLOW, HeaderValue::from_static(METHODS));
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
            _ => {
                headers.insert(ALLOW, HeaderValue::from_static(METHODS));
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
        }
        ready(Ok(response))
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource").field("resource", &self.document.resource).finish_non_exhaustive()
    }
}
