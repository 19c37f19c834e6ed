//! [`Form`]: what goes to a token endpoint (RFC 6749 §4, appendix B).

use bytes::Bytes;
use form_urlencoded::Serializer;

/// The parameters of a token request, in `application/x-www-form-urlencoded`. It holds secrets and does not show.
pub(super) struct Form(String);

impl Form {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn add(&mut self, name: &str, value: impl AsRef<str>) {
        Serializer::for_suffix(&mut self.0, 0).append_pair(name, value.as_ref());
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0.into()
    }
}
