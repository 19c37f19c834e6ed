//! [`Rules`]: the fixed procedure by which a token is accepted or rejected, over the keys of one moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::claims::{Date, RawClaims, Words};
use super::rejection::{Rejection, RejectionKind as Kind};
use super::verified_token::{ReadLater, Verified, VerifiedToken};
use crate::issuer::{Issuer, Key, Keys, Miss};
use crate::jose::{Algorithm, CompactJws, Header, JwsError};
use crate::scope::is_scope_token;

/// What is checked. It never waits.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) issuer: Issuer,
    pub(crate) audiences: Vec<Arc<str>>,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) leeway: Duration,
    pub(crate) max_token_bytes: usize,
    pub(crate) strict_profile: bool,
    pub(crate) ignore_binding: bool,
    pub(crate) role_pointers: Vec<String>,
    pub(crate) checks: Vec<Arc<Check>>,
}

type Check = dyn Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync;

/// Why there is no verified token, yet or at all.
pub(crate) enum Stop {
    Rejected(Rejection),
    /// Newer keys may verify it, but can't be fetched before so long.
    TooSoon(Duration),
    NeedsKeys(Need),
}

/// Which keys are needed.
pub(crate) enum Need {
    Any,
    /// Newer ones than these. Where there are none, `verdict` stands.
    Newer {
        than: Keys,
        verdict: Kind,
    },
}

impl From<Kind> for Stop {
    fn from(kind: Kind) -> Self {
        Self::Rejected(Rejection::new(kind))
    }
}

/// What the checks of the claims find out.
struct Accepted<'r> {
    audience: &'r Arc<str>,
    expires_at: SystemTime,
    not_before: Option<SystemTime>,
}

impl Rules {
    /// The whole procedure, but for keys that have to be waited for and for the user's checks.
    pub(crate) fn verify(&self, token: &str, keys: Option<&Keys>) -> Result<Arc<Verified>, Stop> {
        if token.len() > self.max_token_bytes {
            return Err(Kind::TokenTooLong.into());
        }
        let jws = CompactJws::parse(token).map_err(|_| Kind::Malformed)?;
        let header = jws.header().map_err(|error| match error {
            JwsError::CriticalHeader | JwsError::UnsupportedHeader => Kind::UnsupportedHeader,
            _ => Kind::Malformed,
        })?;
        let typed = self.media_type(&header)?;
        let algorithm = header.algorithm().filter(|&one| self.allows(one)).ok_or(Kind::AlgorithmNotAllowed)?;
        let claims = RawClaims::read(jws.payload()).ok_or(Kind::Malformed)?;
        self.issued_here(&claims)?;
        let Some(keys) = keys else {
            self.accept(&claims, typed)?;
            return Err(Stop::NeedsKeys(Need::Any));
        };
        let mut candidates = keys.value.candidates(header.key_id(), algorithm);
        let Some((key, verified)) = candidates.find_map(|(key, one)| Some((key, one.verify(&jws).ok()?))) else {
            return Err(self.without_key(&header, &claims, typed, keys));
        };
        let accepted = self.accept(&claims, typed)?;
        Ok(Arc::new(self.read(&claims, &accepted, verified.into_payload(), key)))
    }

    /// What may have changed since a token was verified: the time. Its key is asked for by who has the keys.
    pub(crate) fn in_time(&self, expires_at: SystemTime, not_before: Option<SystemTime>) -> Result<(), Kind> {
        let now = self.issuer.time().wall();
        if expires_at.checked_add(self.leeway).is_none_or(|end| now >= end) {
            return Err(Kind::Expired);
        }
        if not_before.is_some_and(|start| now.checked_add(self.leeway).is_none_or(|latest| latest < start)) {
            return Err(Kind::NotYetValid);
        }
        Ok(())
    }

    /// The user's checks, which run on every request.
    pub(crate) fn check(&self, token: VerifiedToken) -> Result<VerifiedToken, Rejection> {
        self.checks.iter().try_for_each(|check| check(&token))?;
        Ok(token)
    }

    /// `typ`: whether it says that this is an access token, or nothing against it.
    fn media_type(&self, header: &Header<'_>) -> Result<Typed, Kind> {
        let Some(media_type) = header.media_type() else {
            return if self.strict_profile { Err(Kind::WrongTokenType) } else { Ok(Typed::Jwt) };
        };
        let prefix = "application/";
        let subtype = match media_type.get(..prefix.len()) {
            Some(start) if start.eq_ignore_ascii_case(prefix) => media_type.get(prefix.len()..).unwrap_or_default(),
            _ => media_type,
        };
        if subtype.eq_ignore_ascii_case("at+jwt") {
            Ok(Typed::AccessToken)
        } else if subtype.eq_ignore_ascii_case("JWT") && !self.strict_profile {
            Ok(Typed::Jwt)
        } else {
            Err(Kind::WrongTokenType)
        }
    }

    fn allows(&self, algorithm: Algorithm) -> bool {
        match &self.algorithms {
            Some(allowed) => allowed.contains(&algorithm),
            // A symmetric key can only have been given, never fetched.
            None => !algorithm.is_symmetric() || self.issuer.has_given_keys(),
        }
    }

