//! How long what an issuer publishes serves, from `Cache-Control: max-age` (RFC 9111 §5.2.2.1).

use std::time::Duration;

use http::{HeaderMap, header};

use crate::kept_fresh::Lifetime;

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(60 * 60);
const WITHOUT_MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// How long after the start of a failed attempt, or of a fetch for an unknown key, the next one may start.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(15);
/// The same for metadata. It is fetched for the keys, a little after their attempt has begun: the shorter time lets the next
/// attempt for keys get at it.
pub(super) const METADATA_COOL_DOWN: Duration = Duration::from_secs(10);
/// How long old keys serve while new ones can't be had, counted from the last success.
pub(super) const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is left of `max-age` (a proxy's copy has an `Age`, §5.1), held between one minute and one hour; 15 minutes where there is
/// none.
pub(super) fn lifetime(headers: &HeaderMap, grace: Duration) -> Lifetime {
    let left = max_age(headers).map(|life| life.saturating_sub(age(headers)));
    let life = left.map_or(WITHOUT_MAX_AGE, |life| life.clamp(SHORTEST, LONGEST));
    Lifetime::jittered(life, grace.saturating_sub(life))
}

fn age(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("max-age") {
            return None;
        }
        // Too many digits for a number are a long time, not no time.
        let digits = value.trim().trim_matches('"');
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
    })
}
