//! How a session is carried on: by which refresh token, at which endpoint, and what ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_bearer::testing::TestDirectory;
use tower_bearer::{
    Client, Credential, Entra, Issuer, OboSession, Resource, SessionKey, Target, TokenErrorKind as Kind,
};

use super::{ALICE, Asked, CLIENT, TENANT, World, answer, ok};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
const READ: &str = "api://stock/Items.Read";

fn key() -> SessionKey {
    SessionKey::new([7; 32])
}

/// `token-1` with `refresh-1`, and so on.
fn tokens(number: usize) -> Value {
    json!({
        "access_token": format!("token-{number}"),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": format!("refresh-{number}"),
    })
}

/// Gives tokens, and after each token of an hour the next.
fn rotating() -> World {
    World::answering(|number, _| ok(tokens(number)))
}

/// The same, until the issuer refuses.
fn revocable() -> (World, Arc<AtomicBool>) {
    let revoked = Arc::new(AtomicBool::new(false));
    let is_revoked = Arc::clone(&revoked);
    let world = World::answering(move |number, _| match is_revoked.load(Ordering::Relaxed) {
        true => answer(400, json!({ "error": "invalid_grant" })),
        false => ok(tokens(number)),
    });
    (world, revoked)
}

async fn begun(world: &World) -> OboSession {
    let alice = world.person(ALICE).await;
    world.client().on_behalf_of([READ]).unwrap().session(&alice).await.unwrap()
}

async fn now(session: &OboSession) -> Result<String, Kind> {
    session.token().await.map(|token| token.secret().to_owned()).map_err(|error| error.kind())
}

fn sent(asked: &[Asked]) -> Vec<&str> {
    asked.iter().filter_map(|asked| asked.form("refresh_token")).collect()
}

// --- what is sent ---

#[tokio::test]
async fn a_session_that_began_with_a_refresh_token_sends_each_one_once_wherever_it_goes_on() {
    let world = rotating();
    let client = world.client().for_tenant(TENANT).unwrap();
    let mut session = client.session_from_refresh_token("refresh-0", [READ]).unwrap();
    for number in 1..=6 {
        assert_eq!(now(&session).await.unwrap(), format!("token-{number}"));
        if number % 2 == 0 {
            session = world.client().open_session(&session.seal(&key()).await.unwrap(), &key()).unwrap();
        }
        world.clock().advance(HOUR);
    }
    let asked = world.asked();
    assert_eq!(sent(&asked), ["refresh-0", "refresh-1", "refresh-2", "refresh-3", "refresh-4", "refresh-5"]);
    assert!(asked.iter().all(|asked| asked.url.contains(TENANT)));
}

#[tokio::test]
async fn at_version_1_the_resource_is_asked_for_again_and_nothing_besides() {
    let world = rotating();
    let alice = world.person(ALICE).await;
    let session = world.client().on_behalf_of(Resource("api://stock")).unwrap().session(&alice).await.unwrap();
    world.clock().advance(HOUR);
    assert_eq!(now(&session).await.unwrap(), "token-2");
    let session = world.client().open_session(&session.seal(&key()).await.unwrap(), &key()).unwrap();
    assert_eq!(now(&session).await.unwrap(), "token-3");
    for asked in world.asked().iter().skip(1) {
        assert_eq!(asked.url, format!("https://login.microsoftonline.com/{TENANT}/oauth2/token"));
        assert_eq!((asked.form("resource"), asked.form("scope")), (Some("api://stock"), None));
    }
}

#[tokio::test]
async fn at_another_issuer_scopes_are_sent_as_they_are() {
    let world = rotating();
    let issuer = world.at(Issuer::new("https://issuer.test").unwrap());
    let client = issuer.token_endpoint("https://issuer.test/token").unwrap().client("orders", Credential::none());
    let session = client.session_from_refresh_token("refresh-0", ["stock.read"]).unwrap();
    assert_eq!(now(&session).await.unwrap(), "token-1");
    assert_eq!(world.asked()[0].form("scope"), Some("stock.read"));
}

