//! [`Rules`]: the fixed procedure by which a token is accepted or rejected, over the keys of one moment.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::claims::{Date, RawClaims, Words};
use super::rejection::{Rejection, RejectionKind as Kind};
use super::verified_token::{ReadLater, Verified, VerifiedToken};
use crate::issuer::{ActorMark, Issuer, Key, Keys, Miss, PersonClaim, TokenProfile};
use crate::jose::{Algorithm, CompactJws, Header, JwsError};
use crate::scope::{is_scope_token, words};

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
    pub(crate) allow_unscoped: bool,
    pub(crate) role_pointers: Vec<String>,
    pub(crate) checks: Vec<Arc<Check>>,
}

pub(crate) type Check = dyn Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync;

/// Why there is no verified token, yet or at all.
pub(crate) enum Stop {
    Rejected(Rejection),
    /// Newer keys may verify it, but can't be fetched before so long.
    TooSoon(Duration),
    NeedsKeys(Need),
}

/// Which keys are needed.
pub(crate) struct Need {
    pub(crate) issuer: Issuer,
    /// Newer ones than these; where there are none, this verdict stands. `None`: any at all.
    pub(crate) newer: Option<(Keys, Kind)>,
}

impl Need {
    /// What to say where the keys that are needed can't be had.
    pub(crate) fn verdict(&self) -> Kind {
        self.newer.as_ref().map_or(Kind::UnknownKey, |(_, verdict)| *verdict)
    }
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
    /// The whole procedure, but for keys that have to be waited for and for the user's checks. `rules` are those of several
    /// issuers; the keys are those of the moment, unless given.
    pub(crate) fn verify(rules: &[Self], token: &str, given: Option<&Keys>) -> Result<Arc<Verified>, Stop> {
        if rules.iter().all(|one| token.len() > one.max_token_bytes) {
            return Err(Kind::TokenTooLong.into());
        }
        let jws = CompactJws::parse(token).map_err(|_| Kind::Malformed)?;
        let header = jws.header().map_err(|error| match error {
            JwsError::CriticalHeader | JwsError::UnsupportedHeader => Kind::UnsupportedHeader,
            _ => Kind::Malformed,
        })?;
        let read = || RawClaims::read(jws.payload()).ok_or(Kind::Malformed);
        if let [only] = rules {
            let accepted = only.accept_header(&header)?;
            let claims = read()?;
            Self::issued_by(rules, &claims)?;
            return only.verify_claims(0, &jws, &header, accepted, &claims, given);
        }
        let claims = read()?;
        let (index, of_issuer) = Self::issued_by(rules, &claims)?;
        if token.len() > of_issuer.max_token_bytes {
            return Err(Kind::TokenTooLong.into());
        }
        let accepted = of_issuer.accept_header(&header)?;
        of_issuer.verify_claims(index, &jws, &header, accepted, &claims, given)
    }

