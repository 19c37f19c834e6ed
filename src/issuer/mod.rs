//! [`Issuer`]: an authorization server that we trust, and how its metadata and keys are had.

mod document;
mod freshness;
mod given_keys;
mod identity;
mod key_set;
mod key_source;
mod metadata;
mod providers;
mod revision;
mod settings;
mod snapshot;
mod status;
// Set by the presets; asked by `client` alone.
#[cfg_attr(not(feature = "client"), allow(dead_code))]
mod token_endpoint;
mod token_profile;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::identity::Identity;
pub(crate) use self::key_set::{KeySet, Keys, Miss};
pub use self::metadata::Metadata;
pub use self::providers::Entra;
pub(crate) use self::providers::is_guid;
pub(crate) use self::snapshot::Key;
pub use self::status::{IssuerStatus, KeyStatus};
#[cfg(feature = "client")]
pub(crate) use self::token_endpoint::TokenUrl;
pub(crate) use self::token_profile::{AccessMark, ActorMark, PersonClaim, TokenProfile};

use self::freshness::{GRACE, METADATA_COOL_DOWN};
use self::given_keys::GivenKeys;
use self::key_source::KeySource;
use self::metadata::Source;
use self::token_endpoint::TokenEndpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::kept_fresh::{KeptFresh, LoadError, NoOutcome};
use crate::transport::{Transport, Url};

/// An authorization server that we trust: the `iss` of tokens (RFC 7519 §4.1.1), and where its keys are.
///
/// Making one does no I/O. Its keys are found by OpenID Connect Discovery or RFC 8414 when the first token comes, and
/// kept fresh from then on: renewed in the background before they run out, and kept through an outage of up to 24 hours.
/// [`ready`](Self::ready) fetches them at once, for services that want to fail fast.
///
/// Time-outs need the timer of a tokio runtime (`enable_time`); on another executor, requests are bounded by the
/// [`transport`](Self::transport) alone.
///
/// # Panics
/// Fetching panics on a tokio runtime that was built without `enable_time`.
///
/// Clones share keys. The settings come first: each makes an issuer of its own, which has fetched nothing yet.
///
/// ```
/// use tower_bearer::Issuer;
///
/// let issuer = Issuer::new("https://login.example.com/realms/acme")?;
/// let validator = issuer.validator("api://orders");
/// # Ok::<(), tower_bearer::Error>(())
/// ```
#[derive(Clone)]
pub struct Issuer {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    metadata: KeptFresh<Arc<Metadata>, Error>,
    keys: KeySet,
}

#[derive(Clone)]
struct Settings {
    source: Source,
    given: GivenKeys,
    clock: Clock,
    identity: Identity,
    profile: TokenProfile,
    token_endpoint: TokenEndpoint,
}

