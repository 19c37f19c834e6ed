//! The example `explain`, as a process of its own: the provider's tokens on standard input, the table on standard output.

use std::io::Write;
use std::process::Stdio;

use crate::provider::shared;
use crate::resource_server::command;

/// The exit code, and what was printed, of a run with this on standard input.
fn explained(issuer: &str, settings: &[(&str, &str)], input: &str) -> (Option<i32>, String) {
    let mut child = command("explain", issuer, settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("explain can't be run: {error}"));
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // One that stops at its settings reads nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8(output.stdout).expect("it prints text"))
}

#[tokio::test]
async fn explain_tells_a_token_for_this_api_from_one_for_another_and_from_an_opaque_one() {
    let provider = shared();
    let good = provider.token("api://es256", "orders.read").await;
    let other = provider.token("api://es384", "orders.read").await;

    let (code, said) = explained(provider.issuer(), &[], &format!("Bearer {good}\n"));
    assert!(code == Some(0) && said.starts_with("The token is accepted."), "{code:?} {said}");

    let (code, said) = explained(provider.issuer(), &[], &other);
    assert!(code == Some(1) && said.contains(r#""api://es384""#) && !said.contains("unverified"), "{code:?} {said}");

    let (code, said) = explained(provider.issuer(), &[], "opaque");
    assert!(code == Some(1) && said.contains("an opaque token"), "{code:?} {said}");

    let (code, said) = explained(provider.issuer(), &[("AUDIENCE", "")], &good);
    assert_eq!((code, said.as_str()), (Some(2), ""));
}
