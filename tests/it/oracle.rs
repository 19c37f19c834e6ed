//! A second opinion on 100,000 tokens: `jsonwebtoken::decode`, configured as strictly as it can be.
//!
//! Tokens are made from a good one by mutating header, claims, encoding, algorithm and key. Where the two judges disagree, one
//! of [`RULES`] has to say why; a rule that is never needed is a lie and fails the test. What they both accept they have to
//! read alike.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use fastrand::Rng;
use jsonwebtoken::{DecodingKey, EncodingKey, Validation};
use serde_json::{Map, Value};
use tower_bearer::RejectionKind as Kind;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::TestIssuer;

use crate::support::AUDIENCE;

const TOKENS: usize = 100_000;
/// How many threads judge them.
const SHARDS: usize = 2;
const SEED: u64 = 0x0B5E_55ED;

/// Why ours and theirs may disagree.
struct Rule {
    why: &'static str,
    section: &'static str,
    /// Ours rejects for this reason; `None`: ours accepts.
    ours: Option<Kind>,
    fits: fn(&Case) -> bool,
}

const RULES: &[Rule] = &[
    // Ours rejects what theirs accepts.
    Rule {
        why: "`crit` names what is not understood, or nothing",
        section: "RFC 7515 §4.1.11",
        ours: Some(Kind::UnsupportedHeader),
        fits: |case| case.header.has("crit"),
    },
    Rule {
        why: "`b64`, `zip` and `enc` change what is signed",
        section: "RFC 7797 §3, RFC 7516 §4.1",
        ours: Some(Kind::UnsupportedHeader),
        fits: |case| ["b64", "zip", "enc"].iter().any(|name| case.header.has(name)),
    },
    Rule {
        why: "`typ` says that it is another kind of token",
        section: "RFC 8725 §3.11",
        ours: Some(Kind::WrongTokenType),
        fits: |case| case.header.get("typ").is_some_and(|typ| OTHER_TYPES.contains(&typ)),
    },
    Rule {
        why: "`typ` and `kid` are strings, not null",
        section: "RFC 7515 §4.1.4, §4.1.9",
        ours: Some(Kind::Malformed),
        fits: |case| case.header.get("typ") == Some("null") || case.header.get("kid") == Some("null"),
    },
    Rule {
        why: "a name is repeated in the header",
        section: "RFC 7515 §4",
        ours: Some(Kind::Malformed),
        fits: |case| case.header.repeats(),
    },
    Rule {
        why: "a name is repeated in the claims",
        section: "RFC 7519 §4",
        ours: Some(Kind::Malformed),
        fits: |case| case.claims.repeats(),
    },
    Rule {
        why: "nesting beyond 64 levels",
        section: "RFC 8259 §9",
        ours: Some(Kind::Malformed),
        fits: |case| case.header.depth() > 64 || case.claims.depth() > 64,
    },
    Rule {
        why: "`iss` is one string, not a list of them",
        section: "RFC 7519 §4.1.1",
        ours: Some(Kind::Malformed),
        fits: |case| case.claims.get("iss").is_some_and(|iss| iss.starts_with('[')),
    },
    Rule {
        why: "`exp` is over on its very second",
        section: "RFC 7519 §4.1.4",
        ours: Some(Kind::Expired),
        fits: |case| case.claims.number("exp") == Some(case.now as f64 - 60.0),
    },
    Rule {
        why: "`exp` is over at a fraction of a second, which theirs rounds up",
        section: "RFC 7519 §2",
        ours: Some(Kind::Expired),
        fits: |case| case.claims.number("exp").is_some_and(|exp| (-60.5..-60.0).contains(&(exp - case.now as f64))),
    },
    Rule {
        why: "`nbf` has not come; theirs rounds the fraction away",
        section: "RFC 7519 §4.1.5",
        ours: Some(Kind::NotYetValid),
        fits: |case| case.claims.number("nbf").is_some_and(|nbf| (60.0..60.5).contains(&(nbf - case.now as f64))),
    },
    Rule {
        why: "`exp` is in no year that has four digits: milliseconds taken for seconds",
        section: "RFC 7519 §2",
        ours: Some(Kind::Malformed),
        fits: |case| case.claims.number("exp").is_some_and(|exp| exp > 253_402_300_799.0),
    },
    Rule {
        why: "`iat` is a NumericDate",
        section: "RFC 7519 §4.1.6",
        ours: Some(Kind::Malformed),
        fits: |case| {
            let in_range = |iat: f64| (0.0..=253_402_300_799.0).contains(&iat);
            case.claims.has("iat") && !case.claims.number("iat").is_some_and(in_range)
        },
    },
    Rule {
        why: "`sub` is a string",
        section: "RFC 7519 §4.1.2",
        ours: Some(Kind::Malformed),
        fits: |case| case.claims.get("sub").is_some_and(|sub| !sub.starts_with('"')),
    },
    Rule {
        why: "a token that is bound to a key is no bearer token",
        section: "RFC 7800 §3, RFC 9449 §7.2",
        ours: Some(Kind::SenderConstrained),
        fits: |case| case.claims.has("cnf"),
    },
    Rule {
        why: "an ID token or a logout token, by its claims",
        section: "RFC 8725 §3.12",
        ours: Some(Kind::WrongTokenType),
        fits: |case| ID_TOKEN_CLAIMS.iter().any(|name| case.claims.has(name)),
    },
    Rule {
        why: "longer than is read",
        section: "RFC 9110 §5.4",
        ours: Some(Kind::TokenTooLong),
        fits: |case| case.claims.text().len() > 12_000 || case.header.text().len() > 12_000,
    },
    // Ours accepts what theirs rejects.
    Rule {
        why: "`Ed25519` is the newer name of `EdDSA`, which theirs does not know",
        section: "RFC 9864 §2.2",
        ours: None,
        fits: |case| case.header.get("alg") == Some("\"Ed25519\""),
    },
    Rule {
        why: "`ES512`, which theirs does not know",
        section: "RFC 7518 §3.4",
        ours: None,
        fits: |case| case.header.get("alg") == Some("\"ES512\""),
    },
    Rule {
        why: "header parameters that are not used are ignored, of whatever type",
        section: "RFC 7515 §4",
        ours: None,
        fits: |case| IGNORED_BY_OURS.iter().any(|(name, odd)| case.header.get(name) == Some(odd)),
    },
    Rule {
        why: "header parameters that are not used are ignored, even if their value fits no variable",
        section: "RFC 7515 §4",
        ours: None,
        fits: |case| UNREADABLE.iter().any(|odd| case.header.get("x") == Some(odd)),
    },
    Rule {
        why: "a claim that may be absent may be null",
        section: "RFC 7519 §4.1.5",
        ours: None,
        fits: |case| case.claims.get("nbf") == Some("null"),
    },
];

