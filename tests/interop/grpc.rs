//! What clients of gRPC that others wrote learn from the server of the example `grpc`: PyPI `grpcio`, npm `@grpc/grpc-js` and, of
//! grpc-web, npm `@connectrpc/connect-node`.

use std::fmt::Debug;
use std::time::Duration;

use prost::Message;
use tower_bearer::testing::{Endpoint, Fault};

use crate::grpc_client::{Answer, GrpcClient, Refusal};
use crate::grpc_server::proto::orders::{ListReply, ListRequest, Order, Placed, WatchRequest};
use crate::grpc_server::world::{TIER_ONE, World};

const LIST: &str = "/orders.v1.Orders/List";
const PLACE: &str = "/orders.v1.Orders/Place";
const WATCH: &str = "/orders.v1.Orders/Watch";
const PURGE: &str = "/orders.v1.Orders/Purge";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

fn seven(item: &str) -> Order {
    Order { item: item.to_owned(), quantity: 7 }
}

async fn world() -> World {
    World::start().await.expect("ports can be had")
}

/// What came back to a call that has one answer.
fn one<M: Message + Default>(answer: &Answer) -> M {
    let [message] = answer.messages.as_slice() else { panic!("not one message: {answer:?}") };
    M::decode(message.as_slice()).expect("the message is of this type")
}

/// Both clients learn this, and all that they learn is the same.
fn learned_by_both(answers: &[Answer], expected: &Refusal) {
    for answer in answers {
        assert_eq!(answer.refusal().as_ref(), Some(expected), "{answer:?}");
    }
    all_the_same(answers);
}

