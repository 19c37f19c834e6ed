//! Google: ID tokens, and two spellings of the issuer.

use std::sync::Arc;

use crate::issuer::identity::Identity;
use crate::issuer::token_endpoint::TokenEndpoint;
use crate::issuer::{Issuer, TokenProfile};

const IDENTIFIER: &str = "https://accounts.google.com";
const PROFILE: TokenProfile = TokenProfile { takes_id_tokens: true, ..TokenProfile::RFC };

impl Issuer {
    /// Google, whose access tokens are opaque: its **ID tokens** are accepted, of people and of service accounts. The validator's
    /// audience is the client id or the URL that the token was asked for. Both spellings of `iss` are accepted, with and without
    /// `https://`.
    ///
    /// Anybody with a Google account can have such a token: look at the subject, `hd` or a verified `email` before you let somebody
    /// in. See the [manual](crate::manual::google).
    pub fn google() -> Self {
        let identifier: Arc<str> = IDENTIFIER.into();
        let identity = Identity::One { identifier: Arc::clone(&identifier), aliases: &["accounts.google.com"] };
        Self::of_provider(identifier, Some(identity), PROFILE, None)
            .with_token_endpoint_of(TokenEndpoint::WithoutOnBehalfOf)
    }
}
