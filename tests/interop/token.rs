//! The example `token`, as a process of its own: a token from the provider and from our directory, by each credential and setting.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tower_bearer::Issuer;
use tower_bearer::jose::{Algorithm, CompactJws, SigningKey};
use tower_bearer::testing::{TestDirectory, TestIssuer};

use crate::certified;
use crate::guarded::{Answer, app, ask};
use crate::process::{certificate, directory};
use crate::provider::{Provider, shared};

const API: &str = "api://es256";
/// A secret that is spoilt where it is encoded too little or too often.
const SECRET: &str = r#"se:cr%t+/~ &="q"#;
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const STOCK: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

const SETTINGS: [&str; 21] = [
    "ISSUER",
    "TOKEN_ENDPOINT",
    "PROVIDER",
    "METADATA_URL",
    "JWKS_URL",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "PRIVATE_KEY_FILE",
    "ALGORITHM",
    "KEY_ID",
    "CERTIFICATE_FILE",
    "ASSERTION_FILE",
    "AUTH_METHOD",
    "GRANT",
    "ASSERTION",
    "ACTOR_TOKEN",
    "REFRESH_TOKEN",
    "SCOPE",
    "RESOURCE",
    "AUDIENCE",
    "CA_FILE",
];

type Setting<'a> = (&'a str, &'a str);

/// What a run of the program came to.
struct Outcome {
    code: Option<i32>,
    printed: String,
    said: String,
}

/// Runs the program with these settings and no others. What it says never holds the secret.
async fn run(settings: &[Setting<'_>], arguments: &[&str]) -> Outcome {
    let mut command = Command::new(directory("TOWER_BEARER_EXAMPLES_DIR").join("token"));
    for name in SETTINGS {
        command.env_remove(name);
    }
    // Proxies have no way to loopback.
    command.env("NO_PROXY", "127.0.0.1").envs(settings.iter().copied()).args(arguments).stdin(Stdio::null());
    // On a thread of its own, as our directory answers it meanwhile.
    let output = spawn_blocking(move || command.output()).await.expect("it ends").expect("token can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    let outcome = Outcome { code: output.status.code(), printed: text(output.stdout), said: text(output.stderr) };
    for hidden in [SECRET, "PRIVATE KEY-----"] {
        assert!(!outcome.printed.contains(hidden) && !outcome.said.contains(hidden), "{settings:?}");
    }
    outcome
}

impl Outcome {
    /// What was printed beside this name.
    fn field(&self, name: &str) -> Option<&str> {
        self.printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::trim_start)
    }

    /// The token that was had.
    #[track_caller]
    fn token(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.said);
        assert_eq!((self.field("token_type"), self.said.as_str()), (Some("Bearer"), ""));
        self.field("access_token").expect("it prints the token")
    }

    /// The one sentence that it ended with, and this code.
    #[track_caller]
    fn sentence(&self, code: i32) -> &str {
        assert_eq!((self.code, self.printed.as_str()), (Some(code), ""), "{}", self.said);
        assert_eq!(self.said.lines().count(), 1, "{}", self.said);
        self.said.trim_end()
    }
}

