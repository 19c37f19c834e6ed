//! [`Language`]: how a caller speaks, which is how it is answered.

use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderName, TE};
use http::{HeaderMap, Method, Version};

/// Read from a request: its method, version and content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    Http,
    /// PROTOCOL-HTTP2.md of gRPC.
    Grpc,
    /// PROTOCOL-WEB.md of gRPC: what browsers speak, over any version of HTTP.
    GrpcWeb,
    /// The same in base64.
    GrpcWebText,
}

impl Language {
    /// Whoever says two content types, or none of gRPC's, is answered in plain HTTP; so is one of gRPC over HTTP/1, where gRPC can't be,
    /// and whatever is not a POST, as all calls are: the 200 of a refusal in gRPC must get into no cache.
    #[inline]
    pub(crate) fn of(method: &Method, version: Version, headers: &HeaderMap) -> Self {
        if method != Method::POST {
            return Self::Http;
        }
        let Some(content_type) = only(headers, &CONTENT_TYPE) else { return Self::Http };
        if is_media_type(content_type, b"application/grpc-web") {
            Self::GrpcWeb
        } else if is_media_type(content_type, b"application/grpc-web-text") {
            Self::GrpcWebText
        } else if is_media_type(content_type, b"application/grpc")
            && (matches!(version, Version::HTTP_2 | Version::HTTP_3) || is_translated(headers))
        {
            Self::Grpc
        } else {
            Self::Http
        }
    }

    /// The content type of an answer in it, where it is one of gRPC's.
    pub(crate) fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Http => None,
            Self::Grpc => Some("application/grpc"),
            Self::GrpcWeb => Some("application/grpc-web"),
            Self::GrpcWebText => Some("application/grpc-web-text"),
        }
    }
}

/// Whether tonic-web made this of a call of grpc-web, over whatever version that came: it sets these two besides the content type.
fn is_translated(headers: &HeaderMap) -> bool {
    only(headers, &TE) == Some(b"trailers") && only(headers, &ACCEPT_ENCODING) == Some(b"identity,deflate,gzip")
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes().trim_ascii()),
        _ => None,
    }
}

/// Whether it is this type, in any case, with or without a message format (`+proto`) and parameters.
fn is_media_type(value: &[u8], name: &[u8]) -> bool {
    let Some((start, rest)) = value.split_at_checked(name.len()) else { return false };
    start.eq_ignore_ascii_case(name)
        && (rest.starts_with(b"+") || matches!(rest.trim_ascii_start().first(), None | Some(b';')))
}
