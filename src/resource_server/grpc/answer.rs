//! The answer to a call that is turned away: headers alone, which gRPC calls trailers-only, with HTTP status 200.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::super::rejection::Rejection;
use super::details;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The headers that are gRPC's own way to say a rejection.
pub(crate) const OWN_HEADERS: [HeaderName; 3] = [STATUS, MESSAGE, DETAILS];

impl Rejection {
    /// With what gRPC calls metadata still to be added: the challenge, and when to try again.
    pub(crate) fn write_trailers_only(&self, content_type: &'static str, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(STATUS, HeaderValue::from(self.grpc_code()));
        // Its own percent-encoding: the table of kinds sees to that.
        headers.insert(MESSAGE, HeaderValue::from_static(self.description()));
        if let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(self.grpc_details())) {
            headers.insert(DETAILS, details);
        }
    }

    /// The details of the status: a `google.rpc.Status` with an `ErrorInfo` and, where it may help to try again, a `RetryInfo`.
    pub(crate) fn grpc_details(&self) -> Vec<u8> {
        details::write(self)
    }
}
