//! A JSON object that is read in one pass: its members, that none of them occurs twice, that it isn't nested too deeply, and that
//! what nobody reads at first can be read later.
//!
//! It takes what `serde_json` takes, in less time, as it knows what it looks for: header and claims of each token are read by it.
//! Strings with escapes and numbers that are no plain integers are left to `serde_json`.

use std::borrow::Cow;
use std::convert::Infallible;

use serde::de::IgnoredAny;

use super::json::{JsonFault, MAX_DEPTH, Names, check_object};

/// What is read of an object as its members go by.
pub(crate) trait ReadMembers<'a> {
    /// The members that matter, at most 64.
    type Member: Copy;

    /// The member of this name, if it matters.
    fn member(name: &str) -> Option<Self::Member>;

    /// The bit that stands for this member alone.
    fn bit(member: Self::Member) -> u64;

    fn read(&mut self, member: Self::Member, value: Value<'_, 'a>) -> Result<(), Unfit>;

    /// Passes the value of a member that doesn't matter now; what nobody reads later either can be ignored instead.
    fn pass(value: Value<'_, 'a>) -> Result<(), Unfit> {
        value.pass()
    }
}

/// It is no such object.
pub(crate) struct Unfit;

/// Reads an object whose own members are unique and which isn't nested beyond 64 levels.
///
/// Names are compared unescaped. Members of inner objects may repeat: nobody reads those by name here.
pub(crate) fn read_object<'a, R: ReadMembers<'a>>(json: &'a str, read: &mut R) -> Result<(), JsonFault> {
    let (mut seen, mut others, mut reader) = (0, Names::new(), Reader::new(json));
    let object = reader.object(1, |name, value| match R::member(&name) {
        Some(member) if seen & R::bit(member) == 0 => {
            seen |= R::bit(member);
            read.read(member, value)
        }
        Some(_) => Err(Unfit),
        None => {
            R::pass(value)?;
            others.add(name).map_err(|_| Unfit)
        }
    });
    match object.and_then(|()| reader.end()).and_then(|()| others.finish().map_err(|_| Unfit)) {
        Ok(()) => Ok(()),
        Err(Unfit) => Err(check_object(json).err().unwrap_or(JsonFault::Malformed)),
    }
}

/// Nothing of it, to see whether it can be read: with a number beyond a double or a lone surrogate, it can't.
impl<'a> ReadMembers<'a> for () {
    type Member = Infallible;

    fn member(_: &str) -> Option<Infallible> {
        None
    }

    fn bit(member: Infallible) -> u64 {
        match member {}
    }

    fn read(&mut self, member: Infallible, _: Value<'_, 'a>) -> Result<(), Unfit> {
        match member {}
    }
}

/// The value of a member that may be a string or an array of strings.
#[derive(Default)]
pub(crate) enum Words<'a> {
    #[default]
    Absent,
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
    /// Something else.
    Odd,
}

impl Words<'_> {
    /// The value, where it is one string.
    pub(crate) fn one(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            _ => None,
        }
    }

    /// The value, where it is one string with something in it.
    pub(crate) fn filled(&self) -> Option<&str> {
        self.one().filter(|value| !value.is_empty())
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many): (Option<&str>, &[Cow<'_, str>]) = match self {
            Self::One(value) => (Some(value), &[]),
            Self::Many(values) => (None, values),
            Self::Absent | Self::Odd => (None, &[]),
        };
        one.into_iter().chain(many.iter().map(AsRef::as_ref))
    }
}

/// The value that comes next.
pub(crate) struct Value<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// At which level it is if it holds others; the object itself is at the first.
    level: usize,
}

