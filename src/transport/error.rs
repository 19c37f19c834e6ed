//! [`ExchangeError`] and [`GetError`]: why nothing came of a request, without a word of what was sent.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::received::ContentType;
use super::{Url, body};
use crate::error::Error;

/// Why an exchange has no answer. Errors of clients may quote what was sent or received, so none is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExchangeError {
    Insecure,
    NoClient,
    #[cfg(feature = "reqwest")]
    NoRequest,
    #[cfg(feature = "reqwest")]
    NotConnected,
    #[cfg(feature = "reqwest")]
    NoAnswer,
    OwnTransport,
    TimedOut(Duration),
    TooLong,
    Broken {
        after: usize,
    },
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insecure => f.write_str(
                "it is plain http on another machine: use https, or call dangerous_allow_http() on the issuer",
            ),
            Self::NoClient => f.write_str(
                "there is no HTTP client: enable the feature `reqwest` or give the issuer a `transport(..)`",
            ),
            #[cfg(feature = "reqwest")]
            Self::NoRequest => f.write_str("the HTTP client can't read this URL"),
            #[cfg(feature = "reqwest")]
            Self::NotConnected => f.write_str("no connection could be made, or its certificate is not trusted"),
            #[cfg(feature = "reqwest")]
            Self::NoAnswer => f.write_str("the connection ended without an answer, or what came is not HTTP"),
            Self::OwnTransport => f.write_str("the `transport(..)` of the issuer failed"),
            Self::TimedOut(after) => write!(f, "it took longer than {} s", after.as_secs()),
            Self::TooLong => write!(f, "the answer is longer than {} bytes", body::CAP),
            Self::Broken { after } => write!(f, "the answer broke off after {after} bytes"),
        }
    }
}

/// Why a document could not be fetched.
pub(crate) struct GetError {
    pub(super) what: &'static str,
    pub(super) url: Url,
    pub(super) reason: Reason,
}

pub(super) enum Reason {
    Exchange(ExchangeError),
    Status(StatusCode, ContentType),
}

impl GetError {
    /// Whether a server answered, and said that there is no such document; not that it was asked too often or too early.
    pub(crate) fn is_missing(&self) -> bool {
        const LATER: [u16; 3] = [408, 425, 429];
        matches!(self.reason, Reason::Status(status, _) if status.is_client_error() && !LATER.contains(&status.as_u16()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(error) => error.fmt(f),
            // Where it leads is not told: that is the server's word.
            Self::Status(status, _) if status.is_redirection() && *status != StatusCode::NOT_MODIFIED => {
                write!(f, "the answer is a redirect (status {}), and none is followed", status.as_u16())
            }
            Self::Status(status, content_type) => {
                write!(f, "the answer has status {} and {content_type}; only 200 is taken", status.as_u16())
            }
        }
    }
}

impl From<GetError> for Error {
    fn from(error: GetError) -> Self {
        let GetError { what, url, reason } = error;
        let message = format!("{what} was not fetched from {url}: {reason}");
        match reason {
            Reason::Exchange(ExchangeError::Insecure | ExchangeError::NoClient) => Self::configuration(message),
            Reason::Exchange(_) | Reason::Status(..) => Self::unavailable(message),
        }
    }
}
