//! A JSON object that is read in one pass: its members, that none of them occurs twice, that it isn't nested too deeply, and that
//! what nobody reads at first can be read later.
//!
//! It takes what `serde_json` takes, in less time, as it knows what it looks for: claims are read by it, and headers that are not known yet.

use std::borrow::Cow;
use std::convert::Infallible;

use super::json::{JsonFault, MAX_DEPTH, Names, check_object};
use super::reader::Reader;
pub(crate) use super::reader::Unfit;

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

/// Reads an object whose own members are unique and which isn't nested beyond 64 levels.
///
/// Names are compared unescaped. Members of inner objects may repeat: nobody reads those by name here.
pub(crate) fn read_object<'a, R: ReadMembers<'a>>(json: &'a str, read: &mut R) -> Result<(), JsonFault> {
    let (mut seen, mut others, mut reader) = (0, Names::new(), Reader::new(json));
    let object = reader.object(1, |name, reader| {
        let value = Value { reader, level: 2 };
        match R::member(&name) {
            Some(member) if seen & R::bit(member) == 0 => {
                seen |= R::bit(member);
                read.read(member, value)
            }
            Some(_) => Err(Unfit),
            None => {
                R::pass(value)?;
                others.add(name).map_err(|_| Unfit)
            }
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
        self.reader.array(self.level, |reader| match reader.peek()? {
            b'"' => reader.string().map(|word| words.push(word)),
            _ => {
                is_odd = true;
                Value { reader, level: self.level + 1 }.pass()
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
        let value = self.reader.written()?;
        // It stands in an object, which is what counts levels.
        let may_be_deep = value.len() > MAX_DEPTH && value.starts_with(['{', '[']);
        if may_be_deep && check_object(&format!("{{\"\":{value}}}")).is_err() { Err(Unfit) } else { Ok(()) }
    }

    /// A value that is read later, if at all.
    pub(crate) fn pass(self) -> Result<(), Unfit> {
        let Self { reader, level } = self;
        match reader.peek()? {
            b'"' => reader.string().map(drop),
            b'{' => reader.object(level, |_, reader| Value { reader, level: level + 1 }.pass()),
            b'[' => reader.array(level, |reader| Value { reader, level: level + 1 }.pass()),
            b't' => reader.word("true"),
            b'f' => reader.word("false"),
            b'n' => reader.word("null"),
            b'-' | b'0'..=b'9' => reader.number().map(drop),
            _ => Err(Unfit),
        }
    }
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
