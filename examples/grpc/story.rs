//! What is tried, chapter by chapter.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::iter;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_bearer::testing::{Endpoint, Fault};

use super::answer::{refusal, said};
use super::call::{channel, unknown, with};
use super::proto::orders::orders_client::OrdersClient;
use super::proto::orders::{ListReply, ListRequest, Order, Placed, PurgeRequest, WatchRequest};
use super::proto::stock::ReserveRequest;
use super::proto::stock::stock_client::StockClient;
use super::steps::Steps;
use super::world::{TIER_ONE, World};

type Fallible<T = ()> = Result<T, Box<dyn Error>>;

const ENDED: &str = "0, the end";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

fn order(item: &str, quantity: u32) -> Order {
    Order { item: item.to_owned(), quantity }
}

fn count(list: &ListReply) -> String {
    format!("{} orders", list.orders.len())
}

/// For whom tier two reserved, as it sees them.
fn reserved(placed: &Placed) -> String {
    let by = if placed.application == TIER_ONE { "tier one" } else { "somebody else" };
    format!("reserved for {} by {by}", placed.person)
}

pub(crate) async fn tell(steps: &mut Steps, world: &World) -> Fallible {
    callers(steps, world).await?;
    open(steps, world).await?;
    tiers(steps, world).await?;
    daemon(steps, world).await?;
    outage(steps, world).await?;
    streams(steps, world).await
}

/// Who is let in, and what the others learn.
async fn callers(steps: &mut Steps, world: &World) -> Fallible {
    let mut orders = OrdersClient::new(channel(&world.tier_one)?);
    let reader = world.alice("Orders.Read");
    let list = ListRequest {};
    let answer = orders.list(with([&reader], list)).await;
    steps.step(["a token with the scope", "Orders.List", "Alice"], ("0, 0 orders", 0), said(answer, count));
    let answer = orders.list(with([], list)).await;
    steps.step(["no token", "Orders.List", "nobody"], ("16 NO_CREDENTIALS", 0), said(answer, count));
    let answer = orders.list(with(["abc"], list)).await;
    steps.step(["what is no token", "Orders.List", "nobody"], ("16 MALFORMED", 0), said(answer, count));
    let answer = orders.list(with([&reader, &reader], list)).await;
    steps.step(["two tokens", "Orders.List", "Alice"], ("16 INVALID_REQUEST", 0), said(answer, count));
    let answer = orders.place(with([&reader], order("bolts", 7))).await;
    let expected = ("7 INSUFFICIENT_SCOPE, needs Orders.Place", 0);
    steps.step(["a token without the scope", "Orders.Place", "Alice"], expected, said(answer, reserved));
    let answer = orders.purge(with([&reader], PurgeRequest {})).await;
    let expected = ("7 UNLISTED_METHOD", 0);
    steps.step(["a method without a rule", "Orders.Purge", "Alice"], expected, said(answer, |_| String::new()));
    Ok(())
}

/// What needs no token, and what does though it looks as if it did not.
async fn open(steps: &mut Steps, world: &World) -> Fallible {
    let tier_one = channel(&world.tier_one)?;
    let mut health = HealthClient::new(tier_one.clone());
    let state = |health: &HealthCheckResponse| health.status().as_str_name().to_owned();
    let check = || HealthCheckRequest { service: "orders.v1.Orders".to_owned() };
    let answer = health.check(with([], check())).await;
    steps.step(["an open service", "Health.Check", "nobody"], ("0, SERVING", 0), said(answer, state));
    let answer = health.check(with(["abc"], check())).await;
    steps.step(["its token is not looked at", "Health.Check", "nobody"], ("0, SERVING", 0), said(answer, state));
    let answer = unknown(tier_one.clone(), REFLECTION, with([], ListRequest {})).await;
    steps.step(["reflection is not open", "ServerReflection", "nobody"], ("16 NO_CREDENTIALS", 0), said(answer, count));
    let answer = unknown(tier_one, REFLECTION, with([&world.alice("Orders.Read")], ListRequest {})).await;
    let expected = ("7 UNLISTED_METHOD", 0);
    steps.step(["nor is it there", "ServerReflection", "Alice"], expected, said(answer, count));
    Ok(())
}

