//! What callers notice while a real provider is down, and when it is back: its process is killed and started again.

use crate::guarded::{Answer, ask_at_once};
use crate::load::{Load, until};
use crate::provider::{Keys, Provider};
use crate::service::{COOL_DOWN, Service, requests, token, welcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_provider_is_down_known_keys_serve_and_callers_with_new_ones_are_told_to_try_again() {
    let mut provider = Provider::start();
    let service = Service::of(&provider);
    let known = token(&provider).await;
    assert_eq!(service.answer(&known).await, welcome());
    let load = Load::start(&service.app, &known);
    load.goes_on(100).await;
    provider.rotate(Keys::Added).await;
    let newer = token(&provider).await;
    assert_eq!(requests(&provider).await, (1, 1));

    provider.stop().await;
    for answer in ask_at_once(&service.app, 50, &newer).await {
        assert_eq!(answer, Answer::try_again_in(COOL_DOWN));
    }
    service.pass(10);
    assert_eq!(service.answer(&newer).await, Answer::try_again_in(5), "nothing was attempted since");
    service.pass(5);
    assert_eq!(service.answer(&newer).await, Answer::try_again_in(COOL_DOWN), "attempted once more");
    assert!(service.issuer.status().is_ready);
    load.goes_on(100).await;

    provider.start_again(Some(Keys::Added)).await;
    let newest = token(&provider).await;
    assert_eq!(service.answer(&newest).await, Answer::try_again_in(COOL_DOWN));
    assert_eq!(requests(&provider).await, (0, 0), "a provider that is just back is not run over");
    service.pass(COOL_DOWN);
    for token in [newest, newer, known] {
        assert_eq!(service.answer(&token).await, welcome());
    }
    assert_eq!(requests(&provider).await, (0, 1));

    load.goes_on(100).await;
    assert_eq!(load.waited(), 0, "no caller with a known key has waited");
    assert_eq!(load.end().await, 0, "nor was one refused");
    assert_eq!(requests(&provider).await, (0, 1));
}

#[tokio::test]
async fn an_outage_that_outlasts_the_life_of_the_keys_turns_nobody_away_and_is_over_by_itself() {
    let mut provider = Provider::start();
    let service = Service::of(&provider);
    let known = token(&provider).await;
    assert_eq!(service.answer(&known).await, welcome());
    let load = Load::start(&service.app, &known);
    load.goes_on(100).await;
    assert_eq!(requests(&provider).await, (1, 1));

    provider.stop().await;
    assert_eq!(load.waited(), 0);
    service.pass(20 * 60); // more than the 15 minutes for which keys without `max-age` serve
    until(|| service.has_just_failed()).await;
    let waited = load.waited();
    for _ in 0..3 {
        service.pass(COOL_DOWN);
        until(|| service.has_just_failed()).await;
        load.goes_on(100).await;
    }

    provider.start_again(Some(Keys::Added)).await;
    assert_eq!(requests(&provider).await, (0, 0));
    service.pass(COOL_DOWN);
    until(|| service.issuer.status().last_error.is_none()).await;
    let newest = token(&provider).await;
    assert_eq!(service.answer(&newest).await, welcome());
    load.goes_on(100).await;
    assert_eq!(requests(&provider).await, (1, 1));

    assert_eq!(load.waited(), waited, "no caller waited after the first attempt had failed");
    assert_eq!(load.end().await, 0, "no caller with a known key was refused");
}

#[tokio::test]
async fn a_service_that_starts_while_the_provider_is_down_recovers_within_one_cool_down() {
    let mut provider = Provider::start();
    let token = token(&provider).await;
    provider.stop().await;
    let service = Service::of(&provider);
    for answer in ask_at_once(&service.app, 50, &token).await {
        assert_eq!(answer, Answer::try_again_in(COOL_DOWN));
    }
    assert!(!service.issuer.status().is_ready);

    provider.start_again(None).await;
    service.pass(5);
    for answer in ask_at_once(&service.app, 50, &token).await {
        assert_eq!(answer, Answer::try_again_in(COOL_DOWN - 5));
    }
    assert_eq!(requests(&provider).await, (0, 0));
    service.pass(COOL_DOWN - 5);
    for answer in ask_at_once(&service.app, 50, &token).await {
        assert_eq!(answer, welcome());
    }
    assert!(service.issuer.status().is_ready);
    assert_eq!(requests(&provider).await, (1, 1));
}
