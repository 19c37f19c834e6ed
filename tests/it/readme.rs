//! The README says what is there. Its code blocks are doctests; this is about the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{ImplItem, Item, Visibility};
use tower_bearer::{Rejection, RejectionKind};

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");
const CRATE_PAGE: &str = include_str!("../../src/lib.rs");

/// Names in the README's prose that belong to others.
const FOREIGN: &[&str] = &["Bearer", "CorsLayer", "Option"];

/// The text outside of fenced code.
fn prose() -> String {
    README.split("```").step_by(2).collect()
}

/// What stands in backticks in the prose.
fn code_spans() -> Vec<String> {
    prose().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table whose first heading is this, as trimmed cells.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let rows = lines.skip_while(|line| !line.starts_with(&format!("| {heading} |"))).skip(2);
    let rows: Vec<_> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    assert!(!rows.is_empty(), "there is no table with the heading {heading:?}");
    rows
}

/// The features of Cargo.toml but `default`, and whether each is on by default.
fn features() -> BTreeMap<String, bool> {
    let section = MANIFEST.split("\n[features]\n").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    let entries: BTreeMap<&str, &str> = section.lines().filter_map(|line| line.split_once(" = ")).collect();
    let default = entries["default"];
    let others = entries.keys().filter(|name| **name != "default");
    others.map(|name| ((*name).to_owned(), default.contains(&format!("\"{name}\"")))).collect()
}

#[test]
fn it_names_the_three_commands() {
    for command in ["cargo run --example service_to_service", "cargo run --example quickstart", "cargo test"] {
        assert!(README.lines().any(|line| line == format!("$ {command}")), "{command}");
    }
}

#[test]
fn it_names_every_example_and_no_other() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    // A program is a file, or a directory with a `main.rs`.
    let programs = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists());
    let there: BTreeSet<_> = programs.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let rows = table(README, "example");
    let named = rows.iter().map(|row| row[0].trim_matches('`').rsplit(' ').next().unwrap().to_owned());
    assert_eq!(named.collect::<BTreeSet<_>>(), there);
}

#[test]
fn its_features_are_those_of_the_manifest_and_so_are_those_of_the_crates_page() {
    for text in [README, CRATE_PAGE] {
        let rows = table(text, "feature");
        let named: BTreeMap<_, _> =
            rows.iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1] == "yes")).collect();
        assert_eq!(named, features());
    }
}

#[test]
fn it_names_the_oldest_rust_that_will_do() {
    let version = MANIFEST.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(README.contains(&format!("Needs Rust {version} or newer")));
}

#[test]
fn every_rejection_is_a_row_of_its_table_and_every_row_a_rejection() {
    let said = |kind: &RejectionKind| {
        let rejection = Rejection::new(*kind);
        let challenge = match rejection.error() {
            Some(error) => format!("`{error}`"),
            None if rejection.www_authenticate().is_some() => "none".to_owned(),
            None if rejection.retry_after().is_some() => "no challenge, but `Retry-After`".to_owned(),
            None => "no challenge; the log says what to do".to_owned(),
        };
        (rejection.status().as_u16().to_string(), challenge)
    };
    let kinds: BTreeSet<_> = RejectionKind::ALL.iter().map(said).collect();
    let rows = table(README, "what came");
    assert_eq!(rows.iter().map(|row| (row[1].clone(), row[2].clone())).collect::<BTreeSet<_>>(), kinds);
}

/// The names of public items: `Type`, `function`, and `Type::method`.
#[derive(Default)]
struct PublicNames(BTreeSet<String>);

impl<'ast> Visit<'ast> for PublicNames {
    fn visit_item(&mut self, item: &'ast Item) {
        let (vis, name) = match item {
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            Item::Fn(item) => (&item.vis, &item.sig.ident),
            Item::Mod(item) => (&item.vis, &item.ident),
            other => return visit::visit_item(self, other),
        };
        if matches!(vis, Visibility::Public(_)) {
            self.0.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*block.self_ty else { return };
        let of = &path.path.segments.last().unwrap().ident;
        for item in &block.items {
            if let ImplItem::Fn(method) = item
                && matches!(method.vis, Visibility::Public(_))
            {
                self.0.insert(format!("{of}::{}", method.sig.ident));
            }
        }
    }
}

fn read(directory: &Path, names: &mut PublicNames) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            names.visit_file(&syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap());
        }
    }
}

/// Whether this reads like a type, or a method of one.
fn is_item(span: &str) -> bool {
    let first = span.split("::").next().unwrap_or_default();
    let camel = first.starts_with(|c: char| c.is_ascii_uppercase()) && first.contains(|c: char| c.is_ascii_lowercase());
    camel && span.chars().all(|c| c.is_alphanumeric() || c == ':' || c == '_')
}

#[test]
fn every_item_that_it_names_is_public() {
    let mut public = PublicNames::default();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut public);
    let spans = code_spans();
    // Of `Option<VerifiedToken>` both names.
    let names: Vec<&str> = spans.iter().flat_map(|span| span.split(['<', '>'])).filter(|name| is_item(name)).collect();
    assert!(names.contains(&"BearerLayer::respond_with"), "{names:?}");
    let unknown: Vec<_> = names.iter().filter(|name| !FOREIGN.contains(name) && !public.0.contains(**name)).collect();
    assert!(unknown.is_empty(), "no public items of this crate: {unknown:?}");
}
