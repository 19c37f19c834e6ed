//! [`Payload`]: the claims of a token, and where in them those stand that are asked for most.

use std::borrow::Cow;

/// The claims as they were signed.
pub(crate) struct Payload(Box<str>);

/// A text that stands in a payload as it is, or was made from it.
pub(crate) enum Text {
    Within { start: u32, bytes: u32 },
    Made(Box<str>),
}

impl Payload {
    pub(crate) fn new(payload: &str) -> Self {
        Self(payload.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that was made of this payload.
    pub(crate) fn text<'t>(&'t self, text: &'t Text) -> &'t str {
        match text {
            Text::Within { start, bytes } => {
                let start = *start as usize;
                self.0.get(start..start + *bytes as usize).unwrap_or_default()
            }
            Text::Made(text) => text,
        }
    }
}

impl Text {
    /// Keeps a text that may be a part of this payload.
    pub(crate) fn of(payload: &str, text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::within(payload, text).unwrap_or_else(|| Self::Made(text.into())),
            Cow::Owned(text) => Self::Made(text.into()),
        }
    }

    fn within(payload: &str, text: &str) -> Option<Self> {
        // Both are borrowed: what has an address within the payload is a part of it.
        let start = text.as_ptr().addr().checked_sub(payload.as_ptr().addr())?;
        payload.get(start..)?.get(..text.len())?;
        Some(Self::Within { start: u32::try_from(start).ok()?, bytes: u32::try_from(text.len()).ok()? })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_payload_takes_no_memory_of_its_own() {
        let payload = r#"{"sub":"alice","scope":""}"#.to_owned();
        let part = Text::of(&payload, Cow::Borrowed(payload.get(8..13).unwrap()));
        assert!(matches!(part, Text::Within { start: 8, bytes: 5 }));
        let kept = Payload::new(&payload);
        assert_eq!((kept.text(&part), kept.as_str()), ("alice", &*payload));
    }

    #[test]
    fn what_was_made_or_stands_elsewhere_is_kept_by_itself() {
        let payload = r#"{"sub":"al\u0069ce"}"#.to_owned();
        for text in [Cow::Owned("alice".to_owned()), Cow::Borrowed("alice"), Cow::Borrowed("")] {
            let kept = Text::of(&payload, text.clone());
            assert!(matches!(kept, Text::Made(_)));
            assert_eq!(Payload::new(&payload).text(&kept), text);
        }
    }
}
