//! tower: any service, without a framework, behind the layer; and the rules of `Service` kept.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{Extensions, Request, Response, Version};
use serde::{Deserialize, Deserializer};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{
    BearerLayer, BearerService, Claims, Error, GrpcMethods, GrpcMethodsService, Issuer, IssuerStatus, KeyStatus,
    Metadata, ProtectedResource, Rejection, RejectionKind, RequireLayer, RequireService, Requirement, TokenSource,
    Validator, VerifiedToken, Verifier, require, scope,
};

use super::support::AUDIENCE;

fn guard(authority: &TestIssuer) -> BearerLayer {
    BearerLayer::new(authority.issuer().validator(AUDIENCE))
}

fn request(token: &str) -> Request<()> {
    Request::builder().header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

#[derive(Deserialize)]
struct Staff {
    department: String,
}

/// No framework, and bodies that are no HTTP bodies.
async fn describe(request: Request<()>) -> Result<Response<String>, Infallible> {
    let said = VerifiedToken::from_extensions(request.extensions()).and_then(|token| {
        let staff = token.claims::<Staff>()?;
        Ok(format!("{} of {}", token.subject().unwrap(), staff.department))
    });
    Ok(Response::new(said.unwrap_or_else(|rejection| format!("{:?}", rejection.kind()))))
}

#[tokio::test]
async fn a_plain_service_reads_the_token_and_typed_claims_from_the_extensions() {
    let authority = TestIssuer::new();
    let service = guard(&authority).layer(service_fn(describe));
    let token = authority.token(AUDIENCE).subject("alice").claim("department", "sales").sign();
    let response = service.clone().oneshot(request(&token)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, "alice of sales"));

    let other = authority.token(AUDIENCE).sign();
    assert_eq!(service.clone().oneshot(request(&other)).await.unwrap().body(), "ClaimsMismatch");

    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (401, ""));
    assert_eq!(response.extensions().get::<Rejection>().map(Rejection::kind), Some(RejectionKind::NoCredentials));
}

#[tokio::test]
async fn a_plain_service_learns_why_there_is_no_token() {
    let authority = TestIssuer::new();
    let optional = guard(&authority).optional().layer(service_fn(describe));
    assert_eq!(optional.oneshot(Request::new(())).await.unwrap().body(), "NoCredentials");
    assert_eq!(describe(Request::new(())).await.unwrap().body(), "LayerMissing");

    let token = VerifiedToken::optional_from_extensions(&Extensions::new());
    assert_eq!(token.unwrap_err().kind(), RejectionKind::LayerMissing);
}

#[test]
fn public_handles_are_send_sync_and_clone() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Issuer>();
    is_shared::<Arc<Metadata>>();
    is_shared::<Validator>();
    is_shared::<Verifier>();
    is_shared::<BearerLayer>();
    is_shared::<BearerService<()>>();
    is_shared::<RequireLayer>();
    is_shared::<RequireService<()>>();
    is_shared::<Requirement>();
    is_shared::<GrpcMethods>();
    is_shared::<GrpcMethodsService<()>>();
    is_shared::<TokenSource>();
    is_shared::<ProtectedResource>();
    is_shared::<VerifiedToken>();
    is_shared::<Claims<Staff>>();
    is_shared::<Rejection>();
    is_shared::<RejectionKind>();
    is_shared::<Error>();
    is_shared::<TestIssuer>();
    is_shared::<IssuerStatus>();
    is_shared::<KeyStatus>();
}

#[test]
fn the_future_is_send_even_where_the_body_is_not_sync() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let echo =
        service_fn(|request: Request<Cell<u8>>| async move { Ok::<_, Infallible>(Response::new(request.into_body())) });
    let authority = TestIssuer::new();
    let mut service = guard(&authority).layer(require(scope("a")).layer(echo));
    drop(send(service.call(Request::new(Cell::new(1)))));
    // Nor does the body of an answer that is not there yet matter.
    let stays = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Rc::new(1))) });
    drop(send(guard(&authority).layer(require(scope("a")).layer(stays)).call(Request::new(()))));

    let issuer = authority.issuer();
    drop((send(issuer.ready()), send(issuer.metadata())));
    drop(send(issuer.validator(AUDIENCE).verify("opaque")));
}

/// A service that has to be polled ready before each call, clones anew, and is ready when the gate is open.
struct Gated {
    gate: Arc<Gate>,
    ready: bool,
    number: usize,
}

#[derive(Default)]
struct Gate {
    open: AtomicBool,
    made: AtomicUsize,
    calls: AtomicUsize,
}

impl Gate {
    fn opened() -> Arc<Self> {
        Arc::new(Self { open: AtomicBool::new(true), ..Self::default() })
    }

