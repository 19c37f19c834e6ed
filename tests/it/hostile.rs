//! Hostile requests: a table of rows, each with the exact answer. Nothing in it may make the service fail, fetch what it
//! need not, or say more than the challenge.

pub(super) mod claim_rows;
pub(super) mod rows;
pub(super) mod said;
pub(super) mod world;

use std::collections::HashSet;

use axum::Router;
use axum::routing::get as on_get;
use http::HeaderValue;
use jsonwebtoken::DecodingKey;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::{BearerLayer, Issuer, RejectionKind as Kind, Validator, VerifiedToken};

use self::rows::{Row, rows};
use self::said::*;
use self::world::*;
use crate::support::{AUDIENCE, Answer, get, send};

/// An API that this issuer's tokens open.
fn api(issuer: &Issuer) -> Router {
    api_of(issuer.validator(AUDIENCE))
}

fn api_of(validator: Validator) -> Router {
    Router::new().route("/", on_get(|_: VerifiedToken| async { "in" })).route_layer(BearerLayer::new(validator))
}

async fn ask(app: &Router, row: &Row) -> Answer {
    send(app, get(row.credentials.iter().cloned())).await
}

/// Says what is wrong with this answer to the row, if anything is.
fn fault(row: &Row, answer: &Answer) -> Option<String> {
    let expected = row.said.answer();
    (*answer != expected).then(|| format!("\n{}: {answer:?}\n  instead of {expected:?}", row.name))
}

