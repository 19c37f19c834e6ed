//! What a cached token on behalf of a caller costs, as a ratio to one SHA-256 of the caller's token: `cargo bench --bench
//! on_behalf_of`. The two are measured in turn, in one run, and medians compared: the machine may be noisy.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_bearer::testing::TestDirectory;
use tower_bearer::{Credential, Entra};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
/// People whose tokens are cached, asked for in turn.
const PEOPLE: usize = 1_000;
const ROUNDS: usize = 41;
const CALLS: usize = 20_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = TestDirectory::new();
    let validator = directory.issuer(Entra::tenant(TENANT).expect("a tenant")).validator(CLIENT);
    let transport = service_fn(|_: Request<Full<Bytes>>| async {
        let answer =
            r#"{"access_token":"a-token","token_type":"Bearer","expires_in":3600,"scope":"api://stock/Items.Read"}"#;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer))))
    });
    let issuer = Entra::tenant(TENANT).expect("a tenant").issuer().transport(transport).clock(&directory.clock());
    let client = issuer.client(CLIENT, Credential::secret("secret"));
    let stock = client.on_behalf_of(["api://stock/Items.Read"]).expect("a scope");

    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let token = directory.tenant(TENANT).delegated(CLIENT).sign();
        let caller = validator.verify(&token).await.expect("a good token");
        stock.token(&caller).await.expect("a token");
        people.push((token, caller));
    }
    let cached = |calls: usize| {
        for (_, caller) in people.iter().cycle().take(calls) {
            let ready = pin!(stock.token(caller)).poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(black_box(ready), Poll::Ready(Ok(_))));
        }
    };
    let hashed = |calls: usize| {
        for (token, _) in people.iter().cycle().take(calls) {
            black_box(digest(&SHA256, token.as_bytes()));
        }
    };
    let time = |work: &dyn Fn(usize)| {
        let start = Instant::now();
        work(CALLS);
        start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
    };
    let (mut tokens, mut hashes, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (token, hash) = (time(&cached), time(&hashed));
        tokens.push(token);
        hashes.push(hash);
        ratios.push(token / hash);
    }
    let bytes = people.first().map_or(0, |(token, _)| token.len());
    println!("a cached token on behalf of one of {PEOPLE} people: {:.0} ns", median(&mut tokens));
    println!("one SHA-256 of a token of {bytes} bytes: {:.0} ns", median(&mut hashes));
    println!("ratio: {:.2} (at most 3), from {ROUNDS} rounds of {CALLS} calls, in turn", median(&mut ratios));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
