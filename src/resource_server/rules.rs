//! [`Rules`]: the fixed procedure by which a token is accepted or rejected, over the keys of one moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::check::{Check, Failure};
use super::claims::{Claim, Date, Mark, RawClaims, scopes};
use super::payload::{Payload, Text};
use super::rejection::{Rejection, RejectionKind as Kind};
use super::stop::{Need, Stop};
use super::token_kind::{Typed, is_application, is_marked, is_other_token, media_type};
use super::verified::{ReadLater, Verified};
use super::verified_token::VerifiedToken;
use crate::issuer::{Issuer, Key, Keys, Miss};
use crate::jose::object::Words;
use crate::jose::{Algorithm, CompactJws, Header, JwsError, KnownHeader};
use crate::sync::ArcSwapOption;

/// The longest token whose issuer is looked for, in bytes, before it is known whose limit counts.
const LONGEST_UNVERIFIED: usize = 64 * 1024;

/// What is checked. It never waits.
#[derive(Clone)]
pub(crate) struct Rules {
    /// One for all rules of a validator, and another one after each change: who has it was judged by these.
    pub(crate) mark: Arc<()>,
    pub(crate) issuer: Issuer,
    pub(crate) audiences: Vec<Arc<str>>,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) leeway: Duration,
    pub(crate) max_token_bytes: usize,
    pub(crate) strict_profile: bool,
    pub(crate) ignore_binding: bool,
    pub(crate) allow_unscoped: bool,
    pub(crate) role_pointers: Vec<String>,
    pub(crate) checks: Vec<Arc<OwnCheck>>,
}

pub(crate) type OwnCheck = dyn Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync;

/// A token that was read, and of which nothing is verified.
struct Unverified<'c, 't> {
    jws: &'t CompactJws<'t>,
    header: &'t Header<'t>,
    payload: &'t str,
    claims: &'c RawClaims<'t>,
}

/// What the checks of the claims find out.
struct Accepted<'r> {
    audience: &'r Arc<str>,
    expires_at: SystemTime,
    not_before: Option<SystemTime>,
}

impl Rules {
    /// The whole procedure, but for keys that have to be waited for and for the user's checks. `rules` are those of several
    /// issuers. The keys are those of the moment, of which a missing one may end it by the header alone, unless these are to be used.
    /// The known header is that of a token before, and becomes that of this one if it passes.
    pub(crate) fn verify(
        rules: &[Self],
        token: &str,
        given: Option<&Keys>,
        known_header: &ArcSwapOption<KnownHeader>,
    ) -> Result<Arc<Verified>, Stop> {
        if rules.iter().all(|one| token.len() > one.max_token_bytes) {
            return Err(Check::Size.failed(Kind::TokenTooLong).into());
        }
        let known = known_header.load();
        let jws =
            CompactJws::parse_knowing(token, known.as_deref()).map_err(|_| Check::Shape.failed(Kind::Malformed))?;
        let header = jws.header().map_err(|error| match error {
            JwsError::CriticalHeader | JwsError::UnsupportedHeader => Check::Header.failed(Kind::UnsupportedHeader),
            _ => Check::Shape.failed(Kind::Malformed),
        })?;
        let verified = Self::verify_jws(rules, &jws, &header, given)?;
        if let Some(new) = jws.new_header(&header) {
            known_header.store(Some(Arc::new(new)));
        }
        Ok(verified)
    }