    fn service(self: &Arc<Self>) -> Gated {
        Gated { gate: Arc::clone(self), ready: false, number: self.made.fetch_add(1, Ordering::SeqCst) }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Clone for Gated {
    fn clone(&self) -> Self {
        self.gate.service()
    }
}

impl Service<Request<()>> for Gated {
    /// The number of the instance that was called.
    type Response = Response<usize>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<usize>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.ready = self.gate.open.load(Ordering::SeqCst);
        if self.ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.ready, "instance {} was called without being ready", self.number);
        self.ready = false;
        self.gate.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(self.number)))
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_never_called() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).scope("a").sign();
    for keys_are_there in [false, true] {
        let layer = guard(&authority);
        if keys_are_there {
            layer.layer(Gate::opened().service()).oneshot(request(&token)).await.unwrap();
        }
        let gate = Arc::new(Gate::default());
        let service = layer.layer(require(scope("a")).layer(gate.service()));
        let mut answer = pin!(service.oneshot(request(&token)));
        assert!(poll_once(answer.as_mut()).is_pending());
        tokio::task::yield_now().await;
        assert!(poll_once(answer.as_mut()).is_pending());
        assert_eq!(gate.calls(), 0);
        gate.open.store(true, Ordering::SeqCst);
        assert_eq!(answer.await.unwrap().status(), 200);
        assert_eq!(gate.calls(), 1);
    }
}

#[tokio::test]
async fn the_instance_that_was_ready_is_the_one_called() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).sign();
    let gate = Gate::opened();
    let mut service = guard(&authority).layer(gate.service());

    // Keys have to be fetched first: the ready instance waits with the request.
    let held = authority.hold(Endpoint::Jwks);
    let mut first = pin!(service.ready().await.unwrap().call(request(&token)));
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!(gate.calls(), 0);
    // Meanwhile the service takes further requests, each with an instance that was polled ready.
    let mut second = pin!(service.ready().await.unwrap().call(request(&token)));
    assert!(poll_once(second.as_mut()).is_pending());
    drop(held);
    assert_eq!(*first.await.unwrap().body(), 0);
    assert_eq!(*second.await.unwrap().body(), 1);

    // From now on the keys are there.
    for _ in 0..3 {
        assert_eq!(*service.ready().await.unwrap().call(request(&token)).await.unwrap().body(), 2);
    }
    assert_eq!(gate.calls(), 5);
    assert_eq!(gate.made.load(Ordering::SeqCst), 3, "a service is only cloned where keys have to be waited for");
}

#[tokio::test]
async fn a_rejected_request_never_reaches_the_service() {
    let authority = TestIssuer::new();
    let gate = Gate::opened();
    let mut service = guard(&authority).layer(gate.service());
    for (token, status) in [
        (authority.token(AUDIENCE).claim("iss", "https://other.test").sign(), 401),
        (authority.token(AUDIENCE).expired().sign(), 401),
        ("opaque".to_owned(), 401),
    ] {
        assert_eq!(service.ready().await.unwrap().call(request(&token)).await.unwrap().status(), status);
    }
    let unavailable = TestIssuer::new();
    unavailable.fail(Endpoint::Jwks, Fault::Broken);
    let mut waiting = guard(&unavailable).layer(gate.service());
    let token = unavailable.token(AUDIENCE).sign();
    assert_eq!(waiting.ready().await.unwrap().call(request(&token)).await.unwrap().status(), 503);
    assert_eq!(gate.calls(), 0);
}

/// Nobody takes an answer that was never finished for one of the service, whoever catches the panic and polls on.
#[test]
fn a_responder_that_panics_leaves_no_answer_behind() {
    let panics = |_: &Rejection| -> Response<String> { panic!("nothing comes to mind") };
    let mut service = guard(&TestIssuer::new()).respond_with(panics).layer(service_fn(describe));
    let mut answer = pin!(service.call(Request::new(())));
    let caught = catch_unwind(AssertUnwindSafe(|| poll_once(answer.as_mut())));
    assert!(caught.is_err());
    assert!(poll_once(answer.as_mut()).is_pending());
}

#[test]
fn an_answer_is_given_once() {
    let mut service = guard(&TestIssuer::new()).layer(service_fn(describe));
    let mut answer = pin!(service.call(Request::new(())));
    assert!(matches!(poll_once(answer.as_mut()), Poll::Ready(Ok(answer)) if answer.status() == 401));
    assert!(poll_once(answer.as_mut()).is_pending());
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_through() {
    #[derive(Clone)]
    struct NeverReady;
    impl Service<Request<()>> for NeverReady {
        type Response = Response<()>;
        type Error = &'static str;
        type Future = std::future::Ready<Result<Response<()>, &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Err("it can't be made ready"))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            unreachable!()
        }
    }

    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).scope("a").sign();
    let failing = service_fn(|_: Request<()>| async { Err::<Response<()>, _>("it broke") });
    let service = guard(&authority).layer(require(scope("a")).layer(failing));
    for _keys_missing_then_there in 0..2 {
        assert_eq!(service.clone().oneshot(request(&token)).await.unwrap_err(), "it broke");
    }
    let service = guard(&authority).layer(require(scope("a")).layer(NeverReady));
    assert_eq!(service.oneshot(request(&token)).await.unwrap_err(), "it can't be made ready");
}

