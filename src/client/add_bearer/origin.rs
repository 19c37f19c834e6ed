//! [`Origin`]: where a token may go (RFC 6454).

use std::fmt;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Uri};

use crate::error::Error;
use crate::transport::Url;

/// Scheme, host and port. The host is an owned one where it was named, a borrowed one where a request goes there.
pub(super) struct Origin<H> {
    is_https: bool,
    host: H,
    port: u16,
}

/// The requests that get a token.
pub(super) enum Allowed {
    /// Those to these origins.
    Origins(Vec<Origin<Box<str>>>),
    /// All that go through a channel to this one, which come without an origin.
    Channel(Origin<Box<str>>),
}

/// How much of a host is shown, in characters: no name in the DNS is longer.
const SHOWN: usize = 253;

impl Origin<Box<str>> {
    /// `setting` names where the origin was set, for the error.
    pub(super) fn parse(setting: &str, origin: &str, allow_http: bool) -> Result<Self, Error> {
        // All of an origin is the same in either case.
        let url = Url::parse(&format!("an origin in {setting}"), &origin.to_ascii_lowercase())?;
        if !url.path_after_host().is_empty() || url.has_query() || origin.contains('#') {
            return Err(Error::configuration(format!(
                "{setting} takes scheme, host and port, such as https://stock.internal, without a path or anything else after it"
            )));
        }
        if !(url.is_https() || url.is_loopback() || allow_http) {
            return Err(Error::configuration(format!(
                "{setting} was given {}, which is plain http on another machine: use https, or call dangerous_allow_http() first",
                url.origin()
            )));
        }
        let uri: Option<Uri> = url.as_string().parse().ok();
        let named = uri.as_ref().and_then(Origin::of).filter(|named| is_host(named.host)).ok_or_else(|| {
            Error::configuration(format!(
                "{setting} was given something that is no host: name each one, as there are no patterns"
            ))
        })?;
        Ok(Self { is_https: named.is_https, host: named.host.into(), port: named.port })
    }

    fn is(&self, other: &Origin<&str>) -> bool {
        self.is_https == other.is_https && self.port == other.port && self.host.eq_ignore_ascii_case(other.host)
    }
}

impl<'a> Origin<&'a str> {
    /// The origin of an address; `None` where it has none, or what no request needs: a user name, a port that is no number.
    fn of(uri: &'a Uri) -> Option<Self> {
        let is_https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Self::at(is_https, uri.authority()?)
    }

    fn at(is_https: bool, authority: &'a Authority) -> Option<Self> {
        if authority.as_str().contains('@') {
            return None;
        }
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" | ":" if is_https => 443,
            "" | ":" => 80,
            _ => authority.port_u16()?,
        };
        Some(Self { is_https, host: authority.host(), port })
    }
}

impl Allowed {
    /// Whether this request gets the token: it names no origin but those that may have it, neither by its address nor by `Host`,
    /// which leads to others on the same machine.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Error> {
        let uri = request.uri();
        let is_https = match (Origin::of(uri), self) {
            (Some(origin), _) if self.includes(&origin) => origin.is_https,
            (Some(origin), _) => return Err(refused(format_args!("it goes to {origin}"))),
            (None, Self::Channel(own)) if uri.authority().is_none() => own.is_https,
            (None, _) if uri.authority().is_none() => {
                return Err(Error::configuration(
                    "the request was not sent: its address is a path alone, so it can't be told where it goes. Write scheme and host \
                     too; for a channel that adds them by itself there is for_channel(..) of AddBearerLayer",
                ));
            }
            (None, _) => {
                return Err(refused(format_args!(
                    "its address has no http scheme, or a user name, or no port that is a number"
                )));
            }
        };
        for host in request.headers().get_all(HOST) {
            let is_allowed = |host: &HeaderValue| {
                let authority = Authority::try_from(host.as_bytes()).ok()?;
                Origin::at(is_https, &authority).map(|origin| self.includes(&origin))
            };
            if is_allowed(host) != Some(true) {
                return Err(refused(format_args!("its `Host` header leads elsewhere than its address")));
            }
        }
        Ok(())
    }

    fn includes(&self, origin: &Origin<&str>) -> bool {
        match self {
            Self::Origins(named) => named.iter().any(|named| named.is(origin)),
            Self::Channel(own) => own.is(origin),
        }
    }
}

fn refused(why: fmt::Arguments<'_>) -> Error {
    Error::configuration(format!(
        "the request was not sent: {why}. The token is for the origins alone that for_origins(..) or for_channel(..) of AddBearerLayer \
         names"
    ))
}

/// Whether this is a name or an address, and nothing that is meant to stand for several.
fn is_host(host: &str) -> bool {
    let is_address = host.starts_with('['); // one that was parsed
    is_address || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Shows no user name, as it has none.
impl fmt::Display for Origin<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{:.SHOWN$}:{}", self.host, self.port)
    }
}