    /// From what the header says on.
    fn verify_jws<'t>(
        rules: &[Self],
        jws: &'t CompactJws<'t>,
        header: &'t Header<'t>,
        given: Option<&Keys>,
    ) -> Result<Arc<Verified>, Stop> {
        let mut claims = RawClaims::default();
        if let [only] = rules {
            let accepted = only.accept_header(header)?;
            if given.is_none() && only.lacks_key_of(header) {
                return Err(Check::Key.failed(Kind::UnknownKey).into());
            }
            let token = Unverified::read(jws, header, &mut claims)?;
            Self::issued_by(rules, token.claims)?;
            return only.verify_claims(0, &token, accepted, given);
        }
        let token = Unverified::read(jws, header, &mut claims)?;
        let (index, of_issuer) = Self::issued_by(rules, token.claims)?;
        if jws.as_str().len() > of_issuer.max_token_bytes {
            return Err(Check::Size.failed(Kind::TokenTooLong).into());
        }
        let accepted = of_issuer.accept_header(header)?;
        of_issuer.verify_claims(index, &token, accepted, given)
    }

    /// What a token says of its issuer, before anything of it is verified.
    pub(crate) fn unverified_issuer(token: &str) -> Result<String, Failure> {
        if token.len() > LONGEST_UNVERIFIED {
            return Err(Check::Size.failed(Kind::TokenTooLong));
        }
        let jws = CompactJws::parse(token).map_err(|_| Check::Shape.failed(Kind::Malformed))?;
        let mut claims = RawClaims::default();
        claims.read_from(jws.payload()).ok_or(Check::Shape.failed(Kind::Malformed))?;
        named_issuer(&claims).map(str::to_owned)
    }

    /// The rules for this token, by its `iss`.
    pub(super) fn issued_by<'r>(rules: &'r [Self], claims: &RawClaims<'_>) -> Result<(usize, &'r Self), Failure> {
        let iss = named_issuer(claims)?;
        let mut rules = rules.iter().enumerate();
        let found = rules.find(|(_, one)| one.issuer.identity().issues(iss, claims[Claim::Tid].one()));
        found.ok_or(Check::Issuer.failed(Kind::UnknownIssuer))
    }

    fn accept_header(&self, header: &Header<'_>) -> Result<(Typed, Algorithm), Failure> {
        let typed = media_type(header, self.strict_profile)?;
        let algorithm = header.algorithm().filter(|&one| self.allows(one));
        Ok((typed, algorithm.ok_or(Check::Algorithm.failed(Kind::AlgorithmNotAllowed))?))
    }

    /// Whether there is no key for this token, and can be none: keys that were given stay as they are.
    fn lacks_key_of(&self, header: &Header<'_>) -> bool {
        self.issuer.keys().given().is_some_and(|keys| !keys.value.has_for(header.key_id()))
    }

    fn verify_claims(
        &self,
        index: usize,
        token: &Unverified<'_, '_>,
        (typed, algorithm): (Typed, Algorithm),
        given: Option<&Keys>,
    ) -> Result<Arc<Verified>, Stop> {
        let Unverified { jws, header, claims, .. } = token;
        let current = if given.is_none() { self.issuer.keys().current() } else { None };
        let Some(keys) = given.or_else(|| current.as_ref().and_then(|current| current.keys())) else {
            self.accept(claims, typed).map_err(Failure::without_key)?;
            return Err(Stop::NeedsKeys(Need { issuer: self.issuer.clone(), newer: None }));
        };
        let (iss, tenant) = (claims[Claim::Iss].one().unwrap_or_default(), claims[Claim::Tid].one());
        let is_own =
            |key: &Key| key.issuer().is_none_or(|named| self.issuer.identity().takes_key_of(named, iss, tenant));
        let mut candidates = keys.value.candidates(header.key_id(), algorithm, is_own);
        let Some((key, _)) = candidates.find(|(_, one)| one.verify(jws).is_ok()) else {
            let named = header.key_id().map(|id| keys.value.named(id)).unwrap_or_default();
            if !named.is_empty() && !named.iter().any(|key| is_own(key)) {
                return Err(Check::Key.failed(Kind::KeyOfAnotherIssuer).into());
            }
            return Err(self.without_key(header, claims, typed, keys, !named.is_empty()));
        };
        let accepted = self.accept(claims, typed)?;
        Ok(Arc::new(self.keep(index, token, &accepted, typed, key)))
    }

    /// What may have changed since a token was verified: the time. Its key is asked for by who has the keys.
    #[inline]
    pub(crate) fn in_time(&self, expires_at: SystemTime, not_before: Option<SystemTime>) -> Result<(), Failure> {
        let now = self.issuer.time().wall();
        if expires_at.checked_add(self.leeway).is_none_or(|end| now >= end) {
            return Err(Check::Expiry.failed(Kind::Expired));
        }
        if not_before.is_some_and(|start| now.checked_add(self.leeway).is_none_or(|latest| latest < start)) {
            return Err(Check::NotBefore.failed(Kind::NotYetValid));
        }
        Ok(())
    }

    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        match &self.algorithms {
            Some(allowed) => allowed.contains(&algorithm),
            // A symmetric key can only have been given, never fetched.
            None => !algorithm.is_symmetric() || self.issuer.has_given_keys(),
        }
    }

    /// What to say of a token that none of the keys verifies.
    fn without_key(
        &self,
        header: &Header<'_>,
        claims: &RawClaims<'_>,
        typed: Typed,
        keys: &Keys,
        id_is_known: bool,
    ) -> Stop {
        let verdict = match id_is_known {
            true => Check::Signature.failed(Kind::BadSignature),
            false => Check::Key.failed(Kind::UnknownKey),
        };
        // Nobody makes this service fetch anything by a token that would be rejected anyway.
        if let Err(failure) = self.accept(claims, typed) {
            return if id_is_known { verdict.into() } else { failure.without_key().into() };
        }
        let issued_at = claims.iat.time().and_then(|at| at.checked_add(self.issuer.profile().backdated_by));
        // An id that is known may stand for a new key as well: small servers make one at each start.
        match self.issuer.keys().missed(keys, header.key_id(), issued_at) {
            Miss::Fetch => {
                let newer = Some((Arc::clone(keys), verdict));
                Stop::NeedsKeys(Need { issuer: self.issuer.clone(), newer })
            }
            Miss::TooSoon(left) if !id_is_known => {
                let issued_at = claims.iat.time();
                Stop::TooSoon { left, outdated: issued_at.is_some_and(|at| keys.value.is_older_than(at)) }
            }
            Miss::TooSoon(_) | Miss::Unknown => verdict.into(),
        }
    }

    fn accept(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<Accepted<'_>, Failure> {
        let profile = self.issuer.profile();
        let audience = match (&claims[Claim::Aud], &claims[Claim::ClientId]) {
            (Words::Absent, client @ Words::One(_)) if profile.client_is_audience => client,
            (audience, _) => audience,
        };
        let audience = match audience {
            Words::Absent => return Err(Check::Audience.failed(Kind::MissingClaim)),
            Words::Odd => return Err(Check::Audience.failed(Kind::Malformed)),
            given => self.audiences.iter().find(|ours| given.iter().any(|audience| *audience == ***ours)),
        };
        let audience = audience.ok_or(Check::Audience.failed(Kind::WrongAudience))?;
        let expires_at = match claims.exp {
            Date::Absent => return Err(Check::Expiry.failed(Kind::MissingClaim)),
            Date::Odd => return Err(Check::Expiry.failed(Kind::Malformed)),
            Date::At(time) => time,
        };
        if matches!(claims.nbf, Date::Odd) {
            return Err(Check::NotBefore.failed(Kind::Malformed));
        }
        let not_before = claims.nbf.time();
        self.in_time(expires_at, not_before)?;
        self.is_access_token(claims, typed)?;
        if profile.needs_permission {
            self.has_permission(claims, typed)?;
        }
        if claims.has(Mark::Cnf) && !self.ignore_binding {
            return Err(Check::Binding.failed(Kind::SenderConstrained));
        }
        Ok(Accepted { audience, expires_at, not_before })
    }

    /// Whether the claims are those of an access token, and not of another kind.
    fn is_access_token(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<(), Failure> {
        let profile = self.issuer.profile();
        if matches!(claims.iat, Date::Odd) || matches!(claims[Claim::Sub], Words::Many(_) | Words::Odd) {
            return Err(Check::TokenKind.failed(Kind::Malformed));
        }
        let is_other = typed == Typed::Jwt && is_other_token(claims, profile);
        if is_other || !is_marked(claims, profile.access) {
            return Err(Check::TokenKind.failed(Kind::WrongTokenType));
        }
        if self.strict_profile {
            let required = [&claims[Claim::Sub], &claims[Claim::ClientId], &claims[Claim::Jti]];
            if required.iter().any(|claim| claim.filled().is_none()) || claims.iat.time().is_none() {
                return Err(Check::TokenKind.failed(Kind::MissingClaim));
            }
        }
        Ok(())
    }

    /// Whether a person delegated something to the client, or it is an application that was given roles.
    fn has_permission(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<(), Failure> {
        let is_application = is_application(claims, typed, self.issuer.profile().actor) == Some(true);
        let is_delegated = scopes(&claims[Claim::Scp]).next().is_some();
        if !is_delegated && !is_application {
            return Err(Check::Permission.failed(Kind::WrongTokenType));
        }
        let has_roles = claims[Claim::Roles].iter().any(|role| !role.is_empty());
        if !is_delegated && !has_roles && !self.allow_unscoped {
            return Err(Check::Permission.failed(Kind::NoPermission));
        }
        Ok(())
    }

    /// What is kept of a token that passed.
    fn keep(
        &self,
        rules: usize,
        Unverified { jws, payload, claims, .. }: &Unverified<'_, '_>,
        accepted: &Accepted<'_>,
        typed: Typed,
        key: &Arc<Key>,
    ) -> Verified {
        let (read_later, profile) = (ReadLater::default(), self.issuer.profile());
        let keep = |text: &str| Text::of(payload, text.into());
        let mut roles: Vec<Text> = claims[Claim::Roles].iter().map(keep).collect();
        if !(profile.roles_at.is_empty() && self.role_pointers.is_empty()) {
            let all = read_later.all(payload);
            let pointers = profile.roles_at.iter().copied().chain(self.role_pointers.iter().map(String::as_str));
            for value in pointers.filter_map(|pointer| all?.pointer(pointer)) {
                let many = value.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
                roles.extend(many.iter().filter_map(|role| role.as_str().map(keep)));
            }
        }
        let iss = claims[Claim::Iss].one().unwrap_or_default();
        let issuer = self.issuer.identity().keep(iss);
        Verified {
            token: jws.as_str().into(),
            payload: Payload::new(payload),
            issuer_is_as_written: *issuer == *iss,
            issuer,
            audience: Arc::clone(accepted.audience),
            subject: claims[Claim::Sub].one().map(keep),
            scopes: Text::of(payload, claims.scopes()),
            roles,
            client_id: claims.client().map(keep),
            tenant: claims[Claim::Tid].one().map(keep),
            is_application: is_application(claims, typed, profile.actor),
            client_is_no_permission: profile.client_is_no_permission,
            expires_at: accepted.expires_at,
            leeway: self.leeway,
            clock: self.issuer.time().clone(),
            not_before: accepted.not_before,
            issued_at: claims.iat.time(),
            read_later,
            key: Arc::clone(key),
            rules,
            judged_by: Arc::clone(&self.mark),
        }
    }
}

impl<'c, 't> Unverified<'c, 't> {
    fn read(jws: &'t CompactJws<'t>, header: &'t Header<'t>, claims: &'c mut RawClaims<'t>) -> Result<Self, Failure> {
        let payload = claims.read_from(jws.payload()).ok_or(Check::Shape.failed(Kind::Malformed))?;
        Ok(Self { jws, header, payload, claims })
    }
}

/// The one `iss` of a token.
fn named_issuer<'c>(claims: &'c RawClaims<'_>) -> Result<&'c str, Failure> {
    let fault = match &claims[Claim::Iss] {
        Words::One(iss) => return Ok(iss),
        Words::Absent => Kind::MissingClaim,
        Words::Many(_) | Words::Odd => Kind::Malformed,
    };
    Err(Check::Issuer.failed(fault))
}
