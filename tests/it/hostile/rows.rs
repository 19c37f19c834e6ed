//! The table: credentials, encodings, headers and signatures; [`claim_rows`](super::claim_rows) has the claims.

use http::HeaderValue;
use serde_json::json;
use tower_bearer::jose::{Algorithm, SigningKey};

use super::claim_rows;
use super::said::*;
use super::world::*;

/// One hostile request, and what has to be said to it.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The values of `Authorization`.
    pub(crate) credentials: Vec<HeaderValue>,
    pub(crate) said: Said,
}

#[derive(Default)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// A request with these values of `Authorization`.
    fn values(&mut self, name: impl Into<String>, values: &[&[u8]], said: Said) {
        let credentials = values.iter().map(|value| HeaderValue::from_bytes(value).unwrap()).collect();
        self.0.push(Row { name: name.into(), credentials, said });
    }

    /// A request with this token.
    pub(super) fn token(&mut self, name: impl Into<String>, token: impl AsRef<str>, said: Said) {
        self.values(name, &[format!("Bearer {}", token.as_ref()).as_bytes()], said);
    }
}

/// All of the rows.
pub(crate) fn rows(world: &World) -> Vec<Row> {
    let mut table = Table::default();
    authorization(world, &mut table);
    segments(world, &mut table);
    base64url_faults(world, &mut table);
    headers(world, &mut table);
    key_ids(world, &mut table);
    injected_keys(world, &mut table);
    hmac_by_the_public_key(world, &mut table);
    signatures(world, &mut table);
    other_formats(world, &mut table);
    claim_rows::add(world, &mut table);
    table.0
}

fn authorization(world: &World, table: &mut Table) {
    let token = world.good(&world.es256);
    let good = format!("Bearer {token}");
    let huge = "A".repeat(100 * 1024);
    let huge_and_signed = world.with_claims(claims(&[("padding", Some(&json!(huge).to_string()))]));

    table.values("no Authorization", &[], NO_CREDENTIALS);
    table.values("a good token", &[good.as_bytes()], ACCEPTED);
    table.values("two: the same good token twice", &[good.as_bytes(), good.as_bytes()], INVALID_REQUEST);
    table.values("two: Basic and a good token", &[b"Basic YTpi", good.as_bytes()], INVALID_REQUEST);
    table.values("two: a good token and an empty value", &[good.as_bytes(), b""], INVALID_REQUEST);
    for (name, value, said) in [
        ("empty Authorization", String::new(), INVALID_REQUEST),
        ("blank Authorization", "   ".to_owned(), INVALID_REQUEST),
        ("a scheme alone", "Bearer".to_owned(), INVALID_REQUEST),
        ("a scheme and a blank", "Bearer ".to_owned(), INVALID_REQUEST),
        ("non-ASCII after the token", format!("{good}é"), INVALID_REQUEST),
        ("non-ASCII in the token", good.replacen('.', "ö", 1), INVALID_REQUEST),
        ("non-ASCII in the scheme", format!("Beärer {token}"), INVALID_REQUEST),
        ("non-ASCII before the scheme", format!("\u{feff}{good}"), INVALID_REQUEST),
        ("comma-joined with a scheme each", format!("{good}, {good}"), INVALID_REQUEST),
        ("comma-joined tokens", format!("{good},{token}"), INVALID_REQUEST),
        ("a comma at the end", format!("{good},"), INVALID_REQUEST),
        ("a tab after the scheme", format!("Bearer\t{token}"), INVALID_REQUEST),
        ("a tab after the blank", format!("Bearer \t{token}"), INVALID_REQUEST),
        ("a tab before the scheme", format!("\t{good}"), INVALID_REQUEST),
        ("a tab after the token", format!("{good}\t"), INVALID_REQUEST),
        ("a tab in the token", good.replacen('.', ".\t", 1), INVALID_REQUEST),
        ("quoted", format!("Bearer \"{token}\""), INVALID_REQUEST),
        ("single-quoted", format!("Bearer '{token}'"), INVALID_REQUEST),
        ("as a parameter", format!("Bearer token=\"{token}\""), INVALID_REQUEST),
        ("the scheme twice", format!("Bearer {good}"), INVALID_REQUEST),
        ("100 KB of token", format!("Bearer {huge}"), TOKEN_TOO_LONG),
        ("100 KB of dots", format!("Bearer {}", ".".repeat(100 * 1024)), TOKEN_TOO_LONG),
        ("100 KB, well signed", format!("Bearer {huge_and_signed}"), TOKEN_TOO_LONG),
        ("100 KB of blanks", format!("Bearer{}", " ".repeat(100 * 1024)), INVALID_REQUEST),
        ("100 KB of commas", ",".repeat(100 * 1024), INVALID_REQUEST),
        ("100 KB of scheme", huge, NO_CREDENTIALS),
        ("another scheme: Basic", "Basic Y2FuYXJ5OmNhbmFyeQ==".to_owned(), NO_CREDENTIALS),
        ("another scheme: DPoP with a good token", format!("DPoP {token}"), NO_CREDENTIALS),
        ("another scheme: a good token alone", token.clone(), NO_CREDENTIALS),
        ("the scheme in another case", format!("bEARER {token}"), ACCEPTED),
    ] {
        table.values(name, &[value.as_bytes()], said);
    }
    table.values("invalid UTF-8 after the token", &[&[good.as_bytes(), b"\xff"].concat()], INVALID_REQUEST);
}

