//! [`Finding`]: what a check expected and what it found, in words.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::case::{Case, any_of, quoted, quoted_text, span};
use crate::error;
use crate::issuer::{AccessMark, Issuer};
use crate::jose::json::JsonFault;
use crate::jose::object::read_object;
use crate::jose::{Algorithm, CompactJws, JwsError};
use crate::resource_server::check::Check;
use crate::resource_server::rejection::{Rejection, RejectionKind as Kind};

/// What was expected and what was found.
pub(super) struct Finding {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) issuer_is_known: bool,
}

/// What this check, which failed, expected and found.
pub(super) fn of(case: &Case<'_>, check: Check) -> Finding {
    let (expected, found) = match check {
        Check::Size => size(case),
        Check::Shape => (
            "three parts in base64url with dots between them: a JSON object, another one, and a signature".to_owned(),
            shape_fault(case).unwrap_or_else(|| "something else".to_owned()),
        ),
        Check::Header => header(case),
        Check::Algorithm => (any_of(allowed(case).map(Algorithm::as_str)), case.found("alg", case.member("alg"))),
        Check::Issuer => issuer(case),
        Check::Key => key(case),
        Check::Signature => signature(case),
        Check::Audience => audience(case),
        Check::Expiry => expiry(case),
        Check::NotBefore => not_before(case),
        Check::TokenKind => token_kind(case),
        Check::Permission => permission(case),
        Check::Binding => ("no `cnf`".to_owned(), case.found("cnf", case.claim("cnf"))),
        Check::Own => {
            let said = case.rejection().map(Rejection::description).unwrap_or_default();
            ("your own checks to return `Ok`".to_owned(), format!("a rejection: {said}"))
        }
    };
    Finding { expected, found, issuer_is_known: case.issued_by().is_some() }
}

fn size(case: &Case<'_>) -> (String, String) {
    let most = case.rules.iter().map(|one| one.max_token_bytes).max().unwrap_or_default();
    (format!("at most {most} bytes"), format!("{} bytes", case.token.len()))
}

/// What is wrong with the form of a token.
fn shape_fault(case: &Case<'_>) -> Option<String> {
    let jws = match CompactJws::parse(case.token) {
        Ok(jws) => jws,
        Err(JwsError::NotThreeParts) => {
            let parts = case.token.split('.').count();
            return Some(if parts == 1 { "1 part".to_owned() } else { format!("{parts} parts") });
        }
        Err(error) => return Some(error.to_string()),
    };
    if let Err(error) = jws.header() {
        return Some(error.to_string());
    }
    let Ok(text) = std::str::from_utf8(jws.payload()) else { return Some("claims that are not UTF-8".to_owned()) };
    if let Err(fault) = read_object(text, &mut ()) {
        let fault = match (fault, serde_json::from_str::<IgnoredAny>(text)) {
            (JsonFault::NotAnObject, _) => "are not a JSON object",
            (JsonFault::DuplicateMember, _) => "have a name twice",
            (JsonFault::TooDeep, _) => "are nested too deeply",
            (JsonFault::EndsEarly, _) => "end too early",
            (JsonFault::Malformed, Ok(_)) => "have a number or a string in them that can't be read",
            (JsonFault::Malformed, Err(error)) => {
                return Some(format!("claims of which the text {}", error::JsonFault::from(error)));
            }
        };
        return Some(format!("claims that {fault}"));
    }
    let dates = ["exp", "nbf", "iat"].map(|name| (name, case.claim(name).filter(|value| !value.is_number())));
    let (name, date) = dates.into_iter().find(|(_, date)| date.is_some())?;
    Some(format!("`{name}` that is not a number: {}", case.found(name, date)))
}

fn header(case: &Case<'_>) -> (String, String) {
    if case.kind() == Some(Kind::UnsupportedHeader) {
        let extensions = ["crit", "b64", "zip", "enc"];
        let there = extensions.iter().find_map(|name| Some((name, case.member(name)?)));
        let found = there.map(|(name, value)| case.noted(&format!("`{name}`: {}", quoted(value))));
        return ("no `crit`, `b64`, `zip` or `enc`".to_owned(), found.unwrap_or_else(|| "one of them".to_owned()));
    }
    let is_strict = case.rules.iter().any(|one| one.strict_profile);
    let expected = if is_strict { "`typ` \"at+jwt\"" } else { "`typ` \"at+jwt\" or \"JWT\", or none" };
    (expected.to_owned(), case.found("typ", case.member("typ")))
}

