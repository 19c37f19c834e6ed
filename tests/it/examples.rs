//! The examples: what they check themselves by, their table of questions, fails on any wrong answer.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_bearer::testing::TestDirectory;

// Each example uses a part of it.
#[allow(unreachable_pub, dead_code)]
#[path = "../../examples/support/mod.rs"]
mod support;

// The table of `grpc`.
#[allow(unreachable_pub)]
#[path = "../../examples/grpc/steps.rs"]
mod steps;

use steps::Steps;
use support::{Question, check};

/// An API that answers with a challenge, a header and a body.
async fn api() -> String {
    let answer = || async { (http::StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer"), ("x-a", "b")], "body") };
    let app = Router::new().route("/", get(answer)).route("/empty", get(|| async {}));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test]
async fn a_table_whose_rows_are_right_is_a_success() {
    let url = api().await;
    let right = || Question::get("/").expect(401).challenge("Bearer").header("x-a", "b").body("body");
    check(&url, &[right(), Question::get("/empty").expect(200), right()]).await.unwrap();
}

#[tokio::test]
async fn one_wrong_row_is_a_failure_whatever_is_wrong_with_it() {
    let url = api().await;
    let with_body = || Question::get("/").expect(401).challenge("Bearer").body("body");
    for wrong in [
        with_body().expect(403),
        with_body().challenge("Basic"),
        with_body().body("other"),
        with_body().header("x-a", "c"),
        with_body().header("x-missing", "b"),
        Question::get("/").expect(401).body("body"),
        Question::get("/").expect(401).challenge("Bearer"),
        Question::get("/nowhere").expect(200),
        Question::post("/empty").expect(200),
    ] {
        let rows = [with_body(), wrong, Question::get("/empty").expect(200)];
        let failure = check(&url, &rows).await.unwrap_err();
        assert_eq!(failure.to_string(), "1 of 3 answers are not as expected");
    }
}

#[test]
fn a_step_is_wrong_where_the_answer_or_the_number_of_token_requests_is_another() {
    let what = ["a step", "A.B", "nobody"];
    let directory = TestDirectory::new();
    let mut steps = Steps::new(&directory);
    steps.step(what, ("0, fine", 0), "0, fine".to_owned());
    assert_eq!((steps.len(), steps.wrong()), (1, 0));
    steps.step(what, ("0, fine", 0), "16 EXPIRED".to_owned());
    assert_eq!((steps.len(), steps.wrong()), (2, 1));
    steps.step(what, ("0, fine", 1), "0, fine".to_owned());
    assert_eq!((steps.len(), steps.wrong()), (3, 2));
    steps.print();
}
