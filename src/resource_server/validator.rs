//! [`Validator`]: what is set for checking tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::rejection::Rejection;
use super::rules::{OwnCheck, Rules};
use super::verified_cache::VerifiedCache;
use super::verified_token::VerifiedToken;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jose::{Algorithm, KnownHeader};
use crate::sync::ArcSwapOption;

/// Checks access tokens of one [`Issuer`] for one API: made by [`Issuer::validator`].
///
/// The order of the checks is fixed. Each that fails is a [`Rejection`]; what is missing is rejected.
///
/// 1. The size: at most 16 KiB, unless [`max_token_bytes`](Self::max_token_bytes) says otherwise.
/// 2. The shape: a JWS in compact form, strict base64url, header and claims JSON objects in which no name is repeated.
/// 3. The header: `typ` is absent, `JWT` or `at+jwt`; no `crit`; `alg` is allowed.
/// 4. The issuer: `iss` is that of an issuer that is trusted. Where there are several, it is looked at before `typ` and `alg`, and the
///    settings of that issuer count from there on.
/// 5. The key and the signature. An unknown key is fetched only for a token whose claims pass 6 to 9.
///    Where keys were given and each has an id, a token with a `kid` that is none of theirs is refused before its claims are read: as one
///    under an unknown key, whoever issued it. Try several issuers by [`any_of`](Self::any_of), which chooses by `iss` first.
/// 6. `aud` names one of the audiences.
/// 7. `exp` has not passed and `nbf` has come, give or take the leeway.
/// 8. It bears no mark of an ID token (`at_hash` and the like, a `nonce` without a scope), of a refresh token or of a logout
///    token, and what the issuer's preset knows of every access token is there: Keycloak's claim `typ`, Cognito's `token_use`,
///    Auth0's and Okta's client, Microsoft's scope or role (the [manual](crate::manual) has a page for each). Another issuer whose ID
///    tokens look like its access tokens needs an audience of its own for the API, or [`rfc9068`](Self::rfc9068).
/// 9. It has no `cnf`: a token that is bound to a key is refused, as the binding is not checked.
/// 10. Your own [`check`](Self::check)s.
///
/// What is not checked: whether the token was revoked, and whether `jti` was seen before.
#[derive(Clone)]
pub struct Validator {
    /// One for each issuer; never none.
    pub(super) rules: Arc<[Rules]>,
    pub(super) cache: Arc<VerifiedCache>,
    /// That of the last token that was verified, which is likely to be that of the next.
    pub(super) known_header: Arc<ArcSwapOption<KnownHeader>>,
}

impl Issuer {
    /// A validator of this issuer's tokens for the API with this audience (`aud`).
    pub fn validator(&self, audience: impl Into<String>) -> Validator {
        Validator {
            rules: Arc::new([Rules {
                mark: Arc::new(()),
                issuer: self.clone(),
                audiences: vec![audience.into().into()],
                algorithms: None,
                leeway: Duration::from_secs(60),
                max_token_bytes: 16 * 1024,
                strict_profile: false,
                ignore_binding: false,
                allow_unscoped: false,
                role_pointers: Vec::new(),
                checks: Vec::new(),
            }]),
            cache: Arc::default(),
            known_header: Arc::new(ArcSwapOption::empty()),
        }
    }
}

