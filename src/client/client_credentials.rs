//! [`ClientCredentials`]: tokens by which an application acts as itself.

use std::fmt;

use super::acquisition::Acquisition;
use super::{AccessToken, TokenError};

/// Tokens for one API, by which an application acts as itself (RFC 6749 §4.4). From [`Client::client_credentials`](crate::Client::client_credentials).
///
/// Each call of [`token`](Self::token) gives the one that is cached; one is asked for when it is first needed, and again some minutes
/// before it runs out. At most one request is under way, whoever asks.
#[derive(Clone)]
pub struct ClientCredentials {
    pub(super) acquisition: Acquisition,
}

impl ClientCredentials {
    /// The token, from the cache where it is there.
    ///
    /// The rules, by the token's life as [`AccessToken::expires_at`] tells it:
    /// 1. It is renewed in the background once somebody asks after `refresh_in`, or else in the last 5 minutes or the last fifth of
    ///    its life, whichever is less. A little earlier by chance, so that many instances don't ask at the same moment.
    /// 2. In the last 30 seconds, or the last tenth, callers wait up to 1 s for the next one.
    /// 3. A token that is still good is given out as long as the next one can't be had. After its end it never is.
    /// 4. A failed request is not repeated for 5 s, or for as long as `Retry-After` says, an hour at most.
    ///
    /// Callers wait at most 10 s. A request to the issuer goes on when they go away.
    ///
    /// # Errors
    /// None could be had: [`TokenError`] says who has to act.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.acquisition.token().await
    }

    /// Drops this token from the cache, if it is there: an API refused it. The next call gets another, and each
    /// such call costs a token request: where an API may go on refusing, count. [`AddBearerLayer`](crate::AddBearerLayer) does.
    pub fn forget(&self, token: &AccessToken) {
        self.acquisition.forget(token);
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client", &self.acquisition.client)
            .field("target", &self.acquisition.request.target)
            .finish_non_exhaustive()
    }
}
