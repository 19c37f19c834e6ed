//! What serde doesn't check of a JSON object: that no member occurs twice, that it isn't nested too deeply, and that
//! members which nobody reads at first can be read later.
//!
//! The scan is no validator. It walks strings and brackets only, so that it agrees with any real parser
//! on every text which that parser accepts; `serde_json` reads the same text afterwards and refuses the others.

use std::borrow::Cow;

/// How deeply objects and arrays may be nested, the outermost included.
const MAX_DEPTH: usize = 64;

/// How many members an object may have before the scan allocates.
const INLINE_MEMBERS: usize = 32;

/// Why a JSON text is refused before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonFault {
    NotAnObject,
    DuplicateMember,
    TooDeep,
    /// A string, an object or an array isn't closed.
    EndsEarly,
    Malformed,
}

/// Checks that the text is one object whose own members are unique and which isn't nested beyond 64 levels.
///
/// Names are compared unescaped. Members of inner objects may repeat: nobody reads those by name here.
pub(crate) fn check_object(json: &str) -> Result<(), JsonFault> {
    scan(json, MAX_DEPTH, Values::Skipped)
}

/// As [`check_object`], and each value can be read: no lone surrogate in a string, no number beyond a double. serde skips
/// what it isn't asked for, so that a text could pass once and fail when it is read in full.
pub(crate) fn check_readable_object(json: &str) -> Result<(), JsonFault> {
    scan(json, MAX_DEPTH, Values::Readable)
}

/// As [`check_object`], for a container whose members are checked one by one: any depth will do.
pub(super) fn check_container(json: &str) -> Result<(), JsonFault> {
    scan(json, usize::MAX, Values::Skipped)
}

/// How values are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Skipped,
    Readable,
}

fn scan(json: &str, max_depth: usize, values: Values) -> Result<(), JsonFault> {
    let json = json.trim_matches([' ', '\t', '\n', '\r']);
    if !json.starts_with('{') {
        return Err(JsonFault::NotAnObject);
    }
    let bytes = json.as_bytes();
    let mut members = Members::new();
    let mut depth = 0_usize;
    let mut name_comes_next = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let token = at;
        at += 1;
        match byte {
            b'"' => {
                let string = string_at(json, token).ok_or(JsonFault::EndsEarly)?;
                at = token + string.quoted.len();
                if values == Values::Readable && !string.is_readable() {
                    return Err(JsonFault::Malformed);
                }
                if name_comes_next && depth == 1 {
                    members.add(string)?;
                    name_comes_next = false;
                }
            }
            b',' => name_comes_next = depth == 1,
            b'{' | b'[' => {
                depth += 1;
                if depth > max_depth {
                    return Err(JsonFault::TooDeep);
                }
                name_comes_next = depth == 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1).ok_or(JsonFault::Malformed)?;
                if depth == 0 && at != bytes.len() {
                    return Err(JsonFault::Malformed);
                }
            }
            b'-' | b'0'..=b'9' if values == Values::Readable => {
                let number = number_at(json, token);
                at = token + number.len();
                if !is_readable_number(number) {
                    return Err(JsonFault::Malformed);
                }
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(JsonFault::EndsEarly);
    }
    members.finish()
}

/// A string literal, its quotes included.
#[derive(Clone, Copy)]
struct Literal<'a> {
    quoted: &'a str,
    escaped: bool,
}

impl Literal<'_> {
    /// Whether it can be decoded: surrogates come in pairs.
    fn is_readable(self) -> bool {
        let may_hold_surrogates = self.escaped && (self.quoted.contains("\\ud") || self.quoted.contains("\\uD"));
        !may_hold_surrogates || serde_json::from_str::<String>(self.quoted).is_ok()
    }
}

