//! [`Key`]: what signs assertions, and where it is.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::function::{self, Failed};
use super::reread::{Content, Reread};
use crate::client::TokenError;
use crate::error::Error;
use crate::jose::{Algorithm, Certificate, KeyPemError, SigningKey, SkipReason, VerifyingKey};
use crate::kept_fresh::BoxFuture;

/// What servers that know `x5t#S256` want certificates' keys to sign with.
const PS256: Algorithm = Algorithm::PS256;
/// What goes with `x5t`.
const RS256: Algorithm = Algorithm::RS256;
/// How far the clock of those who issue certificates may be ahead of ours.
const LEEWAY: Duration = Duration::from_secs(5 * 60);

/// A key, which may be replaced.
#[derive(Clone)]
pub(super) enum Key {
    Fixed(Arc<Pair>),
    Files(Arc<Reread<Pair>>),
}

/// A key and its certificates, as they belong together.
pub(super) struct Pair {
    signer: Signer,
    /// Of the key, first, and of those who issued it. None for a bare key.
    chain: Vec<Certificate>,
}

enum Signer {
    One(SigningKey),
    /// The same key for both algorithms.
    Rsa {
        ps256: SigningKey,
        rs256: SigningKey,
    },
    Elsewhere {
        algorithm: Algorithm,
        sign: Arc<SignFn>,
    },
}

type SignFn = dyn Fn(Algorithm, Bytes) -> BoxFuture<Result<Vec<u8>, Failed>> + Send + Sync;

impl Key {
    pub(super) fn private(key: SigningKey) -> Self {
        Self::fixed(Signer::One(key), Vec::new())
    }

    pub(super) fn private_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, Error> {
        Ok(Self::Fixed(Arc::new(private_pair(algorithm, pem)?)))
    }

    pub(super) fn private_file(algorithm: Algorithm, path: &Path) -> Result<Self, Error> {
        let parse = move |contents: &[Content]| private_pair(algorithm, contents.first().map_or(&[][..], |pem| pem));
        Ok(Self::Files(Arc::new(Reread::new(vec![path.to_owned()], parse)?)))
    }

    pub(super) fn certificate(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, Error> {
        Ok(Self::Fixed(Arc::new(certificate_pair(certificate_pem, key_pem)?)))
    }

    pub(super) fn certificate_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let paths: Vec<PathBuf> = vec![certificate.to_owned(), key.to_owned()];
        let parse = |contents: &[Content]| match contents {
            [certificate, key] => certificate_pair(certificate, key),
            _ => Err(Error::configuration("a certificate and its key are two files")),
        };
        Ok(Self::Files(Arc::new(Reread::new(paths, parse)?)))
    }

    pub(super) fn elsewhere<S, F, E>(algorithm: Algorithm, sign: S) -> Self
    where
        S: Fn(Algorithm, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
    {
        Self::fixed(signer_elsewhere(algorithm, sign), Vec::new())
    }

    pub(super) fn certificate_elsewhere<S, F, E>(certificate_pem: &[u8], sign: S) -> Result<Self, Error>
    where
        S: Fn(Algorithm, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
    {
        let (chain, _) = chain(certificate_pem)?;
        Ok(Self::fixed(signer_elsewhere(PS256, sign), chain))
    }

    fn fixed(signer: Signer, chain: Vec<Certificate>) -> Self {
        Self::Fixed(Arc::new(Pair { signer, chain }))
    }

    pub(super) fn is_of_certificate(&self) -> bool {
        let pair = match self {
            Self::Fixed(pair) => Arc::clone(pair),
            Self::Files(files) => files.last(),
        };
        !pair.chain.is_empty()
    }

    /// The key of now.
    pub(super) async fn current(&self) -> Arc<Pair> {
        match self {
            Self::Fixed(pair) => Arc::clone(pair),
            Self::Files(files) => files.current().await,
        }
    }
}

impl Pair {
    pub(super) fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Whether its certificate has run out, if it has one.
    pub(super) fn has_run_out(&self, now: SystemTime) -> bool {
        self.chain.first().is_some_and(|own| has_run_out(own, now))
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        match &self.signer {
            Signer::One(key) => key.key_id(),
            Signer::Rsa { .. } | Signer::Elsewhere { .. } => None,
        }
    }

    /// What it signs with: `older` for the older of two.
    pub(super) fn algorithm(&self, older: bool) -> Algorithm {
        match &self.signer {
            Signer::One(key) => key.algorithm(),
            _ if older => RS256,
            Signer::Rsa { .. } => PS256,
            Signer::Elsewhere { algorithm, .. } => *algorithm,
        }
    }

    pub(super) async fn sign(&self, algorithm: Algorithm, message: Bytes) -> Result<Vec<u8>, TokenError> {
        let key = match &self.signer {
            Signer::One(key) => key,
            Signer::Rsa { rs256, .. } if algorithm == RS256 => rs256,
            Signer::Rsa { ps256, .. } => ps256,
            Signer::Elsewhere { sign, .. } => return self.signed_elsewhere(sign, algorithm, message).await,
        };
        key.sign(&message).map_err(|error| TokenError::refused(format!("no assertion can be signed: {error}")))
    }

    async fn signed_elsewhere(
        &self,
        sign: &Arc<SignFn>,
        algorithm: Algorithm,
        message: Bytes,
    ) -> Result<Vec<u8>, TokenError> {
        let refused = |what: &str| {
            let message = format!(
                "the function given to Credential::signer(..) or certificate_signer(..) gave a signature {what}"
            );
            TokenError::refused(message)
        };
        let signature = sign(algorithm, message.clone()).await.map_err(|failed| {
            let message = format!("the function given to Credential::signer(..) or certificate_signer(..) {failed}");
            TokenError::unavailable(message, None)
        })?;
        if signature_length(algorithm).is_some_and(|length| signature.len() != length) || signature.is_empty() {
            return Err(refused(
                "of another length than its algorithm's; for ECDSA it has to be the two numbers side by side (RFC 7518 §3.4), not DER",
            ));
        }
        let own = self.chain.first().map(|own| own.verifying_key(algorithm));
        let fits =
            |key: Result<VerifyingKey, _>| key.is_ok_and(|key| key.verify_detached(&message, &signature).is_ok());
        if own.is_some_and(|key| !fits(key)) {
            return Err(refused("that is not of the certificate's key"));
        }
        Ok(signature)
    }
}

/// How many bytes a signature has, where that depends on nothing but the algorithm.
fn signature_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::ES256 | Algorithm::EdDSA | Algorithm::Ed25519 => Some(64),
        Algorithm::ES384 => Some(96),
        Algorithm::ES512 => Some(132),
        _ => None,
    }
}

