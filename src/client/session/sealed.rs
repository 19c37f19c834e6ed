//! Sealed sessions: stored outside of the process, under a key that the user has.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};

use super::{OboSession, Start};
use crate::client::Client;
use crate::client::target::Target;
use crate::error::Error;
use crate::jose::aead;

/// The key by which sessions are sealed: 256 bits that nobody else has.
pub struct SessionKey(SecretBox<[u8; 32]>);

impl SessionKey {
    /// This key. It has to be random; a password is none.
    pub fn new(key: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(key)))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKey").finish_non_exhaustive()
    }
}

/// What is needed to go on.
#[derive(Serialize, Deserialize)]
struct Content {
    refresh_token: String,
    tenant: Option<Box<str>>,
    target: Target,
}

impl OboSession {
    /// The session as a text to be stored: encrypted with AES-256-GCM under this key, and bound to the issuer and the client id. Whoever
    /// has it and not the key learns nothing but its length.
    ///
    /// Seal it again after it was used: the refresh token may have been replaced. It doesn't tell whose it is; store it with the person's
    /// `tid` and `oid`, or issuer and `sub`.
    ///
    /// # Errors
    /// The session has ended, or has not begun; or the crate was built without a cryptographic back end.
    ///
    /// ```no_run
    /// # async fn work(stock: tower_bearer::OnBehalfOf, client: tower_bearer::Client, caller: tower_bearer::VerifiedToken)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// # let bytes = [0; 32];
    /// let key = tower_bearer::SessionKey::new(bytes);
    /// let session = stock.session(&caller).await?;
    /// let stored: String = session.seal(&key)?;
    /// // later, in another process
    /// let session = client.open_session(&stored, &key)?;
    /// let token = session.token().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn seal(&self, key: &SessionKey) -> Result<String, Error> {
        let inner = &self.inner;
        if self.has_ended() {
            return Err(Error::configuration("the session has ended: there is nothing to store"));
        }
        let held = inner.tokens.peek();
        let refresh_token = match (&held, &*inner.start) {
            (Some(held), _) => &held.value.refresh,
            (None, Start::RefreshToken(first)) => first,
            (None, Start::Assertion(_)) => {
                return Err(Error::configuration("the session has not begun: there is nothing to store"));
            }
        };
        let content = Content {
            refresh_token: refresh_token.expose_secret().to_owned(),
            tenant: inner.grant.tenant.clone(),
            target: (*inner.grant.target).clone(),
        };
        let content = serde_json::to_vec(&content).map(Zeroizing::new);
        let content = content.map_err(|_| Error::configuration("the session can't be written"))?;
        let sealed = aead::seal(key.0.expose_secret(), &bound_to(&inner.client), &content);
        let sealed = sealed.map_err(|error| Error::configuration(format!("the session can't be sealed: {error}")))?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }
}

impl Client {
    /// Takes up a session that was [sealed](OboSession::seal) under this key by this client at this issuer. Nothing is sent before it is
    /// used.
    ///
    /// # Errors
    /// It was sealed under another key, by another client or for another issuer, or was changed.
    pub fn open_session(&self, sealed: &str, key: &SessionKey) -> Result<OboSession, Error> {
        let wrong = || {
            Error::configuration(
                "the session can't be opened: it was sealed under another key, or by another client or issuer, or was changed",
            )
        };
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| wrong())?;
        let content = aead::open(key.0.expose_secret(), &bound_to(self), &sealed).ok_or_else(wrong)?;
        let content: Content = serde_json::from_slice(&Zeroizing::new(content)).map_err(|_| wrong())?;
        Ok(OboSession::resume(self, content.tenant, content.target, content.refresh_token.into()))
    }
}

/// What a sealed session belongs to. The lengths keep two names from running into each other.
fn bound_to(client: &Client) -> Vec<u8> {
    let issuer = client.exchange.issuer.identifier();
    let id = client.client_id();
    format!("tower-bearer session 1 {} {issuer} {} {id}", issuer.len(), id.len()).into_bytes()
}
