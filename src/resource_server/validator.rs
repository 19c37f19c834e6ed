//! [`Validator`]: the fixed procedure by which a token is accepted or rejected.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::claims::{Date, RawClaims, Words};
use super::rejection::{Rejection, RejectionKind as Kind};
use super::verified_token::{ReadLater, Verified, VerifiedToken};
use crate::issuer::{Issuer, Keys, Miss};
use crate::jose::{Algorithm, CompactJws, Header, JwsError};

/// Checks access tokens of one [`Issuer`] for one API: made by [`Issuer::validator`].
///
/// The order of the checks is fixed. Each that fails is a [`Rejection`]; what is missing is rejected.
///
/// 1. The size: at most 16 KiB, unless [`max_token_bytes`](Self::max_token_bytes) says otherwise.
/// 2. The shape: a JWS in compact form, strict base64url, header and claims JSON objects in which no name is repeated.
/// 3. The header: `typ` is absent, `JWT` or `at+jwt`; no `crit`; `alg` is allowed.
/// 4. The issuer: `iss` is the issuer's identifier.
/// 5. The key and the signature. An unknown key is fetched only for a token whose claims pass 6 to 9.
/// 6. `aud` names one of the audiences.
/// 7. `exp` has not passed and `nbf` has come, give or take the leeway.
/// 8. It is an access token, neither an ID token nor a logout token.
/// 9. It has no `cnf`: a token that is bound to a key is refused, as the binding is not checked.
/// 10. Your own [`check`](Self::check)s.
///
/// What is not checked: whether the token was revoked, and whether `jti` was seen before.
#[derive(Clone)]
pub struct Validator {
    rules: Arc<Rules>,
}

#[derive(Clone)]
struct Rules {
    issuer: Issuer,
    audiences: Vec<Arc<str>>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Duration,
    max_token_bytes: usize,
    strict_profile: bool,
    ignore_binding: bool,
    role_pointers: Vec<String>,
    checks: Vec<Arc<Check>>,
}

type Check = dyn Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync;

impl Issuer {
    /// A validator of this issuer's tokens for the API with this audience (`aud`).
    pub fn validator(&self, audience: impl Into<String>) -> Validator {
        Validator {
            rules: Arc::new(Rules {
                issuer: self.clone(),
                audiences: vec![audience.into().into()],
                algorithms: None,
                leeway: Duration::from_secs(60),
                max_token_bytes: 16 * 1024,
                strict_profile: false,
                ignore_binding: false,
                role_pointers: Vec::new(),
                checks: Vec::new(),
            }),
        }
    }
}

impl Validator {
    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    /// Accepts this audience as well.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        let audience = audience.into().into();
        self.change(|rules| rules.audiences.push(audience))
    }

    /// Accepts these algorithms only. Without this call: all asymmetric ones, and those of keys that were given by
    /// [`Issuer::with_decoding_key`]. Of none: no token is accepted.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.change(|rules| rules.algorithms = Some(algorithms))
    }

    /// How far clocks may be apart when `exp` and `nbf` are checked: 60 seconds, unless set.
    pub fn leeway(self, leeway: Duration) -> Self {
        self.change(|rules| rules.leeway = leeway)
    }

    /// The longest token that is read, in bytes: 16 KiB, unless set.
    pub fn max_token_bytes(self, bytes: usize) -> Self {
        self.change(|rules| rules.max_token_bytes = bytes)
    }

    /// Accepts only tokens of the profile of RFC 9068: `typ` is `at+jwt`, and `sub`, `client_id`, `iat` and `jti` are
    /// there. Many issuers don't follow it.
    pub fn rfc9068(self) -> Self {
        self.change(|rules| rules.strict_profile = true)
    }

    /// Takes roles from this place too, besides `roles`: a JSON pointer (RFC 6901) to a string or an array of strings,
    /// such as `/realm_access/roles`.
    pub fn roles_at(self, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        self.change(|rules| rules.role_pointers.push(pointer))
    }

    /// Adds a check of your own, which runs last and on every request. What it returns as an error is the answer.
    ///
    /// ```
    /// use tower_bearer::{Issuer, Rejection, RejectionKind};
    ///
    /// let validator = Issuer::new("https://login.example.com")?.validator("api://orders").check(|token| {
    ///     match token.claim::<bool>("email_verified") {
    ///         Some(true) => Ok(()),
    ///         _ => Err(Rejection::new(RejectionKind::Refused)),
    ///     }
    /// });
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn check<F>(self, check: F) -> Self
    where
        F: Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync + 'static,
    {
        self.change(|rules| rules.checks.push(Arc::new(check)))
    }

    /// Accepts tokens with `cnf` as if they were not bound to a key (RFC 7800). Whoever steals such a token can then use
    /// it here, which is what the binding is there to prevent.
    pub fn dangerous_ignore_binding(self) -> Self {
        self.change(|rules| rules.ignore_binding = true)
    }

    /// Checks a token, fetching keys where that is needed.
    ///
    /// # Errors
    /// Why it is rejected. [`RejectionKind::KeysUnavailable`](Kind::KeysUnavailable) says nothing about the token.
    ///
    /// ```no_run
    /// # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let validator = tower_bearer::Issuer::new("https://login.example.com")?.validator("api://orders");
    /// let verified = validator.verify(token).await?;
    /// println!("{:?}", verified.subject());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, Rejection> {
        match self.start(token) {
            Verification::Done(verified) => verified,
            Verification::NeedsKeys(need) => self.finish(token, need).await,
        }
    }

    pub(crate) fn first_audience(&self) -> &str {
        self.rules.audiences.first().map_or("", AsRef::as_ref)
    }

    /// All that can be done without waiting, which is everything unless keys have to be fetched.
    pub(crate) fn start(&self, token: &str) -> Verification {
        let rules = &*self.rules;
        let keys = rules.issuer.keys().current();
        match rules.verify(token, keys.as_ref().and_then(|current| current.keys())) {
            Ok(verified) => Verification::Done(Ok(verified)),
            Err(Stop::Rejected(rejection)) => Verification::Done(Err(rejection)),
            Err(Stop::TooSoon(left)) => Verification::Done(Err(Rejection::unavailable(left))),
            Err(Stop::NeedsKeys(need)) => Verification::NeedsKeys(need),
        }
    }

    /// Gets the keys that are needed and goes through the procedure again.
    pub(crate) async fn finish(&self, token: &str, mut need: Need) -> Result<VerifiedToken, Rejection> {
        let rules = &*self.rules;
        let set = rules.issuer.keys();
        let arrived = rules.issuer.time().monotonic();
        // Twice: after the first keys, or those that others were fetching already, newer ones may be needed.
        for _ in 0..2 {
            let keys = match &need {
                Need::Any => set.get().await.map_err(|_| set.unavailable()),
                Need::NewerThan(keys) => set.newer_than(keys).await,
            };
            let keys = keys.map_err(|unavailable| Rejection::unavailable(unavailable.retry_after))?;
            // What keys that were fetched after the token had come don't verify, no key verifies.
            let conclusive = keys.loaded_since(arrived);
            match rules.verify(token, Some(&keys)) {
                Ok(verified) => return Ok(verified),
                Err(Stop::Rejected(rejection)) => return Err(rejection),
                Err(_) if conclusive => break,
                Err(Stop::TooSoon(left)) => return Err(Rejection::unavailable(left)),
                Err(Stop::NeedsKeys(next)) => need = next,
            }
        }
        Err(Rejection::new(Kind::UnknownKey))
    }
}

