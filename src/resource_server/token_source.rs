//! [`TokenSource`]: where in a request the token stands.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;

use crate::error::Error;

/// Where in a request the token stands: the `Authorization` header (RFC 6750 §2.1), unless told otherwise.
///
/// A request that carries tokens in two of the places in use is refused with 400 (RFC 6750 §2).
#[derive(Clone)]
pub struct TokenSource(Kind);

#[derive(Clone)]
enum Kind {
    Authorization,
    Header(HeaderName),
    Cookie(Box<str>),
    WebSocketProtocol(Box<str>),
    Custom(Arc<FindFn>),
}

pub(crate) type FindFn = dyn Fn(&Parts) -> Option<String> + Send + Sync;

/// What stands in one place.
pub(crate) enum Found<'r> {
    Nothing,
    /// What may be a token: it is one only if it [is a token68](is_token68).
    Token(Cow<'r, [u8]>),
    Invalid,
}

impl TokenSource {
    /// `Authorization: Bearer <token>`. Another scheme counts as no token, unless a bearer token is joined to it by a comma.
    pub fn authorization() -> Self {
        Self(Kind::Authorization)
    }

    /// The whole value of this header, without a scheme: for what a gateway forwards.
    ///
    /// # Errors
    /// Not a header name.
    pub fn header(name: &str) -> Result<Self, Error> {
        let name = HeaderName::try_from(name)
            .map_err(|_| Error::configuration("TokenSource::header(..): this is not the name of a header"))?;
        Ok(Self(if name == AUTHORIZATION { Kind::Authorization } else { Kind::Header(name) }))
    }

    /// The cookie of this name. Browsers send cookies on their own: guard such routes against cross-site request forgery.
    pub fn cookie(name: impl Into<String>) -> Self {
        Self(Kind::Cookie(name.into().into()))
    }

    /// The item after `marker` in `Sec-WebSocket-Protocol`, as sent by `new WebSocket(url, [marker, token])`. The server
    /// must choose `marker` as its protocol, or browsers close the connection.
    pub fn websocket_protocol(marker: impl Into<String>) -> Self {
        Self(Kind::WebSocketProtocol(marker.into().into()))
    }

    /// Whatever this function finds. `None` counts as no token.
    ///
    /// Where it looks is not known, so nothing there is marked sensitive as in the other sources: a layer that logs headers
    /// further in shows the token, unless you mark it (`tower_http::sensitive_headers`) or leave it out there.
    pub fn from_fn(find: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Kind::Custom(Arc::new(find)))
    }

    /// What stands in the headers.
    pub(crate) fn find<'r>(&self, headers: &'r HeaderMap) -> Found<'r> {
        match &self.0 {
            Kind::Authorization => single(headers, &AUTHORIZATION, authorization),
            Kind::Header(name) => single(headers, name, Found::whole),
            Kind::Cookie(name) => cookie(headers, name),
            Kind::WebSocketProtocol(marker) => websocket_protocol(headers, marker),
            Kind::Custom(_) => Found::Nothing,
        }
    }

    /// The same, marked as [`mark_sensitive`](Self::mark_sensitive) does it, mostly with one look.
    #[inline]
    pub(crate) fn find_marking<'r>(&self, headers: &'r mut HeaderMap) -> Found<'r> {
        if !matches!(self.0, Kind::Authorization) || is_repeated(headers, &AUTHORIZATION) {
            self.mark_sensitive(headers);
            return self.find(headers);
        }
        let Some(value) = headers.get_mut(AUTHORIZATION) else { return Found::Nothing };
        value.set_sensitive(true);
        authorization(value.as_bytes())
    }

    /// The user's function, which may look elsewhere.
    pub(crate) fn function(&self) -> Option<&FindFn> {
        match &self.0 {
            Kind::Custom(find) => Some(&**find),
            _ => None,
        }
    }

    /// Keeps the credentials out of logs that respect [`HeaderValue::is_sensitive`].
    pub(crate) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        let name = match &self.0 {
            Kind::Authorization => &AUTHORIZATION,
            Kind::Header(name) => name,
            Kind::Cookie(_) => &COOKIE,
            Kind::WebSocketProtocol(_) => &SEC_WEBSOCKET_PROTOCOL,
            Kind::Custom(_) => return,
        };
        if is_repeated(headers, name) {
            let values = headers.iter_mut().filter(|(of, _)| *of == name);
            values.for_each(|(_, value)| value.set_sensitive(true));
        } else if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
}

impl<'r> Found<'r> {
    fn whole(value: &'r [u8]) -> Self {
        Self::Token(Cow::Borrowed(value))
    }

    /// What stands in both places: two tokens are too many.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (only, Self::Nothing) | (Self::Nothing, only) => only,
            _ => Self::Invalid,
        }
    }
}

impl From<Option<String>> for Found<'_> {
    fn from(token: Option<String>) -> Self {
        token.map_or(Self::Nothing, |token| Self::Token(Cow::Owned(token.into())))
    }
}

/// RFC 9110 §11.4: the scheme, at least one space, and a token68; one value, not a list.
#[inline]
fn authorization(value: &[u8]) -> Found<'_> {
    // As nearly everybody writes it.
    if let Some(token) = value.strip_prefix(b"Bearer ").filter(|token| !token.starts_with(b" ")) {
        return Found::whole(token);
    }
    let end = value.iter().position(|byte| !is_token_char(*byte)).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if scheme.is_empty() || rest.first().is_some_and(|byte| *byte != b' ') {
        return Found::Invalid;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        // Other schemes have commas of their own, but no bearer token behind one.
        let joined = rest.split(|byte| *byte == b',').skip(1).any(|part| {
            let start = part.trim_ascii_start().get(..7);
            start.is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "))
        });
        return if joined { Found::Invalid } else { Found::Nothing };
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    match rest.get(spaces..) {
        Some(token) if spaces > 0 => Found::whole(token),
        _ => Found::Invalid,
    }
}

fn single<'r>(headers: &'r HeaderMap, name: &HeaderName, read: impl FnOnce(&'r [u8]) -> Found<'r>) -> Found<'r> {
    if is_repeated(headers, name) {
        return Found::Invalid;
    }
    headers.get(name).map_or(Found::Nothing, |value| read(value.as_bytes()))
}

/// Whether this header has a second value; mostly none has.
#[inline]
fn is_repeated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.len() > headers.keys_len() && headers.get_all(name).iter().nth(1).is_some()
}

fn cookie<'r>(headers: &'r HeaderMap, name: &str) -> Found<'r> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.trim_ascii_end();
        Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
    });
    match (values.next(), values.next()) {
        // An empty cookie is what a logout leaves.
        (None | Some(b""), None) => Found::Nothing,
        (Some(value), None) => Found::whole(value),
        (_, Some(_)) => Found::Invalid,
    }
}

fn websocket_protocol<'r>(headers: &'r HeaderMap, marker: &str) -> Found<'r> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut items = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    match (items.find(|item| *item == marker.as_bytes()), items.next()) {
        (None, _) => Found::Nothing,
        (Some(_), Some(token)) if !items.any(|item| item == marker.as_bytes()) => Found::whole(token),
        (Some(_), _) => Found::Invalid,
    }
}

/// RFC 9110 §11.2.
pub(crate) fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_of_alphabet =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    // Without an early end the compiler looks at many bytes at once.
    !body.is_empty() && body.bytes().fold(true, |all, byte| all & is_of_alphabet(byte))
}

/// RFC 9110 §5.6.2.
fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").finish_non_exhaustive()
    }
}
