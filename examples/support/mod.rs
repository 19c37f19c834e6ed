//! What the examples share: questions to an API, asked over HTTP and shown as a table, or as `curl` lines to paste.

mod failure;

use std::error::Error;

use axum::Router;
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Client, Method};
use tokio::net::TcpListener;

use failure::Failure;

/// The widest line of a table, in characters.
const WIDTH: usize = 100;

/// One request, who makes it, and what has to come back.
pub(crate) struct Question {
    method: Method,
    path: &'static str,
    who: &'static str,
    authorization: Vec<String>,
    expected: Answer,
}

/// What comes back: status, challenge, the other headers that the question names, and the body.
#[derive(PartialEq, Default)]
struct Answer {
    status: u16,
    challenge: Option<String>,
    headers: Vec<(&'static str, Option<String>)>,
    body: String,
}

impl Question {
    pub(crate) fn get(path: &'static str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &'static str) -> Self {
        Self::new(Method::POST, path)
    }

    fn new(method: Method, path: &'static str) -> Self {
        Self { method, path, who: "nobody", authorization: Vec::new(), expected: Answer::default() }
    }

    /// Who asks, in words, and with what token. Called twice, the request carries two tokens.
    pub(crate) fn by(mut self, who: &'static str, token: &str) -> Self {
        self.who = who;
        self.authorization.push(format!("Bearer {token}"));
        self
    }

    /// Expects this status. Without a further call: no challenge, and an empty body.
    pub(crate) fn expect(mut self, status: u16) -> Self {
        self.expected.status = status;
        self
    }

    pub(crate) fn challenge(mut self, challenge: &str) -> Self {
        self.expected.challenge = Some(challenge.to_owned());
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.expected.body = body.to_owned();
        self
    }

    /// Expects this header too. Headers that are not named are not compared.
    #[allow(dead_code)] // not every example looks at headers
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.expected.headers.push((name, Some(value.to_owned())));
        self
    }

    async fn ask(&self, client: &Client, api: &str) -> Result<Answer, reqwest::Error> {
        let mut request = client.request(self.method.clone(), format!("{api}{}", self.path));
        for value in &self.authorization {
            request = request.header("authorization", value);
        }
        let response = request.send().await?;
        let header = |name: &str| {
            let values: Vec<_> = response.headers().get_all(name).iter().map(|value| value.to_str()).collect();
            (!values.is_empty())
                .then(|| values.into_iter().map(|value| value.unwrap_or("?")).collect::<Vec<_>>().join(" + "))
        };
        Ok(Answer {
            status: response.status().as_u16(),
            challenge: header(WWW_AUTHENTICATE.as_str()),
            headers: self.expected.headers.iter().map(|(name, _)| (*name, header(name))).collect(),
            body: response.text().await?,
        })
    }

    fn curl(&self, api: &str) -> String {
        let method = if self.method == Method::GET { String::new() } else { format!("-X {} ", self.method) };
        let headers: String =
            self.authorization.iter().map(|value| format!(" \\\n  -H 'Authorization: {value}'")).collect();
        format!("curl -i {method}{api}{}{headers}", self.path)
    }
}

impl Answer {
    /// For people: the challenge, the headers and the body, in lines that are not too long.
    fn lines(&self, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.challenge.iter().flat_map(|challenge| wrap(challenge, width)).collect();
        for (name, value) in &self.headers {
            lines.push(format!("{name}: {}", value.as_deref().unwrap_or("missing")));
        }
        if !self.body.is_empty() {
            lines.extend(wrap(&self.body, width));
        }
        lines
    }
}

/// Serves the API on a free port of 127.0.0.1. Then asks all questions, prints the answers and fails if one of them is
/// not as expected. With `--serve`, prints the questions as `curl` lines instead and goes on serving.
pub(crate) async fn run(api: Router, questions: &[Question]) -> Result<(), Box<dyn Error>> {
    let serves = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--serve") => true,
        Some(other) => return Err(Failure(format!("{other} is not an option: there is only --serve")).into()),
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move { axum::serve(listener, api).await });
    if serves {
        println!("The API listens on {url} until you press Ctrl-C. To ask it what the example asks:");
        for question in questions {
            println!("\n# {}: {}\n{}", question.who, question.expected.status, question.curl(&url));
        }
        return Ok(server.await??);
    }

    check(&url, questions).await
}

/// Asks all questions at this URL, prints the answers and fails if one of them is not as expected.
pub(crate) async fn check(url: &str, questions: &[Question]) -> Result<(), Box<dyn Error>> {
    // Proxies have no way to loopback.
    let client = Client::builder().no_proxy().build()?;
    let mut answers = Vec::new();
    for question in questions {
        answers.push(question.ask(&client, url).await?);
    }
    print(questions, &answers);
    let wrong = questions.iter().zip(&answers).filter(|(question, answer)| question.expected != **answer).count();
    match wrong {
        0 => println!("\nAll {} answers are as expected.", questions.len()),
        _ => return Err(Failure(format!("{wrong} of {} answers are not as expected", questions.len())).into()),
    }
    Ok(())
}

fn print(questions: &[Question], answers: &[Answer]) {
    let asked = |question: &Question| format!("{:<4} {}", question.method.as_str(), question.path);
    let widest = |heading: &str, texts: &mut dyn Iterator<Item = usize>| texts.fold(heading.len(), usize::max);
    let first = widest("asked", &mut questions.iter().map(|question| asked(question).len()));
    let second = widest("by", &mut questions.iter().map(|question| question.who.len()));
    let indent = 7 + first + 2;

    println!("{:7}{:first$}  {:second$}  expected  status  answer", "", "asked", "by");
    println!("{}", "-".repeat(WIDTH));
    for (question, answer) in questions.iter().zip(answers) {
        let right = question.expected == *answer;
        let mark = if right { "ok" } else { "WRONG" };
        let Question { who, expected, .. } = question;
        let row =
            format!("{mark:7}{:first$}  {who:second$}  {:<8}  {:<6}", asked(question), expected.status, answer.status);
        let mut lines = answer.lines(WIDTH.saturating_sub(indent));
        // A short answer stands in the row itself, a long one below it.
        let short = matches!(lines.as_slice(), [line] if row.len() + 2 + line.len() <= WIDTH);
        println!("{}", if short { format!("{row}  {}", lines.remove(0)) } else { row }.trim_end());
        lines.iter().for_each(|line| println!("{:indent$}{line}", ""));
        if !right {
            println!("{:indent$}expected instead: {}", "", expected.status);
            expected.lines(WIDTH.saturating_sub(indent)).iter().for_each(|line| println!("{:indent$}{line}", ""));
        }
    }
}

/// Breaks a text after commas.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split_inclusive(',') {
        match lines.last_mut() {
            Some(line) if line.len() + part.len() <= width => line.push_str(part),
            _ => lines.push(part.trim_start().to_owned()),
        }
    }
    lines
}
