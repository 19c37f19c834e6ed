//! Assertions by which a client authenticates (RFC 7523 §3): signed with a key of its own, with that of its certificate, or by
//! another issuer that it trusts.
//!
//! Those of its own are good for ten minutes at most and at this server alone; by the standards, but not at Microsoft's, once.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{Assertions, Authority, Client, Proof, Refusal, TestTokenRequest};
use crate::jose::object::read_object;
use crate::jose::{Algorithm, Certificate, CompactJws, Jwk, VerifyingKey};
use crate::testing::registration::TestApp;
use crate::testing::{TestIssuer, seconds};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead `exp` may be, in seconds.
const LONGEST_LIFE: u64 = 10 * 60;
/// How far the clock of a client may be ahead, in seconds.
const SKEW: u64 = 5 * 60;

/// An assertion that was taken apart; nothing of it is checked yet.
struct Assertion<'a> {
    jws: CompactJws<'a>,
    algorithm: Algorithm,
    key_id: Option<String>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    reading: Assertions,
}

pub(super) fn authenticate(authority: &dyn Authority, request: &TestTokenRequest) -> Result<Client, Refusal> {
    if request.parameter("client_assertion_type") != Some(TYPE) {
        return Err(Refusal::AssertionType);
    }
    let compact = request.parameter("client_assertion").ok_or(Refusal::AssertionType)?;
    let assertion = Assertion::parse(compact, authority.assertions()).ok_or(Refusal::MalformedAssertion)?;
    let subject = assertion.claim("sub");
    // RFC 7521 §4.2: `client_id` may be left out, as the assertion names the client.
    let client_id = request.parameter("client_id").or(subject).ok_or(Refusal::MalformedAssertion)?;
    let app = authority.client(client_id).ok_or(Refusal::UnknownClient)?;
    let is_own = assertion.claim("iss") == Some(client_id);
    if is_own {
        of_client(authority, &app, &assertion)?
    } else {
        of_another_issuer(authority, &app, &assertion)?
    }
    Ok(Client { app, proof: Proof::Assertion })
}

fn of_client(authority: &dyn Authority, app: &TestApp, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    if assertion.claim("sub") != Some(app.client_id()) {
        return Err(Refusal::ForeignAssertion);
    }
    let now = authority.now();
    let keys = if assertion.names_certificate() {
        let certificates = app.read(|app| app.credentials.certificates.clone());
        let certificate = certificates.iter().find(|one| assertion.names(one)).ok_or(Refusal::UnknownKey)?;
        if !(seconds(certificate.not_before())..=seconds(certificate.not_after())).contains(&now) {
            return Err(Refusal::CertificateOutOfDate);
        }
        let allowed = authority.certificate_algorithms().contains(&assertion.algorithm);
        let key = certificate.verifying_key(assertion.algorithm).ok().filter(|_| allowed);
        key.map(Arc::new).into_iter().collect()
    } else {
        let id = assertion.key_id.as_deref().ok_or(Refusal::UnknownKey)?;
        app.read(|app| app.credentials.keys(id))
    };
    assertion.verify(&keys)?;
    assertion.check_audience(&authority.assertion_audiences())?;
    assertion.check_times(now, now + LONGEST_LIFE + SKEW)?;
    let id = assertion.claim("jti").filter(|id| !id.is_empty()).ok_or(Refusal::NoAssertionId)?;
    let is_first = authority.tokens().first_use(app.client_id(), id);
    if is_first || assertion.reading == Assertions::Microsoft { Ok(()) } else { Err(Refusal::ReplayedAssertion) }
}

/// A token of another issuer serves as long as it lives, as often as one likes: a file holds it.
fn of_another_issuer(authority: &dyn Authority, app: &TestApp, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    let (Some(issuer), Some(subject)) = (assertion.claim("iss"), assertion.claim("sub")) else {
        return Err(Refusal::ForeignAssertion);
    };
    let trusted = app.read(|app| app.credentials.federated(issuer, subject));
    let issuer =
        trusted.ok_or(if subject == app.client_id() { Refusal::ForeignAssertion } else { Refusal::NotFederated })?;
    assertion.verify(&published_keys(&issuer, assertion.key_id.as_deref()))?;
    assertion.check_audience(&authority.federated_audiences())?;
    assertion.check_times(authority.now(), u64::MAX)
}

