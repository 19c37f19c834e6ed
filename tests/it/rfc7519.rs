//! JSON Web Token: which claims a token must have, what they may look like, and when it is good.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TestToken};
use tower_bearer::{Rejection, RejectionKind as Kind, Validator};

const AUDIENCE: &str = "api://orders";
/// Where the clock stands, in whole seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn api() -> (TestIssuer, Validator) {
    let authority = TestIssuer::new();
    authority.set_wall_clock(at(NOW));
    let validator = authority.issuer().validator(AUDIENCE);
    (authority, validator)
}

async fn kind(validator: &Validator, token: &str) -> Option<Kind> {
    validator.verify(token).await.err().map(|rejection| rejection.kind())
}

/// A token that has these bytes for claims.
fn raw(authority: &TestIssuer, payload: impl Into<Vec<u8>>) -> String {
    authority.token(AUDIENCE).payload(payload).sign()
}

/// Claims that are good, with further members in their raw spelling.
fn good_claims_and(members: &str) -> String {
    format!(r#"{{"iss":"https://issuer.test","aud":"api://orders","exp":{}{members}}}"#, NOW + 3600)
}

/// Claims that are good but for this raw `exp`.
fn expires(exp: &str) -> String {
    format!(r#"{{"iss":"https://issuer.test","aud":"api://orders","exp":{exp}}}"#)
}

// --- what must be there ---

#[tokio::test]
async fn a_token_with_iss_aud_and_exp_is_good() {
    let (authority, validator) = api();
    assert_eq!(kind(&validator, &raw(&authority, good_claims_and(""))).await, None);
}

#[tokio::test]
async fn a_token_without_iss_aud_or_exp_is_refused() {
    let (authority, validator) = api();
    for name in ["iss", "aud", "exp"] {
        let token = || authority.token(AUDIENCE);
        assert_eq!(kind(&validator, &token().without(name).sign()).await, Some(Kind::MissingClaim), "{name}");
        let null = token().claim(name, Value::Null).sign();
        assert_eq!(kind(&validator, &null).await, Some(Kind::MissingClaim), "null {name}");
    }
    assert_eq!(kind(&validator, &raw(&authority, "{}")).await, Some(Kind::MissingClaim));
}

#[tokio::test]
async fn the_names_of_claims_are_case_sensitive() {
    let (authority, validator) = api();
    for (name, other) in [("iss", "ISS"), ("aud", "Aud"), ("exp", "eXp")] {
        let claims = good_claims_and("").replace(&format!("\"{name}\""), &format!("\"{other}\""));
        assert_eq!(kind(&validator, &raw(&authority, claims)).await, Some(Kind::MissingClaim), "{other}");
    }
}

// --- exp ---

#[tokio::test]
async fn a_token_expires_at_exp_and_not_after_it() {
    let (authority, validator) = api();
    let validator = validator.leeway(Duration::ZERO);
    let token = authority.token(AUDIENCE).claim("exp", NOW + 10).sign();
    authority.set_wall_clock(at(NOW + 10) - Duration::from_nanos(1));
    assert_eq!(kind(&validator, &token).await, None);
    authority.set_wall_clock(at(NOW + 10));
    assert_eq!(kind(&validator, &token).await, Some(Kind::Expired));
}

#[tokio::test]
async fn the_leeway_is_sixty_seconds_unless_set() {
    let (authority, validator) = api();
    let token = authority.token(AUDIENCE).claim("exp", NOW).sign();
    for (validator, leeway) in [
        (validator.clone(), 60),
        (validator.clone().leeway(Duration::from_secs(5)), 5),
        (validator.leeway(Duration::from_secs(300)), 300),
    ] {
        authority.set_wall_clock(at(NOW + leeway) - Duration::from_nanos(1));
        assert_eq!(kind(&validator, &token).await, None, "{leeway}");
        authority.set_wall_clock(at(NOW + leeway));
        assert_eq!(kind(&validator, &token).await, Some(Kind::Expired), "{leeway}");
    }
}

#[tokio::test]
async fn a_token_that_was_accepted_is_refused_once_it_has_expired() {
    let (authority, validator) = api();
    let token = authority.token(AUDIENCE).expires_in(Duration::from_secs(600)).sign();
    assert_eq!(kind(&validator, &token).await, None);
    authority.advance(Duration::from_secs(659));
    assert_eq!(kind(&validator, &token).await, None);
    authority.advance(Duration::from_secs(1));
    assert_eq!(kind(&validator, &token).await, Some(Kind::Expired));
    authority.set_wall_clock(at(NOW));
    assert_eq!(kind(&validator, &token).await, None, "clocks also go backwards");
}

#[tokio::test]
async fn exp_may_have_a_fraction() {
    let (authority, validator) = api();
    let validator = validator.leeway(Duration::ZERO);
    for exp in [format!("{NOW}.5"), "1.8000000005e9".to_owned(), "18000000005E-1".to_owned()] {
        let token = raw(&authority, expires(&exp));
        authority.set_wall_clock(at(NOW) + Duration::from_millis(499));
        assert_eq!(kind(&validator, &token).await, None, "{exp}");
        authority.set_wall_clock(at(NOW) + Duration::from_millis(500));
        assert_eq!(kind(&validator, &token).await, Some(Kind::Expired), "{exp}");
    }
}

#[tokio::test]
async fn an_exp_that_is_no_date_is_refused() {
    let (authority, validator) = api();
    let thousand_digits = "9".repeat(1000);
    for exp in [
        "-1",
        "-1800000000",
        "-0.5",
        "253402300800",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e18",
        "1e308",
        "1e400",
        "-1e400",
        &thousand_digits,
        r#""1900000000""#,
        r#""""#,
        "true",
        "false",
        "[]",
        "[1900000000]",
        "{}",
        r#"{"$serde_json::private::Number":"1900000000"}"#,
    ] {
        assert_eq!(kind(&validator, &raw(&authority, expires(exp))).await, Some(Kind::Malformed), "{exp}");
    }
}

#[tokio::test]
async fn an_exp_in_the_far_past_or_future_is_a_date() {
    let (authority, validator) = api();
    for exp in ["0", "-0", "-0.0", "0.5", "1e-400", "1"] {
        assert_eq!(kind(&validator, &raw(&authority, expires(exp))).await, Some(Kind::Expired), "{exp}");
    }
    for exp in ["253402300799", "4102444800", "2e9"] {
        assert_eq!(kind(&validator, &raw(&authority, expires(exp))).await, None, "{exp}");
    }
}

// --- nbf, iat ---

#[tokio::test]
async fn a_token_is_good_from_nbf_on_give_or_take_the_leeway() {
    let (authority, validator) = api();
    for (validator, leeway) in [(validator.clone(), 60), (validator.leeway(Duration::ZERO), 0)] {
        for (nbf, opens) in
            [(json!(NOW + 600), at(NOW + 600)), (json!(NOW as f64 + 0.5), at(NOW) + Duration::from_millis(500))]
        {
            let token = authority.token(AUDIENCE).claim("nbf", nbf).sign();
            let opens = opens - Duration::from_secs(leeway);
            authority.set_wall_clock(opens - Duration::from_nanos(1));
            assert_eq!(kind(&validator, &token).await, Some(Kind::NotYetValid), "{leeway}");
            authority.set_wall_clock(opens);
            assert_eq!(kind(&validator, &token).await, None, "{leeway}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_goes_backwards_makes_an_accepted_token_too_early() {
    let (authority, validator) = api();
    let token = authority.token(AUDIENCE).claim("nbf", NOW).sign();
    assert_eq!(kind(&validator, &token).await, None);
    authority.set_wall_clock(at(NOW - 61));
    assert_eq!(kind(&validator, &token).await, Some(Kind::NotYetValid));
    authority.set_wall_clock(at(NOW - 60));
    assert_eq!(kind(&validator, &token).await, None);
}

#[tokio::test]
async fn an_nbf_or_iat_that_is_no_date_is_refused() {
    let (authority, validator) = api();
    for name in ["nbf", "iat"] {
        for odd in [r#""1800000000""#, "-1", "1e400", "18446744073709551616", "true", "[]", "{}"] {
            let token = raw(&authority, good_claims_and(&format!(r#","{name}":{odd}"#)));
            assert_eq!(kind(&validator, &token).await, Some(Kind::Malformed), "{name} {odd}");
        }
        let null = raw(&authority, good_claims_and(&format!(r#","{name}":null"#)));
        assert_eq!(kind(&validator, &null).await, None, "{name} is optional, and null is not there");
    }
}

// --- aud ---

#[tokio::test]
async fn an_audience_is_a_string_or_an_array_of_strings_and_compared_letter_by_letter() {
    let (authority, validator) = api();
    for aud in [json!("api://orders"), json!(["api://orders"]), json!(["api://stock", "api://orders", ""])] {
        assert_eq!(kind(&validator, &authority.token(&aud).sign()).await, None, "{aud}");
    }
    for aud in [
        json!("api://order"),
        json!("api://orders2"),
        json!("api://orders/"),
        json!("api://orders/read"),
        json!("API://orders"),
        json!("api://Orders"),
        json!(" api://orders"),
        json!("api://orders "),
        json!("api://orders\0"),
        json!("api://stock api://orders"),
        json!("api://orders,api://stock"),
        json!("[\"api://orders\"]"),
        json!("api://\u{043e}rders"),
        json!("*"),
        json!(""),
        json!([]),
        json!(["api://stock"]),
        json!(["api://", "orders"]),
        json!(["api://stock api://orders"]),
    ] {
        assert_eq!(kind(&validator, &authority.token(&aud).sign()).await, Some(Kind::WrongAudience), "{aud}");
    }
    for aud in [
        json!(["api://orders", ["api://orders"]]),
        json!([["api://orders"]]),
        json!({"api://orders": true}),
        json!({"aud": "api://orders"}),
        json!(["api://orders", 1]),
        json!(["api://orders", null]),
        json!([{"api://orders": 1}, "api://orders"]),
        json!(17),
        json!(1.5),
        json!(true),
    ] {
        assert_eq!(kind(&validator, &authority.token(&aud).sign()).await, Some(Kind::Malformed), "{aud}");
    }
}

#[tokio::test]
async fn an_audience_counts_by_its_meaning_however_it_is_escaped() {
    let (authority, validator) = api();
    let claims = good_claims_and("").replace("api://orders", r"api:\/\/\u006frders");
    assert_eq!(kind(&validator, &raw(&authority, claims)).await, None);
}

#[tokio::test]
async fn of_several_audiences_each_is_accepted_and_the_token_says_which_one_matched() {
    let (authority, validator) = api();
    let validator = validator.audience("7f5d-client").audience("https://orders.example");
    for (aud, matched) in [
        (json!("api://orders"), "api://orders"),
        (json!("7f5d-client"), "7f5d-client"),
        (json!(["api://stock", "https://orders.example"]), "https://orders.example"),
        (json!(["https://orders.example", "7f5d-client"]), "7f5d-client"),
    ] {
        let verified = validator.verify(&authority.token(&aud).sign()).await.unwrap();
        assert_eq!(verified.audience(), matched, "{aud}");
    }
    let stock = authority.token("api://stock").sign();
    assert_eq!(kind(&validator, &stock).await, Some(Kind::WrongAudience));
}

// --- iss, sub ---

#[tokio::test]
async fn the_issuer_is_compared_letter_by_letter() {
    let (authority, validator) = api();
    let issued_by = |iss: Value| authority.token(AUDIENCE).claim("iss", iss).sign();
    for iss in [
        "https://issuer.test/",
        "https://ISSUER.test",
        "HTTPS://issuer.test",
        "http://issuer.test",
        "https://issuer.test:443",
        "https://issuer.tes",
        "https://issuer.test.evil",
        " https://issuer.test",
        "https://issuer.test ",
        "issuer.test",
        "",
    ] {
        assert_eq!(kind(&validator, &issued_by(json!(iss))).await, Some(Kind::UnknownIssuer), "{iss}");
    }
    for iss in [json!(["https://issuer.test"]), json!([]), json!({"iss": "https://issuer.test"}), json!(1), json!(true)]
    {
        assert_eq!(kind(&validator, &issued_by(iss.clone())).await, Some(Kind::Malformed), "{iss}");
    }
    assert_eq!(kind(&validator, &issued_by(json!("https://issuer.test"))).await, None);
}

#[tokio::test]
async fn a_subject_is_a_string_or_not_there() {
    let (authority, validator) = api();
    for sub in [json!(1), json!(["alice"]), json!({}), json!(true)] {
        let token = authority.token(AUDIENCE).claim("sub", &sub).sign();
        assert_eq!(kind(&validator, &token).await, Some(Kind::Malformed), "{sub}");
    }
    let without = validator.verify(&authority.token(AUDIENCE).without("sub").sign()).await.unwrap();
    assert_eq!(without.subject(), None);
}

// --- the claims as JSON ---

#[tokio::test]
async fn claims_that_are_not_one_json_object_in_utf_8_are_refused() {
    let (authority, validator) = api();
    let good = good_claims_and("");
    let utf_16 = |order: fn(u16) -> [u8; 2]| good.encode_utf16().flat_map(order).collect::<Vec<_>>();
    let payloads: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("white space", b" ".to_vec()),
        ("array", format!("[{good}]").into_bytes()),
        ("string", b"\"claims\"".to_vec()),
        ("number", b"1".to_vec()),
        ("null", b"null".to_vec()),
        ("not JSON", b"claims".to_vec()),
        ("ends too early", good.as_bytes()[..good.len() - 1].to_vec()),
        ("trailing brace", format!("{good}}}").into_bytes()),
        ("trailing object", format!("{good}{{}}").into_bytes()),
        ("trailing word", format!("{good} x").into_bytes()),
        ("trailing NUL", format!("{good}\0").into_bytes()),
        ("trailing comma", format!("{},}}", &good[..good.len() - 1]).into_bytes()),
        ("comment", format!("/**/{good}").into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("BOM", format!("\u{feff}{good}").into_bytes()),
        ("UTF-16 LE", utf_16(u16::to_le_bytes)),
        ("UTF-16 BE", utf_16(u16::to_be_bytes)),
        ("invalid UTF-8", [good_claims_and(",\"name\":\"").trim_end_matches('}').as_bytes(), b"\xff\"}"].concat()),
        ("overlong UTF-8", [good_claims_and(",\"name\":\"").trim_end_matches('}').as_bytes(), b"\xc0\xaf\"}"].concat()),
        ("raw control character", good_claims_and(",\"name\":\"\u{1}\"").into_bytes()),
        ("raw line feed", good_claims_and(",\"name\":\"a\nb\"").into_bytes()),
        ("unknown escape", good_claims_and(r#","name":"\x41""#).into_bytes()),
        ("leading zero", good_claims_and(",\"level\":01").into_bytes()),
        ("plus sign", good_claims_and(",\"level\":+1").into_bytes()),
        ("NaN", good_claims_and(",\"level\":NaN").into_bytes()),
        ("name without quotes", good_claims_and(",level:1").into_bytes()),
    ];
    for (what, payload) in payloads {
        assert_eq!(kind(&validator, &raw(&authority, payload)).await, Some(Kind::Malformed), "{what}");
    }
    let spaced = format!("\r\n\t {good} \n");
    assert_eq!(kind(&validator, &raw(&authority, spaced)).await, None, "white space is part of JSON");
}

#[tokio::test]
async fn a_claim_that_occurs_twice_is_refused_however_it_is_spelled() {
    let (authority, validator) = api();
    for members in [
        r#","aud":"api://orders""#,
        r#","aud":"api://stock""#,
        r#","\u0061ud":"api://orders""#,
        r#","exp":1900000000"#,
        r#","\u0065xp":1"#,
        r#","iss":"https://issuer.test""#,
        r#","scope":"a","scope":"b""#,
        r#","scope":"a","\u0073\u0063ope":"b""#,
        r#","unread":1,"unread":2"#,
        r#","unread":1,"unrea\u0064":2"#,
        r#","a/b":1,"a\/b":2"#,
        r#","":1,"":2"#,
    ] {
        let token = raw(&authority, good_claims_and(members));
        assert_eq!(kind(&validator, &token).await, Some(Kind::Malformed), "{members}");
    }
    let inner = r#","address":{"city":1,"aud":2},"aud2":1,"Aud":1"#;
    assert_eq!(kind(&validator, &raw(&authority, good_claims_and(inner))).await, None, "other names are other names");
}

#[tokio::test]
async fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let (authority, validator) = api();
    for name in ["unread", "aud2", "roles", "cnf2", "scope", "sub"] {
        for depth in [100, 3000] {
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let depth = if open.len() > 1 { depth / 2 } else { depth };
                let nested = format!("{}0{}", open.repeat(depth.max(100)), close.repeat(depth.max(100)));
                let token = raw(&authority, good_claims_and(&format!(r#","{name}":{nested}"#)));
                assert_eq!(kind(&validator, &token).await, Some(Kind::Malformed), "{name} {depth}");
            }
        }
    }
    let open_only = raw(&authority, good_claims_and(&format!(r#","unread":{}"#, "[".repeat(3000))));
    assert_eq!(kind(&validator, &open_only).await, Some(Kind::Malformed));
    let shallow = format!(r#","unread":{}{}"#, "[".repeat(60), "]".repeat(60));
    assert_eq!(kind(&validator, &raw(&authority, good_claims_and(&shallow))).await, None);
}

/// What nobody reads at first may be read later, by a check or a handler: by then it is too late to refuse the token.
#[tokio::test]
async fn a_token_is_refused_or_can_be_read_in_full() {
    let (authority, validator) = api();
    let digits = "7".repeat(1000);
    let mut unreadable = Vec::new();
    for unread in [
        "1e400",
        "-1e400",
        "[1,2,{\"a\":1e999}]",
        &digits,
        &format!("0.{digits}"),
        &format!("-{digits}e-990"),
        "18446744073709551616",
        "1e-400",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#"{"\ud800":1}"#,
        r#"["\ud83d"]"#,
        r#""\ud83d\ude00""#,
        r#""\u0000""#,
    ] {
        let token = raw(&authority, good_claims_and(&format!(r#","blocked":true,"unread":{unread}"#)));
        match validator.verify(&token).await {
            Err(rejection) => assert_eq!(rejection.kind(), Kind::Malformed, "{unread}"),
            Ok(verified) if verified.claim::<bool>("blocked").is_none() => unreadable.push(unread.to_owned()),
            Ok(verified) => assert!(verified.claims::<Value>().is_ok(), "{unread}"),
        }
    }
    assert!(unreadable.is_empty(), "accepted, and then no claim is to be found: {unreadable:?}");
}

// --- tokens that are something else ---

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_refused_unless_its_binding_is_ignored() {
    let (authority, validator) = api();
    let ignoring = validator.clone().dangerous_ignore_binding();
    for cnf in [json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({"x5t#S256": "x"}), json!({})] {
        let bound = authority.token(AUDIENCE).claim("cnf", &cnf).sign();
        assert_eq!(kind(&validator, &bound).await, Some(Kind::SenderConstrained), "{cnf}");
        assert_eq!(kind(&ignoring, &bound).await, None, "{cnf}");
    }
    for odd in [json!(null), json!(false), json!("jkt"), json!([])] {
        let bound = authority.token(AUDIENCE).claim("cnf", &odd).sign();
        assert_eq!(kind(&validator, &bound).await, Some(Kind::SenderConstrained), "whatever its value: {odd}");
    }
    let expired = authority.token(AUDIENCE).claim("cnf", json!({"jkt": "x"})).expired().sign();
    assert_eq!(kind(&ignoring, &expired).await, Some(Kind::Expired), "nothing else is ignored");
}

#[tokio::test]
async fn an_id_token_is_refused_as_an_access_token() {
    let (authority, validator) = api();
    let jwt = || authority.token(AUDIENCE).header("typ", "JWT");
    let untyped = || authority.token(AUDIENCE).without_header("typ");
    for hash in ["at_hash", "c_hash", "s_hash"] {
        for token in [jwt(), untyped(), jwt().scope("openid"), jwt().claim("nonce", "n")] {
            let id_token = token.claim(hash, "MTIzNDU2Nzg5MDEyMzQ1Ng").sign();
            assert_eq!(kind(&validator, &id_token).await, Some(Kind::WrongTokenType), "{hash}");
        }
    }
    for token in [jwt(), untyped()] {
        assert_eq!(kind(&validator, &token.claim("nonce", "n").sign()).await, Some(Kind::WrongTokenType));
    }
    for scope in ["scope", "scp"] {
        let access_token = jwt().claim("nonce", "n").claim(scope, "orders.read").sign();
        assert_eq!(kind(&validator, &access_token).await, None, "some issuers put the nonce into access tokens");
    }
    let typed = authority.token(AUDIENCE).claim("nonce", "n").sign();
    assert_eq!(kind(&validator, &typed).await, None, "at+jwt says that it is an access token");
}

#[tokio::test]
async fn a_logout_token_is_refused_as_an_access_token() {
    let (authority, validator) = api();
    let logout = |token: TestToken| {
        token
            .claim("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}}))
            .claim("sid", "s")
            .sign()
    };
    for token in [
        authority.token(AUDIENCE).header("typ", "logout+jwt"),
        authority.token(AUDIENCE).header("typ", "JWT"),
        authority.token(AUDIENCE).header("typ", "JWT").scope("orders.read"),
        authority.token(AUDIENCE).without_header("typ"),
    ] {
        assert_eq!(kind(&validator, &logout(token)).await, Some(Kind::WrongTokenType));
    }
    let typed_only = authority.token(AUDIENCE).header("typ", "logout+jwt").sign();
    assert_eq!(kind(&validator, &typed_only).await, Some(Kind::WrongTokenType));
}

#[tokio::test]
async fn a_dpop_proof_is_refused_as_an_access_token() {
    let (authority, validator) = api();
    let proof = authority.token(AUDIENCE).header("typ", "dpop+jwt").claim("htm", "GET").claim("htu", "https://api");
    assert_eq!(kind(&validator, &proof.clone().sign()).await, Some(Kind::WrongTokenType));
    let with_its_key = proof.header("jwk", json!({"kty": "EC"})).sign();
    assert_eq!(kind(&validator, &with_its_key).await, Some(Kind::WrongTokenType));
}

#[tokio::test]
async fn typ_is_absent_or_jwt_or_at_jwt_in_any_case_with_or_without_application() {
    let (authority, validator) = api();
    assert_eq!(kind(&validator, &authority.token(AUDIENCE).without_header("typ").sign()).await, None);
    let typed = |typ: Value| authority.token(AUDIENCE).header("typ", typ).sign();
    for typ in [
        "JWT",
        "jwt",
        "Jwt",
        "at+jwt",
        "AT+JWT",
        "at+JWT",
        "application/jwt",
        "application/JWT",
        "Application/Jwt",
        "application/at+jwt",
        "APPLICATION/AT+JWT",
    ] {
        assert_eq!(kind(&validator, &typed(json!(typ))).await, None, "{typ}");
    }
    for typ in [
        "",
        " JWT",
        "JWT ",
        "at+jwt ",
        "at jwt",
        "at+jwt;v=1",
        "application/",
        "application/application/jwt",
        "applicatio\u{fc}/jwt",
        "text/jwt",
        "/jwt",
        "JWS",
        "JOSE",
        "id_token",
        "id+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "application/secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "vc+sd-jwt",
        "at+jwt2",
        "kb+jwt",
    ] {
        assert_eq!(kind(&validator, &typed(json!(typ))).await, Some(Kind::WrongTokenType), "{typ}");
    }
    for typ in [json!(null), json!(1), json!(["at+jwt"]), json!({})] {
        assert_eq!(kind(&validator, &typed(typ.clone())).await, Some(Kind::Malformed), "{typ}");
    }
}

// --- the validator's settings ---

#[tokio::test]
async fn only_the_allowed_algorithms_are_accepted() {
    let (authority, validator) = api();
    let signed = |algorithm| authority.token(AUDIENCE).algorithm(algorithm).sign();
    let tokens: Vec<_> = Algorithm::ASYMMETRIC.iter().map(|&algorithm| (algorithm, signed(algorithm))).collect();
    let some = validator.clone().algorithms([Algorithm::PS256, Algorithm::ES384]);
    let none = validator.clone().algorithms([]);
    for (algorithm, token) in &tokens {
        assert_eq!(kind(&validator, token).await, None, "{algorithm}");
        let allowed = matches!(algorithm, Algorithm::PS256 | Algorithm::ES384);
        assert_eq!(kind(&some, token).await, (!allowed).then_some(Kind::AlgorithmNotAllowed), "{algorithm}");
        assert_eq!(kind(&none, token).await, Some(Kind::AlgorithmNotAllowed), "{algorithm}");
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_one_of_ours_is_refused() {
    let (authority, validator) = api();
    for alg in ["none", "None", "NONE", "es256", "ES256 ", "", "ES256K", "HS256", "RS1", "RSA-OAEP", "ML-DSA-44"] {
        let token = authority.token(AUDIENCE).header("alg", alg).sign();
        assert_eq!(kind(&validator, &token).await, Some(Kind::AlgorithmNotAllowed), "{alg}");
    }
    let token = authority.token(AUDIENCE).header("alg", "none").sign();
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(kind(&validator, &unsigned).await, Some(Kind::Malformed));
}

#[tokio::test]
async fn a_token_that_is_longer_than_the_limit_is_refused_unread() {
    let (authority, validator) = api();
    let token = authority.token(AUDIENCE).sign();
    assert_eq!(kind(&validator.clone().max_token_bytes(token.len()), &token).await, None);
    let shorter = validator.clone().max_token_bytes(token.len() - 1);
    assert_eq!(kind(&shorter, &token).await, Some(Kind::TokenTooLong));
    assert_eq!(kind(&shorter, &"?".repeat(token.len())).await, Some(Kind::TokenTooLong), "its shape isn't looked at");

    let padded = |claim: usize| authority.token(AUDIENCE).claim("pad", "x".repeat(claim)).sign();
    let room = (16 * 1024 - padded(0).len()) / 4 * 3;
    let longest = (room - 3..=room).rev().map(padded).find(|token| token.len() <= 16 * 1024).unwrap();
    assert!(longest.len() > 16 * 1024 - 8);
    assert_eq!(kind(&validator, &longest).await, None, "16 KiB, unless set");
    let too_long = padded(room + 8);
    assert!(too_long.len() < 16 * 1024 + 16);
    assert_eq!(kind(&validator, &too_long).await, Some(Kind::TokenTooLong));
    assert_eq!(kind(&validator.max_token_bytes(64 * 1024), &too_long).await, None);
}

#[tokio::test]
async fn own_checks_run_last_and_on_every_request() {
    let (authority, validator) = api();
    let runs = Arc::new(AtomicUsize::new(0));
    let validator = validator.check({
        let runs = Arc::clone(&runs);
        move |_| {
            runs.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    });
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    let token = || authority.token(AUDIENCE);
    for (bad, expected) in [
        (token().signed_by(&stranger).sign(), Kind::BadSignature),
        (token().expired().sign(), Kind::Expired),
        (token().claim("nbf", NOW + 600).sign(), Kind::NotYetValid),
        (token().claim("aud", "api://stock").sign(), Kind::WrongAudience),
        (token().claim("iss", "https://other.test").sign(), Kind::UnknownIssuer),
        (token().claim("cnf", json!({"jkt": "x"})).sign(), Kind::SenderConstrained),
        (token().header("typ", "JWT").claim("at_hash", "x").sign(), Kind::WrongTokenType),
    ] {
        assert_eq!(kind(&validator, &bad).await, Some(expected));
        assert_eq!(runs.load(Ordering::Relaxed), 0, "{expected:?}");
    }
    let good = token().sign();
    for times in 1..=3 {
        assert_eq!(kind(&validator, &good).await, None);
        assert_eq!(runs.load(Ordering::Relaxed), times);
    }
}

#[tokio::test]
async fn what_an_own_check_returns_is_the_answer_and_later_checks_are_not_asked() {
    let (authority, validator) = api();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let check = |name: &'static str, outcome: Option<Kind>| {
        let asked = Arc::clone(&asked);
        move |token: &tower_bearer::VerifiedToken| {
            asked.lock().unwrap().push((name, token.subject().map(str::to_owned)));
            outcome.map_or(Ok(()), |kind| Err(Rejection::new(kind)))
        }
    };
    let validator = validator
        .check(check("first", None))
        .check(check("second", Some(Kind::Refused)))
        .check(check("third", Some(Kind::InsufficientScope)));
    let token = authority.token(AUDIENCE).subject("alice").sign();
    assert_eq!(kind(&validator, &token).await, Some(Kind::Refused));
    let alice = Some("alice".to_owned());
    assert_eq!(*asked.lock().unwrap(), [("first", alice.clone()), ("second", alice)]);
}

#[tokio::test]
async fn a_setting_changes_no_validator_that_was_made_before() {
    let (authority, validator) = api();
    let token = authority.token("api://stock").sign();
    let wider = validator.clone().audience("api://stock").leeway(Duration::ZERO).max_token_bytes(1 << 20);
    assert_eq!(kind(&validator, &token).await, Some(Kind::WrongAudience));
    assert_eq!(kind(&wider, &token).await, None);
}

#[tokio::test]
async fn a_token_that_says_in_its_claims_that_it_is_another_kind_is_refused() {
    let (authority, validator) = api();
    let with = |name: &str, kind: &str| authority.token(AUDIENCE).header("typ", "JWT").claim(name, kind).sign();
    for (name, kind) in [("typ", "ID"), ("typ", "Refresh"), ("typ", "Offline"), ("typ", "Logout"), ("token_use", "id")]
    {
        assert_eq!(self::kind(&validator, &with(name, kind)).await, Some(Kind::WrongTokenType), "{name}: {kind}");
    }
    for (name, kind) in [("typ", "Bearer"), ("token_use", "access")] {
        assert_eq!(self::kind(&validator, &with(name, kind)).await, None, "{name}: {kind}");
    }
}