/// Runs it for a token that is printed whole and good at the provider's API.
async fn accepted(provider: &Provider, id: &str, settings: &[Setting<'_>]) {
    let more = [("ISSUER", provider.issuer()), ("CLIENT_ID", id), ("RESOURCE", API), ("SCOPE", "orders.read")];
    let outcome = run(&[&more, settings].concat(), &["--raw"]).await;
    let api = app(Issuer::new(provider.issuer()).expect("sound").validator(API));
    let expected = Answer::ok(format!("{id} as {id} at {API} may orders.read"));
    assert_eq!(ask(&api, "/orders", outcome.token()).await, expected, "{settings:?}");
}

/// A file that is gone with this value.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = env::temp_dir().join(format!("tower-bearer-{}-{name}", std::process::id()));
        fs::write(&path, content).expect("it can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn register(provider: &Provider, id: &str, method: &str) {
    provider.register(&json!({ "client_id": id, "client_secret": SECRET, "token_endpoint_auth_method": method })).await;
}

#[tokio::test]
async fn token_gets_a_token_by_a_secret_however_it_is_to_be_sent() {
    let provider = shared();
    let secret = ("CLIENT_SECRET", SECRET);
    for (id, registered, settings) in [
        ("example-default", "client_secret_basic", vec![secret]),
        ("example-basic", "client_secret_basic", vec![secret, ("AUTH_METHOD", "client_secret_basic")]),
        ("example-post", "client_secret_post", vec![secret, ("AUTH_METHOD", "client_secret_post")]),
    ] {
        register(provider, id, registered).await;
        accepted(provider, id, &settings).await;
    }
}

#[tokio::test]
async fn token_gets_a_token_by_a_private_key() {
    let provider = shared();
    for (algorithm, settings) in [
        ("RS256", vec![]),
        ("ES384", vec![("ALGORITHM", "ES384"), ("KEY_ID", "example-ES384-key")]),
        ("EdDSA", vec![("ALGORITHM", "EdDSA"), ("AUTH_METHOD", "private_key_jwt")]),
    ] {
        let id = format!("example-{algorithm}");
        let metadata = json!({
            "client_id": id,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": algorithm,
        });
        let key = File::new(&id, &provider.register(&metadata).await);
        let settings = [settings, vec![("PRIVATE_KEY_FILE", key.path())]].concat();
        accepted(provider, &id, &settings).await;
    }
}

#[tokio::test]
async fn token_gets_a_token_over_tls_by_a_certificate_that_it_is_told_to_trust() {
    let provider = shared();
    register(provider, "example-tls", "client_secret_basic").await;
    let (metadata_url, trusted) = (provider.metadata_url_over_tls(), certificate());
    let over_tls = [("METADATA_URL", metadata_url.as_str()), ("CLIENT_SECRET", SECRET)];
    let trusting = [("CA_FILE", trusted.to_str().expect("UTF-8"))];
    accepted(provider, "example-tls", &[&over_tls[..], &trusting].concat()).await;

    let more = [("ISSUER", provider.issuer()), ("CLIENT_ID", "example-tls")];
    let outcome = run(&[&more[..], &over_tls].concat(), &[]).await;
    assert_eq!((outcome.code, outcome.printed.as_str()), (Some(1), ""));
    let lines: Vec<_> = outcome.said.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("Unavailable: "), "{lines:?}");
    assert!(lines[1].starts_with("Try again in "), "{lines:?}");
}

#[tokio::test]
async fn token_shows_the_answer_and_the_whole_token_only_with_raw() {
    let provider = shared();
    register(provider, "example-shown", "client_secret_basic").await;
    let settings = [
        ("ISSUER", provider.issuer()),
        ("CLIENT_ID", "example-shown"),
        ("CLIENT_SECRET", SECRET),
        ("RESOURCE", API),
        ("SCOPE", "orders.read  orders.write"),
        ("GRANT", "client_credentials"),
    ];
    let whole = run(&settings, &["--raw"]).await;
    let token = whole.token();
    assert_eq!(token.split('.').count(), 3);

    let short = run(&settings, &[]).await;
    let (shown, rest) = short.token().split_once('…').expect("it is shortened");
    assert_eq!((shown, shown.len()), (&token[..10], 10));
    assert!(rest.ends_with(" characters)"), "{rest}");
    assert_eq!(short.field("scope"), Some("orders.read orders.write"));
    let expires_in: u64 = short.field("expires_in").and_then(|text| text.parse().ok()).expect("a number");
    assert!((3540..=3600).contains(&expires_in), "{expires_in}");
}

