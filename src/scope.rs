//! Scopes: the space-separated words of RFC 6749 §3.3.

/// Whether `scope` is one scope token: visible ASCII without space, `"` and `\` (RFC 6749 §3.3).
pub(crate) fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// The scopes in a space-separated list.
pub(crate) fn words(list: &str) -> impl Iterator<Item = &str> + Clone {
    list.split(' ').filter(|word| !word.is_empty())
}