impl<'a> Value<'_, 'a> {
    /// Reads it where it is to stay, which is `Absent` yet. (Handing it up takes longer than to read it.)
    pub(crate) fn words(self, into: &mut Words<'a>) -> Result<(), Unfit> {
        match self.reader.peek()? {
            // As `string` does it, but for what would be merged and moved.
            b'"' if self.reader.is_plain => *into = Words::One(Cow::Borrowed(self.reader.up_to_quote()?)),
            b'"' => *into = Words::One(self.reader.odd_string()?),
            b'[' => *into = self.several()?,
            b'n' => self.pass()?,
            _ => {
                self.pass()?;
                *into = Words::Odd;
            }
        }
        Ok(())
    }

    fn several(self) -> Result<Words<'a>, Unfit> {
        let (mut words, mut is_odd) = (Vec::new(), false);
        self.reader.array(self.level, |element| match element.reader.peek()? {
            b'"' => element.reader.string().map(|word| words.push(word)),
            _ => {
                is_odd = true;
                element.pass()
            }
        })?;
        Ok(if is_odd { Words::Odd } else { Words::Many(words) })
    }

    /// A string, and nothing else.
    pub(crate) fn string(self) -> Result<Cow<'a, str>, Unfit> {
        if self.reader.peek()? == b'"' { self.reader.string() } else { Err(Unfit) }
    }

    /// A number or null, and nothing else.
    pub(crate) fn number(self) -> Result<Option<f64>, Unfit> {
        match self.reader.peek()? {
            b'-' | b'0'..=b'9' => self.reader.number().map(Some),
            b'n' => self.pass().map(|()| None),
            _ => Err(Unfit),
        }
    }

    /// That there is a value, whatever it is.
    pub(crate) fn present(self) -> Result<bool, Unfit> {
        self.pass().map(|()| true)
    }

    /// A value that nobody reads, now or later: it may be a number or a string that fits no variable.
    pub(crate) fn ignore(self) -> Result<(), Unfit> {
        self.reader.peek()?;
        let rest = self.reader.json.get(self.reader.at..).ok_or(Unfit)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let is_value = values.next().is_some_and(|value| value.is_ok());
        let value = rest.get(..values.byte_offset()).filter(|_| is_value).ok_or(Unfit)?;
        self.reader.at += value.len();
        // It stands in an object, which is what counts levels.
        let may_be_deep = value.len() > MAX_DEPTH && value.starts_with(['{', '[']);
        if may_be_deep && check_object(&format!("{{\"\":{value}}}")).is_err() { Err(Unfit) } else { Ok(()) }
    }

    /// A value that is read later, if at all.
    pub(crate) fn pass(self) -> Result<(), Unfit> {
        let Self { reader, level } = self;
        match reader.peek()? {
            b'"' => reader.string().map(drop),
            b'{' => reader.object(level, |_, value| value.pass()),
            b'[' => reader.array(level, |element| element.pass()),
            b't' => reader.word("true"),
            b'f' => reader.word("false"),
            b'n' => reader.word("null"),
            b'-' | b'0'..=b'9' => reader.number().map(drop),
            _ => Err(Unfit),
        }
    }
}

/// A text, and how far it was read.
struct Reader<'a> {
    json: &'a str,
    at: usize,
    /// Whether nothing but a quote ends a string: there is no escape and no control character in the whole text, as in most.
    is_plain: bool,
}

impl<'a> Reader<'a> {
    fn new(json: &'a str) -> Self {
        Self { json, at: 0, is_plain: !is_odd(json) }
    }

