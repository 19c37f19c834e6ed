//! What a guarded request costs, as a ratio to the same request behind a guard that somebody wrote by hand with `jsonwebtoken`.
//!
//! Each contender is an axum router that checks signature, issuer, audience, `exp` and `nbf`, and gives its handler the same struct of
//! claims. Before anything is timed, each has to answer good and bad tokens rightly. Then all are timed in turn, round by round, in one
//! thread, and compared within each round: the machine may be noisy, but it is so for all.
//!
//! ```console
//! $ cargo run --release --manifest-path benches/compare/Cargo.toml
//! ```
//!
//! It takes some minutes, writes `RESULTS.md` and `results.svg` beside this package, and prints the former.

mod axum_defaults;
mod chart;
mod contenders;
mod end_to_end;
mod machine;
mod measure;
mod peers;
mod report;
mod scaling;
mod tokens;
mod verify;

use std::collections::HashMap;
use std::fs;

use axum::Router;
use axum::http::StatusCode;
use tower_bearer::jose::Algorithm;

use contenders::{Keys, guarded, hand_written, only_guarded, open};
use measure::{Requests, Runner, in_turn};
use report::{Report, Row};
use tokens::{Tokens, algorithms};
use verify::verified;

/// Tokens that fill the cache of the usual size before anything is timed: about four times what it holds.
const FILL: usize = 20_000;
/// Tokens that are seen once, in all rounds.
const FIRST: usize = 12_000;
/// Tokens that are seen in turn.
const SEEN: usize = 10_000;
/// A cache that holds them all.
const LARGE: usize = 256 * 1024 * 1024;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _entered = runtime.enter();
    if cfg!(feature = "axum-jwt-auth") {
        print!("{}", axum_defaults::measured().to_lines());
    } else {
        compare();
    }
}

fn compare() {
    let mut report = Report::default();
    for algorithm in algorithms() {
        eprintln!("{algorithm}: signing {} tokens", FILL + FIRST);
        let tokens = Tokens::new(algorithm, FILL + FIRST);
        first_sight(&mut report, &tokens);
        seen_before(&mut report, &tokens);
        if algorithm == Algorithm::ES256 {
            rejections(&mut report, &tokens);
            two_threads(&mut report, &tokens);
            report.end_to_end = end_to_end::run(open(), only_guarded(tokens.validator()), &tokens.good(1)[0]);
        }
    }
    report.with_axum_defaults = axum_defaults::measured().timings;
    let folder = env!("CARGO_MANIFEST_DIR");
    let text = report.to_markdown();
    fs::write(format!("{folder}/results.svg"), chart::of(&report)).expect("a folder to write to");
    fs::write(format!("{folder}/RESULTS.md"), &text).expect("a folder to write to");
    println!("{text}");
}

fn by_hand(tokens: &Tokens) -> Router {
    hand_written(tokens, Keys::One(tokens.decoding_key().1))
}

/// Tokens that nobody has seen.
fn first_sight(report: &mut Report, tokens: &Tokens) {
    let requests = Requests::once(tokens.good(FILL + FIRST));
    let runtime = tokio::runtime::Handle::current();
    let mut entrants: Vec<(Row, Router, usize)> = vec![
        (Row::HAND_WRITTEN, by_hand(tokens), 0),
        (Row::CACHE_OFF, guarded(tokens.validator().without_cache()), 0),
        (Row::CACHE_FULL, guarded(tokens.validator()), FILL),
        (Row::NO_GUARD, open(), 0),
    ];
    let (authorizer, resource_server) = runtime
        .block_on(async { (peers::jwt_authorizer(tokens).await, peers::tower_oauth2_resource_server(tokens).await) });
    entrants.push((Row::JWT_AUTHORIZER, authorizer, 0));
    entrants.push((Row::TOWER_OAUTH2_RESOURCE_SERVER, resource_server, 0));
    report.race(tokens.algorithm, entrants, tokens, &requests);
}

fn seen_before(report: &mut Report, tokens: &Tokens) {
    let entrants = |row, validator| vec![(Row::HAND_WRITTEN, by_hand(tokens), 0), (row, guarded(validator), SEEN)];
    let one = Requests::with(tokens.good(1), StatusCode::OK);
    report.race(tokens.algorithm, entrants(Row::SEEN_ONE, tokens.validator()), tokens, &one);
    let many = Requests::with(tokens.good(SEEN), StatusCode::OK);
    report.race(tokens.algorithm, entrants(Row::SEEN_MANY, tokens.validator().cache_bytes(LARGE)), tokens, &many);
}

/// What is turned away; the hand-written guard of the last one looks keys up by their id.
fn rejections(report: &mut Report, tokens: &Tokens) {
    let refused = |token: &str| Requests::with(&[token.to_owned()], StatusCode::UNAUTHORIZED);
    let ours = || guarded(tokens.validator());
    let mut race = |name, bound, by_hand: Router, requests: Requests| {
        let runners = [verified(by_hand, tokens), verified(ours(), tokens)].map(|app| Runner::new(app).after(1_000));
        report.rejections.push((name, bound, in_turn(runners.into(), &requests).remove(1)));
    };
    race("no header", 0.95, by_hand(tokens), Requests::without_token());
    race("garbage", 0.85, by_hand(tokens), refused("garbage"));
    // A word is refused as it has no dots; this is decoded, and its header is no JSON.
    let decoded = format!("A{}", &tokens.good(1)[0][1..]);
    race("garbage in three parts", 0.85, by_hand(tokens), refused(&decoded));
    let by_id = || hand_written(tokens, Keys::ById(HashMap::from([tokens.decoding_key()])));
    race("unknown `kid`", 1.05, by_id(), refused(&tokens.unknown_key));
}

fn two_threads(report: &mut Report, tokens: &Tokens) {
    let (first, second) = tokens.good(SEEN).split_at(SEEN / 2);
    let requests = [first, second].map(|tokens| Requests::with(tokens, StatusCode::OK));
    let cold = guarded(tokens.validator().without_cache());
    report.scaling.push(("first sight, cache off", scaling::of([open(), cold], &requests, [10_000, 200])));
    let warm = guarded(tokens.validator().cache_bytes(LARGE));
    Runner::new(warm.clone()).send(&Requests::with(tokens.good(SEEN), StatusCode::OK), SEEN);
    report.scaling.push(("seen before, 10,000 tokens", scaling::of([open(), warm], &requests, [20_000, 10_000])));
}
