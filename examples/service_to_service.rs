//! The whole story: a daemon and a person, two APIs, and the issuer that all of them trust, on loopback.
//!
//! Tier one calls tier two as the person who calls it. Each step is printed as it happens, then all of them as a table, which checks
//! itself: who called whom, as whom, the answer, and how many tokens had to be asked for.
//!
//! ```console
//! $ cargo run --example service_to_service
//! ```

#![allow(clippy::print_stdout, clippy::indexing_slicing)] // what a JSON value lacks is null

#[path = "support/failure.rs"]
mod failure;

use std::error::Error;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::testing::{Endpoint, TestApp, TestDirectory, TestTenant};
use tower_bearer::{
    BearerLayer, ClientCredentials, Credential, Entra, Issuer, OboSession, OnBehalfOf, Rejection, TokenError,
    TokenErrorKind, VerifiedToken, any_of, delegated, require, role, scope,
};

use failure::Failure;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Where all applications live, and another one that uses them.
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "22222222-3333-4444-5555-666666666666";
/// The client ids.
const NATIVE_APP: &str = "c0000000-0000-4000-8000-000000000000";
const TIER_ONE: &str = "c1000000-0000-4000-8000-000000000001";
const TIER_TWO: &str = "c2000000-0000-4000-8000-000000000002";
const DAEMON: &str = "cd000000-0000-4000-8000-00000000000d";
/// The people.
const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

// --- the two APIs ---

/// Tier one: what it knows of tier two.
#[derive(Clone)]
struct Next {
    stock: OnBehalfOf,
    url: String,
    http: reqwest::Client,
}

fn tier_one(issuer: &Issuer, next: Next) -> Router {
    let validator = issuer.validator("api://orders").audience(TIER_ONE);
    Router::new()
        // For people alone: a daemon can't be acted for.
        .route("/orders", get(orders).route_layer(require(delegated())))
        .route("/orders/count", get(async || Json(json!({ "count": 3 }))))
        .route("/orders/relayed", get(orders))
        .with_state(next)
        .route_layer(BearerLayer::new(validator).require(any_of([scope("Orders.Read"), role("Orders.Count")])))
}

/// Calls tier two as the person who calls, and says what tier two said.
async fn orders(caller: VerifiedToken, State(next): State<Next>) -> Result<(StatusCode, Json<Value>), Rejection> {
    let token = next.stock.token(&caller).await?;
    let failed = |_| Rejection::new(tower_bearer::RejectionKind::TokenUnavailable);
    let answer = next.http.get(&next.url).bearer_auth(token.secret()).send().await.map_err(failed)?;
    Ok((answer.status(), Json(answer.json().await.unwrap_or_default())))
}

fn tier_two(issuer: &Issuer) -> Router {
    let validator = issuer.validator("api://stock").audience(TIER_TWO);
    Router::new()
        .route("/items", get(items))
        .route_layer(BearerLayer::new(validator).require(any_of([scope("Items.Read"), role("Items.Process")])))
}

async fn items(caller: VerifiedToken) -> Json<Value> {
    Json(json!({
        "tid": caller.tenant(),
        "oid": caller.claim::<String>("oid"),
        "client": caller.client_id(),
        "scopes": caller.scopes().collect::<Vec<_>>(),
        "roles": caller.roles().collect::<Vec<_>>(),
    }))
}

async fn serve(api: Router) -> Fallible<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, api).await });
    Ok(url)
}

// --- the steps ---

/// One step, and what came of it.
struct Step {
    what: &'static str,
    call: &'static str,
    identity: String,
    answer: String,
    token_requests: usize,
    is_right: bool,
}

/// Everything that runs, and the steps so far.
struct Story {
    directory: TestDirectory,
    http: reqwest::Client,
    tier_one: String,
    tier_two: String,
    steps: Vec<Step>,
    token_requests: usize,
}

/// What came back.
struct Answer {
    status: StatusCode,
    challenge: String,
    body: Value,
}

