//! What must hold however threads interleave. Each test runs its scenario some hundred times, each time in another order.

mod given_up;
mod retirement;
mod single_flight;
mod support;