fn all_the_same<T: PartialEq + Debug>(all: &[T]) {
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_a_good_token_are_answered() {
    let world = world().await;
    let alice = world.alice("Orders.Read Orders.Place");
    for (before, mut client) in GrpcClient::both().into_iter().enumerate() {
        let placed: Placed = one(&client.call(&world.tier_one, PLACE, Some(&alice), &seven("bolts")));
        assert_eq!((placed.person.as_str(), placed.application.as_str()), ("Alice", TIER_ONE));
        let list: ListReply = one(&client.call(&world.tier_one, LIST, Some(&alice), &ListRequest {}));
        assert_eq!(list.orders, vec![seven("bolts"); before + 1]);
        client.start_stream(&world.tier_one, WATCH, Some(&alice), &WatchRequest {});
        for order in list.orders {
            assert_eq!(client.next_message().as_deref(), Some(order.encode_to_vec().as_slice()));
        }
    }
}

/// Calls of a reader and of a buyer that are refused, and what is said to them.
fn refused<'t>(reader: &'t str, buyer: &'t str) -> [(&'static str, Option<&'t str>, Refusal); 9] {
    let realm = r#"Bearer realm="api://orders""#;
    let no_credentials = Refusal::new(16, "a bearer token is required", "NO_CREDENTIALS").challenge(realm);
    let malformed = Refusal::new(16, "the token is malformed", "MALFORMED")
        .challenge(&format!("{realm}, error=\"invalid_token\", error_description=\"the token is malformed\""));
    let lacking = "the token lacks a permission that is required";
    let insufficient = |scope: &str| {
        let challenge =
            format!("{realm}, error=\"insufficient_scope\", error_description=\"{lacking}\", scope=\"{scope}\"");
        Refusal::new(7, lacking, "INSUFFICIENT_SCOPE").challenge(&challenge).needs(scope)
    };
    let not_listed = Refusal::new(7, "no token allows this method", "UNLISTED_METHOD").challenge(&format!(
        "{realm}, error=\"insufficient_scope\", error_description=\"no token allows this method\""
    ));
    [
        (LIST, None, no_credentials.clone()),
        (LIST, Some("abc"), malformed.clone()),
        (LIST, Some(buyer), insufficient("Orders.Read")),
        (WATCH, None, no_credentials.clone()),
        (WATCH, Some("abc"), malformed),
        (WATCH, Some(buyer), insufficient("Orders.Read")),
        (PLACE, Some(reader), insufficient("Orders.Place")),
        (PURGE, Some(reader), not_listed),
        (PURGE, None, no_credentials),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_arrive_whole_whether_they_stream_or_not() {
    let world = world().await;
    let (reader, buyer) = (world.alice("Orders.Read"), world.alice("Orders.Place"));
    let mut clients = GrpcClient::both();
    for (path, token, expected) in refused(&reader, &buyer) {
        let origin = &world.tier_one;
        let calls = clients.each_mut().map(|client| client.call(origin, path, token, &ListRequest {}));
        learned_by_both(&calls, &expected);
        let streams = clients.each_mut().map(|client| client.stream(origin, path, token, &ListRequest {}));
        learned_by_both(&streams, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_grpc_web_reads_the_same_in_headers_alone() {
    let world = world().await;
    let (reader, buyer) = (world.alice("Orders.Read"), world.alice("Orders.Place"));
    let mut client = GrpcClient::of_web();
    for (path, token, expected) in refused(&reader, &buyer) {
        let call = client.call(&world.tier_one, path, token, &ListRequest {});
        assert_eq!(call.refusal().as_ref(), Some(&expected), "{call:?}");
        let stream = client.stream(&world.tier_one, path, token, &ListRequest {});
        assert_eq!(stream.refusal().as_ref(), Some(&expected), "{stream:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_can_not_be_had_they_learn_when_to_try_again() {
    let world = world().await;
    world.directory.fail(Endpoint::Jwks, Fault::Status(503));
    let origin = world.start_tier_one().await.expect("a port can be had");
    let alice = world.alice("Orders.Read");
    let expected = Refusal::new(14, "tokens can't be checked at the moment", "KEYS_UNAVAILABLE").again_in(15);
    let mut clients = GrpcClient::both();
    learned_by_both(&clients.each_mut().map(|one| one.call(&origin, LIST, Some(&alice), &ListRequest {})), &expected);
    learned_by_both(
        &clients.each_mut().map(|one| one.stream(&origin, WATCH, Some(&alice), &WatchRequest {})),
        &expected,
    );

    world.directory.recover(Endpoint::Jwks);
    world.directory.clock().advance(Duration::from_secs(15));
    for client in &mut clients {
        let list: ListReply = one(&client.call(&origin, LIST, Some(&alice), &ListRequest {}));
        assert!(list.orders.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_as_unauthenticated_when_its_token_runs_out() {
    let world = world().await;
    let mut clients = GrpcClient::both();
    let alice = world.alice("Orders.Read Orders.Place");
    clients[0].call(&world.tier_one, PLACE, Some(&alice), &seven("bolts"));
    for client in &mut clients {
        client.start_stream(&world.tier_one, WATCH, Some(&alice), &WatchRequest {});
        assert_eq!(client.next_message(), Some(seven("bolts").encode_to_vec()));
    }
    world.directory.clock().advance(Duration::from_secs(2 * 3600));
    let [mut another, _] = GrpcClient::both();
    let fresh = world.alice("Orders.Place");
    let placed: Placed = one(&another.call(&world.tier_one, PLACE, Some(&fresh), &seven("nuts")));
    assert_eq!(placed.person, "Alice");

    let challenge = r#"Bearer realm="api://orders", error="invalid_token", error_description="the token has expired""#;
    let expected = Refusal::new(16, "the token has expired", "EXPIRED").challenge(challenge);
    let ends = clients.each_mut().map(GrpcClient::rest_of_stream);
    assert!(ends.iter().all(|end| end.messages.is_empty()), "nobody sees the order of the next token: {ends:?}");
    learned_by_both(&ends, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_service_answers_them_without_a_token_or_with_a_bad_one() {
    let world = world().await;
    let mut clients = GrpcClient::both();
    for token in [None, Some("abc")] {
        let answers = clients.each_mut().map(|client| client.call(&world.tier_one, HEALTH, token, &ListRequest {}));
        for answer in &answers {
            // Field 1, the status, is 1: SERVING.
            assert_eq!((answer.code, answer.messages.as_slice()), (0, &[vec![0x08, 0x01]][..]));
        }
    }
    for method in ["/grpc.health.v1.Healthy/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] {
        for client in &mut clients {
            assert_eq!(client.call(&world.tier_one, method, None, &ListRequest {}).code, 16, "{method}");
        }
    }
}
