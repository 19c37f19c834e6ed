//! Thumbprints: the examples of the RFCs, and what has no part in one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use tower_bearer::jose::{Algorithm, Jwk, SigningKey};

/// RFC 7638 §3.1: the key, and its thumbprint.
const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
const RSA_THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

/// RFC 8037, Appendix A.2 and A.3.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED25519_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn thumbprint(jwk: &str) -> String {
    let jwk = Jwk::parse(jwk.as_bytes()).unwrap();
    assert_eq!(BASE64URL.encode(jwk.thumbprint()), jwk.thumbprint_base64url());
    jwk.thumbprint_base64url()
}

#[test]
fn the_thumbprints_of_the_rfcs_are_found() {
    assert_eq!(thumbprint(RSA), RSA_THUMBPRINT);
    assert_eq!(thumbprint(ED25519), ED25519_THUMBPRINT);
}

#[test]
fn only_the_numbers_have_a_part_in_a_thumbprint() {
    let bare = RSA.replace(r#","alg":"RS256","kid":"2011-04-29""#, "");
    let more = RSA.replace("RS256", "PS512").replacen('{', r#"{"use":"sig","x5t":"","key_ops":["verify"],"#, 1);
    let leading_zero = RSA.replace(r#""e":"AQAB""#, r#""e":"AAEAAQ""#);
    for same in [bare, more, leading_zero] {
        assert_eq!(thumbprint(&same), RSA_THUMBPRINT);
    }
    assert_ne!(thumbprint(&RSA.replace(r#""e":"AQAB""#, r#""e":"Aw""#)), RSA_THUMBPRINT);
}

/// As for every other library: the oracle is asked for the keys that it can read.
#[test]
fn jsonwebtoken_finds_the_same_thumbprints() {
    use jsonwebtoken::jwk::{Jwk as TheirJwk, ThumbprintHash};
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let jwk = SigningKey::generate(algorithm).unwrap().public_jwk();
        let theirs: TheirJwk = serde_json::from_str(&jwk).unwrap();
        assert_eq!(thumbprint(&jwk), theirs.thumbprint(ThumbprintHash::SHA256).unwrap(), "{algorithm}");
    }
}
