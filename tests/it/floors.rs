//! The house: rooms lie on floors, and imports only ever point down.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemUse, UseTree};

/// Each room and its floor. A room may use what lies on lower floors, and itself.
const FLOORS: &[(&str, u8)] = &[
    ("lib", 9),
    ("manual", 9),
    ("testing", 8),
    ("axum", 8),
    ("tonic", 8),
    ("client", 7),
    ("resource_server", 6),
    ("issuer", 5),
    ("jose", 4),
    ("transport", 3),
    ("kept_fresh", 2),
    ("scope", 1),
    ("clock", 1),
    ("runtime", 1),
    ("sync", 1),
    ("error", 1),
];

fn floor(room: &str) -> u8 {
    // Whatever is no room is a re-export of lib.rs, which lies on top.
    FLOORS.iter().find(|(name, _)| *name == room).map_or(9, |(_, floor)| *floor)
}

/// What a file imports or names by path, as paths from the crate's root.
struct Imports {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Imports {
    fn add(&mut self, segments: Vec<String>) {
        let mut path = self.module.clone();
        let mut segments = segments.into_iter().peekable();
        match segments.peek().map(String::as_str) {
            Some("crate") => {
                path.clear();
                segments.next();
            }
            Some("self") => {
                segments.next();
            }
            Some("super") => {
                while segments.next_if(|segment| segment == "super").is_some() {
                    assert!(path.pop().is_some(), "`super` beyond the root in {:?}", self.module);
                }
            }
            _ => return,
        }
        path.extend(segments);
        self.found.insert(path);
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(with(&name.ident)),
            UseTree::Rename(rename) => self.add(with(&rename.ident)),
            UseTree::Glob(_) => self.add(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl Imports {
    /// The paths in what a macro is given, which is no syntax tree; `before` is the path whose braces these tokens are in.
    fn tokens(&mut self, tokens: TokenStream, before: &[String]) {
        let mut path = before.to_vec();
        let mut goes_on = true;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if !goes_on {
                        self.add(std::mem::replace(&mut path, before.to_vec()));
                    }
                    path.push(name.to_string());
                    goes_on = false;
                    continue;
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' && (goes_on || colon.spacing() == Spacing::Joint) => {
                    goes_on = true;
                    continue;
                }
                // As in `use a::{b, c}`.
                TokenTree::Group(braces) if goes_on && braces.delimiter() == Delimiter::Brace => {
                    self.tokens(braces.stream(), &path);
                }
                TokenTree::Group(group) => self.tokens(group.stream(), &[]),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            self.add(std::mem::replace(&mut path, before.to_vec()));
            goes_on = true;
        }
        self.add(path);
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_macro(&mut self, one: &'ast syn::Macro) {
        self.tokens(one.tokens.clone(), &[]);
        visit::visit_macro(self, one);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // A module in the file: its `super` is the file itself.
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }
}

fn imports(source: &str, module: Vec<String>) -> BTreeSet<Vec<String>> {
    let file = syn::parse_file(source).expect("src holds Rust");
    let mut imports = Imports { module, found: BTreeSet::new() };
    imports.visit_file(&file);
    imports.found
}

fn room_of(path: &[String]) -> &str {
    path.first().map_or("lib", String::as_str)
}

fn violations(source: &str, module: &[String]) -> Vec<String> {
    let own = module.first().map_or("lib", String::as_str);
    let paths = imports(source, module.to_vec());
    // The path of `pub(crate)` is empty.
    let foreign = paths.iter().filter(|path| !path.is_empty() && room_of(path) != own);
    foreign
        .filter(|path| floor(room_of(path)) >= floor(own))
        .map(|path| format!("{} uses {}", module.join("::"), path.join("::")))
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(file: &Path, src: &Path) -> Vec<String> {
    let path = file.strip_prefix(src).expect("a file of src").with_extension("");
    let mut module: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

#[test]
fn imports_only_point_down_the_floors() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "only {} files were found", files.len());
    for file in &files {
        let module = module_of(file, &src);
        let room = module.first().map_or("lib", String::as_str);
        assert!(FLOORS.iter().any(|(name, _)| *name == room), "src/{room} has no floor: add it to FLOORS");
    }
    let found: Vec<String> = files
        .iter()
        .filter(|file| **file != src.join("lib.rs"))
        .flat_map(|file| violations(&fs::read_to_string(file).expect("a file of src"), &module_of(file, &src)))
        .collect();
    assert!(found.is_empty(), "imports that point up or sideways:\n{}", found.join("\n"));
}

#[test]
fn an_import_that_points_up_is_found_however_it_is_written() {
    let jose = ["jose".to_owned(), "jws".to_owned()];
    for source in [
        "use crate::issuer::Issuer;",
        "use crate::{error::Error, issuer::{Issuer, Metadata}};",
        "use super::super::issuer::Issuer;",
        "use crate::issuer as other;",
        "use crate::issuer::*;",
        "use crate::Issuer;",
        "fn f() -> crate::issuer::Issuer { todo!() }",
        "fn f() { let _ = super::super::issuer::Issuer::new(\"\"); }",
        "mod inner { use super::super::super::issuer::Issuer; }",
        "fn f() { assert!(crate::issuer::is_sound()); }",
        "fn f() { println!(\"{}\", [1, super::super::issuer::COUNT]); }",
        "pin_project! { struct S { field: Option<crate::issuer::Issuer> } }",
        "macro_rules! m { () => { $crate::issuer::Issuer::new(\"\") }; }",
        "m! { use crate::{error::Error, issuer::{Issuer, Metadata}}; }",
    ] {
        assert!(!violations(source, &jose).is_empty(), "{source}");
    }
    for source in [
        "use crate::error::Error;",
        "use super::algorithm::Algorithm;",
        "use std::fmt;",
        "use self::a::B;",
        "fn f(&self) { assert!(self.issuer == crate::error::NONE, \"{}\", issuer::NAME); }",
        "m! { pub(crate) struct S { a: super::jwk::Jwk, issuer: ::std::sync::Arc<str> } use crate::{error::Error}; }",
    ] {
        assert!(violations(source, &jose).is_empty(), "{source}");
    }
}
