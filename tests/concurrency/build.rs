//! Tells the crate's sources that shuttle runs them, and which flaw they are to have.

use std::env;

/// Each is a feature of this package.
const FLAWS: [&str; 3] = ["lost_wake_up", "stale_insert", "used_after_retirement"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tower_bearer_shuttle)");
    println!("cargo::rustc-cfg=tower_bearer_shuttle");
    for flaw in FLAWS {
        println!("cargo::rustc-check-cfg=cfg(tower_bearer_flaw, values(\"{flaw}\"))");
        if env::var_os(format!("CARGO_FEATURE_{}", flaw.to_uppercase())).is_some() {
            println!("cargo::rustc-cfg=tower_bearer_flaw=\"{flaw}\"");
        }
    }
}
