//! Sessions: work for a person that goes on after their token has run out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tower_bearer::{Credential, OboSession, SessionKey, TokenErrorKind as Kind};

use super::{ALICE, Asked, CLIENT, World, answer, ok};

const HOUR: Duration = Duration::from_secs(3600);

/// Gives each token and each refresh token a number, and takes each refresh token once.
fn rotating() -> World {
    let next = std::sync::Mutex::new(None::<String>);
    World::answering(move |number, asked| {
        let mut next = next.lock().unwrap();
        let is_good = asked.form("refresh_token").is_none_or(|token| next.as_deref() == Some(token));
        if !is_good {
            return answer(400, json!({ "error": "invalid_grant" }));
        }
        *next = Some(format!("refresh-{number}"));
        ok(json!({
            "access_token": format!("token-{number}"),
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": *next,
        }))
    })
}

async fn begun(world: &World) -> OboSession {
    let alice = world.person(ALICE).await;
    world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap().session(&alice).await.unwrap()
}

async fn now(session: &OboSession) -> Result<String, Kind> {
    session.token().await.map(|token| token.secret().to_owned()).map_err(|error| error.kind())
}

#[tokio::test]
async fn a_session_goes_on_after_the_persons_token_has_run_out() {
    let world = rotating();
    let session = begun(&world).await;
    for number in 1..=10 {
        assert_eq!(now(&session).await.unwrap(), format!("token-{number}"));
        world.clock().advance(HOUR);
    }
    let asked = world.asked();
    assert_eq!(asked[0].form("requested_token_use"), Some("on_behalf_of"));
    for (asked, number) in asked.iter().skip(1).zip(1..) {
        assert_eq!(asked.form("grant_type"), Some("refresh_token"));
        assert_eq!(asked.form("refresh_token").unwrap(), format!("refresh-{number}"), "the last one, and no other");
        assert_eq!(asked.form("scope"), Some("api://stock/Items.Read offline_access"));
        assert_eq!(asked.form("client_secret"), Some("canary-secret"));
        assert_eq!(asked.form("assertion"), None);
    }
    let refresh_tokens: std::collections::HashSet<_> =
        asked.iter().filter_map(|asked| asked.form("refresh_token")).collect();
    assert_eq!(refresh_tokens.len(), 9, "each was sent once");
}