/// Tier one calls tier two as whoever calls it.
async fn tiers(steps: &mut Steps, world: &World) -> Fallible {
    let mut orders = OrdersClient::new(channel(&world.tier_one)?);
    let alice = world.alice("Orders.Place");
    for (what, token_requests) in [("a person through both tiers", 1), ("the same once more", 0)] {
        let answer = orders.place(with([&alice], order("bolts", 7))).await;
        let expected = ("0, reserved for Alice by tier one", token_requests);
        steps.step([what, "Orders.Place → Stock.Reserve", "Alice"], expected, said(answer, reserved));
    }
    let mut stock = StockClient::new(channel(&world.tier_two)?);
    let answer = stock.reserve(with([&alice], ReserveRequest::default())).await;
    let expected = ("16 WRONG_AUDIENCE", 0);
    steps.step(
        ["tier one's token at tier two", "Stock.Reserve", "Alice"],
        expected,
        said(answer, |reserved| reserved.person.clone()),
    );

    world.stock.demand_claims(json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } }));
    let answer = orders.place(with([&world.alice("Orders.Place")], order("nuts", 7))).await;
    let expected = ("16 INSUFFICIENT_CLAIMS, with a challenge", 1);
    steps.step(["a second factor is wanted", "Orders.Place → issuer", "Alice"], expected, said(answer, reserved));
    world.stock.demand_no_claims();
    Ok(())
}

/// An application that acts as itself.
async fn daemon(steps: &mut Steps, world: &World) -> Fallible {
    let mut orders = OrdersClient::new(world.daemons_channel()?);
    for (what, token_requests) in [("a daemon by client credentials", 1), ("its second call", 0)] {
        let answer = orders.list(with([], ListRequest {})).await;
        steps.step([what, "Orders.List", "the daemon"], ("0, 2 orders", token_requests), said(answer, count));
    }
    let answer = orders.place(with([], order("bolts", 7))).await;
    let expected = ("7 INSUFFICIENT_SCOPE, needs Orders.Place", 0);
    steps.step(["what people alone may do", "Orders.Place", "the daemon"], expected, said(answer, reserved));
    Ok(())
}

/// The issuer's keys can't be had, and this instance has none yet.
async fn outage(steps: &mut Steps, world: &World) -> Fallible {
    world.directory.fail(Endpoint::Jwks, Fault::Status(503));
    let mut orders = OrdersClient::new(channel(&world.start_tier_one().await?)?);
    let answer = orders.list(with([&world.alice("Orders.Read")], ListRequest {})).await;
    let expected = ("14 KEYS_UNAVAILABLE, again in 15 s", 0);
    steps.step(["the issuer is down at the start", "Orders.List", "Alice"], expected, said(answer, count));
    world.directory.recover(Endpoint::Jwks);
    Ok(())
}

/// Calls that last longer than their token.
async fn streams(steps: &mut Steps, world: &World) -> Fallible {
    let mut orders = OrdersClient::new(channel(&world.tier_one)?);
    let alice = world.alice("Orders.Read Orders.Place");
    let three = ["nuts", "washers", "rivets"].map(|item| order(item, 1));
    let answer = orders.import(with([&alice], iter(three))).await;
    let imported = said(answer, |imported| format!("{} orders", imported.count));
    steps.step(["orders in a stream", "Orders.Import", "Alice"], ("0, 3 orders", 0), imported);

    let mut watched = orders.watch(with([&alice], WatchRequest {})).await?.into_inner();
    let (sender, receiver) = mpsc::channel(1);
    let importing = tokio::spawn({
        let (mut orders, request) = (orders.clone(), with([&alice], ReceiverStream::new(receiver)));
        async move { orders.import(request).await }
    });
    sender.send(order("screws", 1)).await?;
    // The orders of before come first.
    let mut seen = next(&mut watched).await;
    while seen.starts_with("0, ") && seen != "0, screws" && seen != ENDED {
        seen = next(&mut watched).await;
    }
    steps.step(["an order is seen at once", "Orders.Watch", "Alice"], ("0, screws", 0), seen);

    world.directory.clock().advance(Duration::from_secs(2 * 3600));
    let _ = sender.send(order("pins", 1)).await; // the call may be over already
    let answer = said(importing.await?, |imported| format!("{} orders", imported.count));
    steps.step(["its token runs out meanwhile", "Orders.Import", "Alice"], ("16 EXPIRED", 0), answer);
    let answer = orders.place(with([&world.alice("Orders.Place")], order("bolts", 7))).await;
    let expected = ("0, reserved for Alice by tier one", 1);
    steps.step(["another token goes on", "Orders.Place → Stock.Reserve", "Alice"], expected, said(answer, reserved));
    let seen = next(&mut watched).await;
    steps.step(["who watches sees no more", "Orders.Watch", "Alice"], ("16 EXPIRED", 0), seen);
    let answer = orders.list(with([&world.alice("Orders.Read")], ListRequest {})).await;
    steps.step(["what came too late isn't there", "Orders.List", "Alice"], ("0, 7 orders", 0), said(answer, count));
    Ok(())
}

/// What a watcher sees next.
async fn next(watched: &mut Streaming<Order>) -> String {
    match watched.message().await {
        Ok(Some(order)) => format!("0, {}", order.item),
        Ok(None) => ENDED.to_owned(),
        Err(status) => refusal(&status),
    }
}
