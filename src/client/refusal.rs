//! Why a token endpoint refuses, read from the bytes alone (RFC 6749 §5.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Response, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::claims_challenge::ClaimsChallenge;
use super::error::{Refusal, TokenError};
use super::exchange::Asked;
use super::response::string;
use crate::issuer::is_guid;
use crate::jose::json::check_object;
use crate::transport::{Received, Url};

#[derive(Deserialize, Default)]
struct Failure<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    suberror: Option<&'a RawValue>,
    error_codes: Option<&'a RawValue>,
    correlation_id: Option<&'a RawValue>,
    claims: Option<&'a RawValue>,
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

/// Reads an answer with another status than 200.
pub(super) fn read(url: &Url, answer: &Response<impl AsRef<[u8]>>, asked: &Asked<'_>, now: SystemTime) -> TokenError {
    let (status, headers, body) = (answer.status(), answer.headers(), answer.body().as_ref());
    let object = std::str::from_utf8(body).ok().filter(|text| check_object(text).is_ok());
    let failure: Failure<'_> = object.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let said = string(failure.error);
    let code = said.as_deref().and_then(|said| CODES.into_iter().find(|code| *code == said));
    let suberror = string(failure.suberror).unwrap_or_default();
    let refusal = Refusal {
        code,
        numbers: failure.error_codes.map(numbers).unwrap_or_default(),
        correlation_id: string(failure.correlation_id).filter(|id| is_guid(id)).map(Into::into),
        claims: failure.claims.and_then(claims),
    };
    let number = status.as_u16();
    let what = match (code, &said) {
        (Some(code), _) => format!("status {number} and the error `{code}`"),
        (None, Some(_)) => format!("status {number} and an error code that is not registered"),
        (None, None) => format!("status {number} and {}", Received::new(headers, body)),
    };
    let message = |mend: &str| format!("the token endpoint {url} answered with {what}: {mend}");
    let is_outage = status.is_server_error() || matches!(number, 408 | 425 | 429);
    if is_outage || matches!(code, Some("temporarily_unavailable" | "server_error" | "slow_down")) {
        return TokenError::unavailable(message("it may work later"), retry_after(headers, now)).with(refusal);
    }
    let is_persons = match code {
        Some("interaction_required" | "consent_required" | "login_required") => true,
        // Microsoft's reasons that no person can mend.
        Some("invalid_grant") if matches!(&*suberror, "client_mismatch" | "protection_policy_required") => false,
        // What is refused is what a person brought, or it is said that a person can do something.
        Some("invalid_grant") => asked.is_for_person || !suberror.is_empty(),
        _ => false,
    };
    if is_persons {
        return TokenError::interaction_required(message("the person has to sign in again or to consent"))
            .with(refusal);
    }
    let mend = match code {
        Some("invalid_client") => {
            "check the client id, and whether the credential is registered for it and has not run out"
        }
        Some("invalid_scope" | "invalid_target") => "check the scopes and the API that are asked for",
        Some("unauthorized_client") => "this client may not use this grant, or is not known here",
        Some("unsupported_grant_type") if asked.is_on_behalf_of => {
            "it does not know this grant; many that don't know on_behalf_of(..) know token_exchange(..) (RFC 8693)"
        }
        Some("unsupported_grant_type") => "it does not know this grant, or it is not switched on there",
        _ if status.is_redirection() => "no redirect is followed; check `token_endpoint(..)`",
        _ => "check the registration of the client and what it asks for",
    };
    TokenError::refused(message(mend)).with(refusal)
}

/// The first of the numbers; nobody sends many.
fn numbers(raw: &RawValue) -> Box<[u64]> {
    let mut numbers: Vec<u64> = serde_json::from_str(raw.get()).unwrap_or_default();
    numbers.truncate(8);
    numbers.into()
}

/// The claims that are wanted: an object, or a string with one in it.
fn claims(raw: &RawValue) -> Option<ClaimsChallenge> {
    let text = string(Some(raw)).unwrap_or_else(|| raw.get().to_owned());
    ClaimsChallenge::of_json(&text)
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}
