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
mod snapshot;
mod status;
// Set by the presets; asked by `client` alone.
#[cfg_attr(not(feature = "client"), allow(dead_code))]
mod token_endpoint;
mod token_profile;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use jsonwebtoken::DecodingKey;
use tower_service::Service;

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
use crate::jose::{Algorithm, VerifyingKey};
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

    /// Fetches the metadata from here, and not from the place that the identifier implies. The document's `issuer` must
    /// still equal the identifier.
    ///
    /// # Errors
    /// Not an absolute http or https URL.
    pub fn metadata_url(self, url: &str) -> Result<Self, Error> {
        let url = Url::parse("metadata_url(..)", url)?;
        Ok(self.change(|settings| settings.source.metadata_url = Some(url)))
    }

    /// Fetches the keys from here; the metadata is then not needed to validate tokens.
    ///
    /// # Errors
    /// Not an absolute http or https URL, or keys were given.
    pub fn jwks_url(self, url: &str) -> Result<Self, Error> {
        let url = Url::parse("jwks_url(..)", url)?;
        self.change(|settings| settings.source.jwks_url = Some(url)).with_keys_from_one_place()
    }

    /// Gets tokens here, whatever the metadata says. The metadata is then not asked how a client's secret is sent either:
    /// `Credential::secret` sends it in the header, with Microsoft in the form.
    ///
    /// # Errors
    /// Not an absolute http or https URL.
    pub fn token_endpoint(self, url: &str) -> Result<Self, Error> {
        let url = Url::parse("token_endpoint(..)", url)?;
        Ok(self.change(|settings| settings.source.token_endpoint = Some(url)))
    }

    /// Trusts the keys of this JWK Set (RFC 7517 §5) and fetches none. Call it again for more.
    ///
    /// # Errors
    /// Not a JWK Set, or no key in it can be used. Single keys that can't be used are skipped; see
    /// [`status`](Self::status). Or [`jwks_url`](Self::jwks_url) is set.
    pub fn with_jwks(self, json: impl AsRef<[u8]>) -> Result<Self, Error> {
        let mut given = self.shared.settings.given.clone();
        given.add_jwks(json.as_ref())?;
        self.change(|settings| settings.given = given).with_keys_from_one_place()
    }

    /// Trusts this key for this algorithm and fetches none. Call it again for more.
    ///
    /// For applications that have a `jsonwebtoken::DecodingKey` from PEM, DER or a secret. This is the only way to a
    /// symmetric algorithm: whoever can verify an HS256 token can also make one.
    ///
    /// # Errors
    /// The key does not fit the algorithm, is malformed, or is too short (RFC 7518 §3.2, §3.3). Or
    /// [`jwks_url`](Self::jwks_url) is set.
    pub fn with_decoding_key(
        self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        key: &DecodingKey,
    ) -> Result<Self, Error> {
        let key = VerifyingKey::from_decoding_key(algorithm, key)
            .map_err(|reason| Error::configuration(format!("with_decoding_key(..) for {algorithm}: {reason}")))?;
        self.change(|settings| settings.given.add(key_id, key)).with_keys_from_one_place()
    }

    /// Itself, unless one of two settings would do nothing.
    fn with_keys_from_one_place(self) -> Result<Self, Error> {
        let Settings { source, given, .. } = &self.shared.settings;
        if source.jwks_url.is_some() && !given.is_empty() {
            return Err(Error::configuration(
                "keys are either given, by with_jwks(..) or with_decoding_key(..), or fetched, by jwks_url(..): leave one out",
            ));
        }
        Ok(self)
    }

    /// Sends requests through this tower service, for an own certificate authority, proxy, mTLS or retries.
    ///
    /// It is cloned for each request and need not be `Sync`. Ours stay the time-out (5 s, for tokens 10 s), the longest body (1 MiB)
    /// and the rule of https; redirects are the service's business: it should follow none, or a client's secret goes along.
    pub fn transport<S, B>(self, service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.change(|settings| settings.source.transport = settings.source.transport.clone().through(service))
    }

    /// Fetches over plain http from other machines too. Whoever sits on the way can then replace the keys, and so make
    /// tokens that are accepted. Loopback addresses need no such call.
    pub fn dangerous_allow_http(self) -> Self {
        self.change(|settings| settings.source.transport.dangerous_allow_http = true)
    }

    /// How long metadata and keys serve while newer ones can't be had, counted from the last success: 24 hours, unless set. They
    /// serve for their own life (see the [defaults](crate::manual::defaults)) in any case.
    ///
    /// A shorter time ends sooner what a withdrawn key can do during an outage; a longer one lets callers in for longer.
    pub fn grace(self, grace: Duration) -> Self {
        self.change(|settings| settings.source.grace = grace)
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_clock(self, clock: Clock) -> Self {
        self.change(|settings| settings.clock = clock)
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
