//! However many callers need keys at the same moment, they are fetched once, and nobody is forgotten.

use std::time::Duration;

use shuttle::future::block_on;
use tower_bearer::RejectionKind as Kind;
use tower_bearer::testing::{Endpoint, TestIssuer};

use crate::support::{AUDIENCE, Answer, Answering, Runtime, caller, interleave, kind};

const KEYS_URL: &str = "https://issuer.test/jwks.json";

/// Requests for the metadata, and for the keys.
fn fetches(authority: &TestIssuer) -> (usize, usize) {
    (authority.requests(Endpoint::Metadata), authority.requests(Endpoint::Jwks))
}

fn all_callers_share_the_first_fetch(runtime: Runtime) {
    interleave(runtime, || {
        let authority = TestIssuer::new();
        let validator = authority.issuer().validator(AUDIENCE);
        let callers = [0, 1, 2].map(|_| caller(&validator, &authority.token(AUDIENCE).sign()));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), None, "a caller is turned away");
        }
        assert_eq!(fetches(&authority), (1, 1), "the first keys were fetched more than once");
    });
}

#[test]
fn callers_that_need_the_first_keys_share_one_fetch() {
    all_callers_share_the_first_fetch(Runtime::Here);
}

#[test]
fn callers_that_need_the_first_keys_share_one_fetch_that_one_of_them_drives() {
    all_callers_share_the_first_fetch(Runtime::Absent);
}

fn a_caller_goes_away(runtime: Runtime) {
    interleave(runtime, move || {
        let authority = TestIssuer::new();
        let keys = authority.clone();
        let transport = Answering::new(move |_| Answer::Keys(keys.jwks()));
        let issuer = authority.issuer().transport(transport.clone()).jwks_url(KEYS_URL).unwrap();
        let validator = issuer.validator(AUDIENCE);
        let token = authority.token(AUDIENCE).sign();
        let leaving = shuttle::future::spawn({
            let (validator, token) = (validator.clone(), token.clone());
            async move { validator.verify(&token).await.err().map(|rejection| rejection.kind()) }
        });
        let staying = [0, 1].map(|_| caller(&validator, &token));
        leaving.abort();
        let left = block_on(leaving);
        assert!(matches!(left, Err(_) | Ok(None)), "{left:?}");
        for caller in staying {
            assert_eq!(caller.join().unwrap(), None, "a caller that stayed is turned away");
        }
        match runtime {
            Runtime::Here => assert_eq!(transport.requests(), 1, "a caller that went away cancelled a fetch"),
            // What it drove goes with it.
            Runtime::Absent => assert!(transport.requests() <= 2, "a fetch was taken over by more than one"),
        }
    });
}

#[test]
fn a_caller_that_goes_away_cancels_nothing() {
    a_caller_goes_away(Runtime::Here);
}

#[test]
fn a_caller_that_goes_away_with_the_fetch_it_drives_is_replaced_by_one() {
    a_caller_goes_away(Runtime::Absent);
}

#[test]
fn a_fetch_that_dies_is_taken_over_by_one() {
    interleave(Runtime::Here, || {
        let authority = TestIssuer::new();
        let keys = authority.clone();
        let transport = Answering::new(move |request| match request {
            1 => Answer::Panic,
            _ => Answer::Keys(keys.jwks()),
        });
        let issuer = authority.issuer().transport(transport.clone()).jwks_url(KEYS_URL).unwrap();
        let validator = issuer.validator(AUDIENCE);
        let token = authority.token(AUDIENCE).sign();
        let callers = [0, 1, 2].map(|_| caller(&validator, &token));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), None, "a caller is turned away");
        }
        assert_eq!(transport.requests(), 2, "a fetch that died was not taken over by one alone");
    });
}

#[test]
fn callers_with_a_key_that_nobody_knows_share_one_fetch() {
    interleave(Runtime::Here, || {
        let authority = TestIssuer::new();
        let issuer = authority.issuer();
        let validator = issuer.validator(AUDIENCE);
        block_on(issuer.ready()).unwrap();
        let token = authority.token(AUDIENCE).header("kid", "unknown").sign();
        let callers = [0, 1, 2].map(|_| caller(&validator, &token));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), Some(Kind::UnknownKey));
        }
        assert_eq!(fetches(&authority), (1, 2), "more than one fetch within the gap");
    });
}

#[test]
fn callers_with_a_new_key_share_one_fetch_and_all_get_in() {
    interleave(Runtime::Here, || {
        let authority = TestIssuer::new();
        let issuer = authority.issuer();
        let validator = issuer.validator(AUDIENCE);
        block_on(issuer.ready()).unwrap();
        authority.rotate();
        authority.advance(Duration::from_secs(60));
        let token = authority.token(AUDIENCE).sign();
        let callers = [0, 1, 2].map(|_| caller(&validator, &token));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), None, "a caller is turned away though its key is published");
        }
        assert_eq!(fetches(&authority), (1, 2), "more than one fetch for one new key");
    });
}

#[test]
fn keys_that_came_serve_whatever_fails_afterwards() {
    interleave(Runtime::Here, || {
        let authority = TestIssuer::new();
        let keys = authority.clone();
        let transport = Answering::new(move |request| match request {
            1 => Answer::Keys(keys.jwks()),
            _ => Answer::Status(500),
        });
        let issuer = authority.issuer().transport(transport).jwks_url(KEYS_URL).unwrap();
        let validator = issuer.validator(AUDIENCE);
        let good = authority.token(AUDIENCE).sign();
        let callers = [0, 1].map(|_| caller(&validator, &good));
        kind(&validator, &authority.token(AUDIENCE).header("kid", "unknown").sign());
        for caller in callers {
            assert_eq!(caller.join().unwrap(), None, "a caller is turned away though its key is there");
        }
    });
}
