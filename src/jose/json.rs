//! What serde doesn't check of a JSON object: that no member occurs twice, and that it isn't nested too deeply.
//!
//! The scan is no validator. It walks strings and brackets only, so that it agrees with any real parser
//! on every text which that parser accepts; `serde_json` reads the same text afterwards and refuses the others.

use std::borrow::Cow;

/// How deeply objects and arrays may be nested, the outermost included.
pub(super) const MAX_DEPTH: usize = 64;

/// How many members an object may have before the scan allocates.
const INLINE_NAMES: usize = 32;

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
    scan(json, MAX_DEPTH)
}

/// As [`check_object`], for a container whose members are checked one by one: any depth will do.
pub(super) fn check_container(json: &str) -> Result<(), JsonFault> {
    scan(json, usize::MAX)
}

fn scan(json: &str, max_depth: usize) -> Result<(), JsonFault> {
    let json = json.trim_matches([' ', '\t', '\n', '\r']);
    if !json.starts_with('{') {
        return Err(JsonFault::NotAnObject);
    }
    let bytes = json.as_bytes();
    let mut names = Names::new();
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
                if name_comes_next && depth == 1 {
                    names.add(string.unescaped()?)?;
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
            _ => {}
        }
    }
    if depth != 0 {
        return Err(JsonFault::EndsEarly);
    }
    names.finish()
}

/// A string literal, its quotes included.
#[derive(Clone, Copy)]
struct Literal<'a> {
    quoted: &'a str,
    escaped: bool,
}

impl<'a> Literal<'a> {
    fn unescaped(self) -> Result<Cow<'a, str>, JsonFault> {
        if self.escaped {
            return serde_json::from_str(self.quoted).map(Cow::Owned).map_err(|_| JsonFault::Malformed);
        }
        Ok(Cow::Borrowed(self.quoted.trim_matches('"')))
    }
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
/// there are many, or one was escaped, they are gathered and sorted, so that hostile input stays cheap too.
pub(super) struct Names<'a> {
    inline: [&'a str; INLINE_NAMES],
    len: usize,
    /// One bit for each fingerprint seen: a name whose bit isn't set is new without comparing.
    fingerprints: u64,
    gathered: Vec<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    pub(super) fn new() -> Self {
        Self { inline: [""; INLINE_NAMES], len: 0, fingerprints: 0, gathered: Vec::new() }
    }

    #[inline]
    pub(super) fn add(&mut self, name: Cow<'a, str>) -> Result<(), JsonFault> {
        let (Cow::Borrowed(plain), Some(slot)) = (&name, self.inline.get_mut(self.len)) else {
            self.gathered.push(name);
            return Ok(());
        };
        *slot = plain;
        let fingerprint = fingerprint(plain);
        if self.fingerprints & fingerprint != 0 && self.inline.iter().take(self.len).any(|seen| seen == plain) {
            return Err(JsonFault::DuplicateMember);
        }
        self.fingerprints |= fingerprint;
        self.len += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), JsonFault> {
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
    fn nesting_ends_at_sixty_four_levels() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert_eq!(check_object(&nested(64)), Ok(()));
        assert_eq!(check_object(&nested(65)), Err(JsonFault::TooDeep));
        assert_eq!(check_object(&"{\"a\":".repeat(1_000_000)), Err(JsonFault::TooDeep));
        assert_eq!(check_container(&nested(10_000)), Ok(()));
    }
}
