//! Rounds in turn, and what their medians say.

use std::hint::black_box;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use tokio::runtime::Handle;
use tower_service::Service;

/// How often each contender is timed.
pub const ROUNDS: usize = 61;
/// About how long one round takes, in microseconds: long for the clock, and short beside the moods of a shared machine.
const ROUND: f64 = 4_000.0;
/// Calls by which it is found out how many fit a round.
const TRIAL: usize = 100;

/// Requests that are sent one after the other, and what is to be answered.
pub struct Requests {
    headers: Vec<Option<HeaderValue>>,
    expected: StatusCode,
    /// Whether none may be sent twice.
    is_once: bool,
}

/// What one contender took.
#[derive(Clone)]
pub struct Timing {
    /// Microseconds for a request, in the median of rounds.
    pub micros: f64,
    /// As a ratio to the first contender in the same round: first quartile, median and third.
    pub ratio: [f64; 3],
}

impl Requests {
    /// Each with one of these tokens, over and over.
    pub fn with(tokens: &[String], expected: StatusCode) -> Self {
        let value = |token: &String| HeaderValue::try_from(format!("Bearer {token}")).expect("visible characters");
        let headers = tokens.iter().map(|token| Some(value(token))).collect();
        Self { headers, expected, is_once: false }
    }

    /// Each with one of these tokens, none of them twice.
    pub fn once(tokens: &[String]) -> Self {
        Self { is_once: true, ..Self::with(tokens, StatusCode::OK) }
    }

    pub fn without_token() -> Self {
        Self { headers: vec![None], expected: StatusCode::UNAUTHORIZED, is_once: false }
    }

    /// How many calls a round may have after so many others.
    fn most(&self, before: usize) -> usize {
        if self.is_once { (self.headers.len() - before) / ROUNDS } else { 5_000 }
    }

    pub fn nth(&self, number: usize) -> Request<Body> {
        assert!(!self.is_once || number < self.headers.len(), "no token is sent twice");
        let mut request = Request::new(Body::empty());
        if let Some(value) = self.headers[number % self.headers.len()].clone() {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    }
}

/// A contender on its way through requests.
pub struct Runner {
    app: Router,
    sent: usize,
    warm_up: usize,
}

impl Runner {
    /// One that is ready to serve: as `axum::serve` does, routes and layers are put together once and not for each request.
    pub fn new(app: Router) -> Self {
        Self { app: app.with_state(()), sent: 0, warm_up: 0 }
    }

    /// Is sent so many requests before it is timed.
    pub fn after(self, warm_up: usize) -> Self {
        Self { warm_up, ..self }
    }

    /// Sends so many, and says how many microseconds one took: to make the request, to have the answer and to drop both.
    pub fn send(&mut self, requests: &Requests, calls: usize) -> f64 {
        let begun = Instant::now();
        Handle::current().block_on(async {
            for _ in 0..calls {
                let answer = answer(&mut self.app, requests.nth(self.sent)).await;
                self.sent += 1;
                assert_eq!(answer.status(), requests.expected);
                black_box(answer);
            }
        });
        begun.elapsed().as_secs_f64() * 1e6 / calls as f64
    }
}

pub async fn answer(app: &mut Router, request: Request<Body>) -> Response {
    let Ok(answer) = Service::call(app, request).await;
    answer
}

/// Times all of them, round by round.
pub fn in_turn(mut runners: Vec<Runner>, requests: &Requests) -> Vec<Timing> {
    let calls: Vec<usize> = runners
        .iter_mut()
        .map(|runner| {
            runner.send(requests, runner.warm_up.max(1));
            let trial = runner.send(requests, TRIAL);
            ((ROUND / trial) as usize).clamp(1, requests.most(runner.sent))
        })
        .collect();
    let mut took = vec![Vec::new(); runners.len()];
    for _ in 0..ROUNDS {
        for ((runner, took), calls) in runners.iter_mut().zip(&mut took).zip(&calls) {
            took.push(runner.send(requests, *calls));
        }
    }
    let first = took[0].clone();
    let ratios = |took: &[f64]| quartiles(took.iter().zip(&first).map(|(took, first)| took / first).collect());
    took.into_iter().map(|took| Timing { ratio: ratios(&took), micros: quartiles(took)[1] }).collect()
}

/// The first quartile, the median and the third.
pub fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}
