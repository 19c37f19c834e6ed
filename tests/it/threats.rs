//! The threat model is true: each check in it names a test, and the tests are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks and looks like `file::test`.
fn named_tests(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    quoted.filter(|text| text.contains("::") && text.split("::").all(is_name)).map(str::to_owned).collect()
}

fn is_test(name: &str) -> bool {
    let Some((file, test)) = name.rsplit_once("::") else { return false };
    let file = file.replace("::", "/");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |path: String| fs::read_to_string(tests.join(path));
    // A file of the contract, or a program of its own.
    let source = read(format!("it/{file}.rs")).or_else(|_| read(format!("{file}/main.rs")));
    let Ok(source) = source else { return false };
    let Ok(parsed) = syn::parse_file(&source) else { return false };
    parsed.items.iter().any(|item| match item {
        syn::Item::Fn(function) => {
            let marked =
                |attribute: &syn::Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "test");
            function.sig.ident == test && function.attrs.iter().any(marked)
        }
        _ => false,
    })
}

#[test]
fn each_test_that_the_threat_model_names_exists() {
    let named = named_tests(&read("src/manual/threats.md"));
    assert!(named.len() > 30, "only {} tests are named", named.len());
    let missing: Vec<_> = named.iter().filter(|name| !is_test(name)).collect();
    assert!(missing.is_empty(), "named, but not there: {missing:?}");
}

#[test]
fn each_row_of_the_threat_model_names_a_test() {
    let text = read("src/manual/threats.md");
    let (_, table) = text.split_once("# What each check stops").unwrap();
    let (table, _) = table.split_once("\n# ").unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20);
    for row in rows {
        assert!(!named_tests(row).is_empty(), "no test proves: {row}");
    }
}

#[test]
fn each_limit_of_the_threat_model_names_a_test_or_says_that_none_can_show_it() {
    let text = read("src/manual/threats.md");
    let (_, limits) = text.split_once("# What is not checked\n").unwrap();
    let limits: Vec<_> = limits.split("\n* ").skip(1).collect();
    assert!(limits.len() > 10, "{limits:?}");
    let unshown: Vec<_> = limits.iter().filter(|limit| named_tests(limit).is_empty()).collect();
    assert!(matches!(unshown[..], [one] if one.contains("No test shows this")), "no test shows: {unshown:?}");
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    assert!(is_test("threats::a_test_that_is_not_there_is_noticed"));
    assert!(is_test("memory::a_document_in_pieces_of_one_byte_takes_no_more_than_one_in_one_piece"));
    assert!(!is_test("threats::a_test_that_nobody_wrote"));
    assert!(!is_test("memory::a_test_that_nobody_wrote"));
    assert!(!is_test("nowhere::a_test_that_is_not_there_is_noticed"));
    assert!(!is_test("threats::named_tests"), "a function that is no test");
}

#[test]
fn each_dangerous_call_is_on_the_list_of_them() {
    let list = read("src/manual/dangerous.md");
    let mut calls = Vec::new();
    for entry in walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = fs::read_to_string(entry).unwrap();
        for declared in source.replace("async ", "").split("pub fn dangerous_").skip(1) {
            let name: String = declared.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            calls.push(format!("dangerous_{name}"));
        }
    }
    assert!(calls.len() >= 2, "{calls:?}");
    for call in &calls {
        assert!(list.contains(&format!("::{call}`]")), "{call} is not listed");
    }
    let rows = list.lines().filter(|line| line.starts_with("| [")).count();
    assert_eq!(rows, calls.len(), "each row is a call that exists");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
