//! [`KeySource`]: how the keys of an issuer are fetched.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::DATE;

use super::freshness;
use super::key_set::Keys;
use super::metadata::Metadata;
use super::revision::Revision;
use super::snapshot::Snapshot;
use crate::clock::Clock;
use crate::error::Error;
use crate::jose::JwkSet;
use crate::kept_fresh::{KeptFresh, Loaded, PATIENCE};
use crate::transport::{Document, GetError, Received, Transport, Url};

const WHAT: &str = "the issuer's key set";

/// What is needed to fetch keys.
#[derive(Clone)]
pub(super) struct KeySource {
    pub(super) issuer: Arc<str>,
    pub(super) transport: Transport,
    /// Where the keys are, if that was set and is not to be looked up in the metadata.
    pub(super) jwks_url: Option<Url>,
    pub(super) metadata: KeptFresh<Arc<Metadata>, Error>,
    pub(super) grace: Duration,
    pub(super) clock: Clock,
}

impl KeySource {
    pub(super) async fn load(self, previous: Option<Keys>) -> Result<Loaded<Snapshot>, Error> {
        let issuer = Arc::clone(&self.issuer);
        self.fetch(previous.as_ref().map(|held| &held.value))
            .await
            .inspect_err(|error| tracing::warn!(%issuer, %error, "keys could not be fetched"))
    }

    async fn fetch(&self, previous: Option<&Snapshot>) -> Result<Loaded<Snapshot>, Error> {
        let asked_at = self.clock.wall();
        let (url, document) = self.document(previous).await?;
        let (mut snapshot, headers) = match (document, previous) {
            (Document::NotModified { headers }, Some(previous)) => (previous.clone(), headers),
            (Document::NotModified { .. }, None) => return Err(Error::unavailable(format!("{WHAT} was not sent"))),
            (Document::New { body, headers }, previous) => {
                let received = || Received::new(&headers, &body);
                let set = JwkSet::parse(&body)
                    .map_err(|error| Error::unavailable(format!("{error} (from {url}: {})", received())))?;
                let mut snapshot = Snapshot::from_jwks(set, previous, Some(self.clock.monotonic()));
                if snapshot.keys().is_empty() {
                    let first =
                        snapshot.skipped().first().map(|key| format!("; the first is skipped: {}", key.reason()));
                    return Err(Error::unavailable(format!(
                        "{WHAT} has no key that can be used{} (from {url}: {})",
                        first.unwrap_or_default(),
                        received()
                    )));
                }
                snapshot.revision = Revision::of(&url, &headers);
                (snapshot, headers)
            }
        };
        snapshot.dated = dated(&headers);
        snapshot.as_of = as_of(snapshot.dated, asked_at);
        Ok(Loaded { value: snapshot, lifetime: freshness::lifetime(&headers, self.grace) })
    }

    /// The document, and where it was found.
    async fn document(&self, previous: Option<&Snapshot>) -> Result<(Url, Document), Error> {
        if let Some(url) = &self.jwks_url {
            return Ok((url.clone(), self.get(url, previous).await?));
        }
        let began = self.clock.monotonic();
        let metadata = self.metadata.get().await?;
        let url = metadata.value.keys_url()?.clone();
        match self.get(&url, previous).await {
            Ok(document) => Ok((url, document)),
            // The keys may have moved since the metadata was read.
            Err(error) if error.is_missing() && !metadata.loaded_since(began) => {
                let renewed = self.metadata.newer_than(&metadata, PATIENCE).await?;
                let moved = renewed.value.keys_url()?;
                if *moved == url {
                    return Err(error.into());
                }
                Ok((moved.clone(), self.get(moved, previous).await?))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn get(&self, url: &Url, previous: Option<&Snapshot>) -> Result<Document, GetError> {
        let revision = previous.and_then(|snapshot| snapshot.revision.as_ref());
        self.transport.get(WHAT, url, revision.and_then(|revision| revision.at(url))).await
    }
}

/// When the answer was sent by the clock of the issuer, whose tokens are compared with it; a proxy's copy has the date of the original
/// (RFC 9110 §6.6.1, RFC 9111 §4.2.3).
fn dated(headers: &HeaderMap) -> Option<SystemTime> {
    headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
}

/// Of which moment the answer is at the latest. A date and the times in tokens are cut to seconds, hence the second before.
fn as_of(dated: Option<SystemTime>, asked_at: SystemTime) -> SystemTime {
    let second_before = dated.and_then(|date| date.checked_sub(Duration::from_secs(1)));
    second_before.map_or(asked_at, |date| date.min(asked_at))
}