/// The algorithms that are accepted.
pub(super) fn allowed(case: &Case<'_>) -> impl Iterator<Item = Algorithm> {
    let symmetric = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    let all = Algorithm::ASYMMETRIC.iter().copied().chain(symmetric);
    all.filter(|one| case.rules.iter().any(|rules| rules.allows(*one)))
}

fn issuer(case: &Case<'_>) -> (String, String) {
    let names: Vec<_> = case.issuers().flat_map(|issuer| issuer.identity().names()).collect();
    let mut found = case.found("iss", case.claim("iss"));
    if case.issuers().any(Issuer::has_tenants) && case.claim("iss").is_some() {
        found += &format!(", of the tenant (`tid`) {}", case.claim("tid").map_or("none".to_owned(), quoted));
    }
    (any_of(names.iter().map(String::as_str)), found)
}

/// The ids of the keys that are held, each with its algorithms.
pub(super) fn known_keys(issuer: &Issuer) -> String {
    let described = issuer.status().keys.into_iter().map(|key| {
        let algorithms: Vec<_> = key.algorithms.iter().map(|one| one.as_str()).collect();
        let id = key.key_id.map_or_else(|| "one without `kid`".to_owned(), |id| quoted_text(&id));
        format!("{id} ({})", algorithms.join(", "))
    });
    let described: Vec<_> = described.collect();
    if described.is_empty() { "none".to_owned() } else { described.join(", ") }
}

fn key(case: &Case<'_>) -> (String, String) {
    let Some(issuer) = case.issuers().next() else { return Default::default() };
    let status = issuer.status();
    match case.kind() {
        Some(Kind::KeysUnavailable) if status.is_ready && status.last_error.is_none() => {
            let wait = case.rejection().and_then(Rejection::retry_after).unwrap_or_default();
            let expected = format!("a key of the issuer: {}", known_keys(issuer));
            let id = case.found("kid", case.member("kid"));
            (
                expected,
                format!("{id}; the issuer is asked for newer keys in {} at the earliest", span(wait.as_secs_f64())),
            )
        }
        Some(Kind::KeysUnavailable) => {
            let none = || "none: the issuer has not answered in time".to_owned();
            ("the issuer's keys".to_owned(), status.last_error.map_or_else(none, |error| error.to_string()))
        }
        Some(Kind::KeyOfAnotherIssuer) => {
            let current = issuer.keys().current();
            let keys = current.iter().filter_map(|current| current.keys()).flat_map(|keys| keys.value.keys());
            let named: Vec<_> =
                keys.filter(|key| key.id() == case.member_text("kid")).filter_map(|key| key.issuer()).collect();
            let expected = format!("a key of {}", case.found("iss", case.claim("iss")));
            (expected, format!("a key that is published as one of {}", any_of(named)))
        }
        _ => {
            let expected = format!("a key of the issuer: {}", known_keys(issuer));
            match case.member("kid") {
                None => (expected, "no `kid`, and a signature that none of the keys verifies".to_owned()),
                id => (expected, case.found("kid", id)),
            }
        }
    }
}

fn signature(case: &Case<'_>) -> (String, String) {
    let (id, algorithm) = (case.member_text("kid"), case.member_text("alg").unwrap_or_default());
    let status = case.issuers().next().map(Issuer::status);
    let named = status.iter().flat_map(|status| &status.keys).find(|key| key.key_id.as_deref() == id);
    let fitting: Vec<_> = named.iter().flat_map(|key| &key.algorithms).map(|one| one.as_str()).collect();
    let key = id.map(quoted_text).unwrap_or_default();
    if fitting.is_empty() || fitting.contains(&algorithm) {
        return (format!("a signature by the key {key}"), "one that this key does not verify".to_owned());
    }
    let expected = format!("a signature by the key {key}, which is for {}", fitting.join(" and "));
    (expected, case.found("alg", case.member("alg")))
}

fn audience(case: &Case<'_>) -> (String, String) {
    let (mut name, mut audience) = ("aud", case.claim("aud"));
    if audience.is_none() && case.rules.iter().any(|one| one.issuer.profile().client_is_audience) {
        (name, audience) = ("client_id", case.claim("client_id"));
    }
    let found = case.found("aud", audience);
    let found = if name == "aud" || audience.is_none() { found } else { format!("no `aud`, and `client_id` {found}") };
    (any_of(case.audiences()), found)
}

