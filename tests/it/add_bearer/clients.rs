//! Real clients, and an API that really checks: from the token endpoint to the handler's answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::{Request as AxumRequest, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, serve};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{BearerLayer, TokenError, VerifiedToken};

use super::{BoxError, World};

/// An API that takes tokens for `api://stock` with the role, and says who called and with what.
pub(super) fn stock(world: &World) -> Router {
    async fn who(token: VerifiedToken, body: String) -> String {
        format!("{} {:?} sent {body:?}", token.client_id().unwrap(), token.roles().collect::<Vec<_>>())
    }
    let guard = BearerLayer::new(world.authority.issuer().validator("api://stock"));
    Router::new().route("/items", any(who)).route_layer(guard)
}

/// The same, that refuses the first request whatever its token.
fn stock_that_refuses_once(world: &World) -> Router {
    async fn refuse_once(State(did): State<Arc<AtomicBool>>, request: AxumRequest, next: Next) -> Response {
        if did.swap(true, Ordering::SeqCst) {
            next.run(request).await
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        }
    }
    stock(world).layer(from_fn_with_state(Arc::new(AtomicBool::new(false)), refuse_once))
}

/// Serves it on loopback: its origin.
pub(super) async fn on_loopback(api: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, api).into_future());
    origin
}

fn hyper_client<B>() -> Client<HttpConnector, B>
where
    B: HttpBody + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build_http()
}

async fn text<S, B, O>(service: S, url: String, body: B) -> (u16, String)
where
    S: Service<Request<B>, Response = http::Response<O>, Error = BoxError>,
    O: HttpBody<Data = Bytes>,
    O::Error: std::fmt::Debug,
{
    let answer = service.oneshot(Request::post(url).body(body).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

fn said(body: &str) -> (u16, String) {
    (200, format!("jobs [\"reader\"] sent {body:?}"))
}

#[tokio::test]
async fn a_client_of_hyper_util_calls_an_api_on_loopback() {
    let world = World::new();
    let origin = on_loopback(stock(&world)).await;
    let layer = world.add_bearer().for_origins([&origin]).unwrap();
    let url = || format!("{origin}/items");
    assert_eq!(text(layer.layer(hyper_client()), url(), Empty::<Bytes>::new()).await, said(""));
    assert_eq!(text(layer.layer(hyper_client()), url(), Full::<Bytes>::from("seven")).await, said("seven"));
    assert_eq!(text(layer.layer(hyper_client()), url(), Body::from("seven")).await, said("seven"));
    assert_eq!(text(layer.layer(hyper_client()), url(), Body::empty().boxed_unsync()).await, said(""));
    assert_eq!(world.token_requests(), 1);

    // What it makes of a host that isn't there is told as it is.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let layer = world.add_bearer().for_origins([format!("http://{nobody}")]).unwrap();
    let request = Request::get(format!("http://{nobody}/")).body(Body::empty()).unwrap();
    let error = layer.layer(hyper_client()).oneshot(request).await.unwrap_err();
    assert!(error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()));
}

#[tokio::test]
async fn a_refused_request_is_sent_once_more_over_the_same_client() {
    let world = World::new();
    let origin = on_loopback(stock_that_refuses_once(&world)).await;
    let layer = world.add_bearer().for_origins([&origin]).unwrap();
    let answer = text(layer.layer(hyper_client()), format!("{origin}/items"), Body::empty()).await;
    assert_eq!(answer, said(""));
    assert_eq!(world.token_requests(), 2);

    let world = World::new();
    let origin = on_loopback(stock_that_refuses_once(&world)).await;
    let layer = world.add_bearer().for_origins([&origin]).unwrap().replay_bodies();
    let answer = text(layer.layer(hyper_client()), format!("{origin}/items"), Full::<Bytes>::from("seven")).await;
    assert_eq!(answer, said("seven"));
}

#[tokio::test]
async fn a_router_of_axum_can_stand_in_for_the_api() {
    let world = World::new();
    let layer = world.add_bearer().for_channel("https://stock.internal").unwrap();
    let url = || "https://stock.internal/items".to_owned();
    assert_eq!(text(layer.layer(stock(&world)), url(), Empty::<Bytes>::new()).await, said(""));
    assert_eq!(text(layer.layer(stock(&world)), url(), Full::<Bytes>::from("seven")).await, said("seven"));
    assert_eq!(text(layer.layer(stock(&world)), "/items".to_owned(), Body::from("seven")).await, said("seven"));
    let once = stock_that_refuses_once(&world);
    assert_eq!(text(layer.layer(once), url(), Body::empty()).await, said(""));
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn a_server_passes_a_request_on_with_a_token_of_its_own() {
    // The body comes in and goes out as it is, and neither can be cloned nor made anew.
    fn takes_incoming(_: &impl Service<Request<Incoming>>) {}
    let world = World::new();
    let origin = on_loopback(stock(&world)).await;
    let layer = world.add_bearer().for_origins([&origin]).unwrap().never_replay();
    takes_incoming(&layer.layer(hyper_client::<Incoming>()));

    let client = layer.layer(hyper_client());
    let target = format!("{origin}/items");
    let proxy = Router::new().fallback(move |mut request: AxumRequest| async move {
        *request.uri_mut() = target.parse().unwrap();
        match client.oneshot(request).await {
            Ok(answer) => answer.into_response(),
            Err(error) if error.is::<TokenError>() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    });
    let request = |host: Option<&'static str>| {
        let request = Request::post("/anything").header("authorization", "Bearer of-the-caller");
        let request = host.map_or(request, |host| Request::post("/anything").header("host", host));
        request.body(Body::from("seven")).unwrap()
    };
    let body = async |answer: Response| {
        let status = answer.status().as_u16();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    let answer = proxy.clone().oneshot(request(None)).await.unwrap();
    assert_eq!(body(answer).await, said("seven"));
    // Nor does a caller choose which host behind the address gets the token.
    let (status, why) = body(proxy.oneshot(request(Some("evil.example"))).await.unwrap()).await;
    assert_eq!(status, 502);
    assert!(why.contains("`Host`"), "{why}");
}
