//! [`Subject`]: for whom a token is asked: the person whose token came in.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::TokenError;
use crate::jose::sha256;
use crate::resource_server::VerifiedToken;

/// A token that came in, to be exchanged for another. Two are equal where their SHA-256 is: it stands for the token in the cache.
#[derive(Clone)]
pub(super) struct Subject {
    digest: [u8; 32],
    token: Incoming,
}

#[derive(Clone)]
enum Incoming {
    Verified(VerifiedToken),
    /// One that nobody checked.
    Unverified(Arc<SecretString>),
}

impl Subject {
    pub(super) fn verified(token: &VerifiedToken) -> Result<Self, TokenError> {
        let digest = token.digest().ok_or_else(no_back_end)?;
        Ok(Self { digest, token: Incoming::Verified(token.clone()) })
    }

    pub(super) fn unverified(token: SecretString) -> Result<Self, TokenError> {
        let digest = sha256(token.expose_secret().as_bytes()).map_err(|_| no_back_end())?;
        Ok(Self { digest, token: Incoming::Unverified(Arc::new(token)) })
    }

    /// The token itself.
    pub(super) fn text(&self) -> &str {
        match &self.token {
            Incoming::Verified(token) => token.text(),
            Incoming::Unverified(token) => token.expose_secret(),
        }
    }

    pub(super) fn as_verified(&self) -> Option<&VerifiedToken> {
        match &self.token {
            Incoming::Verified(token) => Some(token),
            Incoming::Unverified(_) => None,
        }
    }

    /// The person's tenant.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.as_verified().and_then(VerifiedToken::tenant)
    }
}

fn no_back_end() -> TokenError {
    TokenError::refused("no token can be hashed: no cryptographic back end is enabled")
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.as_verified().is_some() == other.as_verified().is_some()
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.digest);
    }
}
