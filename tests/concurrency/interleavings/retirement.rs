//! From the moment at which a renewal that withdraws a key is in, no token of that key gets through.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use tower_bearer::testing::TestIssuer;

use crate::support::{AUDIENCE, Runtime, caller, interleave, kind};

#[test]
fn a_withdrawn_key_is_refused_though_its_token_was_verified_at_the_same_moment() {
    interleave(Runtime::Here, || {
        let authority = TestIssuer::new();
        let issuer = authority.issuer();
        let validator = issuer.validator(AUDIENCE);
        block_on(issuer.ready()).unwrap();
        let old = authority.token(AUDIENCE).sign();
        let renewed = Arc::new(AtomicBool::new(false));

        // Verifies the old token, and so puts it into the cache: before the renewal, after it, or in its midst.
        let verifying = caller(&validator, &old);
        let asking = shuttle::thread::spawn({
            let (validator, old, renewed) = (validator.clone(), old.clone(), Arc::clone(&renewed));
            move || {
                for _ in 0..2 {
                    let is_renewed = renewed.load(Ordering::SeqCst);
                    let rejected = kind(&validator, &old);
                    assert!(!is_renewed || rejected.is_some(), "a token of a withdrawn key is accepted");
                }
            }
        });
        authority.rotate();
        assert_eq!(kind(&validator, &authority.token(AUDIENCE).sign()), None, "the new key is not known");
        renewed.store(true, Ordering::SeqCst);
        assert!(kind(&validator, &old).is_some(), "a token of a withdrawn key is accepted");
        verifying.join().unwrap();
        asking.join().unwrap();
        assert!(kind(&validator, &old).is_some(), "a token of a withdrawn key is accepted");
    });
}
