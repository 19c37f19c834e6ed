//! [`Issuer`]: an authorization server that we trust, and how its metadata and keys are had.

mod freshness;
mod key_set;
mod metadata;
mod status;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use jsonwebtoken::DecodingKey;
use tower_service::Service;

use self::key_set::Key;
pub(crate) use self::key_set::{KeySet, Keys, Miss};
pub use self::metadata::Metadata;
pub use self::status::{IssuerStatus, KeyStatus};

use self::freshness::METADATA_COOL_DOWN;
use self::key_set::GivenKeys;
use self::metadata::Source;
use crate::clock::Clock;
use crate::error::Error;
use crate::jose::{Algorithm, VerifyingKey};
use crate::kept_fresh::{KeptFresh, NoOutcome};
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
        Ok(Self::with(Settings {
            source: Source {
                identifier: identifier.into(),
                metadata_url: None,
                jwks_url: None,
                token_endpoint: None,
                transport: Transport::default(),
            },
            given: GivenKeys::default(),
            clock: Clock::default(),
        }))
    }

    fn with(settings: Settings) -> Self {
        let clock = settings.clock.clone();
        let source = settings.source.clone();
        let (issuer, transport) = (source.identifier.clone(), source.transport.clone());
        let jwks_url = source.jwks_url.clone();
        let metadata = KeptFresh::new(clock.clone(), METADATA_COOL_DOWN, move |previous| source.clone().load(previous));
        let keys = if settings.given.is_empty() {
            KeySet::fetched(issuer, transport, jwks_url, metadata.clone(), clock)
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
    /// Not an absolute http or https URL.
    pub fn jwks_url(self, url: &str) -> Result<Self, Error> {
        let url = Url::parse("jwks_url(..)", url)?;
        Ok(self.change(|settings| settings.source.jwks_url = Some(url)))
    }

    /// Gets tokens here, whatever the metadata says.
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
    /// [`status`](Self::status).
    pub fn with_jwks(self, json: impl AsRef<[u8]>) -> Result<Self, Error> {
        let mut given = self.shared.settings.given.clone();
        given.add_jwks(json.as_ref())?;
        Ok(self.change(|settings| settings.given = given))
    }

    /// Trusts this key for this algorithm and fetches none. Call it again for more.
    ///
    /// For applications that have a `jsonwebtoken::DecodingKey` from PEM, DER or a secret. This is the only way to a
    /// symmetric algorithm: whoever can verify an HS256 token can also make one.
    ///
    /// # Errors
    /// The key does not fit the algorithm, is malformed, or is too short (RFC 7518 §3.2, §3.3).
    pub fn with_decoding_key(
        self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        key: &DecodingKey,
    ) -> Result<Self, Error> {
        let key = VerifyingKey::from_decoding_key(algorithm, key)
            .map_err(|reason| Error::configuration(format!("with_decoding_key(..) for {algorithm}: {reason}")))?;
        Ok(self.change(|settings| settings.given.add(key_id, key)))
    }

    /// Sends requests through this tower service, for an own certificate authority, proxy, mTLS or retries.
    ///
    /// It is cloned for each request and need not be `Sync`. Ours stay the time-out (5 s), the longest body (1 MiB) and
    /// the rule of https; redirects are the service's business: it should follow none.
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

    #[cfg(feature = "testing")]
    pub(crate) fn with_clock(self, clock: Clock) -> Self {
        self.change(|settings| settings.clock = clock)
    }

    /// The identifier, as it was given.
    pub fn identifier(&self) -> &str {
        &self.shared.settings.source.identifier
    }

    /// Waits until keys are there, at most 10 seconds: for services that want to fail fast at the start.
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
        let describe =
            |key: &Arc<Key>| KeyStatus { key_id: key.id().map(str::to_owned), algorithms: key.algorithms().collect() };
        let fetched = matches!(keys, KeySet::Fetched(_));
        IssuerStatus {
            is_ready: keys.serves(),
            keys: snapshot.map(|snapshot| snapshot.keys().iter().map(describe).collect()).unwrap_or_default(),
            skipped: snapshot.map(|snapshot| snapshot.skipped().to_vec()).unwrap_or_default(),
            age: held.filter(|_| fetched).map(|held| held.age(self.shared.settings.clock.monotonic())),
            last_error: keys.last_error(),
            next_attempt_in: keys.next_attempt_in(),
        }
    }

    pub(crate) fn keys(&self) -> &KeySet {
        &self.shared.keys
    }

    pub(crate) fn has_given_keys(&self) -> bool {
        !self.shared.settings.given.is_empty()
    }

    pub(crate) fn shared_identifier(&self) -> &Arc<str> {
        &self.shared.settings.source.identifier
    }

    pub(crate) fn time(&self) -> &Clock {
        &self.shared.settings.clock
    }
}

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