#[tokio::test]
async fn token_ends_with_one_sentence_where_it_is_refused() {
    let provider = shared();
    register(provider, "example-refused", "client_secret_basic").await;
    let client = [("ISSUER", provider.issuer()), ("CLIENT_ID", "example-refused")];
    let refusal = async |settings: &[Setting<'_>]| run(&[&client, settings].concat(), &[]).await.sentence(1).to_owned();
    let said = refusal(&[("CLIENT_SECRET", "another"), ("RESOURCE", API)]).await;
    assert!(said.starts_with("Refused: ") && said.contains("`invalid_client`"), "{said}");
    assert!(!said.contains("another"), "{said}");
    let said = refusal(&[("CLIENT_SECRET", SECRET), ("RESOURCE", "api://nowhere")]).await;
    assert!(said.starts_with("Refused: ") && said.contains("`invalid_target`"), "{said}");
}

/// A directory where the application may read at the API. It proves who it is by the secret, the shared certificate or the cluster.
struct World {
    directory: TestDirectory,
    cluster: TestIssuer,
    certificate: File,
    key: File,
}

impl World {
    async fn new(name: &str) -> Self {
        let directory = TestDirectory::serve().await.expect("a port can be had");
        let cluster = TestIssuer::new();
        let (tenant, pair) = (directory.tenant(TENANT), certified::shared());
        let stock = tenant.register(STOCK).app_id_uri("api://stock").app_role("Items.Read.All");
        let jobs = tenant.register(CLIENT).secret(SECRET).certificate(&pair.certificate);
        jobs.federated(&cluster, "system:serviceaccount:shop:jobs").assign_role(&stock, "Items.Read.All");
        let certificate = File::new(&format!("{name}-certificate"), &pair.certificate);
        Self { directory, cluster, certificate, key: File::new(&format!("{name}-key"), &pair.private_key) }
    }

    fn issuer(&self) -> String {
        format!("{}/{TENANT}/v2.0", self.directory.authority_host())
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}/{TENANT}/{path}", self.directory.authority_host())
    }

    fn by_certificate(&self) -> Vec<Setting<'_>> {
        vec![("CERTIFICATE_FILE", self.certificate.path()), ("PRIVATE_KEY_FILE", self.key.path())]
    }

    /// Has the application get a token, whose claims are returned, at one of these paths alone.
    async fn claims(&self, settings: &[Setting<'_>], asked: &str) -> Value {
        let before = self.directory.requested().len();
        let more = [("CLIENT_ID", CLIENT), ("SCOPE", "api://stock/.default")];
        let outcome = run(&[&more, settings].concat(), &["--raw"]).await;
        let token = outcome.token();
        let requested = self.directory.requested();
        let urls = &requested[before..];
        assert!(urls.iter().any(|url| url.ends_with(&format!("/{TENANT}/{asked}"))), "{urls:?}");
        let jws = CompactJws::parse(token).expect("it is a JWS");
        serde_json::from_slice(jws.payload()).expect("it has claims")
    }
}

const V1: &str = "oauth2/token";
const V2: &str = "oauth2/v2.0/token";

#[tokio::test]
async fn token_asks_a_directory_by_each_credential_whichever_way_it_is_named() {
    let world = World::new("each").await;
    let assertion = world.cluster.id_token("api://AzureADTokenExchange").subject("system:serviceaccount:shop:jobs");
    let assertion = File::new("assertion", &assertion.expires_in(Duration::from_secs(3600)).sign());
    let issuer = world.issuer();
    for credential in [
        vec![("CLIENT_SECRET", SECRET)],
        world.by_certificate(),
        [world.by_certificate(), vec![("AUTH_METHOD", "private_key_jwt")]].concat(),
        vec![("ASSERTION_FILE", assertion.path())],
    ] {
        for (provider, path) in [("entra", V2), ("entra_v1", V1)] {
            let endpoint = world.endpoint(path);
            for place in [("ISSUER", issuer.as_str()), ("TOKEN_ENDPOINT", endpoint.as_str())] {
                let claims = world.claims(&[&credential[..], &[("PROVIDER", provider), place]].concat(), path).await;
                assert_eq!(
                    (&claims["tid"], &claims["aud"]),
                    (&json!(TENANT), &json!(STOCK)),
                    "{credential:?} {place:?}"
                );
                assert_eq!(claims["roles"], json!(["Items.Read.All"]));
            }
        }
    }
}

