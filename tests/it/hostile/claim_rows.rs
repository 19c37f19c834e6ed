//! The part of the table that is about claims: each token is well signed, and one thing is wrong with what it says.

use serde_json::json;

use super::rows::Table;
use super::said::*;
use super::world::*;

pub(super) fn add(world: &World, table: &mut Table) {
    single_claims(world, table);
    whole_payloads(world, table);
    repeated_claims(world, table);
    nesting_and_numbers(world, table);
}

/// Good claims but for this one, in raw JSON; `None` leaves it out. The clock stands at 1800000000.
const SINGLE_CLAIMS: &[(&str, Option<&str>, Said)] = &[
    ("exp", None, MISSING_CLAIM),
    ("exp", Some("null"), MISSING_CLAIM),
    ("exp", Some(r#""1800003600""#), MALFORMED),
    ("exp", Some(r#""canary""#), MALFORMED),
    ("exp", Some("-1"), MALFORMED),
    ("exp", Some("-1800003600"), MALFORMED),
    ("exp", Some("1e400"), MALFORMED),
    ("exp", Some("-1e400"), MALFORMED),
    ("exp", Some("18446744073709551615"), MALFORMED),
    ("exp", Some("18446744073709551616"), MALFORMED),
    ("exp", Some("9223372036854775808"), MALFORMED),
    ("exp", Some("253402300800"), MALFORMED),
    ("exp", Some("true"), MALFORMED),
    ("exp", Some("[1800003600]"), MALFORMED),
    ("exp", Some(r#"{"canary":1800003600}"#), MALFORMED),
    ("exp", Some("NaN"), MALFORMED),
    ("exp", Some("Infinity"), MALFORMED),
    ("exp", Some("0x6b49d200"), MALFORMED),
    ("exp", Some("+1800003600"), MALFORMED),
    ("exp", Some("01800003600"), MALFORMED),
    ("exp", Some("0"), EXPIRED),
    ("exp", Some("1799999940"), EXPIRED),
    ("exp", Some("1799999940.5"), ACCEPTED),
    ("exp", Some("1800003600.25"), ACCEPTED),
    ("exp", Some("1.8000036e9"), ACCEPTED),
    ("nbf", Some(r#""1799999999""#), MALFORMED),
    ("nbf", Some("1e400"), MALFORMED),
    ("nbf", Some("-1"), MALFORMED),
    ("nbf", Some("18446744073709551616"), MALFORMED),
    ("nbf", Some("[0]"), MALFORMED),
    ("nbf", Some("1800000061"), NOT_YET_VALID),
    ("nbf", Some("1800000060.5"), NOT_YET_VALID),
    ("nbf", Some("253402300799"), NOT_YET_VALID),
    ("nbf", Some("1800000060"), ACCEPTED),
    ("nbf", Some("null"), ACCEPTED),
    ("iat", Some(r#""1800000000""#), MALFORMED),
    ("iat", Some("1e400"), MALFORMED),
    ("aud", None, MISSING_CLAIM),
    ("aud", Some("null"), MISSING_CLAIM),
    ("aud", Some(r#""""#), WRONG_AUDIENCE),
    ("aud", Some("[]"), WRONG_AUDIENCE),
    ("aud", Some(r#"[""]"#), WRONG_AUDIENCE),
    ("aud", Some(r#"[["api://orders"]]"#), MALFORMED),
    ("aud", Some(r#"["api://orders",["canary"]]"#), MALFORMED),
    ("aud", Some(r#"["api://orders",null]"#), MALFORMED),
    ("aud", Some(r#"["api://orders",1]"#), MALFORMED),
    ("aud", Some(r#"{"api://orders":1}"#), MALFORMED),
    ("aud", Some(r#"[{"canary":"api://orders"}]"#), MALFORMED),
    ("aud", Some("1"), MALFORMED),
    ("aud", Some("true"), MALFORMED),
    ("aud", Some(r#""canary""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://order""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://""#), WRONG_AUDIENCE),
    ("aud", Some(r#""orders""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://orders.canary""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://orders/""#), WRONG_AUDIENCE),
    ("aud", Some(r#""API://Orders""#), WRONG_AUDIENCE),
    ("aud", Some(r#"" api://orders""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://orders ""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://orders\u0000""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://orders canary""#), WRONG_AUDIENCE),
    ("aud", Some(r#""canary api://orders""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api://orders,canary""#), WRONG_AUDIENCE),
    ("aud", Some(r#""api:%2F%2Forders""#), WRONG_AUDIENCE),
    ("aud", Some(r#""*""#), WRONG_AUDIENCE),
    ("aud", Some(r#"["canary","api://orders"]"#), ACCEPTED),
    ("aud", Some(r#""api:\/\/orders""#), ACCEPTED),
    ("iss", None, MISSING_CLAIM),
    ("iss", Some("null"), MISSING_CLAIM),
    ("iss", Some(r#""""#), UNKNOWN_ISSUER),
    ("iss", Some(r#"["https://issuer.test"]"#), MALFORMED),
    ("iss", Some(r#"["https://issuer.test","https://canary.example"]"#), MALFORMED),
    ("iss", Some("[]"), MALFORMED),
    ("iss", Some(r#"[["https://issuer.test"]]"#), MALFORMED),
    ("iss", Some(r#"{"canary":"https://issuer.test"}"#), MALFORMED),
    ("iss", Some("1"), MALFORMED),
    ("iss", Some("false"), MALFORMED),
    ("iss", Some(r#""https://canary.example""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.tes""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test.canary.example""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test/""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test/canary""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test:443""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test@canary.example""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://canary@issuer.test""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""http://issuer.test""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""HTTPS://Issuer.test""#), UNKNOWN_ISSUER),
    ("iss", Some(r#"" https://issuer.test""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test\n""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test https://canary.example""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https://issuer.test,https://canary.example""#), UNKNOWN_ISSUER),
    ("iss", Some(r#""https:\u002f/issuer.test""#), ACCEPTED),
    ("sub", Some("17"), MALFORMED),
    ("sub", Some(r#"["canary"]"#), MALFORMED),
    ("sub", Some(r#"{"canary":1}"#), MALFORMED),
    ("sub", Some(r#""\ud800canary""#), MALFORMED),
    ("sub", None, ACCEPTED),
    ("cnf", Some(r#"{"jkt":"canary"}"#), SENDER_CONSTRAINED),
    ("cnf", Some("null"), SENDER_CONSTRAINED),
    // What nobody asks for must be readable all the same, or a later look at the claims would see none.
    ("ignored", Some(r#""\ud800""#), MALFORMED),
    ("ignored", Some("1e400"), MALFORMED),
    ("ignored", Some("-1e400"), MALFORMED),
    ("ignored", Some(r#"[{"canary":["\udc00"]}]"#), MALFORMED),
    ("ignored", Some("1e308"), ACCEPTED),
    ("ignored", Some("1e-400"), ACCEPTED),
    ("ignored", Some("18446744073709551616"), ACCEPTED),
];

fn single_claims(world: &World, table: &mut Table) {
    for (name, raw, said) in SINGLE_CLAIMS {
        let token = world.with_claims(claims(&[(name, *raw)]));
        table.token(format!("claim {name}: {}", raw.unwrap_or("missing")), token, *said);
    }
    // With `typ: JWT`, or none, the claims tell an ID token and a logout token.
    for (name, raw) in
        [("at_hash", r#""canary""#), ("c_hash", r#""canary""#), ("nonce", r#""canary""#), ("events", "{}")]
    {
        for typ in [None, Some(r#""JWT""#)] {
            let token = world.sign(&header(&[("typ", typ)]), claims(&[(name, Some(raw))]));
            table.token(format!("{name} under typ {}", typ.unwrap_or("missing")), token, WRONG_TOKEN_TYPE);
        }
    }
}

fn whole_payloads(world: &World, table: &mut Table) {
    let good = claims(&[]);
    let (_, members) = good.split_once('{').unwrap();
    let utf_16 = |bom: bool, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        bom.then_some('\u{feff}')
            .into_iter()
            .chain(good.chars())
            .collect::<String>()
            .encode_utf16()
            .flat_map(bytes)
            .collect()
    };
    // The marker becomes bytes that are no UTF-8.
    let with_bytes = |bytes: &[u8]| -> Vec<u8> {
        let (before, after) = good.split_once("canary-subject").unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    let ignored_bytes = good.replace("alice@", "\u{1}").into_bytes();
    let ignored_bytes = ignored_bytes.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let rows: Vec<(&str, Vec<u8>, Said)> = vec![
        ("nothing", Vec::new(), MALFORMED),
        ("white space", b" ".to_vec(), MALFORMED),
        ("an empty object", b"{}".to_vec(), MISSING_CLAIM),
        ("null", b"null".to_vec(), MALFORMED),
        ("true", b"true".to_vec(), MALFORMED),
        ("a number", b"1".to_vec(), MALFORMED),
        ("a string", json!(good).to_string().into(), MALFORMED),
        ("an array", format!("[{good}]").into(), MALFORMED),
        ("an empty array", b"[]".to_vec(), MALFORMED),
        ("a brace", b"{".to_vec(), MALFORMED),
        ("cut off", good[..good.len() - 1].into(), MALFORMED),
        ("cut off in a string", good[..good.find("canary").unwrap()].into(), MALFORMED),
        ("a second object after it", format!("{good}{good}").into(), MALFORMED),
        ("a brace after it", format!("{good}}}").into(), MALFORMED),
        ("a letter after it", format!("{good}x").into(), MALFORMED),
        ("a NUL after it", format!("{good}\0").into(), MALFORMED),
        ("a comma at the end", format!("{},}}", &good[..good.len() - 1]).into(), MALFORMED),
        ("a comment", format!("{{/* canary */{members}").into(), MALFORMED),
        ("single quotes", good.replace('"', "'").into(), MALFORMED),
        ("a line break in a string", good.replace("canary-subject", "canary\nsubject").into(), MALFORMED),
        ("a line break in a string of no interest", good.replace("alice@", "alice\n@").into(), MALFORMED),
        ("a lone surrogate in a name", format!(r#"{{"\ud800":1,{members}"#).into(), MALFORMED),
        ("BOM", format!("\u{feff}{good}").into(), MALFORMED),
        ("UTF-16, little-endian", utf_16(false, u16::to_le_bytes), MALFORMED),
        ("UTF-16, little-endian with BOM", utf_16(true, u16::to_le_bytes), MALFORMED),
        ("UTF-16, big-endian", utf_16(false, u16::to_be_bytes), MALFORMED),
        ("UTF-16, big-endian with BOM", utf_16(true, u16::to_be_bytes), MALFORMED),
        ("invalid UTF-8", with_bytes(b"canary\xff"), MALFORMED),
        ("invalid UTF-8 in a string of no interest", ignored_bytes, MALFORMED),
        ("overlong UTF-8", with_bytes(b"canary\xc0\xaf"), MALFORMED),
        ("a surrogate in UTF-8", with_bytes(b"canary\xed\xa0\x80"), MALFORMED),
        ("Latin-1", with_bytes(b"canary-s\xfcbject"), MALFORMED),
        ("white space around it", format!("\r\n\t {good}\n ").into(), ACCEPTED),
        ("beyond the basic plane", with_bytes("canary 😀".as_bytes()), ACCEPTED),
    ];
    for (name, payload, said) in rows {
        table.token(format!("claims: {name}"), world.with_claims(payload), said);
    }
}

fn repeated_claims(world: &World, table: &mut Table) {
    let good = claims(&[]);
    let (_, members) = good.split_once('{').unwrap();
    for (name, first, said) in [
        ("exp twice", r#""exp":1900000000"#, MALFORMED),
        ("exp twice, the same", r#""exp":1800003600"#, MALFORMED),
        ("exp twice by escape", r#""\u0065xp":1900000000"#, MALFORMED),
        ("exp twice by escape in capitals", r#""e\u0078\u0070":1900000000"#, MALFORMED),
        ("aud twice", r#""aud":"canary""#, MALFORMED),
        ("aud twice by escape", r#""a\u0075d":"canary""#, MALFORMED),
        ("iss twice", r#""iss":"https://canary.example""#, MALFORMED),
        ("iss twice by escape", r#""\u0069\u0073\u0073":"https://canary.example""#, MALFORMED),
        ("sub twice", r#""sub":"canary-admin""#, MALFORMED),
        ("sub twice by escape", r#""su\u0062":"canary-admin""#, MALFORMED),
        ("an ignored claim twice", r#""email":"canary-admin""#, MALFORMED),
        ("an ignored claim twice by escape", r#""em\u0061il":"canary-admin""#, MALFORMED),
        ("a text twice, both by escape", r#""\u0072oles":["canary"],"r\u006fles":["canary"]"#, MALFORMED),
        ("a mark twice", r#""cnf":null,"cnf":null"#, MALFORMED),
        ("a mark twice by escape", r#""nonce":"canary","n\u006fnce":"canary""#, MALFORMED),
        ("an escaped name twice", r#""\u0061":1,"\u0061":2"#, MALFORMED),
        ("an empty name twice", r#""":1,"":2"#, MALFORMED),
        // Inner members are nobody's claims.
        ("an inner member twice", r#""inner":{"a":1,"a":2}"#, ACCEPTED),
        ("a claim in another case", r#""EXP":1"#, ACCEPTED),
    ] {
        table.token(format!("claims: {name}"), world.with_claims(format!("{{{first},{members}")), said);
    }
    let many: String = (0..300).map(|number| format!("\"canary{number}\":{number},")).collect();
    table.token("claims: 300 more", world.with_claims(format!("{{{many}{members}")), ACCEPTED);
    let repeated = format!("{{{many}\"canary7\":0,{members}");
    table.token("claims: 300 more, one of them twice", world.with_claims(repeated), MALFORMED);
}

fn nesting_and_numbers(world: &World, table: &mut Table) {
    let arrays = |levels: usize| format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let objects = |levels: usize| format!("{}1{}", r#"{"":"#.repeat(levels - 1), "}".repeat(levels - 1));
    let digits = "9".repeat(1_000);
    let zeros = "0".repeat(1_000);
    for (name, claim, raw, said) in [
        ("arrays 64 deep", "deep", arrays(64), ACCEPTED),
        ("arrays 65 deep", "deep", arrays(65), MALFORMED),
        ("arrays 100 deep", "deep", arrays(100), MALFORMED),
        ("arrays 3,000 deep", "deep", arrays(3_000), MALFORMED),
        ("arrays 3,000 deep that never end", "deep", "[".repeat(3_000), MALFORMED),
        ("objects 64 deep", "deep", objects(64), ACCEPTED),
        ("objects 100 deep", "deep", objects(100), MALFORMED),
        ("objects 2,000 deep", "deep", objects(2_000), MALFORMED),
        ("aud 64 deep", "aud", arrays(64), MALFORMED),
        ("aud 3,000 deep", "aud", arrays(3_000), MALFORMED),
        ("exp 100 deep", "exp", arrays(100), MALFORMED),
        // Beyond what a double can hold, whoever the claim is for.
        ("1,000 digits", "number", digits.clone(), MALFORMED),
        ("1,000 digits and a minus", "number", format!("-{digits}"), MALFORMED),
        ("1,000 digits in the exponent", "number", format!("1e{digits}"), MALFORMED),
        ("1,000 digits after the point", "number", format!("0.{digits}"), ACCEPTED),
        ("1,000 digits in a negative exponent", "number", format!("1e-{digits}"), ACCEPTED),
        ("1,000 digits in a string", "number", format!("\"{digits}\""), ACCEPTED),
        ("1,000 leading zeros", "number", format!("{zeros}1"), MALFORMED),
        ("exp of 1,000 digits", "exp", digits.clone(), MALFORMED),
        ("exp with 1,000 leading zeros", "exp", format!("{zeros}1800003600"), MALFORMED),
        ("exp with 1,000 digits in the exponent", "exp", format!("1e{digits}"), MALFORMED),
        ("exp with 1,000 digits in a negative exponent", "exp", format!("1e-{digits}"), EXPIRED),
        ("exp with 1,000 digits after the point", "exp", format!("1800003600.{digits}"), ACCEPTED),
        ("nbf of 1,000 digits", "nbf", digits.clone(), MALFORMED),
        ("aud of 1,000 digits", "aud", digits.clone(), MALFORMED),
        ("sub of 1,000 digits", "sub", digits.clone(), MALFORMED),
    ] {
        table.token(format!("claims: {name}"), world.with_claims(claims(&[(claim, Some(&raw))])), said);
    }
}