    fn object<F>(&mut self, level: usize, mut member: F) -> Result<(), Unfit>
    where
        F: FnMut(Cow<'a, str>, Value<'_, 'a>) -> Result<(), Unfit>,
    {
        let mut goes_on = self.opens(level, b'{', b'}')?;
        while goes_on {
            if self.peek()? != b'"' {
                return Err(Unfit);
            }
            let name = self.string()?;
            self.take(b':')?;
            member(name, Value { reader: self, level: level + 1 })?;
            goes_on = self.goes_on(b'}')?;
        }
        Ok(())
    }

    fn array<F>(&mut self, level: usize, mut element: F) -> Result<(), Unfit>
    where
        F: FnMut(Value<'_, 'a>) -> Result<(), Unfit>,
    {
        let mut goes_on = self.opens(level, b'[', b']')?;
        while goes_on {
            element(Value { reader: self, level: level + 1 })?;
            goes_on = self.goes_on(b']')?;
        }
        Ok(())
    }

    /// Whether there is something in what begins here.
    fn opens(&mut self, level: usize, begin: u8, end: u8) -> Result<bool, Unfit> {
        if level > MAX_DEPTH {
            return Err(Unfit);
        }
        self.take(begin)?;
        let is_empty = self.peek()? == end;
        self.at += usize::from(is_empty);
        Ok(!is_empty)
    }

    /// Whether something follows after a comma, or this is the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, Unfit> {
        let next = self.peek()?;
        self.at += 1;
        match next {
            b',' => Ok(true),
            next if next == end => Ok(false),
            _ => Err(Unfit),
        }
    }

    /// Nothing follows.
    fn end(&mut self) -> Result<(), Unfit> {
        if self.rest().iter().all(|byte| is_space(*byte)) { Ok(()) } else { Err(Unfit) }
    }

    fn take(&mut self, expected: u8) -> Result<(), Unfit> {
        let is_it = self.peek()? == expected;
        self.at += 1;
        if is_it { Ok(()) } else { Err(Unfit) }
    }

    fn word(&mut self, expected: &str) -> Result<(), Unfit> {
        let is_it = self.rest().starts_with(expected.as_bytes());
        self.at += expected.len();
        if is_it { Ok(()) } else { Err(Unfit) }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Result<u8, Unfit> {
        loop {
            match self.json.as_bytes().get(self.at) {
                Some(&byte) if byte > b' ' => return Ok(byte),
                Some(&byte) if is_space(byte) => self.at += 1,
                _ => return Err(Unfit),
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.json.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The string whose opening quote is next.
    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Unfit> {
        if !self.is_plain {
            return self.odd_string();
        }
        self.up_to_quote().map(Cow::Borrowed)
    }

    /// What comes before the next quote, whatever it is.
    #[inline]
    fn up_to_quote(&mut self) -> Result<&'a str, Unfit> {
        let start = self.at + 1;
        let end = start + length_before_quote(self.json.as_bytes().get(start..).ok_or(Unfit)?);
        // If the text ends without a quote, there is nothing where one goes on.
        self.at = end + 1;
        self.json.get(start..end).ok_or(Unfit)
    }

    /// The string, where there may be an escape or a control character in it.
    #[cold]
    fn odd_string(&mut self) -> Result<Cow<'a, str>, Unfit> {
        let begin = self.at;
        let text = self.up_to_quote()?;
        if !is_odd(text) {
            return Ok(Cow::Borrowed(text));
        }
        self.at = begin;
        self.escaped_string().map(Cow::Owned)
    }

    /// The string, where there is an escape in it; serde_json sees if there is a control character.
    fn escaped_string(&mut self) -> Result<String, Unfit> {
        let mut is_escaped = false;
        let mut inner = self.rest().iter().skip(1);
        let length = inner.position(|byte| {
            let ends = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            ends
        });
        let end = self.at + 1 + length.ok_or(Unfit)?;
        let quoted = self.json.get(self.at..=end).ok_or(Unfit)?;
        self.at = end + 1;
        serde_json::from_str(quoted).map_err(|_| Unfit)
    }

    fn number(&mut self) -> Result<f64, Unfit> {
        let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let rest = self.rest();
        let (mut length, mut plain) = (0, 0_u64);
        for digit in rest.iter().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()) {
            plain = plain * 10 + u64::from(digit - b'0');
            length += 1;
        }
        if length > 0 && rest.first() != Some(&b'0') && !rest.get(length).is_some_and(is_of_number) {
            self.at += length;
            return Ok(plain as f64);
        }
        let length = rest.iter().position(|byte| !is_of_number(byte)).unwrap_or(rest.len());
        let number = self.json.get(self.at..self.at + length).ok_or(Unfit)?;
        self.at += length;
        serde_json::from_str(number).map_err(|_| Unfit)
    }
}

/// So many digits fit a double as they are.
const MOST_DIGITS: usize = 15;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether there is an escape or a control character in it. All bytes are looked at, which takes less time than to stop at one.
fn is_odd(text: &str) -> bool {
    text.bytes().fold(false, |found, byte| found | (byte == b'\\') | (byte < b' '))
}

/// How many bytes there are before a quote. Eight are looked at together.
#[inline]
fn length_before_quote(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let (mut at, mut rest) = (0, bytes);
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let other = u64::from_le_bytes(*word) ^ QUOTES;
        // The high bit of the first byte that is zero, which was a quote; perhaps of others above it.
        let found = other.wrapping_sub(ONES) & !other & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        (at, rest) = (at + 8, after);
    }
    at + rest.iter().take_while(|byte| **byte != b'"').count()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    use proptest::prelude::*;
    use serde_json::Map;