    fn issued_here(&self, claims: &RawClaims<'_>) -> Result<(), Kind> {
        match &claims.iss {
            Words::Absent => Err(Kind::MissingClaim),
            Words::One(iss) if **iss == *self.issuer.identifier() => Ok(()),
            Words::One(_) => Err(Kind::UnknownIssuer),
            Words::Many(_) | Words::Odd => Err(Kind::Malformed),
        }
    }

    /// What to say of a token that none of the keys verifies.
    fn without_key(&self, header: &Header<'_>, claims: &RawClaims<'_>, typed: Typed, keys: &Keys) -> Stop {
        // The same id may stand for a new key: small servers make one at each start.
        let id_is_known = keys.value.knows(header.key_id());
        let verdict = if id_is_known { Kind::BadSignature } else { Kind::UnknownKey };
        // Nobody makes this service fetch anything by a token that would be rejected anyway.
        if let Err(kind) = self.accept(claims, typed) {
            return if id_is_known { verdict.into() } else { kind.into() };
        }
        match self.issuer.keys().missed(keys, header.key_id(), claims.iat.time()) {
            Miss::Fetch => Stop::NeedsKeys(Need::Newer { than: Arc::clone(keys), verdict }),
            Miss::TooSoon(left) if !id_is_known => Stop::TooSoon(left),
            Miss::TooSoon(_) | Miss::Unknown => verdict.into(),
        }
    }

    fn accept(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<Accepted<'_>, Kind> {
        let audience = match &claims.aud {
            Words::Absent => return Err(Kind::MissingClaim),
            Words::Odd => return Err(Kind::Malformed),
            given => self.audiences.iter().find(|ours| given.iter().any(|audience| *audience == ***ours)),
        };
        let audience = audience.ok_or(Kind::WrongAudience)?;
        let expires_at = match claims.exp {
            Date::Absent => return Err(Kind::MissingClaim),
            Date::Odd => return Err(Kind::Malformed),
            Date::At(time) => time,
        };
        if matches!(claims.nbf, Date::Odd) {
            return Err(Kind::Malformed);
        }
        let not_before = claims.nbf.time();
        self.in_time(expires_at, not_before)?;
        if matches!(claims.iat, Date::Odd) || matches!(claims.sub, Words::Many(_) | Words::Odd) {
            return Err(Kind::Malformed);
        }
        if typed == Typed::Jwt && is_other_token(claims) {
            return Err(Kind::WrongTokenType);
        }
        if self.strict_profile {
            let required = [&claims.sub, &claims.client_id, &claims.jti];
            if required.iter().any(|claim| claim.filled().is_none()) || claims.iat.time().is_none() {
                return Err(Kind::MissingClaim);
            }
        }
        if claims.cnf.0 && !self.ignore_binding {
            return Err(Kind::SenderConstrained);
        }
        Ok(Accepted { audience, expires_at, not_before })
    }

    fn read(&self, claims: &RawClaims<'_>, accepted: &Accepted<'_>, payload: Bytes, key: &Arc<Key>) -> Verified {
        let read_later = ReadLater::default();
        let mut roles: Vec<Box<str>> = claims.roles.iter().map(Box::from).collect();
        if !self.role_pointers.is_empty() {
            let all = read_later.all(&payload);
            let found = self.role_pointers.iter().filter_map(|pointer| all?.pointer(pointer));
            for value in found {
                let many = value.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
                roles.extend(many.iter().filter_map(|role| role.as_str()).map(Box::from));
            }
        }
        Verified {
            issuer: Arc::clone(self.issuer.shared_identifier()),
            audience: Arc::clone(accepted.audience),
            subject: claims.sub.one().map(Box::from),
            scopes: join(scopes(&claims.scope).chain(scopes(&claims.scp))),
            roles,
            client_id: claims.client().map(Box::from),
            tenant: claims.tid.one().map(Box::from),
            expires_at: accepted.expires_at,
            not_before: accepted.not_before,
            issued_at: claims.iat.time(),
            payload,
            read_later,
            key: Arc::clone(key),
        }
    }
}

/// What `typ` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    AccessToken,
    Jwt,
}

/// Whether the claims are those of an ID token (OpenID Connect Core §2) or of a logout token (OpenID Connect Back-Channel
/// Logout §2.4). Some issuers put the `nonce` into access tokens too, which then have a scope.
fn is_other_token(claims: &RawClaims<'_>) -> bool {
    let hashed = claims.at_hash.0 || claims.c_hash.0 || claims.s_hash.0;
    let unscoped = claims.scope.is_absent() && claims.scp.is_absent();
    let is_one_of = |claim: &Words<'_>, kinds: &[&str]| {
        claim.one().is_some_and(|named| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(named)))
    };
    let named = is_one_of(&claims.typ, &["ID", "Refresh", "Offline", "Logout"])
        || is_one_of(&claims.token_use, &["id", "refresh"]);
    hashed || named || claims.events.0 || (claims.nonce.0 && unscoped)
}

/// A string is a list of scopes; an element of an array is one scope, and none where it holds a space (RFC 6749 §3.3).
fn scopes<'w>(claim: &'w Words<'_>) -> impl Iterator<Item = &'w str> {
    let in_array = matches!(claim, Words::Many(_));
    claim.iter().filter(move |scope| !in_array || is_scope_token(scope))
}

fn join<'w>(words: impl Iterator<Item = &'w str>) -> Box<str> {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined.into()
}
