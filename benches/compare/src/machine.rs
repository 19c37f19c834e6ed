//! What the figures were measured on, and with.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// The crates whose versions make the figures.
const CRATES: [&str; 7] =
    ["axum", "aws-lc-rs", "jsonwebtoken", "ring", "jwt-authorizer", "tower-oauth2-resource-server", "axum-jwt-auth"];

pub fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, model)| model);
    let cores = available_parallelism().map_or(1, usize::from);
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let versions = CRATES.map(|name| format!("{name} {}", versions_of(name).join(" and ")));
    format!(
        "Machine: {} ({ARCH}, {OS}, {cores} cores, shared with others). {}, profile `release`. {}.\n",
        model.unwrap_or("unknown"),
        rustc.trim(),
        versions.join(", ")
    )
}

/// As they stand in the lock file that this was built by.
fn versions_of(name: &str) -> Vec<&'static str> {
    let packages = include_str!("../Cargo.lock").split("[[package]]");
    let of_name = packages.filter(|package| package.contains(&format!("\nname = \"{name}\"\n")));
    of_name.filter_map(|package| package.split_once("version = \"")?.1.split('"').next()).collect()
}