    /// As it is passed, which is as it is read where a text is looked for under `x`.
    fn check(json: &str) -> Result<(), JsonFault> {
        struct Text;
        impl<'a> ReadMembers<'a> for Text {
            type Member = ();
            fn member(name: &str) -> Option<()> {
                (name == "x").then_some(())
            }
            fn bit((): ()) -> u64 {
                1
            }
            fn read(&mut self, (): (), value: Value<'_, 'a>) -> Result<(), Unfit> {
                value.words(&mut Words::Absent)
            }
        }
        let passed = read_object(json, &mut ());
        assert_eq!(read_object(json, &mut Text), passed, "{json}");
        passed
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
            assert_eq!(check(&json), Err(JsonFault::Malformed), "{json}");
            assert_eq!(check_object(&json), Ok(()), "a scan of names does not see it: {json}");
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
            assert_eq!(check(&json), Ok(()), "{json}");
        }
    }

    #[test]
    fn what_the_scan_refuses_is_refused_alike() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        for json in [
            "",
            "[]",
            "null",
            "\u{feff}{}",
            "{}}",
            "{} {}",
            "{}\u{c}",
            "{}\u{0}",
            "{",
            r#"{"a"#,
            r#"{"a":[}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"":1,"":2}"#,
            r#"{"\ud800":1}"#,
            &nested(65),
            &"{\"a\":".repeat(1_000_000),
        ] {
            let fault = check_object(json).unwrap_err();
            assert_eq!(check(json), Err(fault), "{}", json.get(..20).unwrap_or(json));
        }
        for json in [r#" {"a":{"x":1,"x":2},"b":[1,{"a":3}],"x":","} "#, &nested(64)] {
            assert_eq!(check(json), Ok(()));
        }
    }

    #[test]
    fn many_names_are_compared_as_well() {
        for count in [32, 33, 500] {
            let members =
                |last: usize| (0..count).chain([last]).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(",");
            assert_eq!(check(&format!("{{{}}}", members(count))), Ok(()));
            assert_eq!(check(&format!("{{{}}}", members(7))), Err(JsonFault::DuplicateMember));
        }
    }

    /// Texts that are JSON, or nearly.
    fn near_json() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\"a\"",
            "\"b\":",
            "\"\\u0061\"",
            "\"\\ud83d\\ude00\"",
            "\\ud800",
            "true",
            "false",
            "null",
            "nul",
            "0",
            "-",
            "1",
            "01",
            "-0.5",
            "1e3",
            "1e400",
            "1.",
            ".5",
            "123456789012345678901",
            " ",
            "\n",
            "\u{b}",
            "é",
            "\u{1f600}",
            "{\"a\":1}",
            "[1,[2,{}]]",
            "{\"a\":[\"b\"],\"c\":{\"d\":null}}",
        ]);
        let pieces = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
        prop_oneof![pieces.clone(), pieces.prop_map(|text| format!("{{\"x\":{text}}}"))]
    }

    #[test]
    fn numbers_of_any_length_are_what_serde_json_takes_them_for() {
        #[derive(Default)]
        struct Number(Option<f64>);
        impl<'a> ReadMembers<'a> for Number {
            type Member = ();
            fn member(_: &str) -> Option<()> {
                Some(())
            }
            fn bit((): ()) -> u64 {
                1
            }
            fn read(&mut self, (): (), value: Value<'_, 'a>) -> Result<(), Unfit> {
                self.0 = value.number()?;
                Ok(())
            }
        }
        for begin in ["", "0", "1", "9", "-", "-0", "-9", "00", "+", "."] {
            for digits in [0, 1, 9, 13, 14, 15, 16, 17, 18, 19, 20, 21, 300] {
                for end in ["", " ", ".5", ".", "e3", "E+2", "e", "-1", "x", "_", ".e1", "00"] {
                    let json = format!(r#"{{"x":{begin}{}{end}}}"#, "7".repeat(digits));
                    let mut read = Number::default();
                    let is_taken = read_object(&json, &mut read).is_ok();
                    let theirs = serde_json::from_str::<Map<String, serde_json::Value>>(&json).ok();
                    assert_eq!(is_taken.then_some(read.0), theirs.map(|object| object["x"].as_f64()), "{json}");
                }
            }
        }
    }

    #[test]
    fn each_character_is_taken_where_serde_json_takes_it_wherever_it_stands_in_a_string() {
        for character in (0..=0xff).map(char::from) {
            for place in 0..20 {
                let text: String = (0..20).map(|at| if at == place { character } else { 'a' }).collect();
                for json in [
                    format!(r#"{{"x":"{text}"}}"#),
                    format!(r#"{{"{text}":"x\n"}}"#),
                    format!(r#"{{"x":"{text}"#),
                    format!("{{\n\"x\":[\"{text}\"]}}"),
                ] {
                    let is_taken = serde_json::from_str::<Map<String, serde_json::Value>>(&json).is_ok();
                    assert_eq!(check(&json).is_ok(), is_taken, "{json}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn it_takes_what_serde_json_takes_of_objects_with_unique_names(json in near_json()) {
            let is_taken = check_object(&json).is_ok() && serde_json::from_str::<Map<String, serde_json::Value>>(&json).is_ok();
            prop_assert_eq!(check(&json).is_ok(), is_taken, "{}", json);
        }

        #[test]
        fn it_reads_what_serde_json_reads(text in ".{0,8}", number in any::<f64>(), integer in any::<i64>(), texts in prop::collection::vec(".{0,4}", 0..3)) {
            #[derive(Default)]
            struct Read(String, Vec<String>, Option<f64>, Option<f64>);
            impl<'a> ReadMembers<'a> for Read {
                type Member = usize;
                fn member(name: &str) -> Option<usize> {
                    ["text", "texts", "number", "integer"].iter().position(|known| *known == name)
                }
                fn bit(member: usize) -> u64 {
                    1 << member
                }
                fn read(&mut self, member: usize, value: Value<'_, 'a>) -> Result<(), Unfit> {
                    match member {
                        0 => self.0 = value.string()?.into_owned(),
                        1 => {
                            let mut words = Words::Absent;
                            value.words(&mut words)?;
                            self.1 = words.iter().map(str::to_owned).collect();
                        }
                        2 => self.2 = value.number()?,
                        _ => self.3 = value.number()?,
                    }
                    Ok(())
                }
            }
            let json = serde_json::json!({"text": text, "texts": texts, "number": number, "integer": integer, "other": [text, {"a": number}]});
            for json in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
                let mut read = Read::default();
                read_object(&json, &mut read).unwrap();
                let again: serde_json::Value = serde_json::from_str(&json).unwrap();
                prop_assert_eq!((&read.0, &read.1), (&text, &texts));
                prop_assert_eq!((read.2, read.3), (again["number"].as_f64(), again["integer"].as_f64()));
            }
        }
    }
}