/// The number that begins at `start`, as far as its characters go.
fn number_at(json: &str, start: usize) -> &str {
    let rest = json.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// Whether it fits a double. Without an exponent, and with fewer digits than the largest one has, it does.
fn is_readable_number(number: &str) -> bool {
    let is_small = number.len() < 300 && !number.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    is_small || number.parse().is_ok_and(f64::is_finite)
}

/// The string literal whose opening quote is at `start`; `None` when it never ends.
fn string_at(json: &str, start: usize) -> Option<Literal<'_>> {
    let mut escaped = false;
    let mut at = start + 1;
    loop {
        match json.as_bytes().get(at)? {
            b'"' => break,
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    Some(Literal { quoted: json.get(start..=at)?, escaped })
}

/// The member names seen so far. Few and plain ones are compared as they come, on the stack; as soon as
/// there are many, or one is escaped, they are gathered and sorted, so that hostile input stays cheap too.
struct Members<'a> {
    inline: [&'a str; INLINE_MEMBERS],
    len: usize,
    /// One bit for each fingerprint seen: a name whose bit isn't set is new without comparing.
    fingerprints: u64,
    gathered: Vec<Cow<'a, str>>,
}

impl<'a> Members<'a> {
    fn new() -> Self {
        Self { inline: [""; INLINE_MEMBERS], len: 0, fingerprints: 0, gathered: Vec::new() }
    }

    fn add(&mut self, literal: Literal<'a>) -> Result<(), JsonFault> {
        if literal.escaped {
            let name: String = serde_json::from_str(literal.quoted).map_err(|_| JsonFault::Malformed)?;
            self.gathered.push(Cow::Owned(name));
            return Ok(());
        }
        let name = literal.quoted.trim_matches('"');
        let Some(slot) = self.inline.get_mut(self.len) else {
            self.gathered.push(Cow::Borrowed(name));
            return Ok(());
        };
        *slot = name;
        let fingerprint = fingerprint(name);
        if self.fingerprints & fingerprint != 0 && self.inline.iter().take(self.len).any(|seen| *seen == name) {
            return Err(JsonFault::DuplicateMember);
        }
        self.fingerprints |= fingerprint;
        self.len += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<(), JsonFault> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.gathered.extend(self.inline.iter().take(self.len).map(|name| Cow::Borrowed(*name)));
        self.gathered.sort_unstable();
        if self.gathered.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(JsonFault::DuplicateMember);
        }
        Ok(())
    }
}

/// One of 64 bits, chosen by a name's length and ends.
fn fingerprint(name: &str) -> u64 {
    let first = name.as_bytes().first().copied().unwrap_or_default();
    let last = name.as_bytes().last().copied().unwrap_or_default();
    let mixed = name.len().wrapping_mul(7).wrapping_add(usize::from(first) * 5).wrapping_add(usize::from(last) * 3);
    1 << (mixed % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: usize) -> String {
        (0..count).map(|n| format!("\"m{n}\":{n}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn plain_objects_pass() {
        for json in ["{}", " {\"a\":1}\n", r#"{"a":"b","b":"a"}"#, r#"{"a":{"x":1,"x":2},"b":[1,{"a":3}],"x":","}"#] {
            assert_eq!(check_object(json), Ok(()), "{json}");
        }
    }

    #[test]
    fn anything_but_an_object_is_named_as_such() {
        for json in ["", "[]", "1", "\"{}\"", "null", "\u{feff}{}"] {
            assert_eq!(check_object(json), Err(JsonFault::NotAnObject), "{json}");
        }
    }

    #[test]
    fn unbalanced_or_trailing_text_is_told_apart() {
        for json in ["{}}", "{} {}", "{}x", r#"{"a":[}]}"#] {
            assert_eq!(check_object(json), Err(JsonFault::Malformed), "{json}");
        }
        for json in ["{", "{\"a", "{\"a\\", r#"{"a":[}"#, r#"{"a":1"#, r#"{"a":{"b":[1,2"#] {
            assert_eq!(check_object(json), Err(JsonFault::EndsEarly), "{json}");
        }
    }

    #[test]
    fn a_repeated_member_is_found_however_it_is_spelled() {
        for json in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"\u0061":1,"a":2}"#,
            r#"{"\u0061":1,"\u0061":2}"#,
            r#"{"a":{"b":[1,2]},"b":3,"a":4}"#,
            r#"{"a":"}","a":1}"#,
            r#"{"":1,"":2}"#,
            r#"{"\ud83d\ude00":1,"😀":2}"#,
            r#"{"a\"b":1,"a\u0022b":2}"#,
        ] {
            assert_eq!(check_object(json), Err(JsonFault::DuplicateMember), "{json}");
        }
    }

    #[test]
    fn a_name_may_begin_and_end_with_an_escaped_quote() {
        assert_eq!(check_object(r#"{"\"a\"":1,"a":2}"#), Ok(()));
    }

    #[test]
    fn a_lone_surrogate_in_a_name_is_malformed() {
        assert_eq!(check_object(r#"{"\ud800":1}"#), Err(JsonFault::Malformed));
    }

    #[test]
    fn many_members_are_compared_as_well() {
        for count in [31, 32, 33, 500] {
            let list = members(count);
            assert_eq!(check_object(&format!("{{{list}}}")), Ok(()), "{count}");
            for repeated in [0, count - 1] {
                let json = format!("{{{list},\"m{repeated}\":0}}");
                assert_eq!(check_object(&json), Err(JsonFault::DuplicateMember), "{count} {repeated}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_later_is_malformed_where_that_counts() {
        for value in [
            "1e400",
            "-1E999",
            "[0, 1e309]",
            &"9".repeat(400),
            r#""\ud800""#,
            r#"{"a":"\uDC00 "}"#,
            r#""\ud800\ud800""#,
        ] {
            let json = format!(r#"{{"a":{value}}}"#);
            assert_eq!(check_readable_object(&json), Err(JsonFault::Malformed), "{json}");
            assert_eq!(check_object(&json), Ok(()), "{json}");
        }
        for value in [
            "1e308",
            "-0.5",
            "12",
            "true",
            "[false, null]",
            &"9".repeat(299),
            r#""\ud83d\ude00 1e400""#,
            r#""\\ud800""#,
        ] {
            let json = format!(r#"{{"a":{value}}}"#);
            assert_eq!(check_readable_object(&json), Ok(()), "{json}");
        }
    }

    #[test]
    fn nesting_ends_at_sixty_four_levels() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert_eq!(check_object(&nested(64)), Ok(()));
        assert_eq!(check_object(&nested(65)), Err(JsonFault::TooDeep));
        assert_eq!(check_object(&"{\"a\":".repeat(1_000_000)), Err(JsonFault::TooDeep));
        assert_eq!(check_container(&nested(10_000)), Ok(()));
    }
}
