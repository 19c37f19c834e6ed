//! A fetch that took too long and was given up comes to nothing, however late it ends.

use std::time::Duration;

use tower_bearer::testing::TestIssuer;

use crate::support::{AUDIENCE, Answer, Answering, Runtime, caller, interleave, kind};

fn a_fetch_is_given_up(runtime: Runtime) {
    interleave(runtime, || {
        let authority = TestIssuer::new();
        let keys = authority.clone();
        let transport = Answering::new(move |request| match request {
            1 => Answer::LateKeys(keys.jwks()),
            _ => Answer::Keys(keys.jwks()),
        });
        let issuer = authority.issuer().transport(transport).jwks_url("https://issuer.test/jwks.json").unwrap();
        let validator = issuer.validator(AUDIENCE);

        let old = authority.token(AUDIENCE).sign();
        let slow = caller(&validator, &old);
        shuttle::thread::yield_now();
        authority.rotate();
        authority.advance(Duration::from_secs(31));
        let new = authority.token(AUDIENCE).sign();
        assert_eq!(kind(&validator, &new), None, "the new key is not known");
        slow.join().unwrap();
        shuttle::thread::yield_now();
        let held: Vec<_> = issuer.status().keys.iter().filter_map(|key| key.key_id.clone()).collect();
        assert_eq!(held, ["es256-2"], "older keys have replaced newer ones");
    });
}

#[test]
fn a_fetch_that_was_given_up_never_replaces_newer_keys() {
    a_fetch_is_given_up(Runtime::Here);
}

#[test]
fn a_fetch_that_was_given_up_never_replaces_newer_keys_though_nobody_can_abort_it() {
    a_fetch_is_given_up(Runtime::Absent);
}
