//! [`Error`]: something the developer or operator of this service must mend.

use std::borrow::Cow;
use std::fmt;

/// Why an [`Issuer`](crate::Issuer) or another part could not be set up or made ready.
///
/// The message is a sentence for the person who runs the service: what was wrong, where it was set, and what to write
/// instead. It never holds a token, a secret or the value of a claim, and it has no `source()`: errors of parsers
/// quote their input.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Configuration,
    Unavailable,
}

impl Error {
    pub(crate) fn configuration(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Configuration, message: message.into() }
    }

    pub(crate) fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Unavailable, message: message.into() }
    }

    /// The same, where it is not a setting of ours that is wrong but what an issuer sent.
    pub(crate) fn sent_by_issuer(self) -> Self {
        Self { kind: Kind::Unavailable, ..self }
    }

    /// Whether a setting is wrong: trying again without changing it will not help.
    pub fn is_configuration(&self) -> bool {
        self.kind == Kind::Configuration
    }

    /// Whether the issuer could not be reached or did not answer as the standards ask: it may work later.
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error::{:?}({:?})", self.kind, self.message)
    }
}

impl std::error::Error for Error {}

/// What is left of a JSON error once its text, which quotes the input, is taken away: category, line and column.
pub(crate) struct JsonFault {
    category: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        let category = match error.classify() {
            serde_json::error::Category::Syntax => "is not JSON",
            serde_json::error::Category::Eof => "ends too early",
            serde_json::error::Category::Data => "does not have the expected members",
            serde_json::error::Category::Io => "could not be read",
        };
        Self { category, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.category, self.line, self.column)
    }
}
