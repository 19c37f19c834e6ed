//! How much more two threads get done than one.

use std::sync::Barrier;
use std::time::Instant;

use axum::Router;
use tokio::runtime::Builder;

use crate::measure::{Requests, Runner, quartiles};

const ROUNDS: usize = 41;

/// What a second thread adds: to the router without a guard, to the guarded one, and the ratio of the latter gain to the former.
pub struct Scaling {
    pub open: f64,
    pub guarded: f64,
    pub ratio: [f64; 3],
}

/// Each thread has a clone of the router and requests of its own; alone and together are timed in turn.
pub fn of(routers: [Router; 2], requests: &[Requests; 2], calls: [usize; 2]) -> Scaling {
    let mut runners = routers.map(|router| [Runner::new(router.clone()), Runner::new(router)]);
    let mut gains = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for ((runners, gains), calls) in runners.iter_mut().zip(&mut gains).zip(calls) {
            let alone = throughput(&mut runners[..1], requests, calls);
            gains.push(throughput(runners, requests, calls) / alone);
        }
    }
    let ratio = quartiles(gains[0].iter().zip(&gains[1]).map(|(open, guarded)| guarded / open).collect());
    let [open, guarded] = gains.map(|gains| quartiles(gains)[1]);
    Scaling { open, guarded, ratio }
}

/// Requests a microsecond, of as many threads as there are runners.
fn throughput(runners: &mut [Runner], requests: &[Requests], calls: usize) -> f64 {
    let barrier = Barrier::new(runners.len());
    let took = std::thread::scope(|scope| {
        let barrier = &barrier;
        let start = |(runner, requests)| scope.spawn(move || alone(runner, requests, calls, barrier));
        let threads: Vec<_> = runners.iter_mut().zip(requests).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).fold(0.0, f64::max)
    });
    (calls * runners.len()) as f64 / took
}

/// How long one thread takes, which begins with the others.
fn alone(runner: &mut Runner, requests: &Requests, calls: usize, barrier: &Barrier) -> f64 {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let _entered = runtime.enter();
    runner.send(requests, 20);
    barrier.wait();
    let begun = Instant::now();
    runner.send(requests, calls);
    begun.elapsed().as_secs_f64() * 1e6
}