fn private_pair(algorithm: Algorithm, pem: &[u8]) -> Result<Pair, Error> {
    let key = SigningKey::from_pem(algorithm, pem)
        .map_err(|error| Error::configuration(format!("the client's private key can't be used: {error}")))?;
    Ok(Pair { signer: Signer::One(key), chain: Vec::new() })
}

fn certificate_pair(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Pair, Error> {
    let (chain, own) = chain(certificate_pem)?;
    let key = |algorithm| {
        SigningKey::from_pem(algorithm, key_pem).map_err(|error| {
            let why = match error {
                KeyPemError::AnotherKind { .. } => RSA_ALONE,
                _ => "",
            };
            Error::configuration(format!("the key of the client's certificate can't be used: {error}{why}"))
        })
    };
    let (ps256, rs256) = (key(PS256)?, key(RS256)?);
    if !own.is_of(&ps256) {
        return Err(Error::configuration(if chain.iter().any(|one| one.is_of(&ps256)) {
            "of several certificates, the client's own has to come first: the key belongs to a later one"
        } else {
            "the client's certificate and its key don't belong together: the certificate is for another key"
        }));
    }
    Ok(Pair { signer: Signer::Rsa { ps256, rs256 }, chain })
}

const RSA_ALONE: &str =
    "; with a certificate, assertions are signed with PS256 or RS256, so it has to be for an RSA key";

/// The certificates, the first of which is the application's and valid now.
fn chain(pem: &[u8]) -> Result<(Vec<Certificate>, Certificate), Error> {
    let wrong = |why: String| Error::configuration(format!("the client's certificate {why}"));
    let chain = Certificate::chain_from_pem(pem).map_err(|error| wrong(format!("can't be used: {error}")))?;
    let own = chain.first().cloned().ok_or_else(|| wrong("is missing".to_owned()))?;
    own.verifying_key(PS256).map_err(|reason| match reason {
        SkipReason::AlgorithmDoesNotFit => wrong(format!("can't be used{RSA_ALONE}")),
        reason => wrong(format!("can't be used: {reason}")),
    })?;
    let now = SystemTime::now();
    if has_run_out(&own, now) {
        return Err(wrong("has run out: register a new one and put it in its place".to_owned()));
    }
    if own.not_before().duration_since(now).is_ok_and(|ahead| ahead > LEEWAY) {
        return Err(wrong("is not valid yet".to_owned()));
    }
    Ok((chain, own))
}

/// Its last second counts (RFC 5280 §4.1.2.5).
fn has_run_out(certificate: &Certificate, now: SystemTime) -> bool {
    certificate.not_after() < now
}

fn signer_elsewhere<S, F, E>(algorithm: Algorithm, sign: S) -> Signer
where
    S: Fn(Algorithm, Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
{
    let sign = Arc::new(sign);
    let sign = move |algorithm, message| -> BoxFuture<Result<Vec<u8>, Failed>> {
        let sign = Arc::clone(&sign);
        Box::pin(function::outcome(move || {
            let signing = sign(algorithm, message);
            async move { signing.await.ok() }
        }))
    };
    Signer::Elsewhere { algorithm, sign: Arc::new(sign) }
}
