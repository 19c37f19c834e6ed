//! Certificates, which an assertion names by their thumbprints: at an issuer of the standards, and as Entra has them.

use rcgen::KeyPair;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestDirectory;

use super::assertions::{SELF, with_client};
use super::{Answer, Identity, JWT_BEARER, ask_by_assertion, assertion_claims, request, seconds, send, sign, with};

const CONTOSO: &str = "11111111-2222-3333-4444-555555555555";
const FABRIKAM: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const JOBS: &str = "c1c1c1c1-0000-4000-8000-000000000009";

#[tokio::test]
async fn a_certificate_is_named_by_its_thumbprint() {
    let (own, other) = (Identity::rsa('a', 2020, 2099), Identity::rsa('b', 2020, 2099));
    let twin = Identity::rsa('a', 2021, 2099);
    let authority = with_client(|jobs| drop(jobs.certificate(&own.pem)));
    authority.register("other").certificate(&other.pem);
    let signed = |by: &Identity, algorithm, header: Value| {
        sign(&by.key(algorithm), header, assertion_claims("jobs", SELF, seconds(&authority)))
    };
    let (ps256, rs256) = (Algorithm::PS256, Algorithm::RS256);
    for (assertion, what) in [
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "typ": "JWT" })), "SHA-256"),
        (signed(&own, rs256, json!({ "x5t": own.x5t })), "SHA-1"),
        (signed(&own, rs256, json!({ "x5t": own.x5t, "x5t#S256": own.x5t_s256, "kid": "any" })), "both"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5c": [own.x5c, other.x5c] })), "with its chain"),
    ] {
        assert_eq!(ask_by_assertion(&authority, &assertion).await.status, 200, "{what}");
    }
    for (assertion, what) in [
        (signed(&other, ps256, json!({ "x5t#S256": other.x5t_s256 })), "the certificate of another application"),
        (signed(&other, rs256, json!({ "x5t": other.x5t })), "the same by SHA-1"),
        (signed(&other, ps256, json!({ "x5t#S256": own.x5t_s256 })), "the key of another certificate"),
        (signed(&own, ps256, json!({ "x5t#S256": other.x5t_s256 })), "the name of another certificate"),
        (signed(&twin, ps256, json!({ "x5t#S256": twin.x5t_s256 })), "another certificate of the same key"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5t": other.x5t })), "two names"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5c": [other.x5c, own.x5c] })), "the chain of another"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "x5c": own.x5c })), "a chain that is no array"),
        (signed(&own, ps256, json!({ "x5c": [own.x5c] })), "no thumbprint"),
        (signed(&own, ps256, json!({ "kid": own.x5t_s256 })), "the thumbprint as a key id"),
        (signed(&own, ps256, json!({ "x5t#S256": format!("{}=", own.x5t_s256) })), "padding"),
        (signed(&own, ps256, json!({ "x5t#S256": own.x5t_s256, "alg": "RS256" })), "another algorithm than it says"),
        (signed(&own, ps256, json!({})), "no name"),
    ] {
        assert_eq!(ask_by_assertion(&authority, &assertion).await.refusal(), (401, "invalid_client"), "{what}");
    }
}

#[tokio::test]
async fn a_certificate_is_good_between_its_dates() {
    for (from, to, status) in [(2020, 2099, 200), (2020, 2021, 401), (2098, 2099, 401)] {
        let identity = Identity::rsa('a', from, to);
        let authority = with_client(|jobs| drop(jobs.certificate(&identity.pem)));
        let claims = assertion_claims("jobs", SELF, seconds(&authority));
        let assertion = sign(&identity.key(Algorithm::PS256), json!({ "x5t#S256": identity.x5t_s256 }), claims);
        assert_eq!(ask_by_assertion(&authority, &assertion).await.status, status, "{from} to {to}");
    }
}

#[tokio::test]
async fn a_certificate_of_an_elliptic_curve_serves_where_the_standards_alone_count() {
    let key_pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let identity = Identity::of(&key_pair, 2020, 2099);
    let authority = with_client(|jobs| drop(jobs.certificate(&identity.pem)));
    let claims = assertion_claims("jobs", SELF, seconds(&authority));
    let assertion = sign(&identity.key(Algorithm::ES256), json!({ "x5t#S256": identity.x5t_s256 }), claims);
    assert_eq!(ask_by_assertion(&authority, &assertion).await.status, 200);
}

/// A directory whose client `JOBS` has a certificate, in two tenants.
struct Directory {
    directory: TestDirectory,
    identity: Identity,
}