impl Story {
    async fn get(&self, url: &str, token: &str) -> Fallible<Answer> {
        let answer = self.http.get(url).bearer_auth(token).send().await?;
        let status = answer.status();
        let challenge = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
        let challenge = challenge.unwrap_or_default().to_owned();
        Ok(Answer { status, challenge, body: answer.json().await.unwrap_or_default() })
    }

    /// Writes a step down: what is expected of it has to hold, and of the number of token requests too.
    fn step(
        &mut self,
        (what, call): (&'static str, &'static str),
        identity: impl Into<String>,
        answer: impl Into<String>,
        (token_requests, holds): (usize, bool),
    ) {
        let made = self.directory.requests(Endpoint::Token) - self.token_requests;
        self.token_requests += made;
        let is_right = holds && made == token_requests;
        let (identity, answer) = (identity.into(), answer.into());
        println!("{} {what}: {call} as {identity}: {answer}", if is_right { "ok   " } else { "WRONG" });
        self.steps.push(Step { what, call, identity, answer, token_requests: made, is_right });
    }

    fn table(&self) {
        let width =
            |of: &dyn Fn(&Step) -> usize, heading: &str| self.steps.iter().map(of).fold(heading.len(), usize::max);
        let what = width(&|step| step.what.chars().count(), "step");
        let call = width(&|step| step.call.chars().count(), "who called whom");
        let identity = width(&|step| step.identity.chars().count(), "as whom");
        let answer = width(&|step| step.answer.chars().count(), "answer");
        println!(
            "\n       {:what$}  {:call$}  {:identity$}  {:answer$}  token requests",
            "step", "who called whom", "as whom", "answer"
        );
        println!("{}", "-".repeat(7 + what + call + identity + answer + 8 + 14));
        for step in &self.steps {
            let mark = if step.is_right { "ok" } else { "WRONG" };
            println!(
                "{mark:7}{:what$}  {:call$}  {:identity$}  {:answer$}  {}",
                step.what, step.call, step.identity, step.answer, step.token_requests
            );
        }
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    // Stands in for Entra ID: real keys, signatures and checks, on loopback. Only the sign-in of people is left out.
    let directory = TestDirectory::serve().await?;
    let entra = || Entra::tenants([TENANT, OTHER_TENANT])?.authority_host(directory.authority_host());
    let issuer = entra()?.issuer().clock(&directory.clock());

    let home = directory.tenant(TENANT);
    let certificate = Certificate::new()?;
    let (orders_app, stock_app) = register(&home, &certificate);
    let elsewhere = directory.tenant(OTHER_TENANT);
    elsewhere.add(&stock_app);
    let orders_elsewhere = elsewhere.add(&orders_app);

    let client = issuer.client(TIER_ONE, Credential::secret("the secret of tier one")).app_id_uri("api://orders");
    let stock = client.on_behalf_of(["api://stock/Items.Read"])?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let tier_two = serve(tier_two(&issuer)).await?;
    let next = Next { stock: stock.clone(), url: format!("{tier_two}/items"), http: http.clone() };
    let tier_one = serve(tier_one(&issuer, next)).await?;
    println!("The issuer is {}, tier one {tier_one}, tier two {tier_two}.\n", directory.authority_host());
    let mut story =
        Story { directory: directory.clone(), http, tier_one, tier_two, steps: Vec::new(), token_requests: 0 };

    daemon(&mut story, &issuer, &certificate).await?;
    person(&mut story, &home, &issuer, &stock).await?;
    expiry(&mut story, &home, &issuer, &stock).await?;
    consent(&mut story, &elsewhere, &orders_elsewhere).await?;

    story.table();
    match story.steps.iter().filter(|step| !step.is_right).count() {
        0 => println!("\nAll {} steps went as expected.", story.steps.len()),
        wrong => return Err(Failure(format!("{wrong} of {} steps went wrong", story.steps.len())).into()),
    }
    Ok(())
}

/// What an administrator of the first tenant sets up.
fn register(home: &TestTenant, certificate: &Certificate) -> (TestApp, TestApp) {
    let stock = home.register(TIER_TWO).app_id_uri("api://stock").expose_scope("Items.Read").app_role("Items.Process");
    let orders =
        home.register(TIER_ONE).app_id_uri("api://orders").expose_scope("Orders.Read").app_role("Orders.Count");
    orders.secret("the secret of tier one").require_scope(&stock, "Items.Read");
    let daemon = home.register(DAEMON).secret("the secret of the daemon").certificate(&certificate.pem);
    daemon.assign_role(&orders, "Orders.Count").assign_role(&stock, "Items.Process");
    home.consent(ALICE, &orders, &stock, "Items.Read");
    (orders, stock)
}

/// An application that acts as itself.
async fn daemon(story: &mut Story, issuer: &Issuer, certificate: &Certificate) -> Fallible<()> {
    let asks = |credential: Credential, api: &str| -> Fallible<ClientCredentials> {
        Ok(issuer.client(DAEMON, credential).for_tenant(TENANT)?.client_credentials([api])?)
    };
    let counting = asks(Credential::secret("the secret of the daemon"), "api://orders")?;
    let token = counting.token().await?;
    let answer = story.get(&format!("{}/orders/count", story.tier_one), token.secret()).await?;
    story.step(
        ("a daemon with a secret", "daemon → tier one"),
        "the daemon",
        answer.status.as_str(),
        (1, answer.status == 200),
    );

    let credential = Credential::certificate(&certificate.pem, &certificate.key)?;
    let token = asks(credential, "api://stock")?.token().await?;
    let answer = story.get(&format!("{}/items", story.tier_two), token.secret()).await?;
    let holds =
        answer.status == 200 && answer.body["client"] == DAEMON && answer.body["roles"] == json!(["Items.Process"]);
    story.step(("a daemon with a certificate", "daemon → tier two"), "the daemon", answer.status.as_str(), (1, holds));

    let token = counting.token().await?;
    let answer = story.get(&format!("{}/orders", story.tier_one), token.secret()).await?;
    story.step(
        ("a route for people alone", "daemon → tier one"),
        "the daemon",
        answer.status.as_str(),
        (0, answer.status == 403),
    );

    let answer = story.get(&format!("{}/orders/relayed", story.tier_one), token.secret()).await?;
    let said = format!("{}, nothing exchanged", answer.status.as_str());
    story.step(
        ("a daemon can't be acted for", "daemon → tier one → issuer"),
        "the daemon",
        said,
        (0, answer.status == 403),
    );
    Ok(())
}

/// A token by which the native app calls tier one for this person, who has signed in.
fn signed_in(tenant: &TestTenant, person: &str) -> String {
    let token = tenant.delegated(TIER_ONE).claim("azp", NATIVE_APP).claim("oid", person);
    token.claim("scp", "Orders.Read").claim("xms_cc", ["cp1"]).sign()
}

/// A person, through both tiers.
async fn person(story: &mut Story, home: &TestTenant, issuer: &Issuer, stock: &OnBehalfOf) -> Fallible<()> {
    let alice = signed_in(home, ALICE);
    let orders = format!("{}/orders", story.tier_one);
    let is_alices = |answer: &Answer| {
        let Answer { status, body, .. } = answer;
        *status == 200
            && body["oid"] == ALICE
            && body["tid"] == TENANT
            && body["client"] == TIER_ONE
            && body["scopes"] == json!(["Items.Read"])
    };
    let answer = story.get(&orders, &alice).await?;
    let holds = is_alices(&answer);
    story.step(
        ("a person through both tiers", "app → tier one → tier two"),
        "Alice",
        answer.status.as_str(),
        (1, holds),
    );

    let answer = story.get(&orders, &alice).await?;
    let holds = is_alices(&answer);
    story.step(("the same once more", "app → tier one → tier two"), "Alice", answer.status.as_str(), (0, holds));

    let answer = story.get(&format!("{}/items", story.tier_two), &alice).await?;
    story.step(
        ("tier one's token at tier two", "app → tier two"),
        "Alice",
        answer.status.as_str(),
        (0, answer.status == 401),
    );

    // What tier one would do with it, said by the error.
    let own = issuer.client(DAEMON, Credential::secret("the secret of the daemon")).for_tenant(TENANT)?;
    let token = own.client_credentials(["api://orders"])?.token().await?;
    let caller = issuer.validator("api://orders").audience(TIER_ONE).verify(token.secret()).await?;
    story.token_requests = story.directory.requests(Endpoint::Token); // that one was the daemon's own
    let refused = stock.token(&caller).await.err().map(|error| error.kind());
    let holds = refused == Some(TokenErrorKind::Refused);
    story.step(
        ("a daemon's token to be exchanged", "tier one → issuer"),
        "the daemon",
        "refused, not sent",
        (0, holds),
    );
    Ok(())
}

/// Work that goes on for longer than any token.
async fn expiry(story: &mut Story, home: &TestTenant, issuer: &Issuer, stock: &OnBehalfOf) -> Fallible<()> {
    let alice = issuer.validator(TIER_ONE).verify(&signed_in(home, ALICE)).await?;
    let session: OboSession = stock.session(&alice).await?;
    story.step(("work that goes on begins", "tier one → issuer"), "Alice", "a session", (1, true));
    for what in ["its token runs out", "and again"] {
        story.directory.clock().advance(Duration::from_secs(2 * 3600));
        let token = session.token().await?;
        let answer = story.get(&format!("{}/items", story.tier_two), token.secret()).await?;
        let holds = answer.status == 200 && answer.body["oid"] == ALICE;
        story.step((what, "tier one → tier two"), "Alice", answer.status.as_str(), (1, holds));
    }
    let late: Option<TokenError> = stock.token(&alice).await.err();
    let holds = late.is_some_and(|error| error.kind() == TokenErrorKind::InteractionRequired);
    story.step(("without a session it is over", "tier one → issuer"), "Alice", "sign in again", (0, holds));
    Ok(())
}

/// Another tenant, whose people nobody let tier one act for.
async fn consent(story: &mut Story, elsewhere: &TestTenant, orders: &TestApp) -> Fallible<()> {
    let bob = signed_in(elsewhere, BOB);
    let url = format!("{}/orders", story.tier_one);
    let answer = story.get(&url, &bob).await?;
    let holds = answer.status == 403 && answer.challenge.contains("interaction_required");
    story.step(("a tenant without consent", "app → tier one → issuer"), "Bob", "403 interaction_required", (1, holds));

    elsewhere.admin_consent(orders);
    story.directory.clock().advance(Duration::from_secs(10)); // a refusal is remembered for 5 s
    let answer = story.get(&url, &bob).await?;
    let holds = answer.status == 200 && answer.body["oid"] == BOB && answer.body["tid"] == OTHER_TENANT;
    story.step(("its administrator consents", "app → tier one → tier two"), "Bob", answer.status.as_str(), (1, holds));

    let answer = story.get(&url, &bob).await?;
    let holds = answer.status == 200 && answer.body["oid"] == BOB;
    story.step(("the second call", "app → tier one → tier two"), "Bob", answer.status.as_str(), (0, holds));
    Ok(())
}

/// The daemon's certificate and its key, in PEM.
struct Certificate {
    pem: String,
    key: String,
}

impl Certificate {
    fn new() -> Fallible<Self> {
        // A key that is known to everybody: making RSA keys is slow.
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(&include_bytes!("../src/testing/rsa_2048_a.pk8")[..]);
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256)?;
        let certificate = rcgen::CertificateParams::new(["daemon.test".to_owned()])?.self_signed(&key)?;
        Ok(Self { pem: certificate.pem(), key: key.serialize_pem() })
    }
}
