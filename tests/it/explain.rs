//! `Validator::explain`: why a token is accepted or refused, for a developer.

mod advice;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TestToken};
use tower_bearer::{Check, CheckOutcome, Entra, Explanation, Issuer, Rejection, RejectionKind as Kind, Validator};

use crate::hostile::rows::rows;
use crate::hostile::world::{CANARY, NOW, World, base64url, claims, header};
use crate::support::AUDIENCE;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "66666666-7777-8888-9999-000000000000";

/// An issuer at a time that can be written down.
fn authority() -> TestIssuer {
    named("https://issuer.test")
}

fn named(identifier: &str) -> TestIssuer {
    let authority = TestIssuer::named(identifier);
    authority.set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
    authority
}

fn good(authority: &TestIssuer) -> TestToken {
    authority.token(AUDIENCE)
}

/// A provider whose keys are those of the authority.
fn with_keys_of(authority: &TestIssuer, issuer: Issuer) -> Issuer {
    issuer.with_jwks(authority.jwks()).unwrap().clock(&authority.clock())
}

fn of_entra(authority: &TestIssuer) -> Issuer {
    with_keys_of(authority, Entra::tenant(TENANT).unwrap().issuer())
}

/// A v2 token of Entra that misses nothing but a permission.
fn entra_token(authority: &TestIssuer) -> TestToken {
    let iss = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    good(authority).header("typ", "JWT").claim("iss", iss).claim("tid", TENANT)
}

/// The check that failed, with what was expected and found.
fn failed(explanation: &Explanation) -> Option<(Check, &str, &str)> {
    explanation.checks().find_map(|(check, outcome)| match outcome {
        CheckOutcome::Failed { expected, found } => Some((check, expected, found)),
        _ => None,
    })
}

/// Each check by one letter: passed, failed or not reached.
fn letters(explanation: &Explanation) -> String {
    let letter = |outcome| match outcome {
        CheckOutcome::Passed => 'p',
        CheckOutcome::Failed { .. } => 'F',
        _ => '-',
    };
    explanation.checks().map(|(_, outcome)| letter(outcome)).collect()
}

#[tokio::test]
async fn of_a_good_token_every_check_is_passed() {
    let authority = authority();
    let explanation = authority.issuer().validator(AUDIENCE).explain(&good(&authority).sign()).await;
    assert!(explanation.is_accepted() && explanation.is_signature_verified());
    assert!(explanation.rejection().is_none());
    assert_eq!(letters(&explanation), "pppppppppppppp");
    assert_eq!(explanation.advice().count(), 0);
    let checks: Vec<_> = explanation.checks().map(|(check, _)| check).collect();
    assert_eq!(checks, Check::ALL);
}

/// What is said of one token.
struct Row {
    validator: Validator,
    token: String,
    letters: &'static str,
    check: Check,
    expected: String,
    found: String,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn row(
        &mut self,
        validator: &Validator,
        token: impl Into<String>,
        letters: &'static str,
        (check, expected, found): (Check, &str, &str),
    ) {
        let (expected, found) = (expected.to_owned(), found.to_owned());
        self.0.push(Row { validator: validator.clone(), token: token.into(), letters, check, expected, found });
    }
}

const SHAPE: &str = "three parts in base64url with dots between them: a JSON object, another one, and a signature";

