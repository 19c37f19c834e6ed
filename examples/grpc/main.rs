//! Two services of gRPC, one of which calls the other as whoever calls it, and the issuer that both trust, on loopback.
//!
//! Each step is printed as it happens, then all of them as a table, which checks itself: who called what, what they learned, and how
//! many tokens had to be asked for. `tier_one.rs` is the part to read first.
//!
//! ```console
//! $ cargo run --example grpc
//! ```

#![allow(clippy::print_stdout)]

#[path = "../support/failure.rs"]
mod failure;

mod answer;
mod book;
mod call;
mod listening;
mod proto;
mod steps;
mod story;
mod tier_one;
mod tier_two;
mod world;

use std::error::Error;
use std::time::Duration;

use failure::Failure;
use steps::Steps;
use tokio::time::timeout;
use world::World;

/// Many times what all of it takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let world = World::start().await?;
    println!(
        "The issuer is {}, tier one {}, tier two {}.\n",
        world.directory.authority_host(),
        world.tier_one,
        world.tier_two
    );
    let mut steps = Steps::new(&world.directory);
    // A stream that does not end when it has to would keep it waiting for ever.
    let told = timeout(PATIENCE, story::tell(&mut steps, &world)).await;

    steps.print();
    told.map_err(|_| Failure(format!("after {PATIENCE:?} the story is not at its end")))??;
    match steps.wrong() {
        0 => println!("\nAll {} steps went as expected.", steps.len()),
        wrong => return Err(Failure(format!("{wrong} of {} steps went wrong", steps.len())).into()),
    }
    Ok(())
}
