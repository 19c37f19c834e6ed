//! [`Answer`]: what a token endpoint says, read from the bytes alone.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::AccessToken;
use super::error::{Refusal, TokenError};
use crate::issuer::is_guid;
use crate::jose::CompactJws;
use crate::jose::json::check_object;
use crate::transport::{Received, Url};

/// A token, and how long it serves.
pub(super) struct Answer {
    pub(super) token: AccessToken,
    pub(super) life: Duration,
    pub(super) refresh_in: Option<Duration>,
}

/// How long a token serves whose answer doesn't say (`expires_in` is only recommended, RFC 6749 §5.1), and which doesn't say so itself.
const UNTOLD_LIFE: Duration = Duration::from_secs(60);
/// No token serves for longer. Whatever is longer is meant as for ever.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Answer {
    /// Reads what came from `url` at the time `now`.
    pub(super) fn read(url: &Url, answer: &Response<impl AsRef<[u8]>>, now: SystemTime) -> Result<Self, TokenError> {
        let (status, headers, body) = (answer.status(), answer.headers(), answer.body().as_ref());
        if status != StatusCode::OK {
            return Err(refusal(url, status, headers, body, now));
        }
        let unfit = |why: &str| {
            let what = Received::new(headers, body);
            let message = format!("the token endpoint {url} answered with status 200, but {why} ({what})");
            TokenError::unavailable(message, Refusal::default(), retry_after(headers, now))
        };
        let text = std::str::from_utf8(body).map_err(|_| unfit("not in UTF-8"))?;
        // serde takes an array for a struct, and the first of two members that it skips.
        check_object(text).map_err(|_| unfit("not with a JSON object, or one that has a member twice"))?;
        let members: Success<'_> = serde_json::from_str(text).map_err(|_| unfit("not with JSON"))?;

        let token = string(members.access_token).ok_or_else(|| unfit("without a string `access_token`"))?;
        let token_type = string(members.token_type).ok_or_else(|| unfit("without a string `token_type`"))?;
        if !token_type.eq_ignore_ascii_case("Bearer") {
            let message = format!(
                "the token endpoint {url} gave a token of another type than Bearer: this client is registered for tokens that are bound \
                 to a key (DPoP) or the like"
            );
            return Err(TokenError::refused(message, Refusal::default()));
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
        let token = AccessToken::new(&token, expires_at, members.scope.and_then(scope).as_deref())
            .ok_or_else(|| unfit("with an `access_token` that is empty or can't be sent in a header"))?;
        let refresh_in = members.refresh_in.and_then(seconds).filter(|refresh_in| !refresh_in.is_zero());
        Ok(Self { token, life, refresh_in })
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
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    suberror: Option<&'a RawValue>,
    error_codes: Option<&'a RawValue>,
    correlation_id: Option<&'a RawValue>,
}

/// The error codes that are registered for token endpoints, and Microsoft's and OpenID Connect's.
const CODES: [&str; 15] = [
    "access_denied",
    "authorization_pending",
    "consent_required",
    "interaction_required",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "login_required",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Reads an answer with another status than 200 (RFC 6749 §5.2).
fn refusal(url: &Url, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> TokenError {
    let failure = std::str::from_utf8(body).ok().filter(|text| check_object(text).is_ok());
    let failure = failure.and_then(|text| serde_json::from_str::<Failure<'_>>(text).ok());
    let said = failure.as_ref().and_then(|failure| string(failure.error));
    let code = said.as_deref().and_then(|said| CODES.into_iter().find(|code| *code == said));
    let suberror = failure.as_ref().and_then(|failure| string(failure.suberror)).filter(|text| !text.is_empty());
    let numbers = failure.as_ref().and_then(|failure| serde_json::from_str(failure.error_codes?.get()).ok());
    let correlation_id = failure.as_ref().and_then(|failure| string(failure.correlation_id)).filter(|id| is_guid(id));
    let refusal =
        Refusal { code, numbers: numbers.unwrap_or_default(), correlation_id: correlation_id.map(Into::into) };

    let number = status.as_u16();
    let what = match (code, &said) {
        (Some(code), _) => format!("status {number} and the error `{code}`"),
        (None, Some(_)) => format!("status {number} and an error code that is not registered"),
        (None, None) => format!("status {number} and {}", Received::new(headers, body)),
    };
    let message = |mend: &str| format!("the token endpoint {url} answered with {what}{mend}");
    let is_outage = status.is_server_error() || matches!(number, 408 | 425 | 429);
    match code {
        Some("temporarily_unavailable" | "server_error" | "slow_down") => {}
        _ if is_outage => {}
        Some("interaction_required" | "consent_required" | "login_required") => {
            return TokenError::interaction_required(
                message(": the person has to sign in again or to consent"),
                refusal,
            );
        }
        Some("invalid_grant") if suberror.is_some_and(|said| !is_of_client(&said)) => {
            return TokenError::interaction_required(
                message(": the person has to sign in again or to consent"),
                refusal,
            );
        }
        Some("invalid_client") => {
            return TokenError::refused(
                message(": check the client id, and whether the credential is registered for it and has not run out"),
                refusal,
            );
        }
        Some("invalid_scope" | "invalid_target") => {
            return TokenError::refused(message(": check the scopes and the API that are asked for"), refusal);
        }
        Some("unauthorized_client") => {
            return TokenError::refused(message(": this client may not use this grant, or is not known here"), refusal);
        }
        _ if status.is_redirection() => {
            return TokenError::refused(message(": no redirect is followed; check `token_endpoint(..)`"), refusal);
        }
        _ => return TokenError::refused(message(""), refusal),
    }
    TokenError::unavailable(message(": it may work later"), refusal, retry_after(headers, now))
}

/// Microsoft's reasons for `invalid_grant` that no person can mend.
fn is_of_client(suberror: &str) -> bool {
    matches!(suberror, "client_mismatch" | "protection_policy_required")
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn string(raw: Option<&RawValue>) -> Option<String> {
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
