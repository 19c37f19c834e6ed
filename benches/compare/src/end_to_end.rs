//! Requests over HTTP/1.1 on loopback, as `wrk` counts them, with a guard and without.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::measure::quartiles;

/// How often each server is under load.
const ROUNDS: usize = 7;
/// One thread of `wrk` and one of the server: two cores.
const LOAD: [&str; 3] = ["-t1", "-c16", "-d2s"];
/// A round of this length is not counted.
const WARM_UP: [&str; 3] = ["-t1", "-c16", "-d1s"];

/// What came of it, in requests per second.
pub struct EndToEnd {
    /// In the median of rounds.
    pub unguarded: f64,
    /// In the median of rounds.
    pub guarded: f64,
    /// Guarded to unguarded, in each round: first quartile, median and third.
    pub ratio: [f64; 3],
}

/// Serves both routers, and sends both the very same requests, with this token: first one and then the other, in the next round the
/// other way about. `None` where there is no `wrk`.
pub fn run(unguarded: Router, guarded: Router, token: &str) -> Option<EndToEnd> {
    let servers = [Server::start(unguarded), Server::start(guarded)];
    for server in &servers {
        server.load(WARM_UP, token)?;
    }
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in [round % 2, (round + 1) % 2] {
            rates[turn].push(servers[turn].load(LOAD, token)?);
        }
    }
    let ratio = quartiles(rates[0].iter().zip(&rates[1]).map(|(unguarded, guarded)| guarded / unguarded).collect());
    let [unguarded, guarded] = rates.map(|rates| quartiles(rates)[1]);
    Some(EndToEnd { unguarded, guarded, ratio })
}

/// A server with one thread of its own, until it is dropped.
struct Server {
    address: SocketAddr,
    _running: oneshot::Sender<()>,
}

impl Server {
    fn start(app: Router) -> Self {
        let (running, stopped) = oneshot::channel();
        let (bound, address) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port of loopback");
                bound.send(listener.local_addr().expect("its address")).expect("somebody who waits for it");
                let stopped = async { drop(stopped.await) };
                axum::serve(listener, app).with_graceful_shutdown(stopped).await.expect("no end of its own");
            });
        });
        Self { address: address.recv().expect("a server that has started"), _running: running }
    }

    /// Requests per second; `None` where there is no `wrk`.
    fn load(&self, load: [&str; 3], token: &str) -> Option<f64> {
        let mut wrk = Command::new("wrk");
        wrk.args(load).args(["-H", &format!("Authorization: Bearer {token}"), &format!("http://{}/", self.address)]);
        let output = match wrk.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("No figures end to end: they need `wrk` (on Debian and Ubuntu: `apt-get install wrk`).");
                return None;
            }
            output => output.expect("a `wrk` that runs"),
        };
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "`wrk` failed: {}", String::from_utf8_lossy(&output.stderr));
        for fault in ["Non-2xx", "Socket errors"] {
            assert!(!report.contains(fault), "`wrk` was not answered as it should be: {report}");
        }
        let rate = report.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        Some(rate.and_then(|rate| rate.trim().parse().ok()).expect("a rate in the report of `wrk`"))
    }
}