impl Issuer {
    /// The issuer with this identifier, which is kept letter by letter: `https://a.example` and `https://a.example/`
    /// are two issuers.
    ///
    /// # Errors
    /// The identifier is empty, or has white space or control characters in it.
    pub fn new(identifier: impl Into<String>) -> Result<Self, Error> {
        let identifier: String = identifier.into();
        if identifier.is_empty() || identifier.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::configuration(
                "the issuer identifier is empty or has white space in it: write the `iss` of its tokens, letter by letter",
            ));
        }
        Ok(Self::of_provider(identifier.into(), None, TokenProfile::RFC, None))
    }

    /// An issuer whose tokens are not those of the RFCs alone; `identity` where there is more than one `iss`.
    fn of_provider(
        identifier: Arc<str>,
        identity: Option<Identity>,
        profile: TokenProfile,
        metadata_url: Option<Url>,
    ) -> Self {
        let one = Identity::One { identifier: Arc::clone(&identifier), aliases: &[] };
        Self::with(Settings {
            source: Source {
                identifier,
                metadata_url,
                jwks_url: None,
                token_endpoint: None,
                transport: Transport::default(),
                grace: GRACE,
            },
            given: GivenKeys::default(),
            clock: Clock::default(),
            identity: identity.unwrap_or(one),
            profile,
            token_endpoint: TokenEndpoint::Rfc,
        })
    }

    fn with_profile(self, profile: TokenProfile) -> Self {
        self.change(|settings| settings.profile = profile)
    }

    fn with(settings: Settings) -> Self {
        let clock = settings.clock.clone();
        let source = settings.source.clone();
        let metadata = KeptFresh::new(clock.clone(), METADATA_COOL_DOWN, move |previous| source.clone().load(previous));
        let keys = if settings.given.is_empty() {
            let source = &settings.source;
            let source = KeySource {
                issuer: Arc::clone(&source.identifier),
                transport: source.transport.clone(),
                jwks_url: source.jwks_url.clone(),
                metadata: metadata.clone(),
                grace: source.grace,
                clock: clock.clone(),
            };
            KeySet::fetched(source, clock)
        } else {
            KeySet::fixed(settings.given.snapshot(), &clock)
        };
        Self { shared: Arc::new(Shared { settings, metadata, keys }) }
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared.settings.clone();
        change(&mut settings);
        Self::with(settings)
    }

    /// The identifier, as it was given; with [`Entra`] and more than one tenant, with `{tenantid}` for the tenant.
    pub fn identifier(&self) -> &str {
        &self.shared.settings.source.identifier
    }

    /// Waits until keys are there, at most 10 seconds: for services that want to fail fast at the start, and for readiness
    /// probes. Once keys were had it returns at once, during an outage too, until their [`grace`](Self::grace) has ended.
    ///
    /// Without keys it asks the issuer, at most once in 15 seconds, so that a service to which nobody sends requests before it
    /// is ready gets ready by being probed.
    ///
    /// # Errors
    /// The metadata or the keys could not be had, and why.
    pub async fn ready(&self) -> Result<(), Error> {
        self.shared.keys.get().await.map(drop)
    }

    /// What the issuer says of itself, fetched where that is needed.
    ///
    /// # Errors
    /// The document could not be fetched, or is for another issuer.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        self.shared.metadata.get().await.map(|held| held.value.clone())
    }

    /// How the keys stand. Starts nothing.
    pub fn status(&self) -> IssuerStatus {
        let keys = &self.shared.keys;
        let held = keys.peek();
        let snapshot = held.as_ref().map(|held| &held.value);
        let now = self.shared.settings.clock.monotonic();
        let describe = |key: &Arc<Key>| KeyStatus {
            key_id: key.id().map(str::to_owned),
            algorithms: key.algorithms().collect(),
            age: key.age(now),
        };
        let fetched = matches!(keys, KeySet::Fetched(_));
        IssuerStatus {
            is_ready: keys.serves(),
            keys: snapshot.map(|snapshot| snapshot.keys().iter().map(describe).collect()).unwrap_or_default(),
            skipped: snapshot.map(|snapshot| snapshot.skipped().to_vec()).unwrap_or_default(),
            age: held.filter(|_| fetched).map(|held| held.age(now)),
            last_error: keys.last_error().or_else(|| self.shared.metadata.failure().map(|failure| failure.error)),
            next_attempt_in: keys.next_attempt_in(),
        }
    }

    #[inline]
    pub(crate) fn keys(&self) -> &KeySet {
        &self.shared.keys
    }

    pub(crate) fn has_given_keys(&self) -> bool {
        !self.shared.settings.given.is_empty()
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.shared.settings.identity
    }

    /// Whether its tokens name a tenant in `iss`.
    pub(crate) fn has_tenants(&self) -> bool {
        matches!(self.identity(), Identity::Tenants(_))
    }

    pub(crate) fn profile(&self) -> &TokenProfile {
        &self.shared.settings.profile
    }

    #[inline]
    pub(crate) fn time(&self) -> &Clock {
        &self.shared.settings.clock
    }
}

impl LoadError for Error {}

impl From<NoOutcome> for Error {
    fn from(none: NoOutcome) -> Self {
        Self::unavailable(match none {
            NoOutcome::Died => "fetching from the issuer was cut off twice: the runtime or the transport went away",
            NoOutcome::StillLoading => "the issuer has not answered in time; fetching goes on",
        })
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("identifier", &self.identifier()).finish_non_exhaustive()
    }
}
