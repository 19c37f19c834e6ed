//! [`Report`]: all figures of one run, and how they are written down.

use std::fmt::Write;

use axum::Router;
use tower_bearer::jose::Algorithm;

use crate::end_to_end::EndToEnd;
use crate::machine;
use crate::measure::{ROUNDS, Requests, Runner, Timing, in_turn};
use crate::scaling::Scaling;
use crate::tokens::{Tokens, algorithms};
use crate::verify::{answering, verified};

/// One contender under one condition, and what its ratio may be at most for RS256, ES256 and EdDSA.
#[derive(Clone, Copy, PartialEq)]
pub struct Row {
    pub name: &'static str,
    pub condition: &'static str,
    pub bounds: Option<[f64; 3]>,
}

impl Row {
    pub const HAND_WRITTEN: Self = Self::other("hand-written, `jsonwebtoken` 11");
    pub const CACHE_OFF: Self = Self::ours("first sight, cache off", [0.78, 0.94, 0.94]);
    pub const CACHE_FULL: Self = Self::ours("first sight, cache full", [0.80, 0.95, 0.95]);
    pub const SEEN_ONE: Self = Self::ours("seen before, one token", [0.042, 0.017, 0.026]);
    pub const SEEN_MANY: Self = Self::ours("seen before, 10,000 tokens", [0.065, 0.027, 0.040]);
    pub const JWT_AUTHORIZER: Self = Self::other("`jwt-authorizer` 0.15");
    pub const TOWER_OAUTH2_RESOURCE_SERVER: Self = Self::other("`tower-oauth2-resource-server` 0.12");
    pub const AXUM_JWT_AUTH: Self = Self::other("`axum-jwt-auth` 0.7");
    pub const NO_GUARD: Self = Self::other("no guard");
    /// In the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::HAND_WRITTEN,
        Self::CACHE_OFF,
        Self::CACHE_FULL,
        Self::SEEN_ONE,
        Self::SEEN_MANY,
        Self::JWT_AUTHORIZER,
        Self::TOWER_OAUTH2_RESOURCE_SERVER,
        Self::AXUM_JWT_AUTH,
        Self::NO_GUARD,
    ];

    const fn ours(condition: &'static str, bounds: [f64; 3]) -> Self {
        Self { name: "**tower-bearer**", condition, bounds: Some(bounds) }
    }

    const fn other(name: &'static str) -> Self {
        Self { name, condition: "", bounds: None }
    }
}