/// The keys with this id that the issuer publishes now.
fn published_keys(issuer: &TestIssuer, key_id: Option<&str>) -> Vec<Arc<VerifyingKey>> {
    let jwks = issuer.keys().into_iter().filter(|key| key.key_id() == key_id).map(|key| key.public_jwk());
    let keys = jwks.filter_map(|jwk| VerifyingKey::from_jwk(&Jwk::parse(jwk.as_bytes()).ok()?).ok());
    keys.flatten().map(Arc::new).collect()
}

impl<'a> Assertion<'a> {
    fn parse(compact: &'a str, reading: Assertions) -> Option<Self> {
        let jws = CompactJws::parse(compact).ok()?;
        let header = jws.header().ok()?;
        let algorithm = header.algorithm().filter(|algorithm| !algorithm.is_symmetric())?;
        let is_assertion = header.media_type().is_none_or(|media_type| {
            ["JWT", "client-authentication+jwt"].iter().any(|known| media_type.eq_ignore_ascii_case(known))
        });
        let key_id = header.key_id().map(str::to_owned);
        let members = URL_SAFE_NO_PAD.decode(compact.split('.').next()?).ok()?;
        let payload = std::str::from_utf8(jws.payload()).ok()?;
        read_object(payload, &mut ()).ok()?;
        let claims = serde_json::from_str(payload).ok()?;
        let header = serde_json::from_slice(&members).ok()?;
        is_assertion.then_some(Self { algorithm, key_id, header, claims, reading, jws })
    }

    fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    fn names_certificate(&self) -> bool {
        ["x5t#S256", "x5t", "x5c"].iter().any(|name| self.header.contains_key(*name))
    }

    /// Whether all that the header says of its certificate is true of this one, and one thumbprint is there.
    fn names(&self, certificate: &Certificate) -> bool {
        let thumbprints = [
            ("x5t#S256", URL_SAFE_NO_PAD.encode(certificate.thumbprint_sha256())),
            ("x5t", URL_SAFE_NO_PAD.encode(certificate.thumbprint_sha1())),
        ];
        let says = |written: &Value, is: &str| {
            written.as_str().is_some_and(|written| match self.reading {
                Assertions::Strict => written == is,
                Assertions::Microsoft => {
                    let unbroken: String = written.split_ascii_whitespace().collect();
                    unbroken.trim_end_matches('=') == is.trim_end_matches('=')
                }
            })
        };
        let named: Vec<_> =
            thumbprints.iter().filter_map(|(name, is)| Some(says(self.header.get(*name)?, is))).collect();
        let der = STANDARD.encode(certificate.der());
        let heads_chain = self.header.get("x5c").is_none_or(|chain| says(&chain[0], &der));
        !named.is_empty() && named.iter().all(|is_named| *is_named) && heads_chain
    }

    fn verify(&self, keys: &[Arc<VerifyingKey>]) -> Result<(), Refusal> {
        match keys.iter().any(|key| key.verify(&self.jws).is_ok()) {
            true => Ok(()),
            false if keys.is_empty() => Err(Refusal::UnknownKey),
            false => Err(Refusal::BadSignature),
        }
    }

    /// One value, and one of these: an assertion for several servers could be used by each of them at the others.
    fn check_audience(&self, accepted: &[String]) -> Result<(), Refusal> {
        let audience = match self.claims.get("aud") {
            Some(Value::Array(all)) => all.first().filter(|_| all.len() == 1),
            one => one,
        };
        let audience = audience.and_then(Value::as_str);
        if accepted.iter().any(|one| Some(one.as_str()) == audience) { Ok(()) } else { Err(Refusal::AssertionAudience) }
    }

    /// The times by the server's clock.
    fn check_times(&self, now: u64, latest: u64) -> Result<(), Refusal> {
        let exp = self.claims.get("exp").and_then(|exp| self.time(exp)).ok_or(Refusal::AssertionTimes)?;
        let starts = ["iat", "nbf"].iter().filter_map(|name| self.claims.get(*name));
        let has_begun = |start: &Value| self.time(start).is_some_and(|start| start <= now + SKEW);
        if now < exp && exp <= latest && starts.into_iter().all(has_begun) {
            Ok(())
        } else {
            Err(Refusal::AssertionTimes)
        }
    }

    /// In seconds. A fraction is left away.
    fn time(&self, time: &Value) -> Option<u64> {
        match self.reading {
            Assertions::Strict => time.as_u64(),
            Assertions::Microsoft => Duration::try_from_secs_f64(time.as_f64()?).ok().map(|time| time.as_secs()),
        }
    }
}
