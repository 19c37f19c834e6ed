//! [`Answer`]: what a token endpoint says, read from the bytes alone.

use std::time::{Duration, SystemTime};

use http::{Response, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::TokenError;
use super::exchange::Asked;
use super::token_exchange::TokenType;
use super::{AccessToken, refusal};
use crate::jose::CompactJws;
use crate::jose::json::check_object;
use crate::transport::{Received, Url};

/// A token, and how long it serves.
pub(super) struct Answer {
    pub(super) token: AccessToken,
    pub(super) life: Duration,
    pub(super) refresh_in: Option<Duration>,
    pub(super) refresh_token: Option<SecretString>,
}

/// The type that was issued, if it is the one that was asked for, or else one that an API takes (RFC 8693 §2.2.1).
fn issued_type(issued: &str, requested: Option<TokenType>) -> Option<TokenType> {
    let issued = TokenType::named(issued)?;
    match requested {
        Some(requested) => (issued == requested).then_some(issued),
        None => matches!(issued, TokenType::AccessToken | TokenType::Jwt).then_some(issued),
    }
}

/// How long a token serves whose answer doesn't say (`expires_in` is only recommended, RFC 6749 §5.1), and which doesn't say so itself.
const UNTOLD_LIFE: Duration = Duration::from_secs(60);
/// No token serves for longer. Whatever is longer is meant as for ever.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Answer {
    /// Reads what came from `url` at the time `now`.
    pub(super) fn read(
        url: &Url,
        answer: &Response<impl AsRef<[u8]>>,
        asked: &Asked<'_>,
        now: SystemTime,
    ) -> Result<Self, TokenError> {
        let (status, headers, body) = (answer.status(), answer.headers(), answer.body().as_ref());
        if status != StatusCode::OK {
            return Err(refusal::read(url, answer, asked, now));
        }
        let unfit = |why: &str| {
            let what = Received::new(headers, body);
            let message = format!("the token endpoint {url} answered with status 200, but {why} ({what})");
            TokenError::unavailable(message, refusal::retry_after(headers, now))
        };
        let text = std::str::from_utf8(body).map_err(|_| unfit("not in UTF-8"))?;
        // serde takes an array for a struct, and the first of two members that it skips.
        check_object(text).map_err(|_| unfit("not with a JSON object, or one that has a member twice"))?;
        let members: Success<'_> = serde_json::from_str(text).map_err(|_| unfit("not with JSON"))?;

        // Some servers refuse with this status.
        if string(members.error).is_some() {
            return Err(refusal::read(url, answer, asked, now));
        }
        let token = string(members.access_token).ok_or_else(|| unfit("without a string `access_token`"))?;
        let token_type = string(members.token_type).ok_or_else(|| unfit("without a string `token_type`"))?;
        let issued = match asked.token_exchange {
            None => TokenType::AccessToken,
            Some(requested) => {
                let issued = string(members.issued_token_type).ok_or_else(|| unfit("without `issued_token_type`"))?;
                issued_type(&issued, requested)
                    .ok_or_else(|| unfit("with a token of another type than was asked for"))?
            }
        };
        // What is no access token is of no type that could be used as one (RFC 8693 §2.2.1).
        let needs_no_type = issued != TokenType::AccessToken && token_type.eq_ignore_ascii_case("N_A");
        if !token_type.eq_ignore_ascii_case("Bearer") && !needs_no_type {
            let message = format!(
                "the token endpoint {url} gave a token of another type than Bearer: this client is registered for tokens that are bound \
                 to a key (DPoP) or the like"
            );
            return Err(TokenError::refused(message));
        }
        let expires_in = match members.expires_in {
            None => None,
            Some(raw) => Some(seconds(raw).ok_or_else(|| unfit("with an `expires_in` that is no number of seconds"))?),
        };
        let exp_in = own_expiry(&token).map(|exp| exp.duration_since(now).unwrap_or_default());
        let life = expires_in.into_iter().chain(exp_in).min().unwrap_or(UNTOLD_LIFE).min(LONGEST_LIFE);
        if life.is_zero() {
            return Err(unfit("with a token that has run out already: is the clock of this machine right?"));
        }
        let expires_at = now.checked_add(life).unwrap_or(now);
        let token = AccessToken::new(
            &token,
            expires_at,
            members.scope.and_then(scope).as_deref(),
            asked.token_exchange.map(|_| issued),
        )
        .ok_or_else(|| unfit("with an `access_token` that is empty or can't be sent in a header"))?;
        let refresh_in = members.refresh_in.and_then(seconds).filter(|refresh_in| !refresh_in.is_zero());
        let refresh_token = string(members.refresh_token).filter(|token| !token.is_empty()).map(SecretString::from);
        Ok(Self { token, life, refresh_in, refresh_token })
    }
}

/// Each value is kept raw at first: some servers write numbers as strings, and scopes as arrays.
#[derive(Deserialize)]
struct Success<'a> {
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    token_type: Option<&'a RawValue>,
    expires_in: Option<&'a RawValue>,
    refresh_in: Option<&'a RawValue>,
    scope: Option<&'a RawValue>,
    refresh_token: Option<&'a RawValue>,
    issued_token_type: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

pub(super) fn string(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// A number of seconds, or one in a string; a fraction is cut off, a huge one is the longest. `None` for anything below nothing.
fn seconds(raw: &RawValue) -> Option<Duration> {
    let text = string(Some(raw)).unwrap_or_else(|| raw.get().to_owned());
    // Numbers that are too large for the type become infinite.
    let number: f64 = text.trim().parse().ok().filter(|number: &f64| *number >= 0.0)?;
    Some(Duration::try_from_secs_f64(number.trunc()).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE))
}

/// The scopes, which some servers send as an array.
fn scope(raw: &RawValue) -> Option<String> {
    let list = || serde_json::from_str::<Vec<String>>(raw.get()).ok().map(|list| list.join(" "));
    string(Some(raw)).or_else(list)
}

/// When the token says itself that it ends, if it is a JWT that can be read. Its signature is none of the client's business.
fn own_expiry(token: &str) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Own<'a> {
        #[serde(borrow)]
        exp: Option<&'a RawValue>,
    }
    let jws = CompactJws::parse(token).ok()?;
    let claims: Own<'_> = serde_json::from_slice(jws.payload()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(until_epoch(claims.exp?)?)
}

fn until_epoch(raw: &RawValue) -> Option<Duration> {
    let number: f64 = raw.get().parse().ok().filter(|number: &f64| *number >= 0.0)?;
    Duration::try_from_secs_f64(number).ok()
}