fn expiry(case: &Case<'_>) -> (String, String) {
    let found = case.found("exp", case.claim("exp"));
    match (case.kind(), case.seconds_until("exp")) {
        (Some(Kind::Expired), Some(left)) => {
            let expected = format!(
                "`exp` later than {:.0}, which is now less {}",
                case.now() - case.leeway(),
                span(case.leeway())
            );
            (expected, format!("{found}, which was {} ago", span(-left)))
        }
        _ => ("`exp`, in seconds since 1970".to_owned(), found),
    }
}

fn not_before(case: &Case<'_>) -> (String, String) {
    let found = case.found("nbf", case.claim("nbf"));
    match (case.kind(), case.seconds_until("nbf")) {
        (Some(Kind::NotYetValid), Some(left)) => {
            let latest = case.now() + case.leeway();
            let expected = format!("`nbf` not later than {latest:.0}, which is now and {}", span(case.leeway()));
            (expected, format!("{found}, which is in {}", span(left)))
        }
        _ => ("`nbf` none, or in seconds since 1970".to_owned(), found),
    }
}

/// Another kind of token than an access token, and how the claims tell.
pub(super) fn other_kind(case: &Case<'_>) -> Option<(&'static str, String)> {
    let has = |name: &str| case.claims.as_ref().is_some_and(|claims| claims.contains_key(name));
    let says = |name: &str, kinds: &[&str]| {
        let said = case.claim_text(name)?;
        kinds.iter().any(|kind| kind.eq_ignore_ascii_case(said)).then(|| format!("`{name}` {}", quoted_text(said)))
    };
    let hash = ["at_hash", "c_hash", "s_hash"].into_iter().find(|name| has(name)).map(|name| format!("`{name}`"));
    let id_token = || says("typ", &["ID"]).or_else(|| says("token_use", &["id"]));
    let refresh = || says("typ", &["Refresh", "Offline"]).or_else(|| says("token_use", &["refresh"]));
    let logout = || says("typ", &["Logout"]).or_else(|| has("events").then(|| "`events`".to_owned()));
    let is_unscoped = case.claim("scope").is_none() && case.claim("scp").is_none();
    let nonce = || (has("nonce") && is_unscoped).then(|| "`nonce`, and no scope".to_owned());
    None.or_else(|| Some(("a refresh token", refresh()?)))
        .or_else(|| Some(("a logout token", logout()?)))
        .or_else(|| Some(("an ID token", hash.or_else(id_token).or_else(nonce)?)))
}

fn token_kind(case: &Case<'_>) -> (String, String) {
    match case.kind() {
        Some(Kind::Malformed) => {
            let sub = case.claim("sub").filter(|sub| !sub.is_string());
            match sub {
                Some(_) => ("`sub`, if any, as one string".to_owned(), case.found("sub", sub)),
                None => ("`iat`, if any, in seconds since 1970".to_owned(), case.found("iat", case.claim("iat"))),
            }
        }
        Some(Kind::MissingClaim) => {
            let is_there = |name: &str| match case.claim(name) {
                Some(Value::String(text)) => !text.is_empty(),
                other => other.is_some(),
            };
            let missing = ["sub", "client_id", "iat", "jti"].into_iter().find(|name| !is_there(name));
            let expected = "`sub`, `client_id`, `iat` and `jti`, as RFC 9068 asks for";
            (expected.to_owned(), format!("no `{}`", missing.unwrap_or("client_id")))
        }
        _ => match other_kind(case) {
            Some((kind, mark)) => ("an access token".to_owned(), format!("{kind}, by {}", case.noted(&mark))),
            None => {
                let (expected, name) = match case.rules.first().map(|one| one.issuer.profile().access) {
                    Some(AccessMark::Typ) => ("the claim `typ` \"Bearer\"", "typ"),
                    Some(AccessMark::Client) => ("`azp` or `client_id`", "azp"),
                    Some(AccessMark::Cid) => ("`cid`", "cid"),
                    Some(AccessMark::TokenUse | AccessMark::None) | None => ("`token_use` \"access\"", "token_use"),
                };
                (expected.to_owned(), case.found(name, case.claim(name)))
            }
        },
    }
}

fn permission(case: &Case<'_>) -> (String, String) {
    if case.kind() == Some(Kind::NoPermission) {
        return ("`scp` or `roles`".to_owned(), case.noted("an application's token with neither"));
    }
    ("`scp`, or the token of an application".to_owned(), case.noted("no `scp`, and not the token of an application"))
}
