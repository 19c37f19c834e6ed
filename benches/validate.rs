//! What the parts of validation take: reading a token, its signature, the whole of it, and a token that was seen before.
//!
//! ```console
//! $ cargo bench --bench validate
//! ```
//!
//! How a guarded request compares with other guards: `benches/compare`.

#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use tokio::runtime::Builder;
use tower::{Layer, Service, service_fn};
use tower_bearer::jose::{Algorithm, CompactJws, JwkSet, VerifyingKey};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{BearerLayer, Issuer, Validator};

const ISSUER: &str = "https://login.example.com/tenant/v2.0";
const AUDIENCE: &str = "api://orders";

struct Scene {
    algorithm: Algorithm,
    jwks: String,
    token: String,
}

#[derive(serde::Deserialize)]
#[allow(dead_code)] // read by serde alone
struct Caller {
    oid: String,
    scp: String,
    groups: Vec<String>,
}

impl Scene {
    fn new(algorithm: Algorithm) -> Self {
        let authority = TestIssuer::named(ISSUER);
        authority.signing_key(algorithm);
        let token =
            authority.token(AUDIENCE).algorithm(algorithm).subject("AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ");
        let token = token
            .claim("oid", "a11ce000-0000-4000-8000-000000000000")
            .claim("tid", "11111111-2222-3333-4444-555555555555")
            .claim("scp", "Orders.Read Orders.Place")
            .claim("preferred_username", "alice@contoso.example")
            .claim("groups", ["aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"]);
        Self { algorithm, jwks: authority.jwks(), token: token.sign() }
    }

    fn validator(&self) -> Validator {
        let issuer = Issuer::new(ISSUER).and_then(|issuer| issuer.with_jwks(&self.jwks)).expect("a JWK Set");
        issuer.validator(AUDIENCE)
    }

    fn key(&self) -> VerifyingKey {
        let set = JwkSet::parse(self.jwks.as_bytes()).expect("a JWK Set");
        let keys = set.keys().iter().filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok()).flatten();
        keys.into_iter().find(|key| key.algorithm() == self.algorithm).expect("a key of this algorithm")
    }
}

fn parts(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    for scene in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(Scene::new) {
        let mut group = c.benchmark_group(scene.algorithm.as_str());
        let (token, key) = (scene.token.as_str(), scene.key());
        group.bench_function("read the parts and the header", |b| {
            b.iter(|| CompactJws::parse(black_box(token)).is_ok_and(|jws| jws.header().is_ok()));
        });
        let jws = CompactJws::parse(token).expect("a token");
        group.bench_function("verify the signature", |b| b.iter(|| key.verify(black_box(&jws)).is_ok()));
        for (name, validator) in
            [("first sight", scene.validator().without_cache()), ("seen before", scene.validator())]
        {
            group.bench_function(BenchmarkId::new("validate", name), |b| {
                b.iter(|| runtime.block_on(validator.verify(black_box(token))).is_ok());
            });
            group.bench_function(BenchmarkId::new("validate, with claims", name), |b| {
                b.iter(|| {
                    runtime.block_on(validator.verify(black_box(token))).and_then(|token| token.claims::<Caller>())
                });
            });
        }
    }
}

fn layer(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let scene = Scene::new(Algorithm::ES256);
    let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    let mut guarded = BearerLayer::new(scene.validator()).layer(inner);
    let with_token = || Request::get("/").header("authorization", format!("Bearer {}", scene.token)).body(());
    for (name, request) in [("seen before", true), ("no header", false)] {
        c.bench_function(&format!("layer, {name}"), |b| {
            let make = || if request { with_token() } else { Request::get("/").body(()) };
            b.iter_batched(
                || make().expect("a request"),
                |request| runtime.block_on(guarded.call(request)).map(|answer| answer.status()),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, parts, layer);
criterion_main!(benches);
