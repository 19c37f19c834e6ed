//! A service refuses a token: the next call has another.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tonic::{Code, Status};
use tower_bearer::testing::{Endpoint, Fault};
use tower_bearer::{Rejection, RejectionKind, TokenError, VerifiedToken, role, satisfies};

use super::{Service, World, calls, request};

/// Takes no token but those that it saw second or later.
#[derive(Clone, Default)]
struct FirstRefused(Arc<Mutex<HashSet<String>>>);

impl FirstRefused {
    fn takes(&self, token: &VerifiedToken) -> bool {
        let mut seen = self.0.lock().unwrap();
        let id: String = token.claim("uti").unwrap();
        let is_first = seen.is_empty() || (seen.len() == 1 && seen.contains(&id));
        seen.insert(id);
        !is_first
    }
}

/// Whether a refusal by the service or by its guard makes the next call carry another token.
async fn is_replaced(guard: impl FnOnce(&World) -> tower_bearer::BearerLayer, service: Service) {
    let world = World::new();
    let mut stock = calls(&service.serve(guard(&world)).await, world.jobs());
    let refused = stock.check(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(TokenError::from_status(&refused).is_none(), "there was a token");
    assert_eq!(world.token_requests(), 1, "a call has a body, so it is not sent once more");
    stock.check(request()).await.unwrap();
    stock.check(request()).await.unwrap();
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn a_token_that_the_guard_refuses_is_replaced() {
    let first = FirstRefused::default();
    let check =
        satisfies(move |token| if first.takes(token) { Ok(()) } else { Err(Rejection::new(RejectionKind::Refused)) });
    is_replaced(|world| world.guard().require(check), Service::open()).await;
}

#[tokio::test]
async fn a_token_that_a_method_refuses_is_replaced() {
    for refusal in
        [|| Status::unauthenticated("somebody else's words"), || Status::from(Rejection::new(RejectionKind::Refused))]
    {
        let first = FirstRefused::default();
        let service = Service::new(move |token| if first.takes(token) { Ok(()) } else { Err(refusal()) });
        is_replaced(World::guard, service).await;
    }
}

#[tokio::test]
async fn other_refusals_leave_the_token() {
    let world = World::new();
    let jobs = world.jobs();
    let cold = world.guard();
    let forbidding = world.guard().require(role("Items.Count"));
    let service = Service::new(|_| Err(Status::resource_exhausted("too many")));
    let forbidden = service.serve(forbidding).await;
    let busy = service.serve(world.guard()).await;
    assert_eq!(calls(&forbidden, jobs.clone()).check(request()).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(calls(&busy, jobs.clone()).check(request()).await.unwrap_err().code(), Code::ResourceExhausted);
    world.directory.fail(Endpoint::Jwks, Fault::Status(503));
    let down = service.serve(cold).await;
    assert_eq!(calls(&down, jobs.clone()).check(request()).await.unwrap_err().code(), Code::Unavailable);
    jobs.token().await.unwrap();
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn a_refusal_after_messages_is_the_callers_and_leaves_the_token() {
    let world = World::new();
    let service = Service::new(|_| Err(Status::unauthenticated("no more")));
    let mut stock = calls(&service.serve(world.guard()).await, world.jobs());
    for _ in 0..2 {
        let mut stream = stock.watch(request()).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        assert_eq!(stream.message().await.unwrap_err().code(), Code::Unauthenticated);
    }
    assert_eq!(world.token_requests(), 1, "the token was taken as the call started");
}
