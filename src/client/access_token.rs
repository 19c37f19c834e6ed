//! [`AccessToken`]: a token that was acquired, and goes out.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;

use super::TokenType;
use crate::scope;

/// A token that an issuer gave to this application, to call an API with. Clones share it.
///
/// It is none that came in and was checked: that is a [`VerifiedToken`](crate::VerifiedToken). What is in it is for the API that it
/// is meant for; to this application it is a secret, and so it doesn't show.
///
/// ```no_run
/// # async fn call(jobs: tower_bearer::ClientCredentials, http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let token = jobs.token().await?;
/// http.get("https://stock.internal/items").bearer_auth(token.secret()).send().await?;
/// # Ok(())
/// # }
/// ```
///
/// ```no_run
/// # async fn call(jobs: tower_bearer::ClientCredentials) -> Result<(), Box<dyn std::error::Error>> {
/// let token = jobs.token().await?;
/// let request = http::Request::get("https://stock.internal/items").header("authorization", token.authorization()).body(())?;
/// println!("may {:?} until {:?}", token.scopes().collect::<Vec<_>>(), token.expires_at());
/// jobs.forget(&token); // the API refused it
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AccessToken {
    inner: Arc<Inner>,
}

struct Inner {
    /// `Bearer` and the token, marked as sensitive. Kept as it is sent: made anew for each request it would be copied each time.
    authorization: HeaderValue,
    expires_at: SystemTime,
    scope: Option<Box<str>>,
    issued_type: Option<TokenType>,
}

/// What precedes the token.
const SCHEME: &str = "Bearer ";

impl AccessToken {
    /// `None` where the token is no `access-token` of RFC 6749 §A.12, which is made of visible characters.
    pub(super) fn new(
        token: &str,
        expires_at: SystemTime,
        scope: Option<&str>,
        issued_type: Option<TokenType>,
    ) -> Option<Self> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut authorization = HeaderValue::try_from(format!("{SCHEME}{token}")).ok()?;
        authorization.set_sensitive(true);
        Some(Self { inner: Arc::new(Inner { authorization, expires_at, scope: scope.map(Into::into), issued_type }) })
    }

    /// The token itself.
    pub fn secret(&self) -> &str {
        let text = self.inner.authorization.to_str().unwrap_or_default();
        text.strip_prefix(SCHEME).unwrap_or_default()
    }

    /// The value of an `Authorization` header (RFC 6750 §2.1), marked as sensitive.
    pub fn authorization(&self) -> HeaderValue {
        self.inner.authorization.clone()
    }

    /// When it runs out: by `expires_in`, or by its own `exp` where it is a JWT and that is earlier.
    pub fn expires_at(&self) -> SystemTime {
        self.inner.expires_at
    }

    /// The scopes that were given, if the answer named any: where it did not, they are those that were asked for (RFC 6749 §5.1).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        scope::words(self.inner.scope.as_deref().unwrap_or_default())
    }

    /// The type of token that token exchange gave (RFC 8693 §2.2.1); `None` with other grants, which give access tokens.
    pub fn issued_token_type(&self) -> Option<TokenType> {
        self.inner.issued_type
    }

    /// The scopes that the answer named.
    pub(super) fn given_scopes(&self) -> Option<impl Iterator<Item = &str> + Clone> {
        self.inner.scope.as_deref().map(scope::words)
    }

    /// Whether both are the same answer of the issuer.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

/// Shows no token.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.inner.expires_at).finish_non_exhaustive()
    }
}