impl Validator {
    /// A validator for the tokens of several issuers: each has its own audiences, algorithms, keys and settings, and is chosen by
    /// the token's `iss`. What is set on the new one is set for all of them.
    ///
    /// # Errors
    /// None, or two for one issuer.
    ///
    /// ```
    /// use tower_bearer::{Issuer, Validator};
    ///
    /// let staff = Issuer::new("https://staff.example.com")?.validator("api://orders");
    /// let shops = Issuer::new("https://shops.example.com")?.validator("orders");
    /// let validator = Validator::any_of([staff, shops])?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn any_of(validators: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        let mut validators = validators.into_iter().peekable();
        if validators.peek().is_none() {
            return Err(Error::configuration("Validator::any_of(..) was given no validator"));
        }
        let validators: Vec<Self> = validators.collect();
        // Off where one of them has turned it off.
        let widest = validators.iter().map(|one| &one.cache).max_by_key(|cache| cache.bytes());
        let off = validators.iter().map(|one| &one.cache).find(|cache| cache.is_off());
        let cache = off.or(widest).map(|cache| Arc::new(cache.emptied())).unwrap_or_default();
        let rules: Vec<Rules> = validators.iter().flat_map(|one| one.rules.to_vec()).collect();
        for (place, one) in rules.iter().enumerate() {
            let mut before = rules.iter().take(place);
            if before.any(|other| one.issuer.identity().overlaps(other.issuer.identity())) {
                return Err(Error::configuration(format!(
                    "Validator::any_of(..) was given two validators for tokens of {}: put both audiences into one, by audience(..)",
                    one.issuer.identifier()
                )));
            }
        }
        Ok(Self { rules: rules.into(), cache, known_header: Arc::new(ArcSwapOption::empty()) }.change(|_| {}))
    }

    fn change(mut self, change: impl Fn(&mut Rules)) -> Self {
        let mark = Arc::new(());
        Arc::make_mut(&mut self.rules).iter_mut().for_each(|rules| {
            change(rules);
            rules.mark = Arc::clone(&mark);
        });
        // What other rules have let through is nothing to go by.
        self.cache = Arc::new(self.cache.emptied());
        self
    }

    /// Accepts this audience as well.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        let audience: Arc<str> = audience.into().into();
        self.change(|rules| rules.audiences.push(Arc::clone(&audience)))
    }

    /// Accepts these algorithms only. Without this call: all asymmetric ones, and those of keys that were given by
    /// [`Issuer::with_decoding_key`]. Of none: no token is accepted.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let algorithms: Vec<_> = algorithms.into_iter().collect();
        self.change(|rules| rules.algorithms = Some(algorithms.clone()))
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
    ///
    /// # Errors
    /// Not a JSON pointer, or one to the claims as a whole.
    ///
    /// ```
    /// let issuer = tower_bearer::Issuer::new("https://login.example.com/realms/acme")?;
    /// let validator = issuer.validator("orders").roles_at("/realm_access/roles")?;
    /// # Ok::<(), tower_bearer::Error>(())
    /// ```
    pub fn roles_at(self, pointer: impl Into<String>) -> Result<Self, Error> {
        let pointer: String = pointer.into();
        let is_escaped = pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        if !(pointer.starts_with('/') && is_escaped) {
            return Err(Error::configuration(
                "roles_at(..) is not a JSON pointer to a member (RFC 6901): write one that starts with a slash, such as \
                 `/realm_access/roles`, with `~0` for `~` and `~1` for a slash in a name",
            ));
        }
        Ok(self.change(|rules| rules.role_pointers.push(pointer.clone())))
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
        let check: Arc<OwnCheck> = Arc::new(check);
        self.change(|rules| rules.checks.push(Arc::clone(&check)))
    }

    /// Accepts tokens with `cnf` as if they were not bound to a key (RFC 7800). Whoever steals such a token can then use
    /// it here, which is what the binding is there to prevent.
    pub fn dangerous_ignore_binding(self) -> Self {
        self.change(|rules| rules.ignore_binding = true)
    }

    /// Lets the cache of verified tokens weigh so many bytes: 32 MiB, unless set. What the types that handlers ask for will take is
    /// estimated from the length of a token: claims of very many small parts take more. It saves computing the signature of a token that
    /// was seen before; everything that may change (times, keys, your checks) is still checked on each request. Once it is full, a token
    /// is kept when it comes a second time, so that those which are used once push nobody out. Clones share it.
    pub fn cache_bytes(self, bytes: usize) -> Self {
        Self { cache: Arc::new(VerifiedCache::with_bytes(bytes)), ..self }
    }

    /// Computes the signature of every token on every request.
    pub fn without_cache(self) -> Self {
        self.cache_bytes(0)
    }

    /// Accepts tokens of applications that have no role (Entra). Any application in the tenant gets such a token, whether somebody
    /// let it use this API or not.
    pub fn dangerous_allow_unscoped(self) -> Self {
        self.change(|rules| rules.allow_unscoped = true)
    }

    /// The same, with verified tokens in this cache, unless it has turned its own off.
    pub(crate) fn sharing(self, cache: &Arc<VerifiedCache>) -> Self {
        if self.cache.is_off() { self } else { Self { cache: Arc::clone(cache), ..self } }
    }

    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.rules.iter().map(|rules| &rules.issuer)
    }

    /// The audience to name to callers: none where it differs from issuer to issuer.
    pub(crate) fn audience_of_all(&self) -> Option<&str> {
        let mut first = self.rules.iter().map(|rules| rules.audiences.first().map(AsRef::as_ref));
        let audience = first.next()?;
        first.all(|other| other == audience).then_some(audience)?
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<_> = self.rules.iter().map(|rules| &rules.issuer).collect();
        f.debug_struct("Validator").field("issuers", &issuers).finish_non_exhaustive()
    }
}
