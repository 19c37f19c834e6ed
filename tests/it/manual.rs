//! The pages of the manual quote refusals as callers see them.

use std::fs;
use std::path::Path;

use tower_bearer::{Rejection, RejectionKind};

/// The kinds that a page links to, with the sentence that it quotes after each.
fn quoted(page: &str) -> Vec<(String, Option<String>)> {
    let after_links = page.split("](crate::RejectionKind::").skip(1);
    after_links
        .map(|rest| {
            let (kind, rest) = rest.split_once(')').unwrap();
            let sentence = rest.strip_prefix(": \"").and_then(|rest| rest.split_once('"'));
            (kind.to_owned(), sentence.map(|(sentence, _)| sentence.to_owned()))
        })
        .collect()
}

#[test]
fn each_refusal_that_is_quoted_is_said_so() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual");
    let mut seen = 0;
    for entry in fs::read_dir(pages).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for (kind, sentence) in quoted(&fs::read_to_string(&path).unwrap()) {
            let known = RejectionKind::ALL.iter().find(|known| format!("{known:?}") == kind);
            let known = known.unwrap_or_else(|| panic!("{}: there is no {kind}", path.display()));
            if let Some(sentence) = sentence {
                assert_eq!(sentence, Rejection::new(*known).description(), "{}: {kind}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} sentences are quoted");
}
