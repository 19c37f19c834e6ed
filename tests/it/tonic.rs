//! Services of tonic behind the guard.

mod servers;
mod service;
mod statuses;
mod streams;
mod web;
