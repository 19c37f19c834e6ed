//! [`Revision`]: which version of a document is held, so that one that has not changed is not sent again (RFC 9110 §13.1.2).

use http::{HeaderMap, HeaderValue, header};

use crate::transport::Url;

/// An entity tag, and the address whose document it is for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Revision {
    url: Url,
    etag: HeaderValue,
}

impl Revision {
    pub(super) fn of(url: &Url, headers: &HeaderMap) -> Option<Self> {
        Some(Self { url: url.clone(), etag: headers.get(header::ETAG)?.clone() })
    }

    /// The tag to send to this address.
    pub(super) fn at(&self, url: &Url) -> Option<&HeaderValue> {
        (self.url == *url).then_some(&self.etag)
    }
}