fn before_the_key(table: &mut Table, authority: &TestIssuer, validator: &Validator) {
    let long = validator.clone().max_token_bytes(20);
    table.row(&long, "x".repeat(21), "F-------------", (Check::Size, "at most 20 bytes", "21 bytes"));

    let signed = |payload: &str| good(authority).payload(payload).sign();
    let tokens: [(String, &str); 11] = [
        (String::new(), "1 part"),
        ("opaque".to_owned(), "1 part"),
        ("a.b".to_owned(), "2 parts"),
        ("a.b.c.d.e".to_owned(), "5 parts"),
        ("e30.e30.".to_owned(), "a part of the token is empty"),
        ("e30.e30.?".to_owned(), "a part of the token is not base64url"),
        ("e30.e30.AA".to_owned(), "the token's header is not a JSON object with the expected members"),
        (signed("[]"), "claims that are not a JSON object"),
        (signed(r#"{"a":1,"a":2}"#), "claims that have a name twice"),
        (signed(r#"{"exp":"soon"}"#), r#"`exp` that is not a number: "soon" (unverified)"#),
        (signed(r#"{"a" 1}"#), "claims of which the text is not JSON (line 1, column 6)"),
    ];
    for (token, found) in tokens {
        table.row(validator, token, "pF------------", (Check::Shape, SHAPE, found));
    }

    let typ = "`typ` \"at+jwt\" or \"JWT\", or none";
    let token = good(authority).header("typ", "dpop+jwt").sign();
    table.row(validator, token, "ppF-----------", (Check::Header, typ, r#""dpop+jwt" (unverified)"#));
    let token = good(authority).without_header("typ").sign();
    let strict = (Check::Header, "`typ` \"at+jwt\"", "no `typ`");
    table.row(&validator.clone().rfc9068(), token, "ppF-----------", strict);
    let token = good(authority).header("crit", ["b64"]).sign();
    let crit = (Check::Header, "no `crit`, `b64`, `zip` or `enc`", r#"`crit`: ["b64"] (unverified)"#);
    table.row(validator, token, "ppF-----------", crit);

    let token = good(authority).header("alg", "none").sign();
    let two = validator.clone().algorithms([Algorithm::RS256, Algorithm::ES256]);
    let none = (Check::Algorithm, r#""RS256" or "ES256""#, r#""none" (unverified)"#);
    table.row(&two, token, "pppF----------", none);
    let token = good(authority).header("alg", "HS256").sign();
    let nothing = validator.clone().algorithms([]);
    table.row(&nothing, token, "pppF----------", (Check::Algorithm, "none", r#""HS256" (unverified)"#));

    for (iss, found) in [
        (json!(null), "no `iss`"),
        (json!(["https://issuer.test"]), r#"["https://issuer.test"] (unverified)"#),
        (json!("https://canary.test"), r#""https://canary.test" (unverified)"#),
        (json!("a\u{1b}[2J\u{202e}\n"), r#""a\u001b[2J\u{202e}\n" (unverified)"#),
    ] {
        let token = good(authority).claim("iss", iss).sign();
        table.row(validator, token, "ppppF---------", (Check::Issuer, r#""https://issuer.test""#, found));
    }
    let token = good(authority).claim("iss", "x".repeat(300)).sign();
    let cut = format!("\"{}… (unverified)", "x".repeat(199));
    table.row(validator, token, "ppppF---------", (Check::Issuer, r#""https://issuer.test""#, &cut));

    let entra = of_entra(authority).validator(AUDIENCE);
    let both = format!(r#""https://login.microsoftonline.com/{TENANT}/v2.0" or "https://sts.windows.net/{TENANT}/""#);
    let token = entra_token(authority).claim("tid", OTHER_TENANT).sign();
    let found = format!(
        r#""https://login.microsoftonline.com/{TENANT}/v2.0" (unverified), of the tenant (`tid`) "{OTHER_TENANT}""#
    );
    table.row(&entra, token, "ppppF---------", (Check::Issuer, &both, &found));
}

fn keys_and_signatures(table: &mut Table, authority: &TestIssuer, validator: &Validator) {
    let known = r#"a key of the issuer: "es256-1" (ES256), "rs256-1" (RS256)"#;
    let token = good(authority).header("kid", "canary").sign();
    table.row(validator, token, "pppppF--------", (Check::Key, known, r#""canary" (unverified)"#));
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    let token = good(authority).signed_by(&stranger).without_header("kid").sign();
    let nameless = (Check::Key, known, "no `kid`, and a signature that none of the keys verifies");
    table.row(validator, token, "pppppF--------", nameless);

    let token = good(authority).signed_by(&stranger).sign();
    let changed = (Check::Signature, r#"a signature by the key "es256-1""#, "one that this key does not verify");
    table.row(validator, token, "ppppppF-------", changed);
    let token = good(authority).header("alg", "ES384").sign();
    let expected = r#"a signature by the key "es256-1", which is for ES256"#;
    table.row(validator, token, "ppppppF-------", (Check::Signature, expected, r#""ES384" (unverified)"#));

    let mut jwk: Value = serde_json::from_str(&authority.signing_key(Algorithm::ES256).public_jwk()).unwrap();
    jwk["issuer"] = json!("https://other.test");
    let foreign = Issuer::new("https://issuer.test").unwrap().with_jwks(json!({ "keys": [jwk] }).to_string()).unwrap();
    let foreign = foreign.clock(&authority.clock()).validator(AUDIENCE);
    let expected = r#"a key of "https://issuer.test" (unverified)"#;
    let of_another = (Check::Key, expected, r#"a key that is published as one of "https://other.test""#);
    table.row(&foreign, good(authority).sign(), "pppppF--------", of_another);
}

fn after_the_signature(table: &mut Table, authority: &TestIssuer, validator: &Validator) {
    let signed = |name: &str, value: Value| good(authority).header("typ", "JWT").claim(name, value).sign();
    let two = validator.clone().audience("other");
    for (aud, found) in [
        (json!(null), "no `aud`"),
        (json!("api://canary"), r#""api://canary""#),
        (json!(["a", "b"]), r#"["a","b"]"#),
        (json!([1]), "[1]"),
    ] {
        let row = (Check::Audience, r#""api://orders" or "other""#, found);
        table.row(&two, signed("aud", aud), "pppppppF------", row);
    }
    let cognito = Issuer::cognito("eu-central-1", "eu-central-1_Ab12Cd34E").unwrap();
    let cognito = with_keys_of(authority, cognito).validator(AUDIENCE);
    let of_cognito = good(authority)
        .claim("iss", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E")
        .without("aud");
    let row = (Check::Audience, r#""api://orders""#, r#"no `aud`, and `client_id` "test-client""#);
    table.row(&cognito, of_cognito.clone().sign(), "pppppppF------", row);

    let in_seconds = "`exp`, in seconds since 1970";
    for (exp, expected, found) in [
        (json!(null), in_seconds, "no `exp`"),
        (json!(-1), in_seconds, "-1"),
        (
            json!(NOW - 3600),
            "`exp` later than 1799999940, which is now less 60 s",
            "1799996400, which was 3600 s (about 60 minutes) ago",
        ),
    ] {
        table.row(validator, signed("exp", exp), "ppppppppF-----", (Check::Expiry, expected, found));
    }
    let expected = "`nbf` not later than 1800000060, which is now and 60 s";
    for (nbf, expected, found) in [
        (json!(-1), "`nbf` none, or in seconds since 1970", "-1"),
        (json!(NOW + 90), expected, "1800000090, which is in 90 s"),
        (json!(NOW + 10 * 86_400), expected, "1800864000, which is in 864000 s (about 10 days)"),
    ] {
        table.row(validator, signed("nbf", nbf), "pppppppppF----", (Check::NotBefore, expected, found));
    }

    for (name, value, expected, found) in [
        ("iat", json!(-1), "`iat`, if any, in seconds since 1970", "-1"),
        ("sub", json!(["a"]), "`sub`, if any, as one string", r#"["a"]"#),
        ("at_hash", json!("x"), "an access token", "an ID token, by `at_hash`"),
        ("nonce", json!("x"), "an access token", "an ID token, by `nonce`, and no scope"),
        ("typ", json!("ID"), "an access token", r#"an ID token, by `typ` "ID""#),
        ("typ", json!("Refresh"), "an access token", r#"a refresh token, by `typ` "Refresh""#),
        ("events", json!({}), "an access token", "a logout token, by `events`"),
    ] {
        table.row(validator, signed(name, value), "ppppppppppF---", (Check::TokenKind, expected, found));
    }
    let row = (Check::TokenKind, "`sub`, `client_id`, `iat` and `jti`, as RFC 9068 asks for", "no `jti`");
    table.row(&validator.clone().rfc9068(), good(authority).without("jti").sign(), "ppppppppppF---", row);
    let row = (Check::TokenKind, "`token_use` \"access\"", "no `token_use`");
    table.row(&cognito, of_cognito.claim("client_id", AUDIENCE).sign(), "ppppppppppF---", row);

    let entra = of_entra(authority).validator(AUDIENCE);
    let row =
        (Check::Permission, "`scp`, or the token of an application", "no `scp`, and not the token of an application");
    table.row(&entra, entra_token(authority).sign(), "pppppppppppF--", row);
    let row = (Check::Permission, "`scp` or `roles`", "an application's token with neither");
    table.row(&entra, entra_token(authority).claim("idtyp", "app").sign(), "pppppppppppF--", row);

    let token = good(authority).claim("cnf", json!({ "jkt": "x" })).sign();
    table.row(validator, token, "ppppppppppppF-", (Check::Binding, "no `cnf`", r#"{"jkt":"x"}"#));

    // Whatever they say, and whoever has said it first, they are not the check of that name.
    for (kind, found) in
        [(Kind::Refused, "a rejection: the token is refused"), (Kind::Expired, "a rejection: the token has expired")]
    {
        let validator = validator.clone().check(move |_| Err(Rejection::new(kind)));
        let row = (Check::Own, "your own checks to return `Ok`", found);
        table.row(&validator, good(authority).sign(), "pppppppppppppF", row);
    }
}

#[tokio::test]
async fn each_check_that_fails_says_what_it_expected_and_what_it_found() {
    let authority = authority();
    authority.signing_key(Algorithm::RS256);
    let issuer = authority.issuer();
    issuer.ready().await.unwrap();
    let validator = issuer.validator(AUDIENCE);
    let mut table = Table::default();
    before_the_key(&mut table, &authority, &validator);
    keys_and_signatures(&mut table, &authority, &validator);
    after_the_signature(&mut table, &authority, &validator);

    for row in &table.0 {
        let explanation = row.validator.explain(&row.token).await;
        assert_eq!(failed(&explanation), Some((row.check, row.expected.as_str(), row.found.as_str())));
        assert_eq!(letters(&explanation), row.letters, "{} {}", row.check, row.found);
        assert!(!explanation.is_accepted());
        assert_eq!(explanation.is_signature_verified(), row.check > Check::Signature);
        let verdict = row.validator.verify(&row.token).await.unwrap_err();
        assert_eq!(explanation.rejection().map(Rejection::kind), Some(verdict.kind()));
    }
    for check in Check::ALL {
        assert!(table.0.iter().any(|row| row.check == *check), "{check} fails nowhere");
    }
}

#[tokio::test]
async fn a_check_of_your_own_that_asks_another_validator_fails_in_its_own_name() {
    let authority = authority();
    let elsewhere = authority.issuer().validator("elsewhere").verify(&good(&authority).sign()).await.unwrap_err();
    let validator = authority.issuer().validator(AUDIENCE).check(move |_| Err(elsewhere.clone()));
    let explanation = validator.explain(&good(&authority).sign()).await;
    assert_eq!(letters(&explanation), "pppppppppppppF");
    assert_eq!(explanation.rejection().unwrap().kind(), Kind::WrongAudience);
    assert_eq!(explanation.advice().count(), 0);
}

#[tokio::test]
async fn what_only_the_claims_tell_leaves_the_key_and_the_signature_open() {
    let authority = authority();
    let validator = authority.issuer().validator("api://other");
    let token = good(&authority).sign();
    let explanation = validator.explain(&token).await;
    assert_eq!(letters(&explanation), "ppppp--F------");
    assert_eq!(failed(&explanation), Some((Check::Audience, r#""api://other""#, r#""api://orders" (unverified)"#)));
    assert!(!explanation.is_signature_verified());
    assert_eq!(authority.requests(Endpoint::Jwks), 0);

    let issuer = authority.issuer();
    issuer.ready().await.unwrap();
    let explanation = issuer.validator("api://other").explain(&token).await;
    assert_eq!(letters(&explanation), "pppppppF------");
    assert_eq!(failed(&explanation), Some((Check::Audience, r#""api://other""#, r#""api://orders""#)));

    let unknown = good(&authority).header("kid", "canary").sign();
    let explanation = issuer.validator("api://other").explain(&unknown).await;
    assert_eq!(letters(&explanation), "ppppp--F------");
}

#[tokio::test]
async fn of_a_token_under_a_key_that_was_not_given_the_claims_are_told_first() {
    let authority = authority();
    let validator = with_keys_of(&authority, authority.issuer()).validator(AUDIENCE);
    let under_another_key = || good(&authority).header("kid", "canary");
    for (token, expected) in [
        (under_another_key(), "pppppF--------"),
        (under_another_key().claim("iss", "https://elsewhere.test"), "ppppF---------"),
        (under_another_key().claim("aud", "api://other"), "ppppp--F------"),
    ] {
        let explanation = validator.explain(&token.sign()).await;
        assert_eq!(letters(&explanation), expected);
        assert_eq!(explanation.rejection().unwrap().kind(), Kind::UnknownKey, "as the caller is told");
    }
}

#[tokio::test]
async fn keys_that_cant_be_had_are_the_key_that_fails() {
    let authority = authority();
    authority.fail(Endpoint::Jwks, Fault::Status(500));
    let validator = authority.issuer().validator(AUDIENCE);
    let explanation = validator.explain(&good(&authority).sign()).await;
    assert_eq!(letters(&explanation), "pppppF--------");
    let (check, expected, found) = failed(&explanation).unwrap();
    assert_eq!((check, expected), (Check::Key, "the issuer's keys"));
    assert!(found.contains("https://issuer.test/jwks") && found.contains("500"), "{found}");
    assert_eq!(explanation.rejection().unwrap().kind(), Kind::KeysUnavailable);
    assert!(explanation.advice().any(|sentence| sentence.contains("says nothing about the token")));
}

#[tokio::test]
async fn a_key_that_may_have_been_published_a_moment_ago_says_when_it_is_asked_for() {
    let authority = authority();
    let validator = authority.issuer().validator(AUDIENCE);
    validator.verify(&good(&authority).sign()).await.unwrap();
    validator.verify(&good(&authority).header("kid", "canary").sign()).await.unwrap_err();
    authority.advance(Duration::from_secs(5));
    let explanation = validator.explain(&good(&authority).header("kid", "new").sign()).await;
    let expected = r#"a key of the issuer: "es256-1" (ES256)"#;
    let found = r#""new" (unverified); the issuer is asked for newer keys in 10 s at the earliest"#;
    assert_eq!(failed(&explanation), Some((Check::Key, expected, found)));
}

#[tokio::test]
async fn among_several_issuers_the_token_is_held_against_the_rules_of_its_own() {
    let (staff, shops) = (named("https://staff.test"), named("https://shops.test"));
    let validator = Validator::any_of([
        staff.issuer().validator(AUDIENCE).algorithms([Algorithm::ES256]).max_token_bytes(600),
        shops.issuer().validator("orders").algorithms([Algorithm::RS256]),
    ])
    .unwrap();
    let explain = async |token: TestToken| {
        let explanation = validator.explain(&token.sign()).await;
        let (check, expected, found) = failed(&explanation).unwrap();
        (letters(&explanation), check, expected.to_owned(), found.to_owned())
    };
    let said = |letters: &str, check, expected: &str, found: &str| {
        (letters.to_owned(), check, expected.to_owned(), found.to_owned())
    };
    assert_eq!(
        explain(good(&staff).claim("iss", "https://other.test")).await,
        said(
            "ppppF---------",
            Check::Issuer,
            r#""https://staff.test" or "https://shops.test""#,
            r#""https://other.test" (unverified)"#
        )
    );
    assert_eq!(
        explain(shops.token("orders")).await,
        said("pppFp---------", Check::Algorithm, r#""RS256""#, r#""ES256" (unverified)"#)
    );
    let long = good(&staff).claim("long", "x".repeat(600)).sign();
    let explanation = validator.explain(&long).await;
    let found = format!("{} bytes", long.len());
    assert_eq!(failed(&explanation), Some((Check::Size, "at most 600 bytes", found.as_str())));
    assert_eq!(
        explain(staff.token("orders")).await,
        said("ppppp--F------", Check::Audience, r#""api://orders""#, r#""orders" (unverified)"#)
    );
}

#[tokio::test]
async fn an_explanation_says_of_every_hostile_token_what_verify_says() {
    let world = World::new().await;
    let mut explained = 0;
    for row in rows(&world) {
        let [credentials] = row.credentials.as_slice() else { continue };
        let Ok(text) = std::str::from_utf8(credentials.as_bytes()) else { continue };
        let is_bearer = text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let token = text.get(7..).filter(|_| is_bearer).unwrap_or_default();
        // The header as it is, too: what is no token gets an explanation as well.
        for (token, states) in [(text, [false].as_slice()), (token, &[false, true])] {
            for is_ready in states {
                let (verifies, explains) = (world.issuer().0, world.issuer().0);
                if *is_ready {
                    verifies.ready().await.unwrap();
                    explains.ready().await.unwrap();
                }
                let verdict = verifies.validator(AUDIENCE).verify(token).await.err().map(|one| one.kind());
                let explanation = explains.validator(AUDIENCE).explain(token).await;
                assert_eq!(explanation.rejection().map(Rejection::kind), verdict, "{}", row.name);
                assert_eq!(failed(&explanation).is_some(), verdict.is_some(), "{}", row.name);
                assert_never_shows_the_token(&explanation, token, &row.name);
                explained += 1;
            }
        }
    }
    assert!(explained > 1_400, "{explained}");
}

/// 16 characters of a part of the token in a row.
fn assert_never_shows_the_token(explanation: &Explanation, token: &str, name: &str) {
    let said = failed(explanation).map(|(_, expected, found)| format!("{expected} {found}")).unwrap_or_default();
    let all = said + &explanation.advice().collect::<String>();
    let (input, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    for part in input.split('.').chain([signature]).filter(|part| part.is_ascii() && !part.starts_with("AAAA")) {
        let shown = (0..part.len().saturating_sub(15)).step_by(4).find(|at| all.contains(&part[*at..*at + 16]));
        assert_eq!(shown, None, "{name}: {all}");
    }
}

#[tokio::test]
async fn debug_shows_how_each_check_went_and_no_value() {
    let world = World::new().await;
    let (issuer, _) = world.issuer();
    let validator = issuer.validator(format!("api://{CANARY}"));
    for token in [
        world.good(&world.es256),
        world.with_claims(claims(&[("iss", Some(r#""https://canary.test""#))])),
        world.with_header(&header(&[("alg", Some(r#""canary""#))])),
        format!("{}.{}.canary", base64url(CANARY), base64url(CANARY)),
    ] {
        let explanation = validator.explain(&token).await;
        let (check, expected, found) = failed(&explanation).unwrap();
        for shown in
            [format!("{explanation:?}"), format!("{explanation:#?}"), format!("{:?}", explanation.outcome(check))]
        {
            assert!(!shown.contains(CANARY) && shown.contains("Failed { .. }"), "{shown}");
            assert!(!shown.contains(expected) && !shown.contains(found), "{shown}");
        }
        assert!(format!("{explanation:?}").starts_with("Explanation {Size: Passed, Shape: "));
    }
}
