//! [`AllowedIssuers`]: issuers that are not known before their tokens come, such as those of a product's customers.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::check::{Check, Failure};
use super::rejection::{Rejection, RejectionKind as Kind};
use super::rules::Rules;
use super::validator::{Validator, Verification};
use super::verified_cache::VerifiedCache;
use super::verified_token::VerifiedToken;

/// How many issuers are held, unless set.
const AT_MOST: usize = 1_000;

/// Validators for issuers that a function of yours allows, made when their first token comes and held for as long as there is
/// room.
///
/// The function is asked with the `iss` of a token **of which nothing is verified yet**. It decides by a list or a table of yours which
/// issuers are trusted, without waiting, and says `None` for all others. One that allows whatever comes would trust everybody, and
/// make the service fetch keys from where a stranger points it.
///
/// A validator is held for its issuer: what the function says later about the same issuer counts once that one was
/// [forgotten](Self::forget) or pushed out by others. Tokens that were verified share one cache.
///
/// ```
/// use tower_bearer::{AllowedIssuers, BearerLayer, Issuer};
///
/// let tenants = ["acme", "globex"];
/// let issuers = AllowedIssuers::new(move |issuer| {
///     let name = issuer.strip_prefix("https://login.example.com/realms/")?;
///     tenants.contains(&name).then(|| Issuer::new(issuer).ok())?.map(|issuer| issuer.validator("api://orders"))
/// });
/// let layer = BearerLayer::new(issuers);
/// ```
#[derive(Clone)]
pub struct AllowedIssuers {
    allow: Arc<Allow>,
    held: Arc<Cache<String, Validator>>,
    verified: Arc<VerifiedCache>,
}

type Allow = dyn Fn(&str) -> Option<Validator> + Send + Sync;

impl AllowedIssuers {
    /// Issuers for whose `iss` this function gives a validator. 1,000 of them are held, unless [set](Self::at_most).
    pub fn new<F>(allow: F) -> Self
    where
        F: Fn(&str) -> Option<Validator> + Send + Sync + 'static,
    {
        Self { allow: Arc::new(allow), held: Arc::new(Cache::new(AT_MOST)), verified: Arc::default() }
    }

    /// Holds so many issuers at most, with their keys. Those whose tokens come seldom are dropped first; what is dropped is made and
    /// fetched anew when its next token comes.
    pub fn at_most(self, issuers: usize) -> Self {
        Self { held: Arc::new(Cache::new(issuers.max(1))), ..self }
    }

    /// Forgets an issuer, for one that was withdrawn or set up anew: the function is asked again at its next token.
    pub fn forget(&self, issuer: &str) {
        self.held.remove(issuer);
    }

    /// How many issuers are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no issuer is held yet.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Checks a token, fetching keys where that is needed.
    ///
    /// # Errors
    /// As [`Validator::verify`]; for an issuer that is not allowed, [`RejectionKind::UnknownIssuer`](Kind::UnknownIssuer).
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, Rejection> {
        self.of(token)?.verify(token).await
    }

    pub(crate) fn start(&self, token: &str) -> Verification {
        match self.of(token) {
            Ok(validator) => validator.start(token),
            Err(rejection) => Verification::Done(Err(rejection)),
        }
    }

    /// The validator for this token.
    fn of(&self, token: &str) -> Result<Validator, Rejection> {
        // A token that was verified before names its issuer without being read again.
        if let Some(validator) = self.verified.get(token).and_then(|seen| self.held.get(&*seen.issuer)) {
            return Ok(validator);
        }
        let issuer = Rules::unverified_issuer(token)?;
        self.held
            .get_or_insert_with(issuer.as_str(), || {
                let validator = (self.allow)(&issuer).ok_or(Kind::UnknownIssuer)?;
                Ok::<_, Kind>(validator.sharing(&self.verified))
            })
            .map_err(Rejection::from)
    }
}

impl fmt::Debug for AllowedIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowedIssuers").field("held", &self.len()).finish_non_exhaustive()
    }
}
