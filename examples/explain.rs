//! Says of a token why it is accepted or refused, check by check, with advice on the usual mistakes.
//!
//! It takes the settings of the example `resource_server` from the environment (`ISSUER`, `AUDIENCE`, `METADATA_URL`, `JWKS_URL`,
//! `ALGORITHMS`, `LEEWAY_SECONDS`, `CA_FILE`; see its source) and the token from standard input, with or without `Bearer ` before it.
//! The exit code is 0 where the token is accepted, 1 where it is refused, and 2 where the settings are wrong.
//!
//! What it prints has values of claims in it. It is for developers, and not for logs or callers.
//!
//! ```console
//! $ export ISSUER=https://login.example.com/realms/acme AUDIENCE=api://orders
//! $ cargo run --example explain < token
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "support/settings.rs"]
mod settings;

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use tower_bearer::{Check, CheckOutcome, Explanation};

use settings::{Mistake, issuer, validator};

/// The width of the columns for what was expected and found, in characters.
const CELL: usize = 38;
/// The widest line, in characters.
const WIDTH: usize = 104;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Mistake(sentence)) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}

/// Whether the token is accepted.
async fn run() -> Result<bool, Mistake> {
    let issuer = issuer()?;
    let validator = validator(&issuer)?;
    let input = io::read_to_string(io::stdin()).map_err(|error| Mistake(format!("standard input: {error}")))?;
    // Otherwise keys are fetched only for a token whose claims are good, and others keep their signature to themselves.
    if let Err(error) = issuer.ready().await {
        eprintln!("no keys: {error}");
    }
    let explanation = validator.explain(token(&input)).await;
    print!("{}", report(&explanation));
    Ok(explanation.is_accepted())
}

/// The token alone.
fn token(input: &str) -> &str {
    let input = input.trim();
    match input.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => input,
    }
}

/// The table and the advice, as lines.
fn report(explanation: &Explanation) -> String {
    let mut lines = vec![match explanation.rejection() {
        None => "The token is accepted.".to_owned(),
        Some(rejection) => format!("The token is refused. A caller is told: {rejection} ({}).", rejection.status()),
    }];
    if !explanation.is_signature_verified() {
        lines.push("Its signature was not verified: anybody may have written what is marked as unverified.".to_owned());
    }
    lines.push(String::new());
    lines.push(row(["check", "outcome", "expected", "found"]));
    lines.push("-".repeat(WIDTH));
    lines.extend(explanation.checks().flat_map(|(check, outcome)| rows(check, outcome)));
    for sentence in explanation.advice() {
        lines.push(String::new());
        lines.extend(wrap(sentence, WIDTH));
    }
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", line.trim_end());
        text
    })
}

fn row([check, outcome, expected, found]: [&str; 4]) -> String {
    format!("{check:12}  {outcome:11}  {expected:CELL$}  {found}")
}

fn rows(check: Check, outcome: CheckOutcome<'_>) -> Vec<String> {
    match outcome {
        CheckOutcome::Passed => vec![row([check.name(), "passed", "", ""])],
        CheckOutcome::Failed { expected, found } => {
            let (expected, found) = (wrap(expected, CELL), wrap(found, CELL));
            let cell = |lines: &[String], line: usize| lines.get(line).cloned().unwrap_or_default();
            let all = 0..expected.len().max(found.len());
            let first = |line, text| if line == 0 { text } else { "" };
            let lines = all.map(|line| {
                let (expected, found) = (cell(&expected, line), cell(&found, line));
                row([first(line, check.name()), first(line, "FAILED"), &expected, &found])
            });
            lines.collect()
        }
        _ => vec![row([check.name(), "not reached", "", ""])],
    }
}

/// Breaks a text between words, and within a word that is too long.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let mut letters: Vec<char> = word.chars().collect();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + letters.len() <= width => {
                line.push(' ');
                line.extend(letters);
            }
            _ => {
                while letters.len() > width {
                    lines.push(letters.drain(..width).collect());
                }
                lines.push(letters.into_iter().collect());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tower_bearer::testing::TestIssuer;

    use super::{report, token, wrap};

    async fn explained(input: &str, authority: &TestIssuer) -> String {
        let issuer = authority.issuer();
        assert_eq!(issuer.ready().await, Ok(()));
        report(&issuer.validator("api://orders").explain(token(input)).await)
    }

    #[tokio::test]
    async fn of_a_good_token_all_is_passed() {
        let authority = TestIssuer::new();
        let said = "\
The token is accepted.

check         outcome      expected                                found
--------------------------------------------------------------------------------------------------------
size          passed
shape         passed
header        passed
algorithm     passed
issuer        passed
key           passed
signature     passed
audience      passed
expiry        passed
not before    passed
token kind    passed
permission    passed
binding       passed
own checks    passed
";
        let token = authority.token("api://orders").sign();
        for input in [token.clone(), format!("{token}\n"), format!("Bearer {token}"), format!(" bearer  {token}\r\n")] {
            assert_eq!(explained(&input, &authority).await, said);
        }
    }

    #[tokio::test]
    async fn of_a_bad_token_it_says_what_is_wrong_and_what_to_do() {
        let authority = TestIssuer::new();
        authority.set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let expired = authority.token("api://orders").expired().sign();
        let said = explained(&expired, &authority).await;
        assert_eq!(
            said,
            "\
The token is refused. A caller is told: the token has expired (401 Unauthorized).

check         outcome      expected                                found
--------------------------------------------------------------------------------------------------------
size          passed
shape         passed
header        passed
algorithm     passed
issuer        passed
key           passed
signature     passed
audience      passed
expiry        FAILED       `exp` later than 1799999940, which is   1799996400, which was 3600 s (about 60
                           now less 60 s                           minutes) ago
not before    not reached
token kind    not reached
permission    not reached
binding       not reached
own checks    not reached

The token expired 3600 s (about 60 minutes) ago by this machine's clock; 60 s are allowed. Get a new
one. If this one is new, this clock is ahead of the issuer's by at least that much.
"
        );
    }

    #[tokio::test]
    async fn what_nobody_has_signed_is_said_to_be_unverified() {
        let authority = TestIssuer::new();
        let other = authority.token("api://orders").claim("iss", "https://issuer.test/").sign();
        let said = explained(&other, &authority).await;
        assert!(said.contains("Its signature was not verified"), "{said}");
        assert!(
            said.contains("\"https://issuer.test\"                   \"https://issuer.test/\" (unverified)\n"),
            "{said}"
        );
    }

    #[test]
    fn a_word_that_is_too_long_is_broken() {
        assert_eq!(wrap("a bc defghijk l", 4), ["a bc", "defg", "hijk", "l"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
