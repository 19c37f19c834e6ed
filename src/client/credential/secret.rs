//! [`ClientSecret`]: a secret, and where it is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::client::TokenError;
use crate::client::form::Form;

#[derive(Clone)]
pub(super) struct ClientSecret {
    secret: SecretString,
    method: SecretMethod,
}

#[derive(Clone, Copy)]
pub(super) enum SecretMethod {
    AsTheIssuerTakesIt,
    Basic,
    Post,
}

impl ClientSecret {
    pub(super) fn new(secret: SecretString, method: SecretMethod) -> Self {
        Self { secret, method }
    }

    /// `in_form` is how the issuer takes it.
    pub(super) fn prove(
        &self,
        client_id: &str,
        in_form: bool,
        form: &mut Form,
    ) -> Result<Option<HeaderValue>, TokenError> {
        let in_form = match self.method {
            SecretMethod::AsTheIssuerTakesIt => in_form,
            SecretMethod::Basic => false,
            SecretMethod::Post => true,
        };
        let secret = self.secret.expose_secret();
        if in_form {
            form.add("client_id", client_id);
            form.add("client_secret", secret);
            return Ok(None);
        }
        let pair = format!("{}:{}", form_encoded(client_id), form_encoded(secret));
        let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| TokenError::refused("the client's secret can't be sent in a header"))?;
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

/// As RFC 6749 §2.3.1 asks for, so that a colon in the id or anything else in the secret arrives as it is.
fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
