//! [`Steps`]: what was tried, what came of it and what should have: a table that checks itself.

use tower_bearer::testing::{Endpoint, TestDirectory};

/// One step, and what came of it.
struct Step {
    /// What is tried, the call, and as whom.
    what: [&'static str; 3],
    answer: String,
    token_requests: usize,
    is_right: bool,
}

pub(crate) struct Steps {
    directory: TestDirectory,
    steps: Vec<Step>,
    token_requests: usize,
}

impl Steps {
    pub(crate) fn new(directory: &TestDirectory) -> Self {
        Self { directory: directory.clone(), steps: Vec::new(), token_requests: 0 }
    }

    /// Writes a step down, with the answer and the number of token requests that are expected of it.
    pub(crate) fn step(&mut self, what: [&'static str; 3], expected: (&str, usize), answer: String) {
        let token_requests = self.directory.requests(Endpoint::Token) - self.token_requests;
        self.token_requests += token_requests;
        let is_right = expected == (answer.as_str(), token_requests);
        let [title, call, identity] = what;
        println!("{:5} {title}: {call} as {identity}: {answer}", mark(is_right));
        if !is_right {
            println!("      expected: {}, with {} token requests instead of {token_requests}", expected.0, expected.1);
        }
        self.steps.push(Step { what, answer, token_requests, is_right });
    }

    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(crate) fn wrong(&self) -> usize {
        self.steps.iter().filter(|step| !step.is_right).count()
    }

    pub(crate) fn print(&self) {
        let headings = ["step", "call", "as whom", "answer"];
        let cells = |step: &Step| {
            let [what, call, identity] = step.what.map(str::to_owned);
            [what, call, identity, step.answer.clone()]
        };
        let rows: Vec<[String; 4]> = self.steps.iter().map(cells).collect();
        let mut widths = headings.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |mark: &str, cells: [&str; 4], last: &str| {
            let cells: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("{mark:5}  {}  {last}", cells.join("  "));
        };
        println!();
        line("", headings, "token requests");
        println!("{}", "-".repeat(7 + widths.iter().sum::<usize>() + 8 + 14));
        for (step, row) in self.steps.iter().zip(&rows) {
            let [what, call, identity, answer] = row;
            line(mark(step.is_right), [what, call, identity, answer], &step.token_requests.to_string());
        }
    }
}

fn mark(is_right: bool) -> &'static str {
    if is_right { "ok" } else { "WRONG" }
}
