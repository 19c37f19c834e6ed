//! [`Url`]: where a document is fetched.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

use crate::error::Error;

/// How much of a URL is shown, in characters: an issuer may send long ones.
const SHOWN: usize = 200;

/// An absolute http or https URL. It shows without its query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(pub(super) Uri);

impl Url {
    /// `setting` names where the URL was set, for the error.
    pub(crate) fn parse(setting: &str, url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::configuration(format!(
                "{setting} is not a URL that can be fetched: {why}; it has to be an absolute https URL"
            ))
        };
        // Looked at as a text first: of many that won't do, the parser does not tell why.
        let (scheme, rest) = split_scheme(url).ok_or_else(|| wrong("it has no scheme, so it is relative"))?;
        if !["https", "http"].iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed)) {
            return Err(wrong("its scheme is neither https nor http"));
        }
        let after_slashes = rest.strip_prefix("//").ok_or_else(|| wrong("it names no host"))?;
        if after_slashes.is_empty() || after_slashes.starts_with(['/', '?', '#', ':']) {
            return Err(wrong("it names no host"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it can't be parsed"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a user name"));
        }
        if authority.host().is_empty() {
            return Err(wrong("it names no host"));
        }
        let bracketed = authority.host().strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bracketed.is_some_and(|address| address.parse::<Ipv6Addr>().is_err()) {
            return Err(wrong("its host is in brackets and no IPv6 address"));
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if !matches!(port, "" | ":") && authority.port_u16().is_none() {
            return Err(wrong("its port is no number up to 65535"));
        }
        Ok(Self(uri))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Scheme and host, without a path.
    pub(crate) fn origin(&self) -> String {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.0.scheme_str().unwrap_or_default())
    }

    /// The path without a slash at its end: empty where there is none.
    pub(crate) fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// The path, empty where it is a mere slash after the host.
    pub(crate) fn path_after_host(&self) -> &str {
        if self.0.path() == "/" { "" } else { self.0.path() }
    }

    pub(crate) fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    /// The query with its question mark: empty where there is none.
    pub(crate) fn query_string(&self) -> String {
        self.0.query().map(|query| format!("?{query}")).unwrap_or_default()
    }

    /// The whole URL.
    pub(crate) fn as_string(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = format!("{}{}", self.origin(), self.0.path());
        match url.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}…", url.get(..end).unwrap_or_default()),
            None => f.write_str(&url),
        }
    }
}

/// The scheme and what follows its colon (RFC 3986 §3.1).
fn split_scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme.then_some((scheme, rest))
}