async fn extensions(request: Request<()>) -> Result<Response<Extensions>, Infallible> {
    Ok(Response::new(request.into_parts().0.extensions))
}

#[tokio::test]
async fn an_outcome_of_another_layer_is_taken_away() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).subject("alice").sign();
    let verified = guard(&authority).layer(service_fn(extensions)).oneshot(request(&token)).await.unwrap().into_body();
    assert_eq!(VerifiedToken::from_extensions(&verified).unwrap().subject(), Some("alice"));

    let smuggling = || {
        let mut request = Request::new(());
        *request.extensions_mut() = verified.clone();
        request
    };
    let needed = guard(&authority).layer(service_fn(extensions)).oneshot(smuggling()).await.unwrap();
    assert_eq!(needed.status(), 401);

    let optional = guard(&authority).optional().layer(service_fn(extensions)).oneshot(smuggling()).await.unwrap();
    assert_eq!(optional.status(), 200);
    assert!(VerifiedToken::optional_from_extensions(optional.body()).unwrap().is_none());

    // It is gone before anything of this layer looks at the request.
    let source = TokenSource::from_fn(|request| {
        let found = VerifiedToken::from_extensions(&request.extensions);
        assert_eq!(found.unwrap_err().kind(), RejectionKind::LayerMissing);
        None
    });
    let asked =
        guard(&authority).token_from([source]).layer(service_fn(extensions)).oneshot(smuggling()).await.unwrap();
    assert_eq!(asked.status(), 401);

    let mut with_another = smuggling();
    let bob = format!("Bearer {}", authority.token(AUDIENCE).subject("bob").sign());
    with_another.headers_mut().insert(AUTHORIZATION, bob.parse().unwrap());
    let replaced = guard(&authority).layer(service_fn(extensions)).oneshot(with_another).await.unwrap();
    assert_eq!(VerifiedToken::from_extensions(replaced.body()).unwrap().subject(), Some("bob"));
}

#[tokio::test]
async fn the_answer_to_a_rejected_request_has_nothing_of_the_request() {
    let authority = TestIssuer::new();
    // Keys are fetched for it, as it may be signed by one of them.
    let signed_by_another = format!("Bearer {}", TestIssuer::new().token(AUDIENCE).sign());
    for credentials in [None, Some("Bearer garbage"), Some("Basic YTpi"), Some(&*signed_by_another)] {
        assert_eq!(authority.requests(Endpoint::Jwks), 0);
        let mut request = Request::new(());
        for (name, value) in [("cookie", "session=1"), ("x-forwarded-for", "::1"), ("x-forwarded-for", "::2")] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        if let Some(credentials) = credentials {
            request.headers_mut().insert(AUTHORIZATION, credentials.parse().unwrap());
        }
        request.extensions_mut().insert("of the request");
        let answer = guard(&authority).layer(service_fn(extensions)).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 401, "{credentials:?}");
        let names: Vec<_> = answer.headers().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["www-authenticate"], "{credentials:?}");
        let kept = answer.extensions();
        assert_eq!((kept.len(), kept.get::<&str>(), kept.get::<Rejection>().is_some()), (1, None, true));
    }
    assert_eq!(authority.requests(Endpoint::Jwks), 1);

    let mut call = Request::builder().method("POST").version(Version::HTTP_2).body(()).unwrap();
    for (name, value) in [("content-type", "application/grpc"), ("cookie", "session=1"), ("te", "trailers")] {
        call.headers_mut().append(name, value.parse().unwrap());
    }
    call.extensions_mut().insert("of the request");
    let answer = guard(&authority).layer(service_fn(extensions)).oneshot(call).await.unwrap();
    let mut names: Vec<_> = answer.headers().iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let of_grpc = ["content-type", "grpc-message", "grpc-status", "grpc-status-details-bin", "www-authenticate"];
    assert_eq!((names, answer.status().as_u16()), (of_grpc.to_vec(), 200));
    assert_eq!((answer.extensions().len(), answer.extensions().get::<&str>()), (1, None));
}

#[tokio::test]
async fn a_token_that_somebody_puts_into_the_extensions_does_not_count() {
    let authority = TestIssuer::new();
    let token = authority.issuer().validator(AUDIENCE).verify(&authority.token(AUDIENCE).sign()).await.unwrap();
    let mut extensions = Extensions::new();
    extensions.insert(token);
    let found = VerifiedToken::from_extensions(&extensions);
    assert_eq!(found.unwrap_err().kind(), RejectionKind::LayerMissing);
}