    /// The rules for this token, by its `iss`.
    fn issued_by<'r>(rules: &'r [Self], claims: &RawClaims<'_>) -> Result<(usize, &'r Self), Kind> {
        match &claims.iss {
            Words::Absent => Err(Kind::MissingClaim),
            Words::One(iss) => {
                let mut rules = rules.iter().enumerate();
                rules.find(|(_, one)| one.issuer.identity().issues(iss, claims.tid.one())).ok_or(Kind::UnknownIssuer)
            }
            Words::Many(_) | Words::Odd => Err(Kind::Malformed),
        }
    }

    fn accept_header(&self, header: &Header<'_>) -> Result<(Typed, Algorithm), Kind> {
        let typed = self.media_type(header)?;
        let algorithm = header.algorithm().filter(|&one| self.allows(one)).ok_or(Kind::AlgorithmNotAllowed)?;
        Ok((typed, algorithm))
    }

    fn verify_claims(
        &self,
        index: usize,
        jws: &CompactJws<'_>,
        header: &Header<'_>,
        (typed, algorithm): (Typed, Algorithm),
        claims: &RawClaims<'_>,
        given: Option<&Keys>,
    ) -> Result<Arc<Verified>, Stop> {
        let current = if given.is_none() { self.issuer.keys().current() } else { None };
        let Some(keys) = given.or_else(|| current.as_ref().and_then(|current| current.keys())) else {
            self.accept(claims, typed)?;
            return Err(Stop::NeedsKeys(Need { issuer: self.issuer.clone(), newer: None }));
        };
        let (iss, tenant) = (claims.iss.one().unwrap_or_default(), claims.tid.one());
        let is_own =
            |key: &Key| key.issuer().is_none_or(|named| self.issuer.identity().takes_key_of(named, iss, tenant));
        let mut candidates = keys.value.candidates(header.key_id(), algorithm, is_own);
        let Some((key, verified)) = candidates.find_map(|(key, one)| Some((key, one.verify(jws).ok()?))) else {
            // A token that names no key may be signed by one that is not published yet.
            let named = keys.value.under(header.key_id());
            let foreign = !named.is_empty() && !named.iter().any(|key| is_own(key));
            return Err(if foreign {
                Kind::KeyOfAnotherIssuer.into()
            } else {
                self.without_key(header, claims, typed, keys)
            });
        };
        let accepted = self.accept(claims, typed)?;
        Ok(Arc::new(self.read(index, claims, &accepted, typed, verified.into_payload(), key)))
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

    /// What to say of a token that none of the keys verifies.
    fn without_key(&self, header: &Header<'_>, claims: &RawClaims<'_>, typed: Typed, keys: &Keys) -> Stop {
        // The same id may stand for a new key: small servers make one at each start.
        let id_is_known = keys.value.knows(header.key_id());
        let verdict = if id_is_known { Kind::BadSignature } else { Kind::UnknownKey };
        // Nobody makes this service fetch anything by a token that would be rejected anyway.
        if let Err(kind) = self.accept(claims, typed) {
            return if id_is_known { verdict.into() } else { kind.into() };
        }
        match self.issuer.keys().missed(&keys.value, header.key_id(), claims.iat.time()) {
            Miss::Fetch => {
                let newer = Some((Arc::clone(keys), verdict));
                Stop::NeedsKeys(Need { issuer: self.issuer.clone(), newer })
            }
            Miss::TooSoon(left) if !id_is_known => Stop::TooSoon(left),
            Miss::TooSoon(_) | Miss::Unknown => verdict.into(),
        }
    }

    fn accept(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<Accepted<'_>, Kind> {
        let profile = self.issuer.profile();
        let audience = match (&claims.aud, &claims.client_id) {
            (Words::Absent, client @ Words::One(_)) if profile.client_is_audience => client,
            (audience, _) => audience,
        };
        let audience = match audience {
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
        if typed == Typed::Jwt && is_other_token(claims, profile) {
            return Err(Kind::WrongTokenType);
        }
        if profile.says_access_by_token_use && claims.token_use.one() != Some("access") {
            return Err(Kind::WrongTokenType);
        }
        if profile.needs_permission {
            self.has_permission(claims, typed)?;
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

    /// Whether a person delegated something to the client, or it is an application that was given roles.
    fn has_permission(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<(), Kind> {
        let is_application = self.is_application(claims, typed) == Some(true);
        let is_delegated = scopes(&claims.scp).next().is_some();
        if !is_delegated && !is_application {
            return Err(Kind::WrongTokenType);
        }
        let has_roles = claims.roles.iter().any(|role| !role.is_empty());
        if !is_delegated && !has_roles && !self.allow_unscoped {
            return Err(Kind::NoPermission);
        }
        Ok(())
    }

    /// Whether the client acts as itself, and not for a person. `None` where the token doesn't tell.
    fn is_application(&self, claims: &RawClaims<'_>, typed: Typed) -> Option<bool> {
        let actor = self.issuer.profile().actor;
        if let (ActorMark::Entra, Some(kind)) = (actor, claims.idtyp.one()) {
            return Some(kind == "app");
        }
        let subject = claims.sub.filled()?;
        let subject_is_client = claims.client() == Some(subject);
        let person_has = |claim: &Words<'_>| match claim.filled() {
            Some(_) => Some(false),
            None => subject_is_client.then_some(true),
        };
        match actor {
            ActorMark::Subject if subject_is_client => Some(true),
            ActorMark::Subject => (typed == Typed::AccessToken && claims.client().is_some()).then_some(false),
            ActorMark::Entra => {
                let says_nothing = claims.idtyp.is_absent() && claims.scp.is_absent();
                Some(says_nothing && claims.oid.one() == Some(subject))
            }
            ActorMark::Auth0 => match claims.gty.one() {
                Some("client-credentials") => Some(true),
                _ => (!subject.ends_with("@clients")).then_some(false),
            },
            ActorMark::PersonHas(PersonClaim::Uid) => person_has(&claims.uid),
            ActorMark::PersonHas(PersonClaim::Username) => person_has(&claims.username),
        }
    }

    fn read(
        &self,
        rules: usize,
        claims: &RawClaims<'_>,
        accepted: &Accepted<'_>,
        typed: Typed,
        payload: Bytes,
        key: &Arc<Key>,
    ) -> Verified {
        let read_later = ReadLater::default();
        let profile = self.issuer.profile();
        let mut roles: Vec<Box<str>> = claims.roles.iter().map(Box::from).collect();
        if !(profile.roles_at.is_empty() && self.role_pointers.is_empty()) {
            let all = read_later.all(&payload);
            let pointers = profile.roles_at.iter().copied().chain(self.role_pointers.iter().map(String::as_str));
            for value in pointers.filter_map(|pointer| all?.pointer(pointer)) {
                let many = value.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
                roles.extend(many.iter().filter_map(|role| role.as_str()).map(Box::from));
            }
        }
        Verified {
            issuer: self.issuer.identity().keep(claims.iss.one().unwrap_or_default()),
            audience: Arc::clone(accepted.audience),
            subject: claims.sub.one().map(Box::from),
            scopes: join(scopes(&claims.scope).chain(scopes(&claims.scp))),
            roles,
            client_id: claims.client().map(Box::from),
            tenant: claims.tid.one().map(Box::from),
            is_application: self.is_application(claims, typed),
            client_is_no_permission: profile.client_is_no_permission,
            expires_at: accepted.expires_at,
            not_before: accepted.not_before,
            issued_at: claims.iat.time(),
            payload,
            read_later,
            key: Arc::clone(key),
            rules,
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
fn is_other_token(claims: &RawClaims<'_>, profile: &TokenProfile) -> bool {
    if profile.takes_id_tokens {
        return claims.events.0;
    }
    let hashed = claims.at_hash.0 || claims.c_hash.0 || claims.s_hash.0;
    let unscoped = claims.scope.is_absent() && claims.scp.is_absent();
    let is_one_of = |claim: &Words<'_>, kinds: &[&str]| {
        claim.one().is_some_and(|named| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(named)))
    };
    let named = is_one_of(&claims.typ, &["ID", "Refresh", "Offline", "Logout"])
        || is_one_of(&claims.token_use, &["id", "refresh"]);
    hashed || named || claims.events.0 || (claims.nonce.0 && unscoped)
}

/// A string is a list of scopes, an element of an array is one. What is no scope token, as an element with a space in it, is no
/// scope in either (RFC 6749 §3.3).
fn scopes<'w>(claim: &'w Words<'_>) -> impl Iterator<Item = &'w str> {
    let (list, elements): (&str, &[Cow<'_, str>]) = match claim {
        Words::One(list) => (list, &[]),
        Words::Many(elements) => ("", elements),
        Words::Absent | Words::Odd => ("", &[]),
    };
    words(list).chain(elements.iter().map(AsRef::as_ref)).filter(|scope| is_scope_token(scope))
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
