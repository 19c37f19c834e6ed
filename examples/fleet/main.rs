//! A day of a fleet: 1,000 instances of an API, the issuer that all of them trust, and what goes wrong in 24 hours.
//!
//! `cargo run --release --example fleet` lets the day pass in virtual time. It prints how often the instances asked for
//! keys, who was turned away and who had to wait, and fails if a figure is not as it has to be.
//!
//! Everything here goes through the public API. Two options take away what keeps a fleet from hurting its issuer. They do
//! so from outside, as the crate has no switch for it, and the checks have to fail:
//!
//! * `-- --break jitter`: keys are renewed at a random point of the last part of their life. The draw is made by the
//!   `fastrand` generator of the thread, right after an answer has come. Here the transport sets that generator to the same
//!   seed before each answer, so that all instances draw the same number and those that once fetched together do so for
//!   ever.
//! * `-- --break single-flight`: the callers of an instance share one `Issuer` and so one fetch. Here each has an `Issuer`
//!   of its own.

#![allow(clippy::print_stdout)]

#[path = "../support/failure.rs"]
mod failure;

mod answers;
mod day;
mod figures;
mod fleet;
mod instance;
mod provider;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use failure::Failure;
use figures::Figures;
use fleet::{Fleet, INSTANCES};
use provider::Provider;

const AUDIENCE: &str = "api://orders";

/// What is taken away.
#[derive(Clone, Copy, PartialEq)]
enum Broken {
    Nothing,
    Jitter,
    SingleFlight,
}

impl Broken {
    fn from_arguments() -> Result<Self, Failure> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => Ok(Self::Nothing),
            ["--break", "jitter"] => Ok(Self::Jitter),
            ["--break", "single-flight"] => Ok(Self::SingleFlight),
            _ => Err(Failure("the only options are --break jitter and --break single-flight".to_owned())),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let broken = Broken::from_arguments()?;
    // The day goes the same way each time.
    fastrand::seed(1);
    println!(
        "A day of {} instances of an API, in virtual time.{}\n",
        figures::grouped(INSTANCES),
        match broken {
            Broken::Nothing => "",
            Broken::Jitter => " All instances draw the same jitter: checks have to fail.",
            Broken::SingleFlight => " No two callers share an issuer: checks have to fail.",
        }
    );
    // Paused, tokio's time jumps to the next timer as soon as nothing is left to do.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let figures = runtime.block_on(pass(broken));
    figures.print();
    match figures.wrong() {
        0 => println!("\nAll checks hold."),
        wrong => return Err(Failure(format!("{wrong} of the checks do not hold")).into()),
    }
    Ok(())
}

/// Lets the day pass, second by second.
async fn pass(broken: Broken) -> Figures {
    let midnight = tokio::time::Instant::now();
    let provider = Arc::new(Provider::new(broken == Broken::Jitter));
    let mut fleet = Fleet::new(&provider, broken != Broken::SingleFlight);
    for second in 0..day::SECONDS {
        tokio::time::sleep_until(midnight + Duration::from_secs(second)).await;
        provider.catch_up();
        for event in day::events_at(second) {
            event.happen(&provider, &mut fleet);
        }
        fleet.ask(second);
    }
    Figures::new(fleet.into_answers().await, provider.jwks_requests(), provider.metadata_requests())
}
