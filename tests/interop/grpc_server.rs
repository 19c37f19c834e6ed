//! The servers of the example `grpc`, as they are.

#![allow(dead_code)] // the tests don't use all of it

#[path = "../../examples/grpc/book.rs"]
mod book;
#[path = "../../examples/grpc/listening.rs"]
mod listening;
#[path = "../../examples/grpc/proto.rs"]
pub(crate) mod proto;
#[path = "../../examples/grpc/tier_one.rs"]
mod tier_one;
#[path = "../../examples/grpc/tier_two.rs"]
mod tier_two;
#[path = "../../examples/grpc/world.rs"]
pub(crate) mod world;
