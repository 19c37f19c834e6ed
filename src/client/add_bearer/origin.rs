//! [`Origin`]: where a token may go (RFC 6454).

use http::Uri;

use crate::error::Error;
use crate::transport::Url;

/// Scheme, host and port, in one spelling.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Origin {
    is_https: bool,
    host: Box<str>,
    port: u16,
}

/// The requests that get a token.
pub(super) enum Allowed {
    /// Those to these origins.
    Origins(Vec<Origin>),
    /// All that go through a channel to this one, which come without an origin.
    Channel(Origin),
}

impl Origin {
    pub(super) fn parse(setting: &str, origin: &str, allow_http: bool) -> Result<Self, Error> {
        let url = Url::parse(setting, origin)?;
        if !url.path().is_empty() || url.has_query() {
            return Err(Error::configuration(format!(
                "{setting} takes origins, such as https://stock.internal, without a path"
            )));
        }
        if !(url.is_https() || url.is_loopback() || allow_http) {
            return Err(Error::configuration(format!(
                "{setting} was given {}, which is plain http on another machine: use https, or call dangerous_allow_http() first",
                url.origin()
            )));
        }
        let parsed = origin.parse().ok().and_then(|uri| Self::of(&uri));
        parsed.ok_or_else(|| Error::configuration(format!("{setting} was given something that is no origin")))
    }

    /// The origin of a request; `None` where it has none, or a user name, which no client needs here.
    fn of(uri: &Uri) -> Option<Self> {
        let is_https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        Some(Self { is_https, host: authority.host().to_ascii_lowercase().into(), port })
    }
}

impl Allowed {
    /// Whether a request to this address gets the token.
    pub(super) fn includes(&self, uri: &Uri) -> bool {
        match self {
            Self::Origins(origins) => Origin::of(uri).is_some_and(|origin| origins.contains(&origin)),
            Self::Channel(own) if uri.authority().is_some() => Origin::of(uri).is_some_and(|origin| origin == *own),
            Self::Channel(_) => true,
        }
    }
}
