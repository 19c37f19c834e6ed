//! One public key as an issuer publishes it: a JSON Web Key (RFC 7517).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::json::{self, JsonFault};
use super::key_material::{Curve, KeyMaterial, RsaPublicNumbers};
use super::skip_reason::SkipReason;
use super::text::Text;

/// The public part of one JSON Web Key that may verify signatures.
///
/// RSA keys of 2048 to 8192 bits (4096 with the feature `rust-crypto` alone), EC keys on P-256, P-384 and P-521, and Ed25519 keys are taken
/// (RFC 7518 §6, RFC 8037 §2). Members that nobody asks for here are ignored (RFC 7517 §4), `x5c` and
/// `x5u` among them: certificates are neither read nor checked.
///
/// Two keys are equal when their id, issuer, algorithm and numbers are.
///
/// ```
/// use tower_bearer::jose::{Algorithm, Jwk};
///
/// let jwk = Jwk::parse(br#"{"kty":"OKP","crv":"Ed25519","kid":"2026-11","alg":"EdDSA","use":"sig",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!(jwk.key_id(), Some("2026-11"));
/// assert_eq!(jwk.algorithm(), Some(Algorithm::EdDSA));
/// # Ok::<(), tower_bearer::jose::SkipReason>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Jwk {
    key_id: Option<String>,
    issuer: Option<String>,
    algorithm: Option<Algorithm>,
    material: KeyMaterial,
}

impl Jwk {
    /// Reads one key.
    ///
    /// That a point lies on its curve is not checked here but when the key becomes a
    /// [`VerifyingKey`](super::VerifyingKey). An optional member that is `null` counts as absent.
    ///
    /// # Errors
    /// The first [`SkipReason`] met, when the key can't or must not verify signatures: RFC 7517 §5 wants
    /// such keys to be ignored.
    pub fn parse(json: &[u8]) -> Result<Self, SkipReason> {
        let json = std::str::from_utf8(json).map_err(|_| SkipReason::Malformed)?;
        json::check_object(json)?;
        let members: Members<'_> = serde_json::from_str(json).map_err(|_| SkipReason::Malformed)?;

        let key_type = required(members.kty, "kty")?;
        match key_type.as_str() {
            "RSA" | "EC" | "OKP" => {}
            "oct" => return Err(SkipReason::Symmetric),
            _ => return Err(SkipReason::UnknownKeyType),
        }
        if members.has_private_members() {
            return Err(SkipReason::PrivateMembers);
        }
        if text(members.usage, "use")?.is_some_and(|usage| usage.as_str() != "sig") {
            return Err(SkipReason::NotForSignatures);
        }
        if let Some(operations) = members.key_ops {
            let operations: Vec<Text<'_>> =
                serde_json::from_str(operations.get()).map_err(|_| SkipReason::MalformedMember("key_ops"))?;
            if !operations.iter().any(|operation| operation.as_str() == "verify") {
                return Err(SkipReason::NotForVerification);
            }
        }
        let algorithm = text(members.alg, "alg")?
            .map(|name| Algorithm::from_str(name.as_str()))
            .transpose()
            .map_err(|_| SkipReason::UnsupportedAlgorithm)?;

        let material = match key_type.as_str() {
            "RSA" => {
                let modulus = number(members.n, "n")?;
                let exponent = number(members.e, "e")?;
                KeyMaterial::Rsa(RsaPublicNumbers::new(&modulus, &exponent)?)
            }
            "EC" => {
                let curve = required(members.crv, "crv")?;
                let curve = Curve::named(curve.as_str()).ok_or(SkipReason::UnsupportedCurve)?;
                KeyMaterial::ec(curve, &number(members.x, "x")?, &number(members.y, "y")?)?
            }
            _ => {
                if required(members.crv, "crv")?.as_str() != "Ed25519" {
                    return Err(SkipReason::UnsupportedCurve);
                }
                KeyMaterial::ed25519(&number(members.x, "x")?)?
            }
        };
        if algorithm.is_some_and(|algorithm| !material.fits(algorithm)) {
            return Err(SkipReason::AlgorithmDoesNotFit);
        }
        let key_id = text(members.kid, "kid")?.map(Text::into_string);
        let issuer = text(members.issuer, "issuer")?.map(Text::into_string);
        Ok(Self { key_id, issuer, algorithm, material })
    }

    /// The `kid` by which a token's header names this key (RFC 7517 §4.5).
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The only issuer whose tokens this key may verify: a member of Microsoft's key sets, where it may
    /// contain the literal `{tenantid}`. It is handed on verbatim; comparing it is up to the caller.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The `alg` that the key is bound to; without one, every algorithm that fits the kind of key is
    /// meant (RFC 7517 §4.4).
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The algorithms that the key verifies. `EdDSA` and `Ed25519` are two names of one algorithm
    /// (RFC 9864 §2.2), so either of them in `alg` stands for both.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let bound = match self.material {
            KeyMaterial::Ed25519(_) => None,
            _ => self.algorithm,
        };
        Algorithm::ASYMMETRIC.iter().copied().filter(move |algorithm| match bound {
            Some(bound) => *algorithm == bound,
            None => self.material.fits(*algorithm),
        })
    }

    pub(super) fn material(&self) -> &KeyMaterial {
        &self.material
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("key_id", &self.key_id)
            .field("issuer", &self.issuer)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Every member is kept raw at first, so that one of a wrong type can be named. The private ones are
/// only looked for, never read.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    kty: Option<&'a RawValue>,
    kid: Option<&'a RawValue>,
    alg: Option<&'a RawValue>,
    #[serde(rename = "use")]
    usage: Option<&'a RawValue>,
    key_ops: Option<&'a RawValue>,
    issuer: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
    e: Option<&'a RawValue>,
    crv: Option<&'a RawValue>,
    x: Option<&'a RawValue>,
    y: Option<&'a RawValue>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Members<'_> {
    fn has_private_members(&self) -> bool {
        [self.d, self.p, self.q, self.dp, self.dq, self.qi, self.oth, self.k].iter().any(Option::is_some)
    }
}

fn text<'a>(member: Option<&'a RawValue>, name: &'static str) -> Result<Option<Text<'a>>, SkipReason> {
    member.map(|raw| serde_json::from_str(raw.get())).transpose().map_err(|_| SkipReason::MalformedMember(name))
}

fn required<'a>(member: Option<&'a RawValue>, name: &'static str) -> Result<Text<'a>, SkipReason> {
    text(member, name)?.ok_or(SkipReason::MissingMember(name))
}

fn number(member: Option<&RawValue>, name: &'static str) -> Result<Vec<u8>, SkipReason> {
    URL_SAFE_NO_PAD.decode(required(member, name)?.as_str()).map_err(|_| SkipReason::MalformedMember(name))
}

impl From<JsonFault> for SkipReason {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::NotAnObject => Self::NotAnObject,
            JsonFault::DuplicateMember => Self::DuplicateMember,
            JsonFault::TooDeep => Self::TooDeep,
            JsonFault::EndsEarly | JsonFault::Malformed => Self::Malformed,
        }
    }
}