#[tokio::test]
async fn credentials_are_marked_sensitive_for_logs_further_in() {
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).sign();
    let names = [("authorization", "Bearer "), ("x-token", ""), ("cookie", "session=")];
    for sent in names {
        let sources =
            [TokenSource::authorization(), TokenSource::header("x-token").unwrap(), TokenSource::cookie("session")];
        let seen = service_fn(move |request: Request<()>| async move {
            let marked = names.map(|(name, _)| request.headers().get(name).map(http::HeaderValue::is_sensitive));
            Ok::<_, Infallible>(Response::new(marked))
        });
        let request = Request::builder().header(sent.0, format!("{}{token}", sent.1)).body(()).unwrap();
        let marked = guard(&authority).token_from(sources).layer(seen).oneshot(request).await.unwrap().into_body();
        assert_eq!(marked, names.map(|name| (name == sent).then_some(true)));
    }

    let seen = service_fn(|request: Request<()>| async move {
        let values = request.headers().get_all(AUTHORIZATION).iter();
        Ok::<_, Infallible>(Response::new(values.filter(|value| value.is_sensitive()).count()))
    });
    let with = |values: &[&str]| {
        let request = Request::builder().method("POST").version(Version::HTTP_2).uri("/health.Health/Check");
        let request = values.iter().fold(request, |request, value| request.header(AUTHORIZATION, *value));
        request.header("content-type", "application/grpc").body(()).unwrap()
    };
    let bearer = format!("Bearer {token}");
    let layer = guard(&authority).optional();
    for credentials in [&*bearer, "Basic YWxpY2U6c2VjcmV0"] {
        let marked = layer.clone().layer(seen).oneshot(with(&[credentials])).await.unwrap();
        assert_eq!(marked.into_body(), 1, "{credentials}");
    }
    let open = layer.open("/health.Health/").unwrap();
    for (count, credentials) in [(1, &[&*bearer][..]), (2, &[&*bearer, "Basic YWxpY2U6c2VjcmV0"])] {
        assert_eq!(open.clone().layer(seen).oneshot(with(credentials)).await.unwrap().into_body(), count);
    }
}

/// Counts how often it is read from JSON.
struct Counted {
    subject: String,
}

static READ: AtomicUsize = AtomicUsize::new(0);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Plain {
            sub: String,
        }
        READ.fetch_add(1, Ordering::SeqCst);
        Plain::deserialize(deserializer).map(|plain| Self { subject: plain.sub })
    }
}

#[tokio::test]
async fn typed_claims_are_parsed_once_per_token() {
    let authority = TestIssuer::new();
    let read_often = service_fn(|request: Request<()>| async move {
        let token = VerifiedToken::from_extensions(request.extensions()).unwrap();
        let first = token.claims::<Counted>().unwrap();
        // Another type between, a clone, and the extensions again.
        assert_eq!(token.claims::<Staff>().unwrap().department, "sales");
        let same = [
            token.claims::<Counted>().unwrap(),
            token.clone().claims::<Counted>().unwrap(),
            VerifiedToken::from_extensions(request.extensions()).unwrap().claims::<Counted>().unwrap(),
        ];
        assert!(same.iter().all(|one| Arc::ptr_eq(one, &first)));
        Ok::<_, Infallible>(Response::new(first.subject.clone()))
    });
    let service = guard(&authority).layer(read_often);
    for (number, subject) in ["alice", "bob"].into_iter().enumerate() {
        let token = authority.token(AUDIENCE).subject(subject).claim("department", "sales").sign();
        let response = service.clone().oneshot(request(&token)).await.unwrap();
        assert_eq!(response.body(), subject);
        assert_eq!(READ.load(Ordering::SeqCst), number + 1);
    }
}

#[tokio::test]
async fn more_types_than_are_kept_are_still_right() {
    #[derive(Deserialize)]
    struct Numbered<const N: usize> {
        sub: String,
    }
    let authority = TestIssuer::new();
    let token = authority.token(AUDIENCE).subject("alice").sign();
    let token = authority.issuer().validator(AUDIENCE).verify(&token).await.unwrap();
    for _ in 0..2 {
        assert_eq!(token.claims::<Numbered<0>>().unwrap().sub, "alice");
        assert_eq!(token.claims::<Numbered<1>>().unwrap().sub, "alice");
        assert_eq!(token.claims::<Numbered<2>>().unwrap().sub, "alice");
        assert_eq!(token.claims::<Numbered<3>>().unwrap().sub, "alice");
        assert_eq!(token.claims::<Numbered<4>>().unwrap().sub, "alice");
        assert_eq!(token.claims::<Numbered<5>>().unwrap().sub, "alice");
    }
}
