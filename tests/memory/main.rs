//! How much memory an answer of an issuer may take, however long it is, a request that gets a token, and the cache of verified
//! ones: counted by the allocator of this process, in which nothing else runs. What AWS-LC allocates in C is not counted.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod add_bearer;
#[allow(dead_code)] // the other contract uses more of it
#[path = "../it/answers/server.rs"]
mod server;
mod verified_tokens;

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use peak_alloc::PeakAlloc;
use serde_json::json;
use tokio::runtime::Builder;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::{Error, Issuer};

use self::server::{Script, Server, Step, document, send};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Held by the one test that runs: what is counted is the memory of all threads.
struct Alone {
    _guard: MutexGuard<'static, ()>,
}

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/keys";
const KIB: usize = 1024;
/// The longest body that is read.
const CAP: usize = 1024 * KIB;

/// What a load took, in bytes above what was held before.
struct Taken {
    peak: usize,
    left: usize,
    sent: u64,
    outcome: Result<(), Error>,
}

impl Alone {
    fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        Self { _guard: ALONE.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Loads metadata and keys, one of which comes as the script says.
    fn load(&self, name: &str, path: &str, script: Script) -> Taken {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(load(name, path, script))
    }
}

async fn load(name: &str, path: &str, script: Script) -> Taken {
    let server = Server::start().await;
    let metadata = json!({"issuer": server.url(""), "jwks_uri": server.url(KEYS)}).to_string();
    server.on(METADATA, document(metadata));
    server.on(KEYS, document(format!("{{\"keys\":[{}]}}", jwk(Algorithm::ES256, "good"))));
    // What is made once for the process counts for nobody.
    Issuer::new(server.url("")).unwrap().ready().await.unwrap();
    server.on(path, script);
    let sent = server.sent();

    let issuer = Issuer::new(server.url("")).unwrap();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let begun = Instant::now();
    let outcome = issuer.ready().await;
    let took = begun.elapsed();
    let (peak, after) = (ALLOCATOR.peak_usage(), ALLOCATOR.current_usage());
    let taken = Taken {
        peak: peak.saturating_sub(before),
        left: after.saturating_sub(before),
        sent: server.sent() - sent,
        outcome,
    };
    println!(
        "{name}: {} KiB at most, {} KiB afterwards, {} KiB sent, {} ms",
        taken.peak / KIB,
        taken.left / KIB,
        taken.sent / 1024,
        took.as_millis()
    );
    taken
}

fn jwk(algorithm: Algorithm, key_id: &str) -> String {
    SigningKey::generate(algorithm).unwrap().with_key_id(key_id).public_jwk()
}

/// A set of as many of these entries as fit.
fn full_set(mut entry: impl FnMut(usize) -> String) -> Script {
    let mut set = "{\"keys\":[".to_owned();
    for number in 0.. {
        let entry = entry(number);
        if set.len() + entry.len() + 3 > CAP {
            break;
        }
        let comma = if number == 0 { "" } else { "," };
        write!(set, "{comma}{entry}").unwrap();
    }
    document(set + "]}")
}

#[test]
fn a_document_of_512_mib_takes_no_more_than_the_cap_whether_it_says_its_length_or_not() {
    let alone = Alone::new();
    let piece = Bytes::from(vec![b' '; 64 * KIB]);
    let chunk = Bytes::from([b"10000\r\n", &piece[..], b"\r\n"].concat());
    let head = |length: &str| send(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n"));
    for (name, framing, piece, bound) in [
        ("512 MiB announced", "content-length: 536870912\r\n", &piece, CAP),
        ("512 MiB until the end", "", &piece, 4 * CAP),
        ("512 MiB in chunks", "transfer-encoding: chunked\r\n", &chunk, 4 * CAP),
        ("512 MiB of one line of chunks", "transfer-encoding: chunked\r\n", &piece, CAP),
    ] {
        for path in [METADATA, KEYS] {
            let taken = alone.load(name, path, vec![head(framing), Step::Repeat(piece.clone(), 8 * 1024)]);
            assert!(taken.outcome.unwrap_err().is_unavailable(), "{name}");
            assert!(taken.peak < bound, "{name}: {} bytes", taken.peak);
            assert!(taken.left < CAP, "{name}: {} bytes", taken.left);
            assert!(taken.sent < 64 * 1024 * 1024, "{name}: {} bytes were sent until it hung up", taken.sent);
        }
    }
}

#[test]
fn a_document_in_pieces_of_one_byte_takes_no_more_than_one_in_one_piece() {
    let alone = Alone::new();
    let pieces = Bytes::from(b"1\r\n \r\n".repeat(1_000));
    let head = send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let taken =
        alone.load("100,000 pieces of one byte", KEYS, vec![head, Step::Repeat(pieces, 100), send("0\r\n\r\n")]);
    assert!(taken.outcome.unwrap_err().to_string().contains("100000 bytes"));
    assert!(taken.peak < CAP, "{} bytes", taken.peak);
}

#[test]
fn headers_without_end_take_no_more_than_a_document() {
    let alone = Alone::new();
    for (name, start, more) in [
        ("headers without end", "HTTP/1.1 200 OK\r\n", "x-header: value\r\n"),
        ("one header without end", "HTTP/1.1 200 OK\r\nx-header: ", "value"),
    ] {
        let script = vec![send(start), Step::Repeat(Bytes::from(more.repeat(4 * 1024)), u64::MAX)];
        let taken = alone.load(name, KEYS, script);
        assert!(taken.outcome.unwrap_err().is_unavailable());
        assert!(taken.peak < 4 * CAP, "{name}: {} bytes", taken.peak);
    }
}

#[test]
fn a_set_of_very_many_keys_takes_little_more_than_its_text() {
    let alone = Alone::new();
    let es256 = jwk(Algorithm::ES256, "good");
    let good_first = |odd: &'static str| {
        let es256 = es256.clone();
        move |number: usize| if number == 0 { es256.clone() } else { odd.to_owned() }
    };
    let hundred_thousand = format!("{{\"keys\":[{es256},{}]}}", vec!["{}"; 99_999].join(","));
    let long_ids = |number: usize| match number {
        0 => es256.clone(),
        _ => format!("{{\"kid\":\"{}\"}}", "k".repeat(1_000)),
    };
    for (name, script) in [
        ("100,000 keys", document(hundred_thousand)),
        ("1 MiB of empty keys", full_set(good_first("{}"))),
        ("1 MiB of keys that are no objects", full_set(good_first("0"))),
        ("1 MiB of keys with long ids", full_set(long_ids)),
    ] {
        let taken = alone.load(name, KEYS, script);
        taken.outcome.unwrap();
        assert!(taken.peak < 4 * CAP, "{name}: {} bytes", taken.peak);
        assert!(taken.left < 2 * CAP, "{name}: {} bytes", taken.left);
    }
}

#[test]
fn a_set_of_as_many_good_keys_as_fit_takes_a_few_times_its_text() {
    let alone = Alone::new();
    // Without `alg` an RSA key stands for six algorithms.
    let rsa = |bytes: usize| {
        let mut modulus = vec![0xa5; bytes];
        modulus[bytes - 1] = 1; // odd
        let modulus = URL_SAFE_NO_PAD.encode(modulus);
        format!("{{\"kty\":\"RSA\",\"kid\":\"ID\",\"e\":\"AQAB\",\"n\":\"{modulus}\"}}")
    };
    for (name, key) in [
        ("ES256", jwk(Algorithm::ES256, "ID")),
        ("ES512", jwk(Algorithm::ES512, "ID")),
        ("Ed25519", jwk(Algorithm::EdDSA, "ID")),
        ("RSA of 2048 bits", rsa(256)),
        ("RSA of 8192 bits", rsa(1024)),
    ] {
        let taken = alone.load(name, KEYS, full_set(|number| key.replace("\"ID\"", &format!("\"{number}\""))));
        taken.outcome.unwrap();
        assert!(taken.peak < 12 * CAP, "{name}: {} bytes", taken.peak);
        assert!(taken.left < 8 * CAP, "{name}: {} bytes", taken.left);
    }
}

#[test]
fn metadata_with_very_many_members_take_a_few_times_their_text() {
    let alone = Alone::new();
    let members: String = (0..CAP / 16).map(|number| format!("\"m{number:06}\":0,")).collect();
    let document = document(format!("{{{members}\"issuer\":\"\"}}"));
    let taken = alone.load("metadata with very many members", METADATA, document);
    assert!(taken.outcome.unwrap_err().to_string().contains("another issuer"));
    assert!(taken.peak < 8 * CAP, "{} bytes", taken.peak);

    let numbers = vec!["0"; CAP / 4].join(",");
    let document = server::document(format!("{{\"issuer\":\"\",\"token_endpoint\":[{numbers}]}}"));
    let taken = alone.load("metadata with a very long list", METADATA, document);
    assert!(taken.outcome.unwrap_err().to_string().contains("another issuer"));
    assert!(taken.peak < 4 * CAP, "{} bytes", taken.peak);
}
