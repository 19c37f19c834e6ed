//! [`Acquisition`]: one token request and where its answers are kept; what all kinds of grants come down to.

use super::claims_challenge::ClaimsChallenge;
use super::grant::Request;
use super::{AccessToken, Client, TokenError};

/// What gives the token for one request. Clones share it.
#[derive(Clone)]
pub(super) struct Acquisition {
    pub(super) client: Client,
    pub(super) request: Request,
}

impl Acquisition {
    /// The token, if it can be had without waiting.
    pub(super) fn current(&self) -> Option<AccessToken> {
        self.client.cache.current(&self.client.exchange, &self.request)
    }

    /// The token, waiting for it where that is needed.
    pub(super) async fn token(&self) -> Result<AccessToken, TokenError> {
        match self.current() {
            Some(token) => Ok(token),
            None => self.client.cache.token(&self.client.exchange, &self.request).await,
        }
    }

    /// Another token, asked for with what an API wants to know besides.
    pub(super) async fn token_with_claims(&self, claims: &ClaimsChallenge) -> Result<AccessToken, TokenError> {
        self.client.cache.token_with_claims(&self.client.exchange, &self.request, claims).await
    }

    /// The same in place of a token that an API refused, unless another one that was had with these claims has come by now.
    pub(super) async fn token_in_place_of(
        &self,
        refused: &AccessToken,
        claims: &ClaimsChallenge,
    ) -> Result<AccessToken, TokenError> {
        self.client.cache.token_in_place_of(refused, &self.client.exchange, &self.request, claims).await
    }

    pub(super) fn forget(&self, token: &AccessToken) {
        self.client.cache.forget(&self.request, token);
    }

    /// Whether another token than this one, which an API refused, may do: this one is dropped, unless another was a moment ago.
    pub(super) fn replace_refused(&self, token: &AccessToken) -> bool {
        self.client.cache.replace_refused(&self.request, token)
    }
}