fn segments(world: &World, table: &mut Table) {
    let token = world.good(&world.es256);
    let parts: Vec<_> = token.split('.').collect();
    table.token("1 segment", parts[1], MALFORMED);
    table.token("2 segments", format!("{}.{}", parts[0], parts[1]), MALFORMED);
    table.token("4 segments", format!("{token}.{}", parts[2]), MALFORMED);
    table.token("4 segments, the last empty", format!("{token}."), MALFORMED);
    table.token("4 segments, the first empty", format!(".{token}"), MALFORMED);
    table.token("5 segments", format!("{token}.{}.{}", parts[1], parts[2]), MALFORMED);
    table.token("1,000 segments", "AA.".repeat(1_000), MALFORMED);
    table.token("nothing but a dot", ".", MALFORMED);
    table.token("nothing but dots", "..", MALFORMED);
}

/// Every fault in each segment; what is signed is always the text as it stands.
fn base64url_faults(world: &World, table: &mut Table) {
    // Both special characters of the alphabet, in every segment; and stray bits to set in the last character.
    let special = Some(r#"">>>???>>>???""#);
    let mut header_json = header(&[("special", special)]);
    let mut claims_json = claims(&[("special", special)]);
    for json in [&mut header_json, &mut claims_json] {
        while json.len() % 3 != 1 {
            json.push(' ');
        }
    }
    let (header, payload) = (base64url(header_json), base64url(claims_json));
    let signature = loop {
        let token = signed_as_written(&world.es256, &header, &payload);
        let signature = token.rsplit_once('.').unwrap().1.to_owned();
        if signature.contains('-') && signature.contains('_') {
            break signature;
        }
    };
    let good = [header, payload, signature];
    for part in &good {
        assert!(part.contains(['-', '_']) && part.len() % 4 == 2, "{part}");
    }
    table.token("base64url with every character of its alphabet", good.join("."), ACCEPTED);

    let standard = |part: &str| part.replace('-', "+").replace('_', "/");
    let stray_bits = |part: &str| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (start, last) = part.split_at(part.len() - 1);
        let place = alphabet.iter().position(|one| *one == last.as_bytes()[0]).unwrap();
        format!("{start}{}", char::from(alphabet[place + 1]))
    };
    type Change<'c> = (&'c str, &'c dyn Fn(&str) -> String, Said);
    let faults: [Change<'_>; 10] = [
        // `=` is a token68 at the very end only.
        ("padding", &|part| format!("{part}=="), INVALID_REQUEST),
        ("too little padding", &|part| format!("{part}="), INVALID_REQUEST),
        ("the standard alphabet", &standard, MALFORMED),
        ("a blank", &|part| part.replacen('e', "e ", 1) + " ", INVALID_REQUEST),
        ("a tab", &|part| format!("\t{part}"), INVALID_REQUEST),
        ("a non-canonical last character", &stray_bits, MALFORMED),
        ("a character too many", &|part| format!("{part}AAA"), MALFORMED),
        ("a character of no alphabet", &|part| format!("{part}~~"), MALFORMED),
        ("a percent-encoded character", &|part| format!("{part}%3D"), INVALID_REQUEST),
        ("nothing", &|_| String::new(), MALFORMED),
    ];
    for (fault, change, said) in faults {
        for (place, part) in ["header", "claims", "signature"].into_iter().enumerate() {
            let mut parts = good.clone();
            parts[place] = change(&parts[place]);
            let token = if place < 2 { signed_as_written(&world.es256, &parts[0], &parts[1]) } else { parts.join(".") };
            let said = if place == 2 && fault.contains("padding") { MALFORMED } else { said };
            table.token(format!("base64url: {fault} in the {part}"), token, said);
        }
    }
}