impl Directory {
    fn new() -> Self {
        let (directory, identity) = (TestDirectory::new(), Identity::rsa('a', 2020, 2099));
        let (contoso, fabrikam) = (directory.tenant(CONTOSO), directory.tenant(FABRIKAM));
        fabrikam.add(&contoso.register("api").app_id_uri("api://stock"));
        fabrikam.add(&contoso.register(JOBS).certificate(&identity.pem));
        Self { directory, identity }
    }

    fn claims(&self, audience: &str) -> Value {
        let now = self.directory.clock().now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assertion_claims(JOBS, audience, now.as_secs())
    }

    async fn send(&self, url: &str, assertion: &str) -> Answer {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", JOBS),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("scope", "api://stock/.default"),
            ("resource", "api://stock"),
        ];
        send(self.directory.transport(), request(url, &form)).await
    }

    async fn ask(&self, url: &str, audience: &str, algorithm: Algorithm, header: &Value) -> Answer {
        let key = self.identity.key(algorithm);
        self.send(url, &sign(&key, header.clone(), self.claims(audience))).await
    }
}

fn at(path: &str) -> String {
    format!("https://login.microsoftonline.com/{path}")
}

fn number(answer: Answer) -> u64 {
    assert_eq!(answer.refusal(), (401, "invalid_client"));
    answer.body["error_codes"][0].as_u64().unwrap()
}

#[tokio::test]
async fn entra_takes_a_certificate_at_the_endpoint_that_the_assertion_names_and_nowhere_else() {
    let world = Directory::new();
    let (v1, v2) = (at(&format!("{CONTOSO}/oauth2/token")), at(&format!("{CONTOSO}/oauth2/v2.0/token")));
    let elsewhere = at(&format!("{FABRIKAM}/oauth2/v2.0/token"));
    let sha256 = json!({ "x5t#S256": world.identity.x5t_s256 });
    let sha1 = json!({ "x5t": world.identity.x5t });
    let (ps256, rs256) = (Algorithm::PS256, Algorithm::RS256);
    for (url, algorithm, header) in
        [(&v2, ps256, &sha256), (&v1, ps256, &sha256), (&v2, rs256, &sha1), (&elsewhere, ps256, &sha256)]
    {
        assert_eq!(world.ask(url, url, algorithm, header).await.claims()["azpacr"], "2", "{url}");
    }
    for (url, audience) in [
        (&v2, v1.as_str()),
        (&v1, &v2),
        (&v2, &elsewhere),
        (&v2, &at(&format!("{CONTOSO}/v2.0"))),
        (&v2, &at("common/oauth2/v2.0/token")),
        (&v2, "https://login.microsoftonline.com"),
    ] {
        assert_eq!(number(world.ask(url, audience, ps256, &sha256).await), 700_023, "{audience} at {url}");
    }
    for algorithm in [Algorithm::RS512, Algorithm::PS384] {
        assert_eq!(number(world.ask(&v2, &v2, algorithm, &sha256).await), 700_027, "{algorithm}");
    }
    let other = json!({ "x5t#S256": Identity::rsa('b', 2020, 2099).x5t_s256 });
    assert_eq!(number(world.ask(&v2, &v2, ps256, &other).await), 700_027);
}

#[tokio::test]
async fn entra_takes_what_microsoft_s_own_library_sends_and_no_more() {
    let world = Directory::new();
    let url = at(&format!("{CONTOSO}/oauth2/v2.0/token"));
    let Identity { x5t, x5t_s256, x5c, .. } = &world.identity;
    let broken_lines = x5c.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    let header = json!({ "x5t": format!("{x5t}="), "x5t#S256": format!("{x5t_s256}="), "x5c": [broken_lines] });
    let now = world.claims(&url)["iat"].as_u64().unwrap();
    let key = world.identity.key(Algorithm::PS256);
    let signed = |changes| sign(&key, header.clone(), with(world.claims(&url), changes));
    let assertion = signed(json!({ "iat": now as f64 + 0.25, "nbf": null, "exp": now as f64 + 600.25 }));
    for _ in 0..2 {
        assert_eq!(world.send(&url, &assertion).await.status, 200, "as often as one likes");
    }
    for (changes, code) in [
        (json!({ "exp": now as f64 + 0.9 }), 700_024),
        (json!({ "exp": 1e300 }), 700_024),
        (json!({ "exp": -1.5 }), 700_024),
        (json!({ "exp": now.to_string() }), 700_024),
        (json!({ "jti": null }), 50_027),
    ] {
        assert_eq!(number(world.send(&url, &signed(changes.clone())).await), code, "{changes}");
    }
    let shortened = json!({ "x5t#S256": x5t_s256.get(1..).unwrap() });
    assert_eq!(number(world.ask(&url, &url, Algorithm::PS256, &shortened).await), 700_027);
}
