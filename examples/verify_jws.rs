//! Reads lines of `{"jwk": {…}, "jws": "…"}` and says of each whether the key verifies the signature: `accepted`, or
//! `rejected: …` with the reason. The payload may be anything.
//!
//! `cargo run --example verify_jws < lines`. With `--no-default-features --features rust-crypto` it computes without C.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, BufRead, Write};

use serde::Deserialize;
use serde_json::value::RawValue;
use tower_bearer::jose::{CompactJws, Jwk, VerifyingKey};

fn main() -> io::Result<()> {
    let mut answers = io::stdout().lock();
    for line in io::stdin().lock().split(b'\n') {
        match verify(&line?) {
            Ok(()) => writeln!(answers, "accepted")?,
            Err(reason) => writeln!(answers, "rejected: {reason}")?,
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    jwk: &'a RawValue,
    #[serde(borrow)]
    jws: Cow<'a, str>,
}

fn verify(line: &[u8]) -> Result<(), Box<dyn Error>> {
    // serde's own message would quote what it read.
    let line: Line<'_> =
        serde_json::from_slice(line).map_err(|_| "the line is not `{\"jwk\": {…}, \"jws\": \"…\"}`")?;
    let keys = VerifyingKey::from_jwk(&Jwk::parse(line.jwk.get().as_bytes())?)?;
    let jws = CompactJws::parse(&line.jws)?;
    // The key says which algorithms it is for. The header only says which of them was taken.
    let named = jws.header()?.algorithm();
    let key =
        keys.iter().find(|key| Some(key.algorithm()) == named).ok_or("the key is not for the token's algorithm")?;
    key.verify(&jws)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::verify;

    /// RFC 8037, Appendix A.
    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn answer(line: impl AsRef<[u8]>) -> String {
        verify(line.as_ref()).map_or_else(|reason| format!("rejected: {reason}"), |()| "accepted".to_owned())
    }

    fn line(jwk: &str, jws: &str) -> String {
        format!(r#"{{"jwk":{jwk},"jws":"{jws}"}}"#)
    }

    #[test]
    fn a_good_signature_is_accepted() {
        assert_eq!(answer(line(KEY, JWS)), "accepted");
        assert_eq!(answer(format!(" {{\"comment\": [1], \"jws\": \"{JWS}\", \"jwk\": {KEY} }}\r")), "accepted");
        assert_eq!(answer(line(KEY, JWS).replacen("eyJ", "\\u0065yJ", 1)), "accepted");
    }

    #[test]
    fn anything_else_is_rejected_for_a_reason() {
        let no_line = "rejected: the line is not `{\"jwk\": {…}, \"jws\": \"…\"}`";
        for bad in ["", "[]", "null", "{}", &format!(r#"{{"jwk":{KEY}}}"#), &format!(r#"{{"jws":"{JWS}"}}"#), "{\"jwk"]
        {
            assert_eq!(answer(bad), no_line, "{bad}");
        }
        assert_eq!(answer(b"{\"jwk\":{},\"jws\":\"\xff\"}"), no_line);
        assert_eq!(answer(line(KEY, "\\ud800")), no_line);

        for (jwk, jws, reason) in [
            (KEY, &*JWS.replacen("hgyY", "hgyZ", 1), "the signature is not valid"),
            (KEY, "", "three parts"),
            (KEY, "e30.e30.AA", "header"),
            (KEY, "eyJhbGciOiJub25lIn0.e30.AA", "not for the token's algorithm"),
            (KEY, "eyJhbGciOiJSUzI1NiJ9.e30.AA", "not for the token's algorithm"),
            ("null", JWS, "not a JSON object"),
            ("{}", JWS, "`kty` of the key is missing"),
            (r#"{"kty":"oct","k":"AAAA"}"#, JWS, "shared secret"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, JWS, "wrong type, length or encoding"),
        ] {
            let answer = answer(line(jwk, jws));
            assert!(answer.starts_with("rejected: ") && answer.contains(reason), "{jwk} {jws}: {answer}");
        }
    }
}