const OTHER_TYPES: &[&str] = &[
    r#""dpop+jwt""#,
    r#""logout+jwt""#,
    r#""secevent+jwt""#,
    r#""application/id+jwt""#,
    r#""JOSE""#,
    r#""""#,
    r#""application/""#,
    r#""at+jwt ""#,
    r#""application/application/jwt""#,
];
const ID_TOKEN_CLAIMS: &[&str] = &["nonce", "at_hash", "c_hash", "s_hash", "events", "typ", "token_use"];
const IGNORED_BY_OURS: &[(&str, &str)] = &[
    ("x5c", "5"),
    ("x5c", r#""MIIB""#),
    ("jwk", r#"{"kty":5}"#),
    ("jku", "[]"),
    ("x5u", "{}"),
    ("x5t", "1"),
    ("x5t#S256", "false"),
    ("cty", "7"),
    ("url", "[1]"),
    ("nonce", "0"),
];
const UNREADABLE: &[&str] = &["1e400", r#""\ud800""#, r#"["\udc00"]"#, "[-1E999]"];

/// What a member of the header is set to.
const HEADER: &[(&str, &str)] = &[
    ("typ", r#""JWT""#),
    ("typ", r#""jwt""#),
    ("typ", r#""AT+JWT""#),
    ("typ", r#""application/at+jwt""#),
    ("typ", r#""Application/JWT""#),
    ("typ", r#""a\u0074+jwt""#),
    ("typ", "null"),
    ("typ", "1"),
    ("typ", r#"["at+jwt"]"#),
    ("crit", r#"["exp"]"#),
    ("crit", "[]"),
    ("crit", r#"["b64"]"#),
    ("crit", r#""exp""#),
    ("crit", "null"),
    ("b64", "false"),
    ("b64", "true"),
    ("zip", r#""DEF""#),
    ("enc", r#""A128GCM""#),
    ("jku", r#""https://evil.example/jwks""#),
    ("x5u", r#""https://evil.example/cert""#),
    ("x5c", r#"["MIIB"]"#),
    ("jwk", r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
    ("cty", r#""JWT""#),
    ("x", r#"{"a":[1,{"b":null}],"a":2}"#),
    ("x", "12345678901234567890123"),
    ("x", r#""\u0000\ud83d\ude00""#),
];

/// What a claim is set to. `$` stands for the present second, and what follows is added to it.
const CLAIMS: &[(&str, &str)] = &[
    ("iss", r#""https://issuer.test/""#),
    ("iss", r#""https://ISSUER.test""#),
    ("iss", r#""https://other.test""#),
    ("iss", r#""""#),
    ("iss", "null"),
    ("iss", "1"),
    ("iss", r#"["https://issuer.test"]"#),
    ("iss", r#"["https://other.test","https://issuer.test"]"#),
    ("iss", r#"{"https://issuer.test":1}"#),
    ("iss", r#""https:\/\/issuer.\u0074est""#),
    ("aud", r#"["api://orders"]"#),
    ("aud", r#"["a","api:\/\/orders","b"]"#),
    ("aud", r#"["api://orders","api://orders"]"#),
    ("aud", "[]"),
    ("aud", r#"["a","b"]"#),
    ("aud", r#"["api://orders",5]"#),
    ("aud", r#"["api://orders",null]"#),
    ("aud", r#"[["api://orders"]]"#),
    ("aud", r#"{"0":"api://orders"}"#),
    ("aud", r#""api://orders/""#),
    ("aud", r#""api://order""#),
    ("aud", r#""API://orders""#),
    ("aud", r#""api://orders api://stock""#),
    ("aud", r#""""#),
    ("aud", "null"),
    ("aud", "true"),
    ("exp", "$+1"),
    ("exp", "$-30"),
    ("exp", "$-59"),
    ("exp", "$-59.6"),
    ("exp", "$-60"),
    ("exp", "$-60"),
    ("exp", "$-60.4"),
    ("exp", "$-60.6"),
    ("exp", "$-61"),
    ("exp", "$-3600"),
    ("exp", "$+0.5"),
    ("exp", "0"),
    ("exp", "-0"),
    ("exp", "-1"),
    ("exp", "-1.5e300"),
    ("exp", "null"),
    ("exp", r#""4102444800""#),
    ("exp", "[4102444800]"),
    ("exp", "true"),
    ("exp", "4.1024448e9"),
    ("exp", "41024448000000e-4"),
    ("exp", "253402300799"),
    ("exp", "253402300800"),
    ("exp", "1763942400000"),
    ("exp", "18446744073709551615"),
    ("exp", "18446744073709551616"),
    ("exp", "1e19"),
    ("exp", "1e300"),
    ("exp", "1e400"),
    ("exp", "01"),
    ("exp", "NaN"),
    ("nbf", "$-3600"),
    ("nbf", "$+59"),
    ("nbf", "$+60"),
    ("nbf", "$+60.4"),
    ("nbf", "$+60.4"),
    ("nbf", "$+60.6"),
    ("nbf", "$+61"),
    ("nbf", "$+3600"),
    ("nbf", "1e300"),
    ("nbf", "18446744073709551615"),
    ("nbf", "-1"),
    ("nbf", r#""0""#),
    ("nbf", "0.5"),
    ("nbf", "null"),
    ("nbf", "{}"),
    ("iat", "$+3600"),
    ("iat", "$-0.5"),
    ("iat", "null"),
    ("iat", "-1"),
    ("iat", r#""now""#),
    ("iat", "[]"),
    ("iat", "1e15"),
    ("sub", "null"),
    ("sub", "5"),
    ("sub", r#"["alice"]"#),
    ("sub", "{}"),
    ("sub", r#""""#),
    ("jti", "7"),
    ("client_id", "[]"),
    ("scope", r#""a b""#),
    ("scp", r#"["a",1]"#),
    ("roles", r#"{"a":1}"#),
    ("cnf", r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#),
    ("cnf", "null"),
    ("nonce", r#""n""#),
    ("at_hash", r#""h""#),
    ("c_hash", r#""h""#),
    ("s_hash", r#""h""#),
    ("events", r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#),
    ("typ", r#""ID""#),
    ("typ", r#""Bearer""#),
    ("token_use", r#""refresh""#),
    ("token_use", r#""access""#),
    ("x", "1e400"),
    ("x", "1e308"),
    ("x", r#""\ud800""#),
    ("x", r#""\ud83d\ude00\u0000""#),
    ("x", "\"a\u{1}b\""),
    ("x", r#"{"a":1,"a":2}"#),
    ("x", "tru"),
    ("x", "1."),
    ("x", "'x'"),
];

const ALGORITHMS: &[&str] = &[
    "none",
    "None",
    "NONE",
    "",
    "eddsa",
    "es256",
    "rs256",
    "EdDSA ",
    "RS256",
    "RS384",
    "PS256",
    "ES256",
    "ES384",
    "ES512",
    "HS256",
    "HS512",
    "EdDSA",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "RSA-OAEP",
];

/// An object as text, member by member: names may repeat, values need not be JSON.
#[derive(Clone, Default)]
struct Object(Vec<(String, String)>);

impl Object {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(held, _)| unescaped(held) == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(held, _)| held == name) {
            Some((_, held)) => *held = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(held, _)| held != name);
    }

    fn repeats(&self) -> bool {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| unescaped(name)).collect();
        names.sort();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// How deeply it is nested. No generated string has a bracket in it.
    fn depth(&self) -> usize {
        let of_value = |value: &str| {
            let mut depth = (0_usize, 0_usize);
            for c in value.chars() {
                match c {
                    '[' | '{' => depth = (depth.0 + 1, depth.1.max(depth.0 + 1)),
                    ']' | '}' => depth.0 = depth.0.saturating_sub(1),
                    _ => {}
                }
            }
            depth.1
        };
        1 + self.0.iter().map(|(_, value)| of_value(value)).max().unwrap_or_default()
    }

    /// Puts the time in; see [`CLAIMS`] for `$`.
    fn resolve(&mut self, now: u64) {
        for (_, value) in &mut self.0 {
            if let Some(offset) = value.strip_prefix('$') {
                *value = (now as f64 + offset.parse::<f64>().unwrap()).to_string();
            }
        }
    }

    fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

fn unescaped(name: &str) -> String {
    serde_json::from_str(&format!("\"{name}\"")).unwrap_or_default()
}

/// A token while it is made.
struct Case {
    now: u64,
    header: Object,
    claims: Object,
    /// What is done to the text of header and claims before it is encoded, and to the encoded text before it is signed.
    retexts: [fn(Vec<u8>) -> Vec<u8>; 2],
    recodings: [fn(String, &mut Rng) -> String; 2],
    signer: Signer,
    /// What is done to the signature, and to the whole.
    resign: fn(Vec<u8>, &mut Rng) -> Vec<u8>,
    recode_signature: fn(String, &mut Rng) -> String,
    rejoin: fn(String, &mut Rng) -> String,
    mutations: Vec<String>,
}

#[derive(Clone)]
enum Signer {
    Key(Arc<SigningKey>),
    Hmac(jsonwebtoken::Algorithm, Vec<u8>),
}

impl Signer {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Key(key) => key.sign(message).unwrap(),
            Self::Hmac(algorithm, secret) => {
                let signature = jsonwebtoken::crypto::sign(message, &EncodingKey::from_secret(secret), *algorithm);
                URL_SAFE_NO_PAD.decode(signature.unwrap()).unwrap()
            }
        }
    }
}

/// Who signs, and who judges.
struct World {
    issuer: TestIssuer,
    keys: Vec<Arc<SigningKey>>,
    /// Keys of the same names and algorithms that the issuer never had.
    foreign: Vec<Arc<SigningKey>>,
    theirs: Vec<TheirKey>,
}

struct TheirKey {
    id: String,
    key: DecodingKey,
    validation: Validation,
}

/// Mostly the one that is quickest to sign with.
const SIGNED_WITH: [(Algorithm, usize); 6] = [
    (Algorithm::EdDSA, 80),
    (Algorithm::ES256, 14),
    (Algorithm::ES384, 1),
    (Algorithm::ES512, 1),
    (Algorithm::RS256, 2),
    (Algorithm::PS256, 2),
];

impl World {
    fn new() -> Self {
        let (issuer, foreign) = (TestIssuer::new(), TestIssuer::new());
        let keys = |issuer: &TestIssuer| -> Vec<_> {
            let of_each = || SIGNED_WITH.map(|(algorithm, _)| issuer.signing_key(algorithm));
            let first = of_each();
            issuer.rotate_keeping_old();
            first.into_iter().chain(of_each()).collect()
        };
        let (keys, mut strange) = (keys(&issuer), keys(&foreign));
        // RSA keys of test issuers are the same two in turn: swapped, they are strangers too.
        let named = |key: &Arc<SigningKey>, named: &Arc<SigningKey>| {
            key.algorithm() == named.algorithm() && key.key_id() != named.key_id()
        };
        for key in &mut strange {
            if matches!(key.algorithm(), Algorithm::RS256 | Algorithm::PS256) {
                *key = Arc::clone(keys.iter().find(|other| named(other, key)).unwrap());
            }
        }
        let jwks: Value = serde_json::from_str(&issuer.jwks()).unwrap();
        let theirs = jwks["keys"].as_array().unwrap().iter().filter_map(their_key).collect();
        Self { issuer, keys, foreign: strange, theirs }
    }

    fn key(&self, rng: &mut Rng) -> usize {
        let mut at = rng.usize(..SIGNED_WITH.iter().map(|(_, weight)| weight).sum::<usize>());
        let of_algorithm = SIGNED_WITH.iter().position(|(_, weight)| {
            let found = at < *weight;
            at = at.saturating_sub(*weight);
            found
        });
        of_algorithm.unwrap() + SIGNED_WITH.len() * rng.usize(..2)
    }

    /// What the second judge reads from a token, if it accepts it.
    fn theirs(&self, token: &str) -> Option<Map<String, Value>> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let named = |key: &&TheirKey| header.kid.as_ref().is_none_or(|id| *id == key.id);
        let mut read = self.theirs.iter().filter(named);
        read.find_map(|key| jsonwebtoken::decode(token, &key.key, &key.validation).ok()).map(|data| data.claims)
    }
}

fn their_key(jwk: &Value) -> Option<TheirKey> {
    let algorithm = jwk["alg"].as_str()?.parse().ok()?; // all but ES512
    let mut validation = Validation::new(algorithm);
    validation.leeway = 60;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    validation.set_issuer(&["https://issuer.test"]);
    validation.set_audience(&[AUDIENCE]);
    let key = DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap();
    Some(TheirKey { id: jwk["kid"].as_str()?.to_owned(), key, validation })
}

impl Case {
    fn generate(world: &World, now: u64, rng: &mut Rng) -> Self {
        let key = world.key(rng);
        let signing = &world.keys[key];
        let mut header = Object::default();
        header.set("alg", format!("\"{}\"", signing.algorithm()));
        header.set("typ", rng.choice([r#""at+jwt""#, r#""JWT""#]).unwrap());
        header.set("kid", format!("\"{}\"", signing.key_id().unwrap()));
        let mut claims = Object::default();
        claims.set("iss", r#""https://issuer.test""#);
        claims.set("aud", format!("\"{AUDIENCE}\""));
        claims.set("exp", "$+3600");
        claims.set("iat", "$+0");
        claims.set("sub", r#""alice""#);
        let mut case = Self {
            now,
            header,
            claims,
            retexts: [|text| text; 2],
            recodings: [|text, _| text; 2],
            signer: Signer::Key(Arc::clone(signing)),
            resign: |signature, _| signature,
            recode_signature: |text, _| text,
            rejoin: |text, _| text,
            mutations: Vec::new(),
        };
        let mutations = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3];
        for _ in 0..rng.choice(mutations).unwrap() {
            let mutation = match rng.u8(..20) {
                0..4 => case.mutate_header(rng),
                4..12 => case.mutate_claims(rng),
                12..16 => case.mutate_encoding(rng),
                16..18 => case.mutate_algorithm(world, key, rng),
                _ => case.mutate_key(world, key, rng),
            };
            case.mutations.push(mutation);
        }
        case.header.resolve(now);
        case.claims.resolve(now);
        case
    }

    fn mutate_header(&mut self, rng: &mut Rng) -> String {
        match rng.u8(..16) {
            0..7 => {
                let (name, value) = rng.choice(HEADER).unwrap();
                self.header.set(name, *value);
                format!("header: {name} = {value}")
            }
            7 => {
                let value = *rng.choice(OTHER_TYPES).unwrap();
                self.header.set("typ", value);
                format!("header: typ = {value}")
            }
            8 => {
                let (name, value) = rng.choice(IGNORED_BY_OURS).unwrap();
                self.header.set(name, *value);
                format!("header: {name} = {value}")
            }
            9 => {
                let value = *rng.choice(UNREADABLE).unwrap();
                self.header.set("x", value);
                format!("header: x = {value}")
            }
            10 => {
                let name = rng.choice(["alg", "typ", "kid"]).unwrap();
                self.header.remove(name);
                format!("header: without {name}")
            }
            11 => repeat(&mut self.header, rng),
            12 => nest(&mut self.header, rng),
            13 => {
                let name = rng.choice(["\\u0061lg", "\\u0074yp", "k\\u0069d"]).unwrap();
                if let Some(value) = self.header.get(&unescaped(name)).map(str::to_owned) {
                    self.header.remove(&unescaped(name));
                    self.header.set(name, value);
                }
                format!("header: name spelled {name}")
            }
            14 => {
                rng.shuffle(&mut self.header.0);
                "header: order".to_owned()
            }
            _ => self.retext(0, rng),
        }
    }

    fn mutate_claims(&mut self, rng: &mut Rng) -> String {
        match rng.u8(..16) {
            0..9 => {
                let (name, value) = rng.choice(CLAIMS).unwrap();
                self.claims.set(name, *value);
                format!("claims: {name} = {value}")
            }
            9 => {
                let name = rng.choice(["iss", "aud", "exp", "iat", "sub"]).unwrap();
                self.claims.remove(name);
                format!("claims: without {name}")
            }
            10 => repeat(&mut self.claims, rng),
            11 => nest(&mut self.claims, rng),
            12 => {
                let digits = rng.usize(290..330);
                self.claims.set("x", "9".repeat(digits));
                format!("claims: {digits} digits")
            }
            13 => {
                let many = rng.usize(1..300);
                (0..many).for_each(|n| self.claims.set(&format!("member{n}"), n.to_string()));
                format!("claims: {many} more")
            }
            14 => {
                let length = if rng.u8(..4) == 0 { 20_000 } else { rng.usize(..2_000) };
                self.claims.set("x", format!("\"{}\"", "x".repeat(length)));
                format!("claims: {length} bytes")
            }
            _ => self.retext(1, rng),
        }
    }

    /// Changes the text of header or claims as such.
    fn retext(&mut self, part: usize, rng: &mut Rng) -> String {
        type Retext = (&'static str, fn(Vec<u8>) -> Vec<u8>);
        const RETEXTS: &[Retext] = &[
            ("white space around", |text| [b" \r\n\t", &text[..], b"\n"].concat()),
            ("white space within", |text| String::from_utf8(text).unwrap().replace("\":", "\" : ").into_bytes()),
            ("a byte order mark", |text| [b"\xef\xbb\xbf", &text[..]].concat()),
            ("something after", |text| [&text[..], b"x"].concat()),
            ("an object after", |text| [&text[..], b"{}"].concat()),
            ("cut off", |text| text[..text.len() - 1].to_vec()),
            ("an array around", |text| [b"[", &text[..], b"]"].concat()),
            ("an array", |_| b"[]".to_vec()),
            ("null", |_| b"null".to_vec()),
            ("a string", |text| serde_json::to_vec(&String::from_utf8(text).unwrap()).unwrap()),
            ("empty object", |_| b"{}".to_vec()),
            ("empty", |_| Vec::new()),
            ("a comma at the end", |text| [&text[..text.len() - 1], b",}"].concat()),
            ("invalid UTF-8", |text| [&text[..text.len() - 1], b",\"u\":\"\xff\"}"].concat()),
            ("an overlong form", |text| [&text[..text.len() - 1], b",\"u\":\"\xc0\xaf\"}"].concat()),
            ("UTF-16", |text| text.into_iter().flat_map(|byte| [byte, 0]).collect()),
            ("a comment", |text| [&text[..text.len() - 1], b"/**/}"].concat()),
        ];
        let (name, retext) = rng.choice(RETEXTS).unwrap();
        self.retexts[part] = *retext;
        format!("{}: {name}", ["header", "claims"][part])
    }

    fn mutate_encoding(&mut self, rng: &mut Rng) -> String {
        type Recode = (&'static str, fn(String, &mut Rng) -> String);
        const RECODINGS: &[Recode] = &[
            ("padding", |text, _| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(text).unwrap())),
            ("the standard alphabet", |text, _| STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(text).unwrap())),
            ("white space", |mut text, rng| {
                text.insert(rng.usize(..=text.len()), rng.choice([' ', '\n', '\t']).unwrap());
                text
            }),
            ("stray bits in the last character", |mut text, _| {
                const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
                if text.len() % 4 != 0 {
                    let last = text.pop().unwrap();
                    let value = ALPHABET.iter().position(|c| char::from(*c) == last).unwrap();
                    text.push(ALPHABET[value | 1].into());
                }
                text
            }),
            ("a character too many", |text, _| text + "A"),
            ("a character that is none", |mut text, rng| {
                text.insert(rng.usize(..=text.len()), rng.choice(['=', '%', '\0', 'é', '+']).unwrap());
                text
            }),
            ("empty", |_, _| String::new()),
        ];
        type Resign = (&'static str, fn(Vec<u8>, &mut Rng) -> Vec<u8>);
        const RESIGNS: &[Resign] = &[
            ("a flipped bit", |mut signature, rng| {
                let at = rng.usize(..signature.len());
                signature[at] ^= 1 << rng.u8(..8);
                signature
            }),
            ("cut off", |mut signature, rng| {
                signature.truncate(rng.usize(..signature.len()));
                signature
            }),
            ("too long", |mut signature, rng| {
                signature.push(rng.u8(..));
                signature
            }),
            ("a zero in front", |signature, _| [&[0], &signature[..]].concat()),
            ("zeros", |signature, _| vec![0; signature.len()]),
            ("in DER", |signature, _| in_der(&signature)),
            ("the other `s`", |signature, _| other_s(signature)),
        ];
        type Rejoin = (&'static str, fn(String, &mut Rng) -> String);
        const REJOINS: &[Rejoin] = &[
            ("one part less", |token, _| token.rsplit_once('.').unwrap().0.to_owned()),
            ("a part more", |token, _| token + ".e30"),
            ("five parts", |token, _| token + ".e30.e30"),
            ("a point in front", |token, _| format!(".{token}")),
            ("a point behind", |token, _| token + "."),
            ("white space around", |token, rng| {
                let space = rng.choice([" ", "\n", "\t"]).unwrap();
                if rng.bool() { format!("{space}{token}") } else { token + space }
            }),
            ("a scheme in front", |token, _| format!("Bearer {token}")),
            ("JSON serialisation", |token, _| {
                let parts: Vec<_> = token.split('.').collect();
                format!(
                    r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#,
                    parts[0],
                    parts[1],
                    parts[parts.len() - 1]
                )
            }),
            ("a token in a token", |token, _| format!("{0}.{1}.{0}", "e30", URL_SAFE_NO_PAD.encode(token))),
            ("another character", |token, rng| {
                let mut chars: Vec<char> = token.chars().collect();
                let at = rng.usize(..chars.len());
                chars[at] = rng.alphanumeric();
                chars.into_iter().collect()
            }),
            ("nothing", |_, _| String::new()),
        ];
        match rng.u8(..4) {
            0 => {
                let (name, recode) = rng.choice(RECODINGS).unwrap();
                let part = rng.usize(..2);
                self.recodings[part] = *recode;
                format!("encoding of {}: {name}", ["header", "claims"][part])
            }
            1 => {
                let (name, recode) = rng.choice(RECODINGS).unwrap();
                self.recode_signature = *recode;
                format!("encoding of signature: {name}")
            }
            2 => {
                let (name, resign) = rng.choice(RESIGNS).unwrap();
                self.resign = *resign;
                format!("signature: {name}")
            }
            _ => {
                let (name, rejoin) = rng.choice(REJOINS).unwrap();
                self.rejoin = *rejoin;
                format!("token: {name}")
            }
        }
    }

    /// Another `alg` than the key's, signed with the key or with an HMAC that anybody can make.
    fn mutate_algorithm(&mut self, world: &World, key: usize, rng: &mut Rng) -> String {
        if rng.u8(..4) == 0 {
            let jwk = world.keys[key].public_jwk();
            let x = serde_json::from_str::<Value>(&jwk).unwrap()["x"].as_str().map(str::to_owned);
            let secret = match x {
                Some(x) if rng.bool() => URL_SAFE_NO_PAD.decode(x).unwrap(),
                _ => jwk.into_bytes(),
            };
            self.header.set("alg", r#""HS256""#);
            self.signer = Signer::Hmac(jsonwebtoken::Algorithm::HS256, secret);
            return "algorithm: HMAC with the public key".to_owned();
        }
        if rng.u8(..4) == 0 {
            let value = *rng.choice(&["null", "0", r#"["EdDSA"]"#, "{}"]).unwrap();
            self.header.set("alg", value);
            return format!("algorithm: {value}");
        }
        if let Some(other) = rsa_sibling(world.keys[key].algorithm()).filter(|_| rng.bool()) {
            self.header.set("alg", format!("\"{other}\""));
            self.signer = Signer::Key(Arc::clone(&world.keys[key ^ 1]));
            return format!("algorithm: {other} of the same RSA key");
        }
        let is_edwards = world.keys[key].algorithm() == Algorithm::EdDSA;
        let name = if is_edwards && rng.u8(..3) == 0 { "Ed25519" } else { rng.choice(ALGORITHMS).unwrap() };
        self.header.set("alg", format!("\"{name}\""));
        if rng.bool() {
            self.header.remove("kid");
        }
        format!("algorithm: {name}")
    }

    fn mutate_key(&mut self, world: &World, key: usize, rng: &mut Rng) -> String {
        match rng.u8(..6) {
            0 => {
                self.signer = Signer::Key(Arc::clone(&world.foreign[key]));
                "key: a stranger's of the same name".to_owned()
            }
            1 => {
                self.header.set("jwk", world.foreign[key].public_jwk());
                self.signer = Signer::Key(Arc::clone(&world.foreign[key]));
                if rng.bool() {
                    self.header.remove("kid");
                }
                "key: a stranger's, brought along".to_owned()
            }
            2 => {
                let other = world.key(rng);
                self.signer = Signer::Key(Arc::clone(&world.keys[other]));
                if rng.bool() {
                    self.header.remove("kid");
                }
                "key: another of the issuer's".to_owned()
            }
            3 => {
                let sibling = rsa_sibling(world.keys[key].algorithm()).map(|_| key ^ 1);
                let other = sibling.unwrap_or_else(|| world.key(rng));
                let other = world.keys[other].key_id().unwrap();
                self.header.set("kid", format!("\"{other}\""));
                "key: the name of another".to_owned()
            }
            4 => {
                self.header.remove("kid");
                "key: no name".to_owned()
            }
            _ => {
                let id = self.header.get("kid").unwrap_or(r#""""#).trim_matches('"').to_owned();
                let odd = [
                    id.to_uppercase(),
                    format!("{id} "),
                    format!("{id}\\u0000"),
                    String::new(),
                    "x".repeat(4096),
                    "../../etc/passwd".to_owned(),
                    id.replace('-', "\\u002d"),
                ];
                let id = rng.choice(odd).unwrap();
                self.header.set("kid", format!("\"{id}\""));
                "key: an odd name".to_owned()
            }
        }
    }

    fn token(&self, rng: &mut Rng) -> String {
        let [header, claims] = [(0, &self.header), (1, &self.claims)].map(|(part, object)| {
            let text = self.retexts[part](object.text().into_bytes());
            self.recodings[part](URL_SAFE_NO_PAD.encode(text), rng)
        });
        let message = format!("{header}.{claims}");
        let signature = (self.resign)(self.signer.sign(message.as_bytes()), rng);
        let signature = (self.recode_signature)(URL_SAFE_NO_PAD.encode(signature), rng);
        (self.rejoin)(format!("{message}.{signature}"), rng)
    }
}

/// The other algorithm by which the same RSA key of a test issuer signs: the next or the last in [`SIGNED_WITH`].
fn rsa_sibling(algorithm: Algorithm) -> Option<Algorithm> {
    match algorithm {
        Algorithm::RS256 => Some(Algorithm::PS256),
        Algorithm::PS256 => Some(Algorithm::RS256),
        _ => None,
    }
}

/// A member again, spelled alike or not; or one that neither judge knows.
fn repeat(object: &mut Object, rng: &mut Rng) -> String {
    let (mut name, value) = rng.choice(&object.0).unwrap_or(&("x".to_owned(), "1".to_owned())).clone();
    if rng.bool() {
        name = "x".to_owned();
        object.set("x", "1");
    }
    let spelled = match name.chars().next() {
        Some(first) if first != '\\' && rng.bool() => {
            format!("\\u{:04x}{}", u32::from(first), &name[first.len_utf8()..])
        }
        _ => name,
    };
    let described = format!("repeated: {spelled}");
    let at = rng.usize(..=object.0.len());
    object.0.insert(at, (spelled, value));
    described
}

fn nest(object: &mut Object, rng: &mut Rng) -> String {
    let levels = rng.choice([1, 10, 62, 63, 64, 65, 100, 126, 127, 128, 200, 3000]).unwrap();
    let (open, close) = if rng.bool() { ("[", "]") } else { ("{\"a\":", "}") };
    let core = if close == "}" { "1" } else { "" };
    object.set("x", format!("{}{core}{}", open.repeat(levels), close.repeat(levels)));
    format!("nested: {levels} more levels")
}

/// Two numbers as DER writes them.
fn in_der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = &number[zeros.min(number.len().saturating_sub(1))..];
        let sign: &[u8] = if number.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
        [&[0x02, (sign.len() + number.len()) as u8], sign, number].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, both.len() as u8][..], &both].concat()
}

/// The same signature as ECDSA sees it, `n - s` for `s`; as Ed25519 must not see it, `s + l` for `s`.
fn other_s(mut signature: Vec<u8>) -> Vec<u8> {
    const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
    if signature.len() != 64 {
        return signature;
    }
    let number = |hex: &str| -> Vec<i32> {
        (0..32).rev().map(|at| i32::from(u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())).collect()
    };
    // Which of the two it is does not show: what is wrong for the one is a bad signature for the other.
    let subtract = signature[63] >= 0x20 || signature[0].is_multiple_of(2);
    let (order, mut carry) = (number(if subtract { P256_ORDER } else { ED25519_ORDER }), 0);
    for (at, digit) in order.into_iter().enumerate() {
        let at = if subtract { 63 - at } else { 32 + at };
        let sum = if subtract { digit - i32::from(signature[at]) } else { digit + i32::from(signature[at]) } + carry;
        signature[at] = sum.rem_euclid(256) as u8;
        carry = sum.div_euclid(256);
    }
    signature
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// What came of one token.
struct Judged {
    case: Case,
    token: String,
    ours: Result<Map<String, Value>, Kind>,
    theirs: Option<Map<String, Value>>,
}

/// What came of many.
struct Tally {
    good: usize,
    bad: usize,
    uses: Vec<usize>,
    unexplained: Vec<Judged>,
}

/// Makes tokens and has them judged.
async fn judge(tokens: usize, seed: u64) -> Tally {
    let world = World::new();
    let issuer = world.issuer.issuer().with_jwks(world.issuer.jwks()).unwrap();
    let validator = issuer.validator(AUDIENCE);
    let mut rng = Rng::with_seed(seed);
    let mut tally = Tally { good: 0, bad: 0, uses: vec![0; RULES.len()], unexplained: Vec::new() };
    for _ in 0..tokens {
        let before = rng.clone();
        let judged = loop {
            rng = before.clone();
            let now = seconds();
            // Theirs tells the time by itself, in whole seconds.
            world.issuer.set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(now));
            let case = Case::generate(&world, now, &mut rng);
            let token = case.token(&mut rng);
            let ours = match validator.verify(&token).await {
                Ok(verified) => Ok(verified.claims::<Map<String, Value>>().unwrap().as_ref().clone()),
                Err(rejection) => Err(rejection.kind()),
            };
            let theirs = world.theirs(&token);
            if now == seconds() {
                break Judged { case, token, ours, theirs };
            }
        };
        let Judged { case, token, ours, theirs } = &judged;
        match (ours, theirs) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours, theirs, "{:?} is read in two ways: {token}", case.mutations);
                tally.good += 1;
            }
            (Err(_), None) => tally.bad += 1,
            _ => match RULES.iter().position(|rule| rule.ours == ours.as_ref().err().copied() && (rule.fits)(case)) {
                Some(rule) => tally.uses[rule] += 1,
                None => tally.unexplained.push(judged),
            },
        }
    }
    tally
}

#[test]
fn ours_and_jsonwebtoken_agree_but_for_the_listed_rules() {
    let shards: Vec<_> = (0..SHARDS)
        .map(|shard| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            std::thread::spawn(move || runtime.block_on(judge(TOKENS / SHARDS, SEED + shard as u64)))
        })
        .collect();
    let tallies: Vec<_> = shards.into_iter().map(|shard| shard.join().unwrap()).collect();
    let good: usize = tallies.iter().map(|tally| tally.good).sum();
    let bad: usize = tallies.iter().map(|tally| tally.bad).sum();
    let uses = |rule: usize| -> usize { tallies.iter().map(|tally| tally.uses[rule]).sum() };

    // Past the harness, which keeps to itself what a good test prints.
    let mut out = std::io::stdout().lock();
    writeln!(out, "oracle: {TOKENS} tokens, {good} accepted by both, {bad} rejected by both").unwrap();
    for (at, rule) in RULES.iter().enumerate() {
        let ours = if rule.ours.is_some() { "rejects" } else { "accepts" };
        writeln!(out, "{:>7}  ours {ours}: {} ({})", uses(at), rule.why, rule.section).unwrap();
    }
    drop(out);
    let unexplained: Vec<_> = tallies.iter().flat_map(|tally| &tally.unexplained).collect();
    for Judged { case, token, ours, theirs } in unexplained.iter().take(20) {
        let ours = ours.as_ref().map(|_| "accepts");
        let theirs = if theirs.is_some() { "accepts" } else { "rejects" };
        eprintln!("ours {ours:?}, theirs {theirs}: {:?}\n    {token}", case.mutations);
    }
    assert_eq!(unexplained.len(), 0, "disagreements that no rule explains");
    for (at, rule) in RULES.iter().enumerate() {
        assert_ne!(uses(at), 0, "this rule was never needed: {}", rule.why);
    }
    assert!(good * 5 >= TOKENS, "only {good} of {TOKENS} were good");
}