#[tokio::test]
async fn token_sends_the_secret_where_it_is_told_to() {
    let authority = TestIssuer::serve().await.expect("a port can be had");
    let stock = authority.register("api://stock").app_role("reader");
    authority.register("example").secret(SECRET).assign_role(&stock, "reader");
    let settings = [("ISSUER", authority.identifier()), ("CLIENT_ID", "example"), ("CLIENT_SECRET", SECRET)];
    for (method, in_header) in [(None, true), (Some("client_secret_basic"), true), (Some("client_secret_post"), false)]
    {
        let method: Vec<_> = method.map(|method| ("AUTH_METHOD", method)).into_iter().collect();
        run(&[&settings, &method[..]].concat(), &[]).await.token();
        let request = authority.token_requests().pop().expect("a token was asked for");
        let seen = (request.header("authorization").is_some(), request.form("client_secret").is_none());
        assert_eq!(seen, (in_header, in_header), "{method:?}");
    }
}

#[tokio::test]
async fn token_sends_resources_and_audiences_as_the_rfcs_have_them() {
    let authority = TestIssuer::serve().await.expect("a port can be had");
    let stock = authority.register("api://stock").app_role("reader");
    authority.register("example").secret(SECRET).assign_role(&stock, "reader");
    let settings = [("ISSUER", authority.identifier()), ("CLIENT_ID", "example"), ("CLIENT_SECRET", SECRET)];
    let sent = async |more: &[Setting<'_>]| {
        let outcome = run(&[&settings, more].concat(), &[]).await;
        let request = authority.token_requests().pop().expect("a token was asked for");
        let values = |name| {
            let pairs = request.form_pairs().iter().filter(|(sent, _)| sent == name);
            pairs.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        (outcome, values("resource"), values("audience"), values("scope"))
    };
    let (outcome, resources, audiences, scopes) = sent(&[("RESOURCE", "api://stock")]).await;
    outcome.token();
    assert_eq!((resources, audiences, scopes), (vec!["api://stock".to_owned()], vec![], vec![]));

    let several = [("RESOURCE", "api://orders,api://stock"), ("AUDIENCE", "orders, stock"), ("SCOPE", "read  write")];
    let (outcome, resources, audiences, scopes) = sent(&several).await;
    assert!(outcome.sentence(1).starts_with("Refused: "), "it gives tokens for one API alone: {}", outcome.said);
    assert_eq!(
        (resources, audiences),
        (vec!["api://orders".into(), "api://stock".into()], vec!["orders".into(), "stock".into()])
    );
    assert_eq!(scopes, ["read write"]);
}

#[tokio::test]
async fn a_wrong_setting_is_one_clear_sentence() {
    let key = SigningKey::generate(Algorithm::ES256).expect("a key can be made");
    let jwk = File::new("jwk", &key.public_jwk());
    let world = World::new("wrong").await;
    let secret = ("CLIENT_SECRET", SECRET);
    let (issuer, client) = (("ISSUER", "https://login.example.com"), ("CLIENT_ID", "jobs"));
    let by_key = ("PRIVATE_KEY_FILE", world.key.path());
    let certificate = ("CERTIFICATE_FILE", world.certificate.path());
    for (named, settings) in [
        ("CLIENT_ID", vec![issuer, secret]),
        ("ISSUER", vec![client, secret]),
        ("ISSUER", vec![client, secret, ("ISSUER", "login")]),
        ("ISSUER", vec![client, secret, ("PROVIDER", "entra")]),
        ("ISSUER", vec![client, secret, ("PROVIDER", "entra_v1"), ("ISSUER", "login")]),
        ("ISSUER", vec![client, secret, ("PROVIDER", "entra"), issuer]),
        ("TOKEN_ENDPOINT", vec![client, secret, ("TOKEN_ENDPOINT", "http://login.example.com/token")]),
        ("ISSUER", vec![client, secret, ("PROVIDER", "entra"), ("ISSUER", "http://login.example.com/x/v2.0")]),
        ("TOKEN_ENDPOINT", vec![client, secret, ("PROVIDER", "entra"), ("TOKEN_ENDPOINT", "token")]),
        ("PROVIDER", vec![issuer, client, secret, ("PROVIDER", "keycloak")]),
        ("AUTH_METHOD", vec![issuer, client, secret, ("AUTH_METHOD", "client_secret_jwt")]),
        ("AUTH_METHOD", vec![issuer, client, secret, ("AUTH_METHOD", "none")]),
        ("CLIENT_SECRET", vec![issuer, client, ("AUTH_METHOD", "client_secret_basic")]),
        ("CLIENT_SECRET", vec![issuer, client, by_key, ("AUTH_METHOD", "client_secret_post")]),
        ("PRIVATE_KEY_FILE", vec![issuer, client, secret, ("AUTH_METHOD", "private_key_jwt")]),
        ("PRIVATE_KEY_FILE", vec![issuer, client, ("AUTH_METHOD", "private_key_jwt")]),
        ("CLIENT_SECRET", vec![issuer, client, secret, by_key]),
        ("ASSERTION_FILE", vec![issuer, client, secret, ("ASSERTION_FILE", jwk.path())]),
        ("ASSERTION_FILE", vec![issuer, client, by_key, ("ASSERTION_FILE", jwk.path())]),
        ("ASSERTION_FILE", vec![issuer, client, ("ASSERTION_FILE", "no/such/file")]),
        ("PRIVATE_KEY_FILE", vec![issuer, client, certificate]),
        ("CERTIFICATE_FILE", vec![issuer, client, by_key, ("CERTIFICATE_FILE", "no/such/file")]),
        ("CERTIFICATE_FILE", vec![issuer, client, by_key, ("CERTIFICATE_FILE", jwk.path())]),
        ("PRIVATE_KEY_FILE", vec![issuer, client, ("PRIVATE_KEY_FILE", "no/such/file")]),
        ("PRIVATE_KEY_FILE", vec![issuer, client, ("PRIVATE_KEY_FILE", jwk.path())]),
        ("PRIVATE_KEY_FILE", vec![issuer, client, by_key, ("ALGORITHM", "ES256")]),
        ("ALGORITHM", vec![issuer, client, by_key, ("ALGORITHM", "RS255")]),
        ("KEY_ID", vec![issuer, client, secret, ("KEY_ID", "1")]),
        ("KEY_ID", vec![issuer, client, by_key, certificate, ("KEY_ID", "1")]),
        ("ALGORITHM", vec![issuer, client, secret, ("ALGORITHM", "ES256")]),
        ("GRANT", vec![issuer, client, secret, ("GRANT", "password")]),
        ("ASSERTION", vec![issuer, client, secret, ("GRANT", "on_behalf_of")]),
        ("ASSERTION", vec![issuer, client, secret, ("GRANT", "token_exchange")]),
        ("REFRESH_TOKEN", vec![issuer, client, secret, ("GRANT", "refresh_token")]),
        ("ASSERTION", vec![issuer, client, secret, ("ASSERTION", SECRET)]),
        ("ACTOR_TOKEN", vec![issuer, client, secret, ("GRANT", "on_behalf_of"), ("ACTOR_TOKEN", SECRET)]),
        ("REFRESH_TOKEN", vec![issuer, client, secret, ("GRANT", "token_exchange"), ("REFRESH_TOKEN", SECRET)]),
        ("SCOPE", vec![issuer, client, secret, ("SCOPE", "\"orders\"")]),
        ("RESOURCE", vec![issuer, client, secret, ("RESOURCE", "api://a,,api://b")]),
        ("AUDIENCE", vec![issuer, client, secret, ("AUDIENCE", ",")]),
        ("CA_FILE", vec![issuer, client, secret, ("CA_FILE", "no/such/file")]),
    ] {
        let outcome = run(&settings, &[]).await;
        let sentence = outcome.sentence(2);
        assert!(sentence.contains(named) && sentence.len() > named.len() + 20, "{settings:?}: {sentence}");
    }
    for arguments in [&["--whole"][..], &["--raw", "--raw"], &[SECRET]] {
        let outcome = run(&[issuer, client, secret], arguments).await;
        assert!(outcome.sentence(2).contains("--raw"), "{arguments:?}");
    }
}
