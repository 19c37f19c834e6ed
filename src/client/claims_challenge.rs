//! [`ClaimsChallenge`]: what an API or an issuer wants to know before it lets somebody in, such as a second factor.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use crate::jose::json::check_object;

/// The longest that is relayed, in bytes.
const LONGEST: usize = 8 * 1024;

/// A claims challenge: the `claims` that a token has to be asked for with (OpenID Connect Core §5.5), as Microsoft's services
/// demand them.
///
/// It is meant for whoever signs the person in. This crate relays it and doesn't look into it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimsChallenge {
    json: Arc<str>,
}

impl ClaimsChallenge {
    /// The challenge in this JSON; `None` where it is no JSON object, or a very long one.
    pub(super) fn of_json(json: &str) -> Option<Self> {
        let fits = json.len() <= LONGEST && check_object(json).is_ok();
        fits.then(|| Self { json: json.into() })
    }

    /// The challenge that an API answered with: a 401 whose `WWW-Authenticate` is `Bearer … error="insufficient_claims",
    /// claims="<base64 JSON>"`.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use http::header::WWW_AUTHENTICATE;
    /// use tower_bearer::ClaimsChallenge;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(WWW_AUTHENTICATE, r#"Bearer error="insufficient_claims", claims="e30=""#.parse()?);
    /// assert_eq!(ClaimsChallenge::from_headers(&headers).map(|challenge| challenge.json().to_owned()), Some("{}".to_owned()));
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        values.filter_map(bearer_parameters).find_map(|parameters| {
            let named = |wanted: &str| parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named("error").filter(|(_, error)| error == "insufficient_claims")?;
            let (_, claims) = named("claims")?;
            Self::of_json(&decoded(claims)?)
        })
    }

    /// The JSON, as it goes into a token request.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The JSON in base64, as it stands in a challenge.
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&*self.json)
    }
}

/// The parameters of the first `Bearer` challenge in a header's value (RFC 9110 §11.6.1).
fn bearer_parameters(value: &str) -> Option<Vec<(String, String)>> {
    let mut rest = value.trim_start();
    loop {
        let (scheme, after) = rest.split_once(' ')?;
        let (parameters, next) = parameters_of(after);
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(parameters);
        }
        rest = next;
        if rest.is_empty() {
            return None;
        }
    }
}

/// The parameters up to the next challenge, and what is left.
fn parameters_of(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut parameters = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        // Not a parameter: the scheme of the next challenge, or its end.
        let Some(after) = after.trim_start().strip_prefix('=').filter(|_| !name.is_empty()) else {
            return (parameters, rest);
        };
        let (value, next) = value_of(after.trim_start());
        parameters.push((name.to_owned(), value));
        rest = next;
    }
}

/// A token or a quoted-string (RFC 9110 §5.6), and what is left.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, c)) = characters.next() {
        match c {
            '"' => return (value, quoted.get(place + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// Base64 of any of the alphabets in use, with padding or without.
fn decoded(text: &str) -> Option<String> {
    if text.len() > 2 * LONGEST {
        return None;
    }
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| String::from_utf8(engine.decode(text).ok()?).ok())
}

/// Shows nothing: it may say which account is meant.
impl fmt::Debug for ClaimsChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimsChallenge").finish_non_exhaustive()
    }
}
