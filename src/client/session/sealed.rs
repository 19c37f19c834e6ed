//! Sealed sessions: stored outside of the process, under a key that the user has.

use std::borrow::Cow;
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
pub struct SessionKey {
    bytes: SecretBox<[u8; 32]>,
    /// Whose sessions it seals and opens, if that was said.
    owner: Box<str>,
}

impl SessionKey {
    /// This key. It has to be random; a password is none.
    pub fn new(key: [u8; 32]) -> Self {
        Self { bytes: SecretBox::new(Box::new(key)), owner: Box::default() }
    }

    /// The same key, for the sessions of this owner alone: a text that says whose a session is, such as `tid` and `oid`, or the place
    /// where it is stored. One that was sealed for another owner is not opened, so that nobody who can write to the store can put one
    /// person's session in place of another's.
    ///
    /// ```
    /// use tower_bearer::SessionKey;
    ///
    /// # let bytes = [0; 32];
    /// let key = SessionKey::new(bytes).of_owner("11111111-2222-3333-4444-555555555555 a11ce000-0000-4000-8000-000000000001");
    /// ```
    pub fn of_owner(self, owner: impl Into<String>) -> Self {
        Self { owner: owner.into().into_boxed_str(), ..self }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKey").finish_non_exhaustive()
    }
}

/// What is needed to go on.
#[derive(Serialize, Deserialize)]
struct Content<'a> {
    /// Copied only where it has to be unescaped.
    #[serde(borrow)]
    refresh_token: Cow<'a, str>,
    tenant: Option<Box<str>>,
    target: Target,
}

impl OboSession {
    /// The session as a text to be stored: encrypted with AES-256-GCM under this key, and bound to the issuer and the client id. Whoever
    /// has it and not the key learns nothing but its length.
    ///
    /// A renewal that is under way is waited for, 10 seconds at most: its refresh token is the one that counts. Seal it again after it was
    /// used, as the refresh token may have been replaced. It doesn't tell whose it is: store it with the person's `tid` and `oid`, or issuer
    /// and `sub`, and say so to the key by [`of_owner`](SessionKey::of_owner).
    ///
    /// # Errors
    /// The session has ended, or has not begun; or the crate was built without a cryptographic back end.
    ///
    /// ```no_run
    /// # async fn work(stock: tower_bearer::OnBehalfOf, client: tower_bearer::Client, caller: tower_bearer::VerifiedToken)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// # let bytes = [0; 32];
    /// let key = tower_bearer::SessionKey::new(bytes).of_owner("alice");
    /// let session = stock.session(&caller).await?;
    /// let stored: String = session.seal(&key).await?;
    /// // later, in another process
    /// let session = client.open_session(&stored, &key)?;
    /// let token = session.token().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn seal(&self, key: &SessionKey) -> Result<String, Error> {
        let inner = &self.inner;
        let held = inner.tokens.settled().await;
        if self.has_ended() {
            return Err(Error::configuration(
                "the session has ended: there is nothing to store, and the person has to sign in again",
            ));
        }
        let refresh_token = match (&held, &*inner.start) {
            (Some(held), _) => &held.value.refresh,
            (None, Start::RefreshToken(first)) => first,
            (None, Start::Assertion(_)) => {
                return Err(Error::configuration("the session has not begun: there is nothing to store"));
            }
        };
        let content = Content {
            refresh_token: Cow::Borrowed(refresh_token.expose_secret()),
            tenant: inner.grant.tenant.clone(),
            target: (*inner.grant.target).clone(),
        };
        let content = serde_json::to_vec(&content).map(Zeroizing::new);
        let content = content.map_err(|_| Error::configuration("the session can't be written"))?;
        let sealed = aead::seal(key.bytes.expose_secret(), &bound_to(&inner.client, key), &content);
        let sealed = sealed.map_err(|error| Error::configuration(format!("the session can't be sealed: {error}")))?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }
}

impl Client {
    /// Takes up a session that was [sealed](OboSession::seal) under this key by this client at this issuer. Nothing is sent before it is
    /// used.
    ///
    /// # Errors
    /// It was sealed under another key, for another owner, by another client or for another issuer, or was changed. The person has to sign
    /// in again.
    pub fn open_session(&self, sealed: &str, key: &SessionKey) -> Result<OboSession, Error> {
        let wrong = || {
            Error::configuration(
                "the session can't be opened: it was sealed under another key, for another owner, or by another client or issuer, or was \
                 changed; the person has to sign in again",
            )
        };
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| wrong())?;
        let content = aead::open(key.bytes.expose_secret(), &bound_to(self, key), &sealed).ok_or_else(wrong)?;
        let content = Zeroizing::new(content);
        let content: Content<'_> = serde_json::from_slice(&content).map_err(|_| wrong())?;
        Ok(OboSession::resume(self, content.tenant, content.target, String::from(content.refresh_token).into()))
    }
}

/// What a sealed session belongs to. The lengths keep two names from running into each other.
fn bound_to(client: &Client, SessionKey { owner, .. }: &SessionKey) -> Vec<u8> {
    let issuer = client.exchange.issuer.identifier();
    let id = client.client_id();
    format!("tower-bearer session 1 {} {issuer} {} {id} {} {owner}", issuer.len(), id.len(), owner.len()).into_bytes()
}
