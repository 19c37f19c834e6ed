//! JSON Web Signature: what a token must look like, and the examples of the RFCs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::DecodingKey;
use tower_bearer::jose::*;

/// RFC 7515, Appendix A.1: HS256.
const A1_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const A1_SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

/// RFC 7515, Appendix A.2: RS256.
const A2_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const A2_JWK: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;

/// RFC 7515, Appendix A.3: ES256.
const A3_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const A3_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// RFC 7515, Appendix A.4: ES512.
const A4_TOKEN: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
const A4_JWK: &str = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;

/// RFC 8037, Appendix A.4: Ed25519.
const ED25519_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const ED25519_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn key(jwk: &str, algorithm: Algorithm) -> VerifyingKey {
    let jwk = Jwk::parse(jwk.as_bytes()).unwrap();
    let keys = VerifyingKey::from_jwk(&jwk).unwrap();
    keys.into_iter().find(|key| key.algorithm() == algorithm).unwrap()
}

fn with_header(header: &str) -> String {
    format!("{}.e30.AA", BASE64URL.encode(header))
}

fn header_fault(header: &str) -> Option<JwsError> {
    let token = with_header(header);
    CompactJws::parse(&token).unwrap().header().err()
}

fn parse_fault(token: &str) -> Option<JwsError> {
    CompactJws::parse(token).err()
}

#[test]
fn the_examples_of_the_rfcs_verify() {
    for (token, jwk, algorithm) in [
        (A2_TOKEN, A2_JWK, Algorithm::RS256),
        (A3_TOKEN, A3_JWK, Algorithm::ES256),
        (A4_TOKEN, A4_JWK, Algorithm::ES512),
        (ED25519_TOKEN, ED25519_JWK, Algorithm::EdDSA),
    ] {
        let jws = CompactJws::parse(token).unwrap();
        let verified = key(jwk, algorithm).verify(&jws).unwrap();
        assert_eq!(verified.payload(), jws.payload(), "{algorithm}");
        let encoded = token.split('.').nth(1).unwrap();
        assert_eq!(BASE64URL.encode(verified.payload()), encoded, "{algorithm}");
    }
}

#[test]
fn the_hmac_example_verifies_with_a_static_secret() {
    let secret = DecodingKey::from_secret(&BASE64URL.decode(A1_SECRET).unwrap());
    let key = VerifyingKey::from_decoding_key(Algorithm::HS256, &secret).unwrap();
    let jws = CompactJws::parse(A1_TOKEN).unwrap();
    assert_eq!(jws.header().unwrap().media_type(), Some("JWT"));
    assert!(key.verify(&jws).is_ok());

    let tampered = A1_TOKEN.replacen("dBjf", "dBjg", 1);
    assert_eq!(key.verify(&CompactJws::parse(&tampered).unwrap()).err(), Some(InvalidSignature));
}

#[test]
fn the_unsecured_example_is_refused() {
    // RFC 7515, Appendix A.5: `alg: none` and no signature.
    let payload = A2_TOKEN.split('.').nth(1).unwrap();
    assert_eq!(parse_fault(&format!("eyJhbGciOiJub25lIn0.{payload}.")), Some(JwsError::EmptyPart));
    // Nor does it pass with somebody else's signature.
    let signature = A3_TOKEN.split('.').nth(2).unwrap();
    let token = format!("eyJhbGciOiJub25lIn0.{payload}.{signature}");
    let jws = CompactJws::parse(&token).unwrap();
    assert_eq!(jws.header().unwrap().algorithm(), None);
    assert!(key(A3_JWK, Algorithm::ES256).verify(&jws).is_err());
}