#[tokio::test]
async fn each_hostile_request_has_its_exact_answer_and_keys_are_fetched_only_where_there_may_be_a_new_one() {
    let world = World::new().await;
    let mut faults = Vec::new();
    for row in rows(&world) {
        let (issuer, asked) = world.issuer();
        issuer.ready().await.unwrap();
        let app = api(&issuer);
        asked.lock().unwrap().clear();

        faults.extend(fault(&row, &ask(&app, &row).await));
        let fetched = std::mem::take(&mut *asked.lock().unwrap());
        let jwks: &[&str] = &["https://issuer.test/jwks"];
        let as_allowed = match row.said {
            UNKNOWN_KEY => fetched == jwks,
            // A known kid may stand for a new key: but only where all else of the token is right.
            BAD_SIGNATURE => fetched == jwks || fetched.is_empty(),
            _ => fetched.is_empty(),
        };
        if !as_allowed {
            faults.push(format!("\n{}: fetched {fetched:?}", row.name));
        }

        faults.extend(fault(&row, &ask(&app, &row).await).map(|fault| format!("{fault} the second time")));
        if !asked.lock().unwrap().is_empty() {
            faults.push(format!("\n{}: fetched the second time", row.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.concat());
}

#[tokio::test]
async fn a_service_without_keys_gives_the_same_answers_and_fetches_only_to_check_a_signature() {
    let world = World::new().await;
    let mut faults = Vec::new();
    for row in rows(&world) {
        let (issuer, asked) = world.issuer();
        faults.extend(fault(&row, &ask(&api(&issuer), &row).await));
        let needed: &[&str] = if row.said.needs_keys() {
            &["https://issuer.test/.well-known/openid-configuration", "https://issuer.test/jwks"]
        } else {
            &[]
        };
        let fetched = asked.lock().unwrap();
        if *fetched != needed {
            faults.push(format!("\n{}: fetched {fetched:?}", row.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.concat());
}

#[tokio::test]
async fn one_service_that_meets_them_all_stays_the_same_and_fetches_once_for_all_unknown_keys() {
    let world = World::new().await;
    let (issuer, asked) = world.issuer();
    issuer.ready().await.unwrap();
    let app = api(&issuer);
    asked.lock().unwrap().clear();
    let mut faults = Vec::new();
    let (rows, mut unknown) = (rows(&world), 0);
    for row in rows.iter().chain(rows.iter().rev()) {
        faults.extend(fault(row, &ask(&app, row).await));
        unknown += usize::from(row.said == UNKNOWN_KEY);
    }
    assert!(faults.is_empty(), "{}", faults.concat());
    assert!(unknown > 20, "{unknown}");
    assert_eq!(*asked.lock().unwrap(), ["https://issuer.test/jwks"]);
}

#[tokio::test]
async fn a_header_that_is_known_from_the_token_before_changes_no_answer() {
    let world = World::new().await;
    let (issuer, asked) = world.issuer();
    issuer.ready().await.unwrap();
    let app = api_of(issuer.validator(AUDIENCE).without_cache());
    asked.lock().unwrap().clear();
    let mut faults = Vec::new();
    for row in rows(&world) {
        assert_eq!(send(&app, get([format!("Bearer {}", world.good(&world.es256))])).await, ACCEPTED.answer());
        faults.extend(fault(&row, &ask(&app, &row).await));
    }
    assert!(faults.is_empty(), "{}", faults.concat());
    assert_eq!(*asked.lock().unwrap(), ["https://issuer.test/jwks"]);
}

#[tokio::test]
async fn nobody_follows_a_token_to_the_keys_that_it_names() {
    let world = World::new().await;
    let (issuer, asked) = world.issuer();
    let app = api(&issuer);
    for row in rows(&world).iter().filter(|row| row.name.contains("of the attacker")) {
        assert_eq!(fault(row, &ask(&app, row).await), None);
    }
    assert_eq!(world.requests_to_the_attacker(), 0);
    let asked = asked.lock().unwrap().clone();
    assert!(asked.iter().all(|url| url.starts_with("https://issuer.test/")), "{asked:?}");

    // His keys are there to be had, and they verify what he signs.
    let keys = reqwest::get(format!("{}/jwks.json", world.attacker.identifier())).await.unwrap().text().await.unwrap();
    assert_eq!(world.requests_to_the_attacker(), 1);
    let trusting = world.authority.issuer().with_jwks(keys).unwrap();
    let token = world.foreign.sign_compact(header(&[]).as_bytes(), claims(&[]).as_bytes()).unwrap();
    assert_eq!(send(&api(&trusting), get([format!("Bearer {token}")])).await, ACCEPTED.answer());
}

#[tokio::test]
async fn the_table_names_each_row_once_and_meets_every_way_to_refuse_a_token() {
    let rows = rows(&World::new().await);
    let mut names = HashSet::new();
    for row in &rows {
        assert!(names.insert(row.name.as_str()), "twice: {}", row.name);
    }
    let met: HashSet<_> = rows.iter().filter_map(|row| row.said.kind).collect();
    let elsewhere = [
        Kind::ClaimsMismatch,
        Kind::Refused,
        Kind::InsufficientScope,
        Kind::KeysUnavailable,
        Kind::LayerMissing,
        // Of providers and of several issuers: `entra`, `issuers`.
        Kind::KeyOfAnotherIssuer,
        Kind::NoPermission,
        // Of calls of gRPC: `grpc`.
        Kind::UnlistedMethod,
        // Of calls to further APIs: `obo`.
        Kind::InsufficientClaims,
        Kind::InteractionRequired,
        Kind::TokenUnavailable,
        Kind::TokenRefused,
    ];
    for kind in Kind::ALL {
        assert_ne!(met.contains(kind), elsewhere.contains(kind), "{kind:?}");
    }
    assert!(rows.iter().any(|row| row.said == ACCEPTED));
    assert!(rows.len() >= 497, "{} rows: some are gone", rows.len());
}

#[tokio::test]
async fn where_shared_secrets_are_taken_a_public_key_is_none() {
    let world = World::new().await;
    let secret = b"a shared secret of more than 64 bytes, as HS512 needs it: 0123456789 0123456789";
    let jwk = parsed(&world.rs256.public_jwk());
    let public = DecodingKey::from_rsa_components(jwk["n"].as_str().unwrap(), jwk["e"].as_str().unwrap()).unwrap();
    let mut issuer = world.authority.issuer().with_decoding_key(Some("rs256-1"), Algorithm::RS256, &public).unwrap();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        issuer = issuer.with_decoding_key(Some("secret"), algorithm, &DecodingKey::from_secret(secret)).unwrap();
    }
    let app = api(&issuer);
    let bearer = |token: String| get([format!("Bearer {token}")]);
    for algorithm in [r#""HS256""#, r#""HS384""#, r#""HS512""#] {
        let own = header(&[("alg", Some(algorithm)), ("kid", Some(r#""secret""#))]);
        assert_eq!(send(&app, bearer(hmac_token(&own, secret))).await, ACCEPTED.answer(), "{algorithm}");
        for (spelling, public) in public_spellings(&world.rs256) {
            for (kid, said) in [
                (Some(r#""rs256-1""#), BAD_SIGNATURE),
                (Some(r#""secret""#), BAD_SIGNATURE),
                (Some(r#""canary""#), UNKNOWN_KEY),
                (None, UNKNOWN_KEY),
            ] {
                let header = header(&[("alg", Some(algorithm)), ("kid", kid)]);
                let answer = send(&app, bearer(hmac_token(&header, &public))).await;
                assert_eq!(answer, said.answer(), "{algorithm} {spelling} {kid:?}");
            }
        }
    }
    assert_eq!(send(&app, bearer(world.good(&world.rs256))).await, ACCEPTED.answer());
}

#[tokio::test]
async fn white_space_inside_a_token_is_malformed_wherever_the_token_comes_from() {
    let world = World::new().await;
    let validator = world.authority.issuer().validator(AUDIENCE);
    let token = world.good(&world.es256);
    assert!(validator.verify(&token).await.is_ok());
    let ends: Vec<_> = token.match_indices('.').map(|(place, _)| place).collect();
    for space in [" ", "\t", "\n", "\r\n", "\0", "\u{a0}", "\u{feff}"] {
        for place in [0, 5, ends[0], ends[0] + 1, ends[1], ends[1] + 1, token.len() - 1, token.len()] {
            let mut spaced = token.clone();
            spaced.insert_str(place, space);
            let kind = validator.verify(&spaced).await.unwrap_err().kind();
            assert_eq!(kind, Kind::Malformed, "{space:?} at {place}");
        }
    }
}

/// What may be said to a token one of whose characters was changed.
fn expected_of_a_flip(token: &[u8], place: usize) -> Vec<Said> {
    let dots: Vec<_> = (0..token.len()).filter(|at| token[*at] == b'.').collect();
    let flipped = token[place];
    let padding = flipped == b'=' && place == token.len() - 1;
    if !(flipped.is_ascii_alphanumeric() || b"-._~+/".contains(&flipped) || padding) {
        return vec![INVALID_REQUEST];
    }
    if dots.len() != 2 {
        return vec![MALFORMED];
    }
    let (start, end) = match dots.iter().filter(|dot| **dot < place).count() {
        0 => (0, dots[0]),
        1 => (dots[0] + 1, dots[1]),
        _ => (dots[1] + 1, token.len()),
    };
    if decoded(std::str::from_utf8(&token[start..end]).unwrap()).is_none() {
        return vec![MALFORMED];
    }
    match start {
        0 => vec![MALFORMED, ALGORITHM_NOT_ALLOWED, WRONG_TOKEN_TYPE, UNKNOWN_KEY, BAD_SIGNATURE],
        _ if end == token.len() => vec![BAD_SIGNATURE],
        _ => vec![MALFORMED, UNKNOWN_ISSUER, MISSING_CLAIM, BAD_SIGNATURE],
    }
}

async fn flip_every_bit(world: &World, key: &SigningKey) {
    let (issuer, asked) = world.issuer();
    issuer.ready().await.unwrap();
    asked.lock().unwrap().clear();
    let (app, validator) = (api(&issuer), issuer.validator(AUDIENCE));
    // As short as a good token can be: every bit of it counts.
    let header = format!(r#"{{"alg":"{}","kid":"{}"}}"#, key.algorithm(), key.key_id().unwrap());
    let payload = r#"{"iss":"https://issuer.test","aud":"api://orders","exp":1800003600,"iat":1800000000}"#;
    let token = key.sign_compact(header.as_bytes(), payload.as_bytes()).unwrap();
    assert_eq!(send(&app, get([format!("Bearer {token}")])).await, ACCEPTED.answer());

    let (mut sent, mut verified_by_hand) = (0, 0);
    for place in 0..token.len() {
        for bit in 0..8 {
            let mut flipped = token.clone().into_bytes();
            flipped[place] ^= 1 << bit;
            match HeaderValue::from_bytes(&[b"Bearer ", flipped.as_slice()].concat()) {
                Ok(value) => {
                    let answer = send(&app, get([value])).await;
                    let expected = expected_of_a_flip(&flipped, place);
                    let known = expected.iter().any(|said| said.answer() == answer);
                    assert!(known, "bit {bit} of character {place}: {answer:?}, not of {expected:?}");
                    sent += 1;
                }
                // No header can hold it, but a token may come from elsewhere.
                Err(_) => {
                    let control = String::from_utf8(flipped).unwrap();
                    let kind = validator.verify(&control).await.unwrap_err().kind();
                    assert_eq!(kind, Kind::Malformed, "bit {bit} of character {place}");
                    verified_by_hand += 1;
                }
            }
        }
    }
    assert_eq!(sent + verified_by_hand, token.len() * 8);
    assert!(sent > verified_by_hand);
    assert_eq!(*asked.lock().unwrap(), ["https://issuer.test/jwks"], "for the first unknown kid");
    assert_eq!(send(&app, get([format!("Bearer {token}")])).await, ACCEPTED.answer());
}

#[tokio::test]
async fn no_bit_of_an_es256_token_can_be_flipped() {
    let world = World::new().await;
    flip_every_bit(&world, &world.es256).await;
}

#[tokio::test]
async fn no_bit_of_an_rs256_token_can_be_flipped() {
    let world = World::new().await;
    flip_every_bit(&world, &world.rs256).await;
}

#[tokio::test]
async fn no_bit_of_an_eddsa_token_can_be_flipped() {
    let world = World::new().await;
    flip_every_bit(&world, &world.eddsa).await;
}
