//! Workload identity: a client authenticates by the token of another issuer.

use std::time::Duration;

use serde_json::json;
use tower_bearer::testing::{TestDirectory, TestIssuer, TestToken};

use super::{Answer, JWT_BEARER, ask_by_assertion, request, send};

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const JOBS: &str = "c1c1c1c1-0000-4000-8000-000000000009";
const EXCHANGE: &str = "api://AzureADTokenExchange";
const ACCOUNT: &str = "system:serviceaccount:shop:jobs";

struct World {
    directory: TestDirectory,
    cluster: TestIssuer,
}

impl World {
    fn new() -> Self {
        let directory = TestDirectory::new();
        let cluster = TestIssuer::named("https://cluster.test");
        let tenant = directory.tenant(CONTOSO);
        let stock = tenant.register("api").app_id_uri("api://stock").app_role("Items.Process");
        tenant.register(JOBS).federated(&cluster, ACCOUNT).assign_role(&stock, "Items.Process");
        tenant.register("other").federated(&cluster, "system:serviceaccount:shop:other");
        Self { directory, cluster }
    }

    fn token(&self) -> TestToken {
        self.cluster.token([EXCHANGE]).subject(ACCOUNT).header("typ", "JWT").without("client_id").without("jti")
    }

    async fn ask(&self, client_id: &str, assertion: &str) -> Answer {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("scope", "api://stock/.default"),
        ];
        let url = format!("https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token");
        send(self.directory.transport(), request(&url, &form)).await
    }
}

#[tokio::test]
async fn the_token_of_a_trusted_issuer_about_the_trusted_subject_serves_as_often_as_one_likes() {
    let world = World::new();
    let assertion = world.token().sign();
    for _ in 0..3 {
        let claims = world.ask(JOBS, &assertion).await.claims();
        assert_eq!(
            (&claims["azp"], &claims["azpacr"], &claims["roles"][0]),
            (&json!(JOBS), &json!("2"), &json!("Items.Process"))
        );
    }
    world.cluster.rotate();
    assert_eq!(world.ask(JOBS, &assertion).await.status, 401, "its key was withdrawn");
    assert_eq!(world.ask(JOBS, &world.token().sign()).await.status, 200);
}

#[tokio::test]
async fn another_issuer_subject_audience_key_or_time_is_refused() {
    let world = World::new();
    let impostor = TestIssuer::named("https://cluster.test");
    let stranger = TestIssuer::named("https://stranger.test");
    let good = world.token().sign();
    let now = world.cluster.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let of = |issuer: &TestIssuer| issuer.token(EXCHANGE).subject(ACCOUNT).header("typ", "JWT").sign();
    for (assertion, what) in [
        (of(&impostor), "an impostor of the issuer"),
        (of(&stranger), "another issuer"),
        (
            stranger.token(EXCHANGE).subject(ACCOUNT).header("typ", "JWT").claim("iss", "https://cluster.test").sign(),
            "its name",
        ),
        (world.token().subject("system:serviceaccount:shop:JOBS").sign(), "another subject"),
        (world.token().subject("system:serviceaccount:shop:other").sign(), "the subject of another application"),
        (world.token().subject(JOBS).sign(), "the client's own name"),
        (world.token().claim("iss", "https://stranger.test").sign(), "another issuer by the key of the trusted one"),
        (world.token().without("sub").sign(), "no subject"),
        (world.token().without("iss").sign(), "no issuer"),
        (world.token().claim("iss", JOBS).subject(JOBS).sign(), "the client as issuer"),
        (world.token().claim("aud", "api://AzureADTokenExchangeUSGov").sign(), "another audience"),
        (world.token().claim("aud", [EXCHANGE, "api://other"]).sign(), "several audiences"),
        (world.token().without("aud").sign(), "no audience"),
        (world.token().expired().sign(), "expired"),
        (world.token().without("exp").sign(), "for ever"),
        (world.token().claim("nbf", now + 3600).sign(), "not yet"),
        (world.token().header("kid", "unknown").sign(), "an unknown key"),
        (world.token().without_header("kid").sign(), "no key id"),
        (world.token().header("alg", "none").sign(), "alg none"),
        (world.token().header("typ", "at+jwt").sign(), "an access token"),
    ] {
        assert_eq!(world.ask(JOBS, &assertion).await.refusal(), (401, "invalid_client"), "{what}");
    }
    assert_eq!(world.ask("other", &good).await.refusal(), (401, "invalid_client"), "for another application");
    assert_eq!(world.ask(JOBS, &good).await.status, 200);
    world.directory.clock().advance(Duration::from_secs(3600));
    assert_eq!(world.ask(JOBS, &good).await.status, 401, "by the clock of the directory");
}

#[tokio::test]
async fn elsewhere_the_audience_is_the_server_that_is_asked() {
    let (authority, cluster) = (TestIssuer::new(), TestIssuer::named("https://cluster.test"));
    let stock = authority.register("api://stock").app_role("auditor");
    let jobs = authority.register("jobs").federated(&cluster, "pod").assign_role(&stock, "auditor");
    let ask = async |audience: &str| {
        let assertion = cluster.token(audience).subject("pod").header("typ", "JWT").sign();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", jobs.client_id()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
        ];
        send(authority.transport(), request("https://issuer.test/token", &form)).await.status
    };
    assert_eq!((ask("https://issuer.test").await, ask("https://issuer.test/token").await), (200, 200));
    assert_eq!((ask(EXCHANGE).await, ask("https://cluster.test").await), (401, 401));
    let without_client_id = cluster.token("https://issuer.test").subject("pod").header("typ", "JWT").sign();
    assert_eq!(ask_by_assertion(&authority, &without_client_id).await.status, 401, "the subject is no client id");
}

#[test]
#[should_panic(expected = "takes another issuer")]
fn an_issuer_does_not_federate_with_itself() {
    let authority = TestIssuer::new();
    authority.register("jobs").federated(&authority, "jobs");
}
