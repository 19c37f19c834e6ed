//! What a validator holds that has seen very many tokens: no more than the bytes of its cache.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use serde::Deserialize;
use tokio::runtime::Builder;
use tower_bearer::Validator;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::TestIssuer;

use super::{ALLOCATOR, Alone, KIB};

const MIB: usize = 1024 * KIB;
const AUDIENCE: &str = "api://orders";
/// As many as the contract says, or what fills the caches several times over, where code is not optimised.
const TOKENS: usize = if cfg!(debug_assertions) { 30_000 } else { 200_000 };
/// How many are verified between two looks at what is held.
const BATCH: usize = 1_000;
/// Two, so that signing takes half the time.
const THREADS: usize = 2;

/// What a handler asks for.
#[derive(Deserialize)]
struct Staff {
    oid: String,
    name: String,
    preferred_username: String,
    tid: String,
    scp: String,
    roles: Vec<String>,
    groups: Vec<String>,
}

/// The claims that a kind of issuer writes, for the token of this number.
type Claims = fn(u64, usize) -> String;

fn many_claims(now: u64, number: usize) -> String {
    format!(
        r#"{{"iss":"https://issuer.test","aud":"{AUDIENCE}","exp":{},"iat":{now},"nbf":{now},"sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV{number:06}","aio":"AXQAi/8TAAAAFm+E/QTG+gFnVxLjWdw8K+61AGrSOuMMF6ebaMj7XO3IbmD3fGmr","azp":"00000003-0000-0000-c000-000000000000","azpacr":"1","name":"Alice Smith","oid":"690222be-ff1a-4d56-abd1-7e4f7d{number:06}","preferred_username":"alice-{number}@example.com","roles":["Orders.Reader","Orders.Writer"],"scp":"Orders.Read Orders.Write","tid":"31537af4-6d77-4bb9-a681-d2394888ea26","groups":["staff","sales"],"ver":"2.0"}}"#,
        now + 3600
    )
}

fn few_claims(now: u64, number: usize) -> String {
    format!(
        r#"{{"iss":"https://issuer.test","aud":"{AUDIENCE}","exp":{},"oid":"{number}","name":"","preferred_username":"","tid":"","scp":"a","roles":["b"],"groups":[]}}"#,
        now + 3600
    )
}

/// The outcome of what has to wait for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}

/// Signs a token, shows it as often as its number says, and keeps nothing of it.
fn show(validator: &Validator, key: &SigningKey, payload: &str, number: usize) {
    let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, key.key_id().unwrap());
    let token = key.sign_compact(header.as_bytes(), payload.as_bytes()).unwrap();
    // Once, or twice in a row: the two ways into a cache that is full.
    for _ in 0..1 + number % 2 {
        let staff = at_once(validator.verify(&token)).unwrap().claims::<Staff>().unwrap();
        let texts = [&staff.oid, &staff.name, &staff.preferred_username, &staff.tid, &staff.scp];
        assert!(texts.iter().any(|text| !text.is_empty()) && !staff.roles.is_empty() && staff.groups.len() < 3);
    }
}

/// The most bytes that are held after a batch while so many distinct tokens pass, and the bytes that are held at the end.
fn held(cache_bytes: Option<usize>, tokens: usize, claims: Claims) -> (usize, usize) {
    let authority = TestIssuer::named("https://issuer.test");
    let (issuer, key) = (authority.issuer(), authority.signing_key(Algorithm::EdDSA));
    Builder::new_current_thread().enable_all().build().unwrap().block_on(issuer.ready()).unwrap();
    let validator = issuer.validator(AUDIENCE);
    let validator = cache_bytes.map_or(validator.clone(), |bytes| validator.cache_bytes(bytes));
    let now = authority.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // What is made once for the process or for a thread counts for nobody.
    let aside = validator.clone().without_cache();
    show(&aside, &key, &claims(now, 0), 0);

    let (begun, before) = (Instant::now(), ALLOCATOR.current_usage());
    let (mut most, mut last) = (0, 0);
    for batch in (0..tokens).step_by(BATCH) {
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (validator, key) = (&validator, Arc::clone(&key));
                scope.spawn(move || {
                    for number in (batch..batch + BATCH).skip(thread * BATCH / THREADS).take(BATCH / THREADS) {
                        show(validator, &key, &claims(now, number), number);
                    }
                });
            }
        });
        last = ALLOCATOR.current_usage().saturating_sub(before);
        most = most.max(last);
    }
    println!(
        "{tokens} tokens, cache of {cache_bytes:?}: {most} bytes held at most, {last} at the end, {} ms",
        begun.elapsed().as_millis()
    );
    (most, last)
}

#[test]
fn very_many_tokens_and_their_typed_claims_take_no_more_than_the_cache_may() {
    let _alone = Alone::new();
    let (most, last) = held(Some(8 * MIB), TOKENS, many_claims);
    assert!(most <= 8 * MIB, "{most} bytes");
    assert!(last > MIB, "{last} bytes: it holds nothing");
}

#[test]
fn the_default_cache_takes_no_more_than_it_says_when_it_is_full() {
    let _alone = Alone::new();
    let (most, last) = held(None, TOKENS / 2, many_claims);
    assert!(most <= 32 * MIB, "{most} bytes");
    assert!(last > 4 * MIB, "{last} bytes: it holds nothing");
}

#[test]
fn tokens_with_few_claims_take_no_more_than_the_cache_may() {
    let _alone = Alone::new();
    let (most, last) = held(Some(2 * MIB), TOKENS / 6, few_claims);
    assert!(most <= 2 * MIB, "{most} bytes");
    assert!(last > MIB / 4, "{last} bytes: it holds nothing");
}
