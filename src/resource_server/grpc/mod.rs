//! gRPC: how a rejection is said in it.

mod answer;
mod details;

pub(crate) use self::answer::OWN_HEADERS;