#[test]
fn the_examples_in_json_are_refused() {
    // RFC 7515, Appendix A.6 and A.7: the signatures of A.2 and A.3 over one payload, which are good ones.
    let [rs256, es256] = [A2_TOKEN, A3_TOKEN].map(|token| token.split('.').collect::<Vec<_>>());
    let of_rs256 =
        format!(r#"{{"protected":"{}","header":{{"kid":"2010-12-29"}},"signature":"{}"}}"#, rs256[0], rs256[2]);
    let of_es256 = format!(
        r#""protected":"{}","header":{{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}},"signature":"{}""#,
        es256[0], es256[2]
    );
    let general = format!(r#"{{"payload":"{}","signatures":[{of_rs256},{{{of_es256}}}]}}"#, rs256[1]);
    let flattened = format!(r#"{{"payload":"{}",{of_es256}}}"#, es256[1]);
    for json in [general, flattened] {
        assert_eq!(parse_fault(&json), Some(JwsError::NotThreeParts), "{json}");
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    }
}

#[test]
fn every_changed_character_breaks_the_token() {
    let key = key(A3_JWK, Algorithm::ES256);
    for position in 0..A3_TOKEN.len() {
        let mut bytes = A3_TOKEN.as_bytes().to_vec();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        let accepted = CompactJws::parse(&tampered).is_ok_and(|jws| key.verify(&jws).is_ok());
        assert!(!accepted, "character {position}");
    }
}

#[test]
fn every_shortened_token_is_refused() {
    let key = key(A3_JWK, Algorithm::ES256);
    for length in 0..A3_TOKEN.len() {
        let accepted = CompactJws::parse(&A3_TOKEN[..length]).is_ok_and(|jws| key.verify(&jws).is_ok());
        assert!(!accepted, "{length} characters");
    }
}

#[test]
fn a_token_has_exactly_three_parts() {
    for token in ["", "e30", "e30.e30", "e30.e30.AA.AA", "e30.e30.AA.AA.AA", "e30.e30.AA."] {
        assert_eq!(parse_fault(token), Some(JwsError::NotThreeParts), "{token}");
    }
}

#[test]
fn no_part_may_be_empty() {
    for token in ["..", ".e30.AA", "e30..AA", "e30.e30."] {
        assert_eq!(parse_fault(token), Some(JwsError::EmptyPart), "{token}");
    }
}

#[test]
fn base64url_has_one_spelling_in_each_part() {
    let faults = [
        ("padding", "AA=="),
        ("one character too few", "AAAAA"),
        ("stray bits after one byte", "AB"),
        ("stray bits after two bytes", "AAB"),
        ("a plus", "+A"),
        ("a slash", "/A"),
        ("a blank", "A A"),
        ("a line break", "AA\n"),
        ("a letter beyond ASCII", "AÄ"),
        ("a NUL", "\0A"),
    ];
    for (fault, part) in faults {
        for token in [format!("{part}.e30.AA"), format!("e30.{part}.AA"), format!("e30.e30.{part}")] {
            assert_eq!(parse_fault(&token), Some(JwsError::Base64), "{fault}: {token:?}");
        }
    }
}

#[test]
fn the_parts_are_decoded_whatever_their_lengths() {
    for (header, payload, signature) in [(1, 2, 3), (2, 3, 1), (3, 1, 2), (30, 31, 32), (100, 1, 1)] {
        let payload = vec![b'p'; payload];
        let token =
            [vec![b'h'; header], payload.clone(), vec![b's'; signature]].map(|part| BASE64URL.encode(part)).join(".");
        let jws = CompactJws::parse(&token).unwrap();
        assert_eq!(jws.payload(), payload);
        assert_eq!(jws.signing_input(), token.rsplit_once('.').unwrap().0.as_bytes());
    }
}

#[test]
fn the_header_tells_algorithm_key_and_type() {
    let token = with_header(r#"{"typ":"at+jwt","alg":"PS256","kid":"k\u0031","jku":"https://evil.example"}"#);
    let jws = CompactJws::parse(&token).unwrap();
    let header = jws.header().unwrap();
    assert_eq!(header.algorithm(), Some(Algorithm::PS256));
    assert_eq!(header.algorithm_name(), "PS256");
    assert_eq!(header.key_id(), Some("k1"));
    assert_eq!(header.media_type(), Some("at+jwt"));
}

#[test]
fn an_unknown_algorithm_is_named_but_is_none_of_ours() {
    for name in ["none", "None", "rs256", "RS256 ", "ES256K", "HS1", "ML-DSA-44", ""] {
        let token = with_header(&format!(r#"{{"alg":"{name}"}}"#));
        let jws = CompactJws::parse(&token).unwrap();
        let header = jws.header().unwrap();
        assert_eq!((header.algorithm_name(), header.algorithm()), (name, None));
    }
}

#[test]
fn a_header_that_is_not_the_expected_object_is_refused() {
    for header in [
        "{}",
        "null",
        "[]",
        r#"["RS256"]"#,
        r#""RS256""#,
        r#"{"alg":null}"#,
        r#"{"alg":1}"#,
        r#"{"alg":["RS256"]}"#,
        r#"{"kid":"1"}"#,
        r#"{"alg":"RS256","kid":1}"#,
        r#"{"alg":"RS256","kid":null}"#,
        r#"{"alg":"RS256","typ":{}}"#,
        r#"{"alg":"RS256","typ":null}"#,
        r#"{"alg":"RS256","kid":"\ud800"}"#,
        r#"{"alg":"RS256"} {}"#,
        r#"{"alg":"RS256",}"#,
        r#"{"alg":"RS256""#,
        "\u{feff}{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"kid\":\"a\nb\"}",
    ] {
        assert_eq!(header_fault(header), Some(JwsError::Json), "{header}");
    }
}

#[test]
fn a_header_that_is_not_utf_8_is_refused() {
    let token = format!("{}.e30.AA", BASE64URL.encode(b"{\"alg\":\"RS256\",\"kid\":\"\xff\"}"));
    let jws = CompactJws::parse(&token).unwrap();
    assert_eq!(jws.header().err(), Some(JwsError::NotUtf8));
}

#[test]
fn any_critical_header_is_refused() {
    for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", "null", "{}", "\"exp\"", "false"] {
        let header = format!(r#"{{"alg":"RS256","crit":{crit},"exp":1}}"#);
        assert_eq!(header_fault(&header), Some(JwsError::CriticalHeader), "{header}");
    }
    let escaped = r#"{"alg":"RS256","\u0063rit":["exp"]}"#;
    assert_eq!(header_fault(escaped), Some(JwsError::CriticalHeader));
}

#[test]
fn unencoded_compressed_and_encrypted_payloads_are_refused() {
    for member in [r#""b64":false"#, r#""b64":null"#, r#""zip":"DEF""#, r#""enc":"A128GCM""#] {
        let header = format!(r#"{{"alg":"RS256",{member}}}"#);
        assert_eq!(header_fault(&header), Some(JwsError::UnsupportedHeader), "{header}");
    }
}

#[test]
fn a_repeated_member_is_refused_however_it_is_spelled() {
    for header in [
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"none","alg":"RS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"ES256"}"#,
        r#"{"alg":"RS256","kid":"1","k\u0069d":"2"}"#,
        r#"{"alg":"RS256","x":1,"x":1}"#,
        r#"{"alg":"RS256","x":{"y":[{}]},"\u0078":1}"#,
    ] {
        assert_eq!(header_fault(header), Some(JwsError::DuplicateMember), "{header}");
    }
}

#[test]
fn nesting_is_limited_in_the_header() {
    let nested =
        |levels: usize| format!(r#"{{"alg":"RS256","x":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(header_fault(&nested(64)), None);
    assert_eq!(header_fault(&nested(65)), Some(JwsError::TooDeep));
    assert_eq!(header_fault(&nested(100_000)), Some(JwsError::TooDeep));
}

#[test]
fn a_good_signature_under_a_bad_header_does_not_verify() {
    let signing = SigningKey::generate(Algorithm::ES256).unwrap();
    let key = key(&signing.public_jwk(), Algorithm::ES256);
    let verifies = |header: &str| {
        let token = signing.sign_compact(header.as_bytes(), b"{}").unwrap();
        let jws = CompactJws::parse(&token).unwrap();
        let unread = key.verify(&jws).is_ok();
        let _ = jws.header();
        assert_eq!(key.verify(&jws).is_ok(), unread, "reading the header first changed the verdict");
        unread
    };
    assert!(verifies(r#"{"alg":"ES256"}"#));
    for header in [
        r#"{"alg":"ES256","crit":["x"],"x":1}"#,
        r#"{"alg":"ES256","b64":false}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES384"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"es256"}"#,
        "{}",
    ] {
        assert!(!verifies(header), "{header}");
    }
}

#[test]
fn debug_shows_nothing_of_a_token() {
    let jws = CompactJws::parse(A3_TOKEN).unwrap();
    let verified = key(A3_JWK, Algorithm::ES256).verify(&jws).unwrap();
    let token = with_header(r#"{"alg":"my-secret","kid":"my-secret","typ":"my-secret"}"#);
    let secret = CompactJws::parse(&token).unwrap();
    let shown = format!("{jws:?} {verified:?} {:?} {secret:?}", secret.header().unwrap());
    assert_eq!(shown, "CompactJws { .. } VerifiedJws { .. } Header { algorithm: None, .. } CompactJws { .. }");
}