/// How far a verification got.
pub(crate) enum Verification {
    Done(Result<VerifiedToken, Rejection>),
    NeedsKeys(Need),
}

/// Which keys are needed.
pub(crate) enum Need {
    Any,
    NewerThan(Keys),
}

enum Stop {
    Rejected(Rejection),
    /// Newer keys may verify it, but can't be fetched before so long.
    TooSoon(Duration),
    NeedsKeys(Need),
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
}

impl Rules {
    fn verify(&self, token: &str, keys: Option<&Keys>) -> Result<VerifiedToken, Stop> {
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
        let Some(verified) = candidates.find_map(|(_, key)| key.verify(&jws).ok()) else {
            return Err(self.without_key(&header, &claims, typed, keys));
        };
        let accepted = self.accept(&claims, typed)?;
        let token = self.read(&claims, &accepted, verified.into_payload());
        self.checks.iter().try_for_each(|check| check(&token)).map_err(Stop::Rejected)?;
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
        if keys.value.knows(header.key_id()) {
            return Kind::BadSignature.into();
        }
        // Nobody makes this service fetch anything by a token that would be rejected anyway.
        if let Err(kind) = self.accept(claims, typed) {
            return kind.into();
        }
        match self.issuer.keys().missed(keys, claims.iat.time()) {
            Miss::Fetch => Stop::NeedsKeys(Need::NewerThan(Arc::clone(keys))),
            Miss::Unknown => Kind::UnknownKey.into(),
            Miss::TooSoon(left) => Stop::TooSoon(left),
        }
    }

    fn accept(&self, claims: &RawClaims<'_>, typed: Typed) -> Result<Accepted<'_>, Kind> {
        let audience = match &claims.aud {
            Words::Absent => return Err(Kind::MissingClaim),
            Words::Odd => return Err(Kind::Malformed),
            given => self.audiences.iter().find(|ours| given.iter().any(|audience| *audience == ***ours)),
        };
        let audience = audience.ok_or(Kind::WrongAudience)?;
        let now = self.issuer.time().wall();
        let expires_at = match claims.exp {
            Date::Absent => return Err(Kind::MissingClaim),
            Date::Odd => return Err(Kind::Malformed),
            Date::At(time) => time,
        };
        if expires_at.checked_add(self.leeway).is_none_or(|end| now >= end) {
            return Err(Kind::Expired);
        }
        match claims.nbf {
            Date::Odd => return Err(Kind::Malformed),
            Date::At(time) if now.checked_add(self.leeway).is_none_or(|latest| latest < time) => {
                return Err(Kind::NotYetValid);
            }
            Date::Absent | Date::At(_) => {}
        }
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
        Ok(Accepted { audience, expires_at })
    }

    fn read(&self, claims: &RawClaims<'_>, accepted: &Accepted<'_>, payload: Bytes) -> VerifiedToken {
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
        VerifiedToken::new(Verified {
            issuer: Arc::clone(self.issuer.shared_identifier()),
            audience: Arc::clone(accepted.audience),
            subject: claims.sub.one().map(Box::from),
            scopes: join(claims.scope.iter().chain(claims.scp.iter())),
            roles,
            client_id: claims.client().map(Box::from),
            tenant: claims.tid.one().map(Box::from),
            expires_at: accepted.expires_at,
            issued_at: claims.iat.time(),
            payload,
            read_later,
        })
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
    hashed || claims.events.0 || (claims.nonce.0 && unscoped)
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

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("issuer", &self.rules.issuer).finish_non_exhaustive()
    }
}
