//! [`Reader`]: a JSON text that is read from its beginning to its end, byte by byte or, in strings, eight at a time.
//!
//! Strings with escapes and numbers that are no plain integers are left to `serde_json`.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::json::MAX_DEPTH;

/// It is not what is looked for.
pub(crate) struct Unfit;

/// A text, and how far it was read.
pub(super) struct Reader<'a> {
    json: &'a str,
    at: usize,
    /// Whether nothing but a quote ends a string: there is no escape and no control character in the whole text, as in most.
    pub(super) is_plain: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Self { json, at: 0, is_plain: !is_odd(json) }
    }

    /// An object at this level: `member` is told each name, and reads the value.
    pub(super) fn object<F>(&mut self, level: usize, mut member: F) -> Result<(), Unfit>
    where
        F: FnMut(Cow<'a, str>, &mut Self) -> Result<(), Unfit>,
    {
        let mut goes_on = self.opens(level, b'{', b'}')?;
        while goes_on {
            if self.peek()? != b'"' {
                return Err(Unfit);
            }
            let name = self.string()?;
            self.take(b':')?;
            member(name, self)?;
            goes_on = self.goes_on(b'}')?;
        }
        Ok(())
    }

    /// An array at this level, whose elements `element` reads.
    pub(super) fn array<F>(&mut self, level: usize, mut element: F) -> Result<(), Unfit>
    where
        F: FnMut(&mut Self) -> Result<(), Unfit>,
    {
        let mut goes_on = self.opens(level, b'[', b']')?;
        while goes_on {
            element(self)?;
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
    pub(super) fn end(&mut self) -> Result<(), Unfit> {
        if self.rest().iter().all(|byte| is_space(*byte)) { Ok(()) } else { Err(Unfit) }
    }

    fn take(&mut self, expected: u8) -> Result<(), Unfit> {
        let is_it = self.peek()? == expected;
        self.at += 1;
        if is_it { Ok(()) } else { Err(Unfit) }
    }

    pub(super) fn word(&mut self, expected: &str) -> Result<(), Unfit> {
        let is_it = self.rest().starts_with(expected.as_bytes());
        self.at += expected.len();
        if is_it { Ok(()) } else { Err(Unfit) }
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Result<u8, Unfit> {
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
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Unfit> {
        if !self.is_plain {
            return self.odd_string();
        }
        self.up_to_quote().map(Cow::Borrowed)
    }

    /// What comes before the next quote, whatever it is.
    #[inline]
    pub(super) fn up_to_quote(&mut self) -> Result<&'a str, Unfit> {
        let start = self.at + 1;
        let end = start + length_before_quote(self.json.as_bytes().get(start..).ok_or(Unfit)?);
        // If the text ends without a quote, there is nothing where one goes on.
        self.at = end + 1;
        self.json.get(start..end).ok_or(Unfit)
    }

    /// The string, where there may be an escape or a control character in it.
    #[cold]
    pub(super) fn odd_string(&mut self) -> Result<Cow<'a, str>, Unfit> {
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

    /// The next value as it is written, whether or not it fits a variable.
    pub(super) fn written(&mut self) -> Result<&'a str, Unfit> {
        self.peek()?;
        let rest = self.json.get(self.at..).ok_or(Unfit)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let is_value = values.next().is_some_and(|value| value.is_ok());
        let value = rest.get(..values.byte_offset()).filter(|_| is_value).ok_or(Unfit)?;
        self.at += value.len();
        Ok(value)
    }

    pub(super) fn number(&mut self) -> Result<f64, Unfit> {
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