#[tokio::test]
async fn a_refresh_token_that_is_not_replaced_is_kept() {
    let world = World::answering(|number, asked: &Asked| {
        let mut answer =
            json!({ "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600 });
        if asked.form("assertion").is_some() {
            answer["refresh_token"] = json!("the-only-one");
        }
        ok(answer)
    });
    let session = begun(&world).await;
    for number in 1..=3 {
        assert_eq!(now(&session).await.unwrap(), format!("token-{number}"));
        world.clock().advance(HOUR);
    }
    assert!(world.asked().iter().skip(1).all(|asked| asked.form("refresh_token") == Some("the-only-one")));
}

#[tokio::test]
async fn a_thousand_callers_at_once_use_a_refresh_token_once() {
    let world = rotating();
    let session = begun(&world).await;
    world.clock().advance(HOUR);
    let callers = (0..1_000).map(|_| {
        let session = session.clone();
        async move { now(&session).await }
    });
    let tokens = callers.collect::<tokio::task::JoinSet<_>>().join_all().await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("token-2")));
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn when_the_issuer_refuses_the_person_has_to_sign_in_again_and_nothing_stays() {
    let revoked = Arc::new(AtomicBool::new(false));
    let is_revoked = Arc::clone(&revoked);
    let world = World::answering(move |number, _| match is_revoked.load(Ordering::Relaxed) {
        true => answer(400, json!({ "error": "invalid_grant", "error_codes": [700_082] })),
        false => ok(json!({
            "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r",
        })),
    });
    let session = begun(&world).await;
    revoked.store(true, Ordering::Relaxed);
    // It still has a while, and is being renewed.
    world.clock().advance(HOUR - Duration::from_secs(20));
    assert_eq!(now(&session).await, Err(Kind::InteractionRequired));
    assert!(session.has_ended());
    revoked.store(false, Ordering::Relaxed);
    world.clock().advance(HOUR);
    let requests = world.requests();
    let error = session.token().await.unwrap_err();
    assert_eq!((error.kind(), error.error_code()), (Kind::InteractionRequired, Some("invalid_grant")));
    assert!(error.to_string().contains("sign in again"), "{error}");
    assert_eq!(world.requests(), requests, "and nothing is asked any more");
    assert!(session.seal(&SessionKey::new([7; 32])).await.is_err());
}

#[tokio::test]
async fn an_outage_ends_no_session() {
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let world = World::answering(move |number, _| match is_down.load(Ordering::Relaxed) {
        true => answer(503, json!({})),
        false => ok(json!({
            "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r",
        })),
    });
    let session = begun(&world).await;
    down.store(true, Ordering::Relaxed);
    world.clock().advance(HOUR);
    assert_eq!(now(&session).await, Err(Kind::Unavailable));
    assert!(!session.has_ended());
    down.store(false, Ordering::Relaxed);
    world.clock().advance(Duration::from_secs(6));
    assert_eq!(now(&session).await.unwrap(), "token-3");
}

#[tokio::test]
async fn a_session_without_a_refresh_token_does_not_begin() {
    let world =
        World::answering(|_, _| ok(json!({ "access_token": "token", "token_type": "Bearer", "expires_in": 3600 })));
    let alice = world.person(ALICE).await;
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap();
    let error = stock.session(&alice).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("offline access"), "{error}");
}

#[tokio::test]
async fn a_token_that_an_api_refuses_is_replaced_once_by_the_refresh_token() {
    let world = rotating();
    let session = begun(&world).await;
    let first = session.token().await.unwrap();
    let second = session.token_in_place_of(&first).await.unwrap();
    assert_eq!(second.secret(), "token-2");
    assert_eq!(session.token_in_place_of(&first).await.unwrap().secret(), "token-2", "another is there already");
    assert_eq!(session.token_in_place_of(&second).await.unwrap_err().kind(), Kind::Unavailable, "so soon");
    assert_eq!(world.requests(), 2);
}

// --- stored and taken up again ---

const KEY: [u8; 32] = [7; 32];

#[tokio::test]
async fn a_sealed_session_is_taken_up_again_where_it_stopped() {
    let world = rotating();
    let sealed = {
        let session = begun(&world).await;
        world.clock().advance(HOUR);
        assert_eq!(now(&session).await.unwrap(), "token-2");
        session.seal(&SessionKey::new(KEY)).await.unwrap()
    };
    world.clock().advance(24 * HOUR);
    // In another process: another client of the same id.
    let session = world.client().open_session(&sealed, &SessionKey::new(KEY)).unwrap();
    assert_eq!(world.requests(), 2, "nothing is asked before it is used");
    assert_eq!(now(&session).await.unwrap(), "token-3");
    let asked = world.asked();
    assert_eq!(asked[2].url, asked[0].url, "in the person's tenant");
    assert_eq!(asked[2].form("refresh_token"), Some("refresh-2"));
    assert_eq!(asked[2].form("scope"), Some("api://stock/Items.Read offline_access"));
    // And sealed before it was used again.
    let again = world.client().open_session(&sealed, &SessionKey::new(KEY)).unwrap();
    assert!(again.seal(&SessionKey::new(KEY)).await.is_ok());
}

#[tokio::test]
async fn a_session_that_is_being_renewed_is_sealed_with_the_refresh_token_that_comes_of_it() {
    let world = rotating();
    let sealed = {
        let session = begun(&world).await;
        world.clock().advance(HOUR - Duration::from_secs(4 * 60));
        assert_eq!(now(&session).await.unwrap(), "token-1", "a renewal has begun in the background");
        session.seal(&SessionKey::new(KEY)).await.unwrap()
    };
    let session = world.client().open_session(&sealed, &SessionKey::new(KEY)).unwrap();
    assert_eq!(now(&session).await.unwrap(), "token-3");
    assert_eq!(world.asked()[2].form("refresh_token"), Some("refresh-2"), "the first was spent");
}

