//! [`TestTokenRequest`]: a request to the token endpoint, as it came.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request};

use super::Refusal;

/// A request to the token endpoint, as it came. Clones share it.
///
/// ```
/// use tower_bearer::testing::TestIssuer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = TestIssuer::serve().await?;
/// let form = [("grant_type", "client_credentials"), ("client_id", "jobs"), ("client_secret", "wrong")];
/// let url = format!("{}/token", authority.identifier());
/// reqwest::Client::new().post(&url).form(&form).send().await?;
///
/// let requests = authority.token_requests();
/// assert_eq!(requests[0].endpoint(), url);
/// assert_eq!(requests[0].form("client_id"), Some("jobs".to_owned()));
/// assert_eq!(requests[0].header("content-type"), Some("application/x-www-form-urlencoded".to_owned()));
/// assert_eq!(requests[0].form_pairs().len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestTokenRequest(Arc<Received>);

struct Received {
    endpoint: String,
    method: Method,
    headers: HeaderMap,
    form: Vec<(String, String)>,
}

/// May come more than once (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["audience", "resource"];

impl TestTokenRequest {
    pub(in crate::testing) fn new(endpoint: String, request: &Request<Bytes>) -> Self {
        Self(Arc::new(Received {
            endpoint,
            method: request.method().clone(),
            headers: request.headers().clone(),
            form: form_urlencoded::parse(request.body()).into_owned().collect(),
        }))
    }

    /// The URL of the token endpoint that was asked. That of a directory names the tenant.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// A header, in either case: the first with this name.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.0.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// A parameter of the form: the first with this name.
    pub fn form(&self, name: &str) -> Option<String> {
        self.parameter(name).map(str::to_owned)
    }

    /// All parameters of the form with their values, in the order in which they came.
    pub fn form_pairs(&self) -> &[(String, String)] {
        &self.0.form
    }

    pub(super) fn method(&self) -> &Method {
        &self.0.method
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// That it is a form, with each parameter once.
    pub(super) fn check_form(&self) -> Result<(), Refusal> {
        let content_type = self.0.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::NotAForm);
        }
        let mut seen = HashSet::new();
        let mut names = self.0.form.iter().map(|(name, _)| name.as_str()).filter(|name| !REPEATABLE.contains(name));
        if names.all(|name| seen.insert(name)) { Ok(()) } else { Err(Refusal::RepeatedParameter) }
    }

    /// A parameter, which counts as absent where it is empty (RFC 6749 §3.2).
    pub(in crate::testing) fn parameter<'r>(&'r self, name: &'r str) -> Option<&'r str> {
        self.all(name).next()
    }

    pub(in crate::testing) fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let named = self.0.form.iter().filter(move |(one, value)| one == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    pub(in crate::testing) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.parameter(name).ok_or(Refusal::Missing(name))
    }
}

/// Shows the names of what was sent, as the values may be secrets.
impl fmt::Debug for TestTokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.form.iter().map(|(name, _)| name).collect();
        f.debug_struct("TestTokenRequest")
            .field("endpoint", &self.0.endpoint)
            .field("form", &names)
            .finish_non_exhaustive()
    }
}
