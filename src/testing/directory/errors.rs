//! What Entra answers where it refuses: the same error with a number, and with what its support asks for.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::testing::fresh_guid;
use crate::testing::token_endpoint::{Refusal, TestTokenRequest, TokenFault};

pub(super) fn error_body(
    refusal: &Refusal,
    error: &str,
    authority_host: &str,
    now: SystemTime,
    request: &TestTokenRequest,
) -> Value {
    let (number, timestamp, trace) = (number(refusal), timestamp(now), fresh_guid());
    let correlation = request.header("client-request-id").unwrap_or_else(fresh_guid);
    let sentence = refusal.sentence();
    let mut body = json!({
        "error": error,
        "error_description": format!(
            "AADSTS{number}: {sentence}. Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
        ),
        "error_codes": [number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("{authority_host}/error?code={number}"),
    });
    match refusal {
        Refusal::ConsentRequired => body["suberror"] = json!("consent_required"),
        Refusal::ClaimsDemanded(claims) => {
            body["suberror"] = json!("basic_action");
            body["claims"] = json!(claims);
        }
        _ => {}
    }
    body
}

fn number(refusal: &Refusal) -> u32 {
    match refusal {
        Refusal::NotAForm | Refusal::AssertionType => 900_144,
        Refusal::Missing("scope") => 90_014,
        Refusal::Missing(_) => 900_144,
        Refusal::RepeatedParameter | Refusal::SeveralMethods | Refusal::TwoClients => 90_013,
        Refusal::UnsupportedGrantType => 70_003,
        Refusal::NoCredential => 7_000_216,
        Refusal::UnknownClient => 700_016,
        Refusal::MalformedBasic | Refusal::WrongSecret => 7_000_215,
        Refusal::MalformedAssertion | Refusal::NoAssertionId | Refusal::ReplayedAssertion => 50_027,
        Refusal::UnknownKey | Refusal::BadSignature => 700_027,
        Refusal::CertificateOutOfDate => 1_000_502,
        Refusal::ForeignAssertion => 700_021,
        Refusal::AssertionAudience => 700_023,
        Refusal::AssertionTimes => 700_024,
        Refusal::NotFederated => 700_213,
        Refusal::NotDefaultScope => 1_002_012,
        Refusal::SeveralResources | Refusal::ScopeNotAllowed => 70_011,
        Refusal::UnknownResource | Refusal::ResourceNotAllowed => 500_011,
        Refusal::NotOnBehalfOf | Refusal::TokenType => 900_144,
        Refusal::Grant(fault) | Refusal::Exchange(fault) => match fault {
            TokenFault::Malformed => 50_027,
            TokenFault::Signature | TokenFault::Issuer | TokenFault::Type | TokenFault::Actor => 50_013,
            TokenFault::Audience => 500_131,
            TokenFault::Times => 500_133,
            TokenFault::Application => 7_000_114,
        },
        Refusal::UnknownScope => 650_053,
        Refusal::ConsentRequired => 65_001,
        Refusal::ClaimsDemanded(_) => 50_076,
        Refusal::UnknownRefreshToken | Refusal::ForeignRefreshToken => 70_000,
        Refusal::RevokedRefreshToken => 50_173,
        Refusal::ExpiredRefreshToken => 700_082,
    }
}

/// Such as `2026-11-22 09:30:00Z`.
fn timestamp(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = httpdate::fmt_http_date(time);
    let parts: Vec<_> = date.split(' ').collect();
    let [_, day, month, year, time_of_day, _] = parts.as_slice() else { return date };
    let month = MONTHS.iter().position(|name| name == month).map_or(0, |index| index + 1);
    format!("{year}-{month:02}-{day} {time_of_day}Z")
}