#[tokio::test]
async fn what_a_refresh_token_is_for_is_said_as_on_behalf_of_a_caller() {
    let world = rotating();
    let client = world.client().for_tenant(TENANT).unwrap();
    now(&client.session_from_refresh_token("refresh-0", ["api://stock"]).unwrap()).await.unwrap();
    assert_eq!(world.asked()[0].form("scope"), Some("api://stock/.default offline_access"));
    for target in [Target::new(), Target::from(["a b"]), Target::from([READ]).audience("stock")] {
        assert!(client.session_from_refresh_token("refresh-0", target).unwrap_err().is_configuration());
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_takes_the_place_of_none() {
    for odd in [json!(""), json!(null), json!(7), json!(["refresh-2"]), json!({})] {
        let world = World::answering(move |number, asked| {
            let mut tokens = tokens(number);
            if asked.form("refresh_token").is_some() {
                tokens["refresh_token"] = odd.clone();
            }
            ok(tokens)
        });
        let session = begun(&world).await;
        for number in 2..=4 {
            world.clock().advance(HOUR);
            assert_eq!(now(&session).await.unwrap(), format!("token-{number}"));
        }
        assert_eq!(sent(&world.asked()), ["refresh-1"; 3]);
    }
}

// --- what ends it, and what does not ---

#[tokio::test]
async fn what_is_no_refusal_of_the_person_ends_no_session_and_costs_it_no_refresh_token() {
    let with = |member: &str, value: Value| {
        let mut tokens = json!({
            "access_token": "canary", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "canary",
        });
        tokens[member] = value;
        tokens.to_string()
    };
    let rows = [
        (200, format!("{{\"access_token\":{}", "[".repeat(100_000))),
        (200, "<html>canary</html>".to_owned()),
        (200, "canary".repeat(1_000_000)),
        (200, with("access_token", json!(["canary"]))),
        (200, with("access_token", json!(""))),
        (200, with("token_type", json!("DPoP"))),
        (200, with("expires_in", json!(-1))),
        (200, with("error", json!("server_error"))),
        (302, String::new()),
        (403, String::new()),
        (500, String::new()),
        (400, json!({ "error": "invalid_client" }).to_string()),
        (400, json!({ "error": "invalid_grant", "suberror": "client_mismatch" }).to_string()),
    ];
    for (status, body) in rows {
        let shown = format!("{status} {body:.60}");
        let world = World::answering(move |number, _| match number {
            2 => Response::builder()
                .status(status)
                .header("location", "https://evil.test/canary")
                .body(Bytes::from(body.clone()))
                .unwrap(),
            _ => ok(tokens(number)),
        });
        let session = begun(&world).await;
        world.clock().advance(HOUR);
        let error = session.token().await.unwrap_err();
        assert_ne!(error.kind(), Kind::InteractionRequired, "{shown}");
        assert!(!session.has_ended(), "{shown}");
        assert!(!format!("{error} {error:?} {session:?}").contains("canary"), "{shown}");
        world.clock().advance(6 * SECOND);
        assert_eq!(now(&session).await.unwrap(), "token-3", "{shown}");
        assert_eq!(sent(&world.asked()), ["refresh-1"; 2], "{shown}");
    }
}

#[tokio::test]
async fn whoever_waits_when_the_issuer_refuses_is_told_so_and_it_is_asked_once() {
    let (world, revoked) = revocable();
    let session = begun(&world).await;
    revoked.store(true, Ordering::Relaxed);
    world.clock().advance(HOUR);
    let callers = (0..100).map(|_| {
        let session = session.clone();
        async move { now(&session).await }
    });
    let outcomes = callers.collect::<JoinSet<_>>().join_all().await;
    assert_eq!(outcomes, vec![Err(Kind::InteractionRequired); 100]);
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn who_wants_a_token_in_place_of_another_is_told_of_the_end_at_once_and_later() {
    let (world, revoked) = revocable();
    let session = begun(&world).await;
    let first = session.token().await.unwrap();
    revoked.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let error = session.token_in_place_of(&first).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InteractionRequired, "{error}");
        assert!(session.has_ended());
        assert_eq!(now(&session).await, Err(Kind::InteractionRequired));
        world.clock().advance(4 * SECOND);
    }
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn a_hundred_who_were_refused_with_one_token_cost_one_refresh_token() {
    let world = rotating();
    let session = begun(&world).await;
    let first = session.token().await.unwrap();
    let callers = (0..100).map(|_| {
        let (session, first) = (session.clone(), first.clone());
        async move { session.token_in_place_of(&first).await.unwrap().secret().to_owned() }
    });
    let tokens = callers.collect::<JoinSet<_>>().join_all().await;
    assert!(tokens.iter().all(|token| token == "token-2"));
    assert_eq!(sent(&world.asked()), ["refresh-1"]);
}

#[tokio::test]
async fn how_long_to_wait_after_an_outage_becomes_less() {
    let world = World::answering(|number, _| if number == 1 { ok(tokens(1)) } else { answer(503, json!({})) });
    let session = begun(&world).await;
    world.clock().advance(HOUR);
    let wait = async || session.token().await.unwrap_err().retry_after().unwrap();
    assert_eq!(wait().await.as_secs(), 5);
    world.clock().advance(3 * SECOND);
    assert!(wait().await <= 2 * SECOND);
}

// --- the life of its tokens ---

#[tokio::test]
async fn its_token_ends_by_the_wall_clock_too() {
    let world = rotating();
    let session = begun(&world).await;
    world.clock().set_wall_clock(world.clock().now() + HOUR);
    assert_eq!(now(&session).await.unwrap(), "token-2");
    world.clock().set_wall_clock(world.clock().now() - 10 * HOUR);
    world.clock().advance(HOUR);
    assert_eq!(now(&session).await.unwrap(), "token-3", "nor does it live longer where that is set back");
}

// --- stored ---

#[tokio::test]
async fn names_that_run_into_each_other_are_different_names() {
    let world = rotating();
    let client = |issuer: &str, id: &str| -> Client {
        let issuer = world.at(Issuer::new(issuer).unwrap()).token_endpoint("https://issuer.test/token").unwrap();
        issuer.client(id, Credential::none())
    };
    let session = client("https://issuer.test/a", "b").session_from_refresh_token("refresh-0", ["stock.read"]).unwrap();
    let sealed = session.seal(&key()).await.unwrap();
    assert!(client("https://issuer.test/a", "b").open_session(&sealed, &key()).is_ok());
    for (issuer, id) in
        [("https://issuer.test/", "ab"), ("https://issuer.test/ab", ""), ("https://issuer.test", "/a b")]
    {
        assert!(client(issuer, id).open_session(&sealed, &key()).is_err(), "{issuer} {id}");
    }
}

#[tokio::test]
async fn a_session_that_was_stored_and_used_since_ends_where_it_is_taken_up_again() {
    let directory = TestDirectory::new();
    let tenant = directory.tenant(TENANT);
    let stock = tenant.register("77777777-8888-9999-0000-111111111111").app_id_uri("api://stock");
    let stock = stock.expose_scope("Items.Read");
    let orders = tenant.register(CLIENT).secret("correct horse");
    tenant.consent(ALICE, &orders, &stock, "Items.Read");
    let issuer = directory.issuer(Entra::any_tenant());
    let client = issuer.client(CLIENT, Credential::secret("correct horse"));
    let token = tenant.delegated(CLIENT).claim("oid", ALICE).sign();
    let alice = issuer.validator(CLIENT).verify(&token).await.unwrap();

    let session = client.on_behalf_of([READ]).unwrap().session(&alice).await.unwrap();
    let stored = session.seal(&key()).await.unwrap();
    directory.clock().advance(HOUR);
    assert!(session.token().await.is_ok());
    let old = client.open_session(&stored, &key()).unwrap();
    assert_eq!(now(&old).await, Err(Kind::InteractionRequired));
    assert!(old.has_ended() && old.seal(&key()).await.is_err());
    // Its refresh token came twice, as if one had been stolen: so ends the one that is in use.
    directory.clock().advance(HOUR);
    assert_eq!(now(&session).await, Err(Kind::InteractionRequired));
}
