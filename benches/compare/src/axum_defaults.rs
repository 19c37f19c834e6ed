//! What all of it costs with axum's default features, which `axum-jwt-auth` turns on for every router of a program that it is in: the
//! path that matched and the URI as it came are then kept with each request.

use crate::report::Report;

/// In a process of its own, whose program is built with them.
#[cfg(not(feature = "axum-jwt-auth"))]
pub fn measured() -> Report {
    use std::process::{Command, Stdio};

    eprintln!("Once more, with axum's default features:");
    let cargo = std::env::var_os("CARGO").expect("that `cargo run` has started this");
    let mut run = Command::new(cargo);
    run.args(["run", "--release", "--features", "axum-jwt-auth", "--manifest-path"]);
    run.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).stderr(Stdio::inherit());
    let output = run.output().expect("a cargo that runs");
    assert!(output.status.success(), "the program with axum's default features failed");
    Report::from_lines(&String::from_utf8(output.stdout).expect("lines of text"))
}

/// In this process, which has them.
#[cfg(feature = "axum-jwt-auth")]
pub fn measured() -> Report {
    use crate::contenders::{guarded, open};
    use crate::measure::Requests;
    use crate::report::Row;
    use crate::tokens::{Tokens, algorithms};
    use axum::http::StatusCode;

    let mut report = Report::default();
    for algorithm in algorithms() {
        let tokens = Tokens::new(algorithm, crate::FIRST);
        let first = vec![
            (Row::HAND_WRITTEN, crate::by_hand(&tokens), 0),
            (Row::CACHE_OFF, guarded(tokens.validator().without_cache()), 0),
            (Row::AXUM_JWT_AUTH, peer::axum_jwt_auth(&tokens), 0),
            (Row::NO_GUARD, open(), 0),
        ];
        report.race(algorithm, first, &tokens, &Requests::once(tokens.good(crate::FIRST)));
        let seen =
            vec![(Row::HAND_WRITTEN, crate::by_hand(&tokens), 0), (Row::SEEN_ONE, guarded(tokens.validator()), 1)];
        report.race(algorithm, seen, &tokens, &Requests::with(tokens.good(1), StatusCode::OK));
    }
    report
}

#[cfg(feature = "axum-jwt-auth")]
mod peer {
    use std::sync::Arc;

    use axum::Router;
    use axum::routing::get;
    use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
    use jsonwebtoken_10::crypto::aws_lc::DEFAULT_PROVIDER;
    use jsonwebtoken_10::jwk::{Jwk, JwkSet};
    use jsonwebtoken_10::{DecodingKey, Validation};

    use crate::tokens::{AUDIENCE, Caller, ISSUER, Tokens};

    /// `axum-jwt-auth`, an extractor, with the key at hand: it is spared the search for the key that a token names. It verifies through
    /// jsonwebtoken 10, here by aws-lc-rs; as it comes, without the provider that this installs for the process, by RustCrypto. Text
    /// that is no JWT, or claims that are no `Caller`, it answers with 500.
    pub fn axum_jwt_auth(tokens: &Tokens) -> Router {
        async fn handler(caller: Claims<Caller>) -> String {
            caller.claims.oid
        }
        // Refused from the second time on.
        let _ = DEFAULT_PROVIDER.install_default();
        let set: JwkSet = serde_json::from_str(&tokens.jwks).expect("a JWK Set");
        let named = |jwk: &&Jwk| {
            let id = jwk.common.key_id.as_deref().unwrap_or_default();
            id.starts_with(&tokens.algorithm.as_str().to_lowercase())
        };
        let jwk = set.keys.iter().find(named).expect("a key of this algorithm");
        let key = DecodingKey::from_jwk(jwk).expect("a key");
        let algorithm = tokens.algorithm.as_str().parse().expect("it knows these three");
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.validate_nbf = true;
        let decoder: Decoder<Caller> = Arc::new(LocalDecoder::new(vec![key], validation).expect("all that it needs"));
        Router::new().route("/", get(handler)).with_state(decoder)
    }
}
