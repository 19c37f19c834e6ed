//! As whom a call comes in: as the daemon, or as the person who called.

use tonic::Code;
use tower_bearer::{TokenError, TokenErrorKind};

use super::{ALICE, BOB, JOBS, ORDERS, Service, World, calls, for_caller, request};

#[tokio::test]
async fn calls_as_itself_carry_one_token_of_the_application() {
    let (world, service) = (World::new(), Service::open());
    let mut stock = calls(&service.serve(world.guard()).await, world.jobs());
    for _ in 0..3 {
        stock.check(request()).await.unwrap();
    }
    let mut stream = stock.watch(request()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let callers = service.callers();
    assert_eq!(callers.len(), 4);
    for caller in callers {
        assert_eq!((caller.client_id(), caller.is_application()), (Some(JOBS), Some(true)));
        assert!(caller.has_role("Items.Process"));
    }
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn calls_for_somebody_carry_a_token_of_that_person_alone() {
    let (world, service) = (World::new(), Service::open());
    let mut stock = calls(&service.serve(world.guard()).await, world.on_behalf_of());
    let (alice, bob) = (world.caller(ALICE).await, world.caller(BOB).await);
    for caller in [&alice, &bob, &alice, &bob] {
        stock.check(for_caller(caller)).await.unwrap();
    }
    let callers = service.callers();
    let persons: Vec<_> = callers.iter().map(|caller| caller.claim::<String>("oid").unwrap()).collect();
    assert_eq!(persons, [ALICE, BOB, ALICE, BOB]);
    assert!(callers.iter().all(|caller| caller.client_id() == Some(ORDERS) && caller.has_scope("Items.Read")));
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn a_call_for_nobody_is_not_sent() {
    let (world, service) = (World::new(), Service::open());
    let mut stock = calls(&service.serve(world.guard()).await, world.on_behalf_of());
    let status = stock.check(request()).await.unwrap_err();
    let error = TokenError::from_status(&status).unwrap();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    assert!(error.to_string().contains("request.extensions_mut().insert(token)"), "{error}");
    assert_ne!(status.code(), Code::Unauthenticated, "nobody's token was refused");
    assert_eq!((service.callers().len(), world.token_requests()), (0, 0));
}
