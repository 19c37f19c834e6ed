//! What an issuer may be told: where things are fetched, or that keys are given, and by whom requests are sent.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use jsonwebtoken::DecodingKey;
use tower_service::Service;

use super::{Issuer, Settings};
#[cfg(feature = "testing")]
use crate::clock::Clock;
use crate::error::Error;
use crate::jose::{Algorithm, VerifyingKey};
use crate::transport::Url;

impl Issuer {
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
}
