//! [`Case`]: a token that was judged, read again for a person. It is read leniently, as nothing is decided by it.

use std::slice;
use std::time::SystemTime;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::issuer::Issuer;
use crate::resource_server::check::{Check, Place};
use crate::resource_server::rejection::{Rejection, RejectionKind};
use crate::resource_server::rules::Rules;

/// How much of a claim is shown, in characters.
const SHOWN: usize = 200;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

type Members = Map<String, Value>;

/// A token, what was said of it, and by which rules.
pub(super) struct Case<'c> {
    pub(super) token: &'c str,
    pub(super) header: Option<Members>,
    pub(super) claims: Option<Members>,
    /// Those of the token's issuer; all of them where there is no saying whose token it is.
    pub(super) rules: &'c [Rules],
    rejection: Option<&'c Rejection>,
}

impl<'c> Case<'c> {
    pub(super) fn read(rules: &'c [Rules], token: &'c str, rejection: Option<&'c Rejection>) -> Self {
        let is_short = rules.iter().any(|one| token.len() <= one.max_token_bytes);
        let mut parts = token.split('.').take(2).filter(|_| is_short).map(object);
        let (header, claims) = (parts.next().flatten(), parts.next().flatten());
        let mut case = Self { token, header, claims, rules, rejection };
        let of_issuer = case.issued_by().map(slice::from_ref);
        case.rules = of_issuer.filter(|_| rules.len() > 1).unwrap_or(rules);
        case
    }

    /// The rules for this token, by its `iss`.
    pub(super) fn issued_by(&self) -> Option<&'c Rules> {
        let (iss, tenant) = (self.claim_text("iss")?, self.claim_text("tid"));
        self.rules.iter().find(|one| one.issuer.identity().issues(iss, tenant))
    }

    /// The check that failed.
    pub(super) fn failed(&self) -> Option<Place> {
        // What has no place was found out by nobody else than the user's own checks.
        self.rejection.map(|rejection| rejection.place().unwrap_or(Check::Own.place()))
    }

    pub(super) fn failed_at(&self, checks: &[Check]) -> bool {
        self.failed().is_some_and(|place| checks.contains(&place.check))
    }

    pub(super) fn rejection(&self) -> Option<&'c Rejection> {
        self.rejection
    }

    pub(super) fn kind(&self) -> Option<RejectionKind> {
        self.rejection.map(Rejection::kind)
    }

    pub(super) fn issuers(&self) -> impl Iterator<Item = &'c Issuer> {
        self.rules.iter().map(|one| &one.issuer)
    }

    pub(super) fn audiences(&self) -> impl Iterator<Item = &'c str> {
        self.rules.iter().flat_map(|one| &one.audiences).map(AsRef::as_ref)
    }

    /// The time by the validator's clock, in seconds since 1970.
    pub(super) fn now(&self) -> f64 {
        let now = self.issuers().next().map(|issuer| issuer.time().wall());
        let since = now.and_then(|now| now.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.unwrap_or_default().as_secs_f64()
    }

    pub(super) fn leeway(&self) -> f64 {
        self.rules.first().map_or(0.0, |one| one.leeway.as_secs_f64())
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.header.as_ref()?.get(name)
    }

    pub(super) fn member_text(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_str()
    }

    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn claim_text(&self, name: &str) -> Option<&str> {
        self.claim(name)?.as_str()
    }

    /// A claim that is a string or an array of strings.
    pub(super) fn claim_texts(&self, name: &str) -> Vec<&str> {
        match self.claim(name) {
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        }
    }

    /// A claim that is a time, in seconds from now.
    pub(super) fn seconds_until(&self, name: &str) -> Option<f64> {
        Some(self.claim(name)?.as_f64()? - self.now())
    }

    /// This value, or that there is none, with a note where nobody has signed it.
    pub(super) fn found(&self, name: &str, value: Option<&Value>) -> String {
        value.map_or_else(|| format!("no `{name}`"), |value| self.noted(&quoted(value)))
    }

    /// What is said by the token, with a note where nobody has signed it.
    pub(super) fn noted(&self, text: &str) -> String {
        let signed = self.failed().is_none_or(|place| place.signature_was_verified);
        if signed { text.to_owned() } else { format!("{text} (unverified)") }
    }
}

fn object(part: &str) -> Option<Members> {
    serde_json::from_slice(&LENIENT.decode(part).ok()?).ok()
}

/// A value as JSON on one line, not too long, with nothing in it that a terminal takes for a command.
pub(super) fn quoted(value: &Value) -> String {
    let json = value.to_string();
    let mut shown = String::new();
    for c in json.chars().take(SHOWN) {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if json.chars().nth(SHOWN).is_some() { shown + "…" } else { shown }
}

pub(super) fn quoted_text(text: &str) -> String {
    quoted(&Value::from(text))
}

/// `"a", "b" or "c"`.
pub(super) fn any_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let quoted: Vec<_> = texts.into_iter().map(quoted_text).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// A length of time, exactly, and as a person would say it.
pub(super) fn span(seconds: f64) -> String {
    let about = |unit: f64, name: &str| format!("{seconds:.0} s (about {:.0} {name})", seconds / unit);
    match seconds {
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7_200.0 => about(60.0, "minutes"),
        _ if seconds < 172_800.0 => about(3_600.0, "hours"),
        _ => about(86_400.0, "days"),
    }
}