#[derive(Default)]
pub struct Report {
    pub timings: Vec<(Row, Algorithm, Timing)>,
    /// The same, where axum has its default features.
    pub with_axum_defaults: Vec<(Row, Algorithm, Timing)>,
    /// What is refused, how its ratio is bounded, and what it took.
    pub rejections: Vec<(&'static str, f64, Timing)>,
    pub scaling: Vec<(&'static str, Scaling)>,
    pub end_to_end: Option<EndToEnd>,
}

impl Report {
    /// Times these, the first of which the others are compared with, each after so many requests.
    pub fn race(
        &mut self,
        algorithm: Algorithm,
        entrants: Vec<(Row, Router, usize)>,
        tokens: &Tokens,
        requests: &Requests,
    ) {
        let (mut rows, mut runners) = (Vec::new(), Vec::new());
        for (row, app, warm_up) in entrants {
            eprintln!("{algorithm}: {} {}", row.name, row.condition);
            let app = if row == Row::NO_GUARD { answering(app) } else { verified(app, tokens) };
            rows.push(row);
            runners.push(Runner::new(app).after(warm_up));
        }
        for (row, timing) in rows.into_iter().zip(in_turn(runners, requests)) {
            if self.timing(row, algorithm).is_none() {
                self.timings.push((row, algorithm, timing));
            }
        }
    }

    /// What this contender took; one that needs axum's default features, with them.
    pub fn timing(&self, row: Row, algorithm: Algorithm) -> Option<&Timing> {
        let elsewhere = || timing_of(&self.with_axum_defaults, row, algorithm);
        timing_of(&self.timings, row, algorithm).or_else(elsewhere)
    }

    /// The timings, for the program that has started this one.
    pub fn to_lines(&self) -> String {
        let line = |(row, algorithm, timing): &(Row, Algorithm, Timing)| {
            let place = Row::ALL.iter().position(|one| one == row).unwrap_or_default();
            let Timing { micros, ratio: [low, middle, high] } = timing;
            format!("{place} {} {micros} {low} {middle} {high}\n", algorithm.as_str())
        };
        self.timings.iter().map(line).collect()
    }

    /// Reads them again.
    #[cfg(not(feature = "axum-jwt-auth"))]
    pub fn from_lines(lines: &str) -> Self {
        let read = |line: &str| {
            let mut words = line.split(' ');
            let row = Row::ALL[words.next()?.parse::<usize>().ok()?];
            let algorithm = words.next()?.parse().ok()?;
            let mut number = || words.next()?.parse::<f64>().ok();
            let timing = Timing { micros: number()?, ratio: [number()?, number()?, number()?] };
            Some((row, algorithm, timing))
        };
        let timings = lines.lines().map(|line| read(line).expect("a line of `to_lines`")).collect();
        Self { timings, ..Self::default() }
    }

    pub fn to_markdown(&self) -> String {
        let mut text = format!("# What a guarded request costs\n\n{}\n", machine::description());
        let _ = writeln!(
            text,
            "Ratios to the hand-written guard in the same round: the median of {ROUNDS} rounds, and the quartiles. Each contender is sent \
             the same tokens of about a kilobyte, no two alike, in one thread and in turn; a request is made, answered and dropped. All of \
             them check signature, issuer, audience, `exp` and `nbf` and give the handler the same struct; that they do was tried with good \
             and bad tokens first. Routers are made ready as `axum::serve` makes them, and axum is without its default features. For \
             tower-bearer, what is at most allowed stands behind the figure.\n"
        );
        text += &table(&self.timings, true);
        text += "\n## With axum's default features\n\n`axum-jwt-auth` turns them on for all routers of a program. In the same program, built with it, \
                 each request costs more, whoever guards it:\n\n";
        text += &table(&self.with_axum_defaults, false);
        text += "\n## Requests that are turned away\n\n| | ratio to the hand-written guard |\n|---|--:|\n";
        for (name, bound, timing) in &self.rejections {
            let _ = writeln!(text, "| {name} | {} |", cell(timing, Some(*bound)));
        }
        text += "\nFor the unknown `kid`, the hand-written guard looks up keys by their id; above it is spared that.\n";
        text +=
            "\n## A second thread (ES256)\n\n| | without a guard | guarded | ratio of the gains |\n|---|--:|--:|--:|\n";
        for (name, scaling) in &self.scaling {
            let Scaling { open, guarded, ratio: [low, middle, high] } = scaling;
            let _ = writeln!(
                text,
                "| {name} | × {open:.2} | × {guarded:.2} | {middle:.2} ({low:.2}–{high:.2}), at least 0.90: {} |",
                verdict(*middle >= 0.9)
            );
        }
        if let Some(EndToEnd { unguarded, guarded, ratio: [low, middle, high] }) = &self.end_to_end {
            let _ = writeln!(
                text,
                "\n## End to end\n\nRequests per second under `wrk`, HTTP/1.1 on loopback, 16 connections, the token seen before, 7 rounds in \
                 turn: guarded to unguarded {middle:.3} ({low:.3}–{high:.3}), at least 0.960: {} ({guarded:.0} and {unguarded:.0}).",
                verdict(*middle >= 0.96)
            );
        }
        text
    }
}

/// A row for each contender that was timed.
fn table(timings: &[(Row, Algorithm, Timing)], with_bounds: bool) -> String {
    let mut text = "| | RS256 | ES256 | EdDSA |\n|---|--:|--:|--:|\n".to_owned();
    for row in Row::ALL.into_iter().filter(|row| timings.iter().any(|(one, ..)| one == row)) {
        let name =
            if row.condition.is_empty() { row.name.to_owned() } else { format!("{}, {}", row.name, row.condition) };
        let cells = algorithms().into_iter().enumerate().map(|(place, algorithm)| {
            let bound = row.bounds.filter(|_| with_bounds).map(|bounds| bounds[place]);
            timing_of(timings, row, algorithm).map(|timing| cell(timing, bound)).unwrap_or_default()
        });
        let _ = writeln!(text, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

fn timing_of(timings: &[(Row, Algorithm, Timing)], row: Row, algorithm: Algorithm) -> Option<&Timing> {
    timings.iter().find(|(one, of, _)| (*one, *of) == (row, algorithm)).map(|(.., timing)| timing)
}

fn cell(timing: &Timing, bound: Option<f64>) -> String {
    let Timing { micros, ratio: [low, middle, high] } = timing;
    match bound {
        Some(bound) => {
            format!("{middle:.3} ({low:.3}–{high:.3}), at most {bound}: {}", verdict(*middle <= bound))
        }
        None if *middle == 1.0 => format!("1 ({micros:.1} µs)"),
        None => format!("{middle:.3} ({low:.3}–{high:.3})"),
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds { "met" } else { "**missed**" }
}