#[tokio::test]
async fn a_session_that_was_sealed_for_one_owner_is_not_opened_for_another() {
    let world = rotating();
    let of = |owner: &str| SessionKey::new(KEY).of_owner(owner);
    let sealed = begun(&world).await.seal(&of("alice")).await.unwrap();
    assert!(world.client().open_session(&sealed, &of("alice")).is_ok());
    for other in [of("bob"), of("alice "), of(""), SessionKey::new(KEY)] {
        let error = world.client().open_session(&sealed, &other).unwrap_err().to_string();
        assert!(error.contains("for another owner") && error.contains("sign in again"), "{error}");
    }
}

#[tokio::test]
async fn a_session_for_which_no_refresh_token_is_asked_does_not_begin_and_nothing_is_sent() {
    let world = rotating();
    let stock = world.client().on_behalf_of(["api://stock/Items.Read"]).unwrap().without_offline_access();
    let error = stock.session(&world.person(ALICE).await).await.unwrap_err();
    super::is(&error, Kind::Refused, "without_offline_access()");
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn where_there_are_several_tenants_a_refresh_token_is_of_one_that_has_to_be_chosen() {
    let client = rotating().client();
    let error = client.session_from_refresh_token("refresh-1", ["api://stock/Items.Read"]).unwrap_err();
    assert!(error.to_string().starts_with("session_from_refresh_token(..) asks in one tenant"), "{error}");
    let chosen = client.for_tenant(super::TENANT).unwrap();
    assert!(chosen.session_from_refresh_token("refresh-1", ["api://stock/Items.Read"]).is_ok());
}

#[tokio::test]
async fn a_sealed_session_can_not_be_read_nor_used_elsewhere() {
    let world = rotating();
    let sealed = begun(&world).await.seal(&SessionKey::new(KEY)).await.unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &sealed).unwrap();
    assert!(!bytes.windows(7).any(|part| part == b"refresh"));
    assert_ne!(
        sealed,
        begun(&rotating()).await.seal(&SessionKey::new(KEY)).await.unwrap(),
        "each has a nonce of its own"
    );

    let open = |client: tower_bearer::Client, sealed: &str, key: [u8; 32]| {
        client.open_session(sealed, &SessionKey::new(key)).map(drop).map_err(|error| error.to_string())
    };
    assert!(open(world.client(), &sealed, KEY).is_ok());
    assert!(open(world.client(), &sealed, [8; 32]).is_err(), "another key");
    let another = world.entra().client("another", Credential::none());
    assert!(open(another, &sealed, KEY).is_err(), "another client");
    let issuer = world.at(tower_bearer::Issuer::new("https://issuer.test").unwrap());
    assert!(open(issuer.client(CLIENT, Credential::none()), &sealed, KEY).is_err(), "another issuer");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let error = open(world.client(), &changed, KEY).unwrap_err();
        assert!(!error.contains("refresh"), "{error}");
    }
    for broken in ["", "A", "AAAA", "not base64!", &sealed[..20]] {
        assert!(open(world.client(), broken, KEY).is_err());
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_got_in_another_way_begins_a_session() {
    let world = World::answering(|number, _| {
        ok(json!({ "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600 }))
    });
    let client = world.client().for_tenant(super::TENANT).unwrap();
    let session = client.session_from_refresh_token("canary-refresh", ["api://stock/Items.Read"]).unwrap();
    assert_eq!(now(&session).await.unwrap(), "token-1");
    assert_eq!(world.asked()[0].form("refresh_token"), Some("canary-refresh"));
    assert!(!format!("{session:?}").contains("canary"));
}
