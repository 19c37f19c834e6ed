//! What is made of the .proto files; `generated` says how.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::all, clippy::pedantic)] // none of it is ours

pub(crate) mod orders {
    include!("generated/orders.v1.rs");
}

pub(crate) mod stock {
    include!("generated/stock.v1.rs");
}