fn headers(world: &World, table: &mut Table) {
    let huge = format!("\"{}\"", "canary".repeat(700));
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let (deep_64, deep_100, deep_3000) = (deep(64), deep(100), deep(3_000));
    let digits = "9".repeat(1_000);
    for (member, raw, said) in [
        ("alg", Some(r#""none""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""None""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""NONE""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""nOnE""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""\u006eone""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""es256""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""Es256""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""ES256 ""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""ES256\u0000""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""ES256K""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#""CANARY256""#), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(&huge), ALGORITHM_NOT_ALLOWED),
        ("alg", Some(r#"["ES256"]"#), MALFORMED),
        ("alg", Some(r#"{"ES256":1}"#), MALFORMED),
        ("alg", Some("null"), MALFORMED),
        ("alg", Some("256"), MALFORMED),
        ("alg", None, MALFORMED),
        ("alg", Some(r#""\u0045S256""#), ACCEPTED),
        // Allowed, but not the key's.
        ("alg", Some(r#""ES384""#), BAD_SIGNATURE),
        ("alg", Some(r#""RS256""#), BAD_SIGNATURE),
        ("alg", Some(r#""EdDSA""#), BAD_SIGNATURE),
        ("alg", Some(r#""HS256""#), ALGORITHM_NOT_ALLOWED),
        ("crit", Some(r#"["canary"]"#), UNSUPPORTED_HEADER),
        ("crit", Some(r#"["alg"]"#), UNSUPPORTED_HEADER),
        ("crit", Some("[]"), UNSUPPORTED_HEADER),
        ("crit", Some(r#""canary""#), UNSUPPORTED_HEADER),
        ("crit", Some("{}"), UNSUPPORTED_HEADER),
        ("crit", Some("null"), UNSUPPORTED_HEADER),
        ("crit", Some("false"), UNSUPPORTED_HEADER),
        ("b64", Some("false"), UNSUPPORTED_HEADER),
        ("b64", Some("true"), UNSUPPORTED_HEADER),
        ("zip", Some(r#""DEF""#), UNSUPPORTED_HEADER),
        ("enc", Some(r#""A256GCM""#), UNSUPPORTED_HEADER),
        ("typ", Some(r#""dpop+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""application/dpop+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""logout+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""id_token+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""secevent+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""token-introspection+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""client-authentication+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""oauth-authz-req+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""JWE""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""JOSE+JSON""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""at+jwt ""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""at+jwt;canary=1""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""text/at+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""application/application/at+jwt""#), WRONG_TOKEN_TYPE),
        ("typ", Some(r#""""#), WRONG_TOKEN_TYPE),
        ("typ", Some("null"), MALFORMED),
        ("typ", Some("1"), MALFORMED),
        ("typ", Some(r#"["at+jwt"]"#), MALFORMED),
        ("typ", Some(r#""APPLICATION/At+Jwt""#), ACCEPTED),
        ("typ", None, ACCEPTED),
        ("deep", Some(&deep_64), ACCEPTED),
        ("deep", Some(&deep_100), MALFORMED),
        ("deep", Some(&deep_3000), MALFORMED),
        // A member that nobody reads: its grammar counts, its size does not.
        ("number", Some(&digits), ACCEPTED),
        ("number", Some("1e400"), ACCEPTED),
        ("number", Some("01"), MALFORMED),
        ("number", Some("NaN"), MALFORMED),
    ] {
        let raw_length = raw.map_or(0, str::len);
        let shown: String = raw.unwrap_or("missing").chars().take(40).collect();
        let name = format!("header {member}: {shown}, {raw_length} bytes");
        table.token(name, world.with_header(&header(&[(member, raw)])), said);
    }

    let unsigned = |algorithm: &str| {
        let header = header(&[("alg", Some(&json!(algorithm).to_string()))]);
        format!("{}.{}.", base64url(header), base64url(claims(&[])))
    };
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        table.token(format!("unsigned: alg {algorithm}, nothing for a signature"), unsigned(algorithm), MALFORMED);
        let something = format!("{}AA", unsigned(algorithm));
        table.token(format!("unsigned: alg {algorithm}, something for a signature"), something, ALGORITHM_NOT_ALLOWED);
    }

    let good = header(&[]);
    let (_, members) = good.split_once('{').unwrap();
    for (name, written, said) in [
        ("crit and b64", format!(r#"{{"crit":["b64"],"b64":false,{members}"#), UNSUPPORTED_HEADER),
        ("b64 and zip", format!(r#"{{"b64":true,"zip":"DEF",{members}"#), UNSUPPORTED_HEADER),
        ("crit twice", format!(r#"{{"crit":["b64"],"crit":["b64"],{members}"#), MALFORMED),
        ("crit by escape", format!(r#"{{"\u0063rit":["canary"],{members}"#), UNSUPPORTED_HEADER),
        ("alg twice", format!(r#"{{"alg":"none",{members}"#), MALFORMED),
        ("alg twice, the same", format!(r#"{{"alg":"ES256",{members}"#), MALFORMED),
        ("alg twice by escape", format!(r#"{{"\u0061lg":"none",{members}"#), MALFORMED),
        ("kid twice", format!(r#"{{"kid":"other",{members}"#), MALFORMED),
        ("kid twice by escape", format!(r#"{{"k\u0069d":"other",{members}"#), MALFORMED),
        ("an ignored member twice", format!(r#"{{"x":1,{members}"#), MALFORMED),
        ("an ignored member twice by escape", format!(r#"{{"\u0078":1,{members}"#), MALFORMED),
        ("an array", format!("[{good}]"), MALFORMED),
        ("a string", json!(good).to_string(), MALFORMED),
        ("null", "null".to_owned(), MALFORMED),
        ("an empty object", "{}".to_owned(), MALFORMED),
        ("cut off", good[..good.len() - 1].to_owned(), MALFORMED),
        ("a second object after it", format!("{good}{{}}"), MALFORMED),
        ("a byte after it", format!("{good}\0"), MALFORMED),
        ("BOM", format!("\u{feff}{good}"), MALFORMED),
        ("white space around it", format!(" \r\n\t{good} \n"), ACCEPTED),
    ] {
        table.token(format!("header: {name}"), world.with_header(&written), said);
    }
    let key = &world.es256;
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let not_utf_8 = good.replace("canary-header", "\u{1}").into_bytes();
    let not_utf_8: Vec<u8> = not_utf_8.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    for (name, header) in [("UTF-16", utf_16), ("invalid UTF-8", not_utf_8)] {
        table.token(format!("header: {name}"), key.sign_compact(&header, claims(&[]).as_bytes()).unwrap(), MALFORMED);
    }
}

fn key_ids(world: &World, table: &mut Table) {
    let long = format!("\"{}\"", "canary01".repeat(512));
    for (kid, said) in [
        (Some("1"), MALFORMED),
        (Some("null"), MALFORMED),
        (Some("true"), MALFORMED),
        (Some(r#"["es256-1"]"#), MALFORMED),
        (Some(r#"{"kid":"es256-1"}"#), MALFORMED),
        (Some(r#""\ud800""#), MALFORMED),
        (Some(&long), UNKNOWN_KEY),
        (Some(r#""""#), UNKNOWN_KEY),
        (Some(r#""canary-key""#), UNKNOWN_KEY),
        (Some(r#""ES256-1""#), UNKNOWN_KEY),
        (Some(r#""es256-1 ""#), UNKNOWN_KEY),
        (Some(r#""es256-1\u0000""#), UNKNOWN_KEY),
        (Some(r#""../../../etc/canary""#), UNKNOWN_KEY),
        (Some(r#""canary' OR '1'='1""#), UNKNOWN_KEY),
        // Keys that are published, but did not sign this.
        (Some(r#""other""#), BAD_SIGNATURE),
        (Some(r#""rs256-1""#), BAD_SIGNATURE),
        (Some(r#""es256\u002d1""#), ACCEPTED),
        (None, ACCEPTED),
    ] {
        let shown: String = kid.unwrap_or("missing").chars().take(40).collect();
        table.token(format!("kid: {shown}"), world.with_header(&header(&[("kid", kid)])), said);
    }
    let foreign = &world.foreign;
    let signed = |header: String| foreign.sign_compact(header.as_bytes(), claims(&[]).as_bytes()).unwrap();
    // Both are called es256-1.
    table.token("kid of a good key, signed by the attacker's", signed(header(&[])), BAD_SIGNATURE);
    table.token("no kid, signed by the attacker's key", signed(header(&[("kid", None)])), UNKNOWN_KEY);
}

/// Keys that the token brings along: they are neither used nor fetched.
fn injected_keys(world: &World, table: &mut Table) {
    let foreign = &world.foreign;
    let jwk = foreign.public_jwk();
    let url = |path: &str| json!(format!("{}{path}", world.attacker.identifier())).to_string();
    let (_, der) = public_spellings(foreign).into_iter().find(|(name, _)| *name == "DER").unwrap();
    let certificate = json!([base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der)]).to_string();
    let injections = [
        ("jwk", jwk.clone()),
        ("jku", url("/jwks.json")),
        ("x5u", url("/jwks.json")),
        ("x5c", certificate),
        ("iss", url("")),
        ("keys", format!("[{jwk}]")),
    ];
    for (member, raw) in &injections {
        let changed = |kid: Option<&str>| header(&[("kid", kid), (member, Some(raw))]);
        for (key_id, kid, said) in [
            ("no kid", None, UNKNOWN_KEY),
            ("a kid of his own", Some(r#""attacker-1""#), UNKNOWN_KEY),
            ("the kid of a good key", Some(r#""es256-1""#), BAD_SIGNATURE),
        ] {
            let token = foreign.sign_compact(changed(kid).as_bytes(), claims(&[]).as_bytes()).unwrap();
            table.token(format!("{member} of the attacker, who signs, {key_id}"), token, said);
        }
        let ignored = world.with_header(&changed(Some(r#""es256-1""#)));
        table.token(format!("{member} of the attacker, a good key signs"), ignored, ACCEPTED);
    }
}

fn hmac_by_the_public_key(world: &World, table: &mut Table) {
    for key in [&world.rs256, &world.es256] {
        for (spelling, secret) in public_spellings(key) {
            for algorithm in ["HS256", "HS384", "HS512"] {
                let header = header_for(key, &[("alg", Some(&json!(algorithm).to_string()))]);
                let name = format!("{algorithm} keyed by the {spelling} of the {} key", key.algorithm());
                table.token(name, hmac_token(&header, &secret), ALGORITHM_NOT_ALLOWED);
            }
            // The header tells of the algorithm of the key, the signature is an HMAC.
            let name = format!("an HMAC keyed by the {spelling} under {}", key.algorithm());
            table.token(name, hmac_token(&header_for(key, &[]), &secret), BAD_SIGNATURE);
        }
    }
    table.token(
        "HS256 keyed by nothing",
        hmac_token(&header(&[("alg", Some(r#""HS256""#))]), b""),
        ALGORITHM_NOT_ALLOWED,
    );
}

fn signatures(world: &World, table: &mut Table) {
    let token = world.good(&world.es256);
    let fixed = signature_of(&token);
    let (r, s) = fixed.split_at(32);
    let order = *b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    let (zero, one) = ([0; 32], [[0; 31].as_slice(), &[1]].concat());
    for (name, signature) in [
        ("DER", der_signature(&fixed)),
        ("zero r and s", vec![0; 64]),
        ("zero r", [&zero, s].concat()),
        ("zero s", [r, &zero].concat()),
        ("one and one", [one.as_slice(), &one].concat()),
        ("r and s of the group's order", [order, order].concat()),
        ("s of the group's order", [r, &order].concat()),
        ("r and s swapped", [s, r].concat()),
        ("all ones", vec![0xff; 64]),
        ("one byte", vec![fixed[0]]),
        ("a byte too short", fixed[..63].to_vec()),
        ("half", r.to_vec()),
        ("a byte too long", [&fixed, &[0][..]].concat()),
        ("a zero in front", [&[0], fixed.as_slice()].concat()),
        ("twice", fixed.repeat(2)),
        ("padded to the length of P-384", [&[0; 16], r, &[0; 16], s].concat()),
        ("8 KB", fixed.repeat(128)),
        ("that of another token", signature_of(&world.with_claims(claims(&[("sub", Some(r#""bob""#))])))),
    ] {
        table.token(format!("ES256 signature: {name}"), with_signature(&token, &signature), BAD_SIGNATURE);
    }
    // Each ECDSA signature has two spellings, and RFC 7518 takes both: a token is no identifier.
    let other_s = [r, &subtracted(&order, s)].concat();
    table.token("ES256 signature: the other s", with_signature(&token, &other_s), ACCEPTED);

    let token = world.good(&world.rs256);
    let good = signature_of(&token);
    table.token("RS256 signature: good", &token, ACCEPTED);
    for (name, signature) in [
        ("a byte too short", good[..255].to_vec()),
        ("its first byte missing", good[1..].to_vec()),
        ("a byte too long", [&good, &[0][..]].concat()),
        ("a zero in front", [&[0], good.as_slice()].concat()),
        ("one byte", vec![1]),
        ("zero", vec![0; 256]),
        ("one", [vec![0; 255], vec![1]].concat()),
        ("all ones", vec![0xff; 256]),
        ("8 KB", good.repeat(32)),
    ] {
        table.token(format!("RS256 signature: {name}"), with_signature(&token, &signature), BAD_SIGNATURE);
    }
    // The very same RSA key, used with the algorithm that it is not published for.
    let pss = [
        &include_bytes!("../../../src/testing/rsa_2048_a.pk8")[..],
        include_bytes!("../../../src/testing/rsa_2048_b.pk8"),
    ]
    .map(|der| SigningKey::from_pkcs8(Algorithm::PS256, der).unwrap());
    let modulus = |key: &SigningKey| parsed(&key.public_jwk())["n"].clone();
    let pss = pss.into_iter().find(|key| modulus(key) == modulus(&world.rs256)).unwrap().with_key_id("rs256-1");
    table.token("PS256 by the key that is published for RS256", world.good(&pss), BAD_SIGNATURE);

    let token = world.good(&world.eddsa);
    let good = signature_of(&token);
    let group_order =
        *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
    table.token("EdDSA signature: good", &token, ACCEPTED);
    for (name, signature) in [
        ("S made larger by the group's order", [&good[..32], &added(&good[32..], &group_order)].concat()),
        ("zero", vec![0; 64]),
        ("the neutral element and zero", [vec![1], vec![0; 63]].concat()),
        ("a byte too short", good[..63].to_vec()),
        ("a byte too long", [&good, &[0][..]].concat()),
    ] {
        table.token(format!("EdDSA signature: {name}"), with_signature(&token, &signature), BAD_SIGNATURE);
    }
}

/// `a - b`, big-endian.
fn subtracted(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = Vec::new();
    for (a, b) in a.iter().zip(b).rev() {
        let (left, right) = (i16::from(*a), i16::from(*b) + borrow);
        borrow = i16::from(left < right);
        difference.insert(0, (left - right + borrow * 256) as u8);
    }
    difference
}

/// `a + b`, little-endian.
fn added(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let sum = |(a, b): (&u8, &u8)| {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        sum as u8
    };
    a.iter().zip(b).map(sum).collect()
}

fn other_formats(world: &World, table: &mut Table) {
    let token = world.good(&world.es256);
    let parts: Vec<_> = token.split('.').collect();
    let encrypted = base64url(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rs256-1"}"#);
    let jwe = format!("{encrypted}.{}.{}.{}.{}", "A".repeat(342), "A".repeat(16), "canary", "A".repeat(22));
    table.token("JWE", jwe, MALFORMED);
    table.token("JWE with an empty key", format!("{encrypted}..AAAA.AAAA.AAAA"), MALFORMED);
    table.token(
        "JWE's header on a JWS",
        world.sign(r#"{"alg":"ES256","kid":"es256-1","enc":"A256GCM"}"#, claims(&[])),
        UNSUPPORTED_HEADER,
    );
    table.token("nested JWT", world.sign(&header(&[("cty", Some(r#""JWT""#))]), &token), MALFORMED);
    table.token("nested JWT as a JSON string", world.sign(&header(&[]), json!(token).to_string()), MALFORMED);
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    let general =
        json!({ "payload": parts[1], "signatures": [{ "protected": parts[0], "signature": parts[2] }] }).to_string();
    for (name, serialisation) in [("flattened", flattened), ("general", general)] {
        table.token(format!("JSON serialisation, {name}"), &serialisation, INVALID_REQUEST);
        table.token(format!("JSON serialisation, {name}, in base64url"), base64url(&serialisation), MALFORMED);
        table.token(
            format!("JSON serialisation, {name}, for claims"),
            world.with_claims(&serialisation),
            MISSING_CLAIM,
        );
    }
}
