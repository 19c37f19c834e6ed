//! [`Request`]: what is asked of a token endpoint, and so what a cached token is found by.

use std::sync::Arc;

use super::form::Form;
use super::target::Target;

/// A token request but for the client's credential. It is the key of the cache: two requests are equal where one answer does for
/// both.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) grant: Grant,
    /// In which tenant is asked, where there are several.
    pub(super) tenant: Option<Arc<str>>,
    pub(super) target: Target,
}

/// By what right a token is asked for.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Grant {
    /// The application's own (RFC 6749 §4.4).
    ClientCredentials,
}

impl Request {
    /// The form, to which the client's credential is added.
    pub(super) fn form(&self) -> Form {
        let mut form = Form::new();
        match self.grant {
            Grant::ClientCredentials => form.add("grant_type", "client_credentials"),
        }
        self.target.write(&mut form);
        form
    }
}
