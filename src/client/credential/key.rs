//! [`Key`]: what signs assertions, and where it is.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::reread::Reread;
use crate::client::TokenError;
use crate::client::error::Refusal;
use crate::error::Error;
use crate::jose::{Algorithm, Certificate, SigningKey};
use crate::kept_fresh::BoxFuture;

/// What servers that know `x5t#S256` want certificates' keys to sign with.
const PS256: Algorithm = Algorithm::PS256;
/// What goes with `x5t`.
const RS256: Algorithm = Algorithm::RS256;

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

/// What the user's error says is dropped where the function is taken.
type SignFn = dyn Fn(Algorithm, Bytes) -> BoxFuture<Option<Vec<u8>>> + Send + Sync;

impl Key {
    pub(super) fn private(key: SigningKey) -> Self {
        Self::fixed(Signer::One(key), Vec::new())
    }

    pub(super) fn private_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, Error> {
        Ok(Self::Fixed(Arc::new(private_pair(algorithm, pem)?)))
    }

    pub(super) fn private_file(algorithm: Algorithm, path: &Path) -> Result<Self, Error> {
        let parse = move |contents: &[Bytes]| private_pair(algorithm, contents.first().map_or(&[][..], AsRef::as_ref));
        Ok(Self::Files(Arc::new(Reread::new(vec![path.to_owned()], parse)?)))
    }

    pub(super) fn certificate(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, Error> {
        Ok(Self::Fixed(Arc::new(certificate_pair(certificate_pem, key_pem)?)))
    }

    pub(super) fn certificate_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let paths: Vec<PathBuf> = vec![certificate.to_owned(), key.to_owned()];
        let parse = |contents: &[Bytes]| match contents {
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
        key.sign(&message)
            .map_err(|error| TokenError::refused(format!("no assertion can be signed: {error}"), Refusal::default()))
    }

    async fn signed_elsewhere(
        &self,
        sign: &Arc<SignFn>,
        algorithm: Algorithm,
        message: Bytes,
    ) -> Result<Vec<u8>, TokenError> {
        let Some(signature) = sign(algorithm, message.clone()).await else {
            let message = "the function given to Credential::signer(..) or certificate_signer(..) failed";
            return Err(TokenError::unavailable(message, Refusal::default(), None));
        };
        let own = self.chain.first().map(|certificate| certificate.verifying_key(algorithm));
        let fits = |key: Result<crate::jose::VerifyingKey, _>| {
            key.is_ok_and(|key| key.verify_detached(&message, &signature).is_ok())
        };
        if own.is_some_and(|key| !fits(key)) {
            let message = "the signature that the function given to Credential::certificate_signer(..) made is not that of the \
                           certificate's key";
            return Err(TokenError::refused(message, Refusal::default()));
        }
        Ok(signature)
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
            Error::configuration(format!(
                "the key of the client's certificate can't be used: {error}; certificates sign with {PS256} or {RS256}, so it has to be \
                 an RSA key"
            ))
        })
    };
    let (ps256, rs256) = (key(PS256)?, key(RS256)?);
    if !own.is_of(&ps256) {
        return Err(Error::configuration(
            "the client's certificate and its key don't belong together: the certificate is for another key",
        ));
    }
    Ok(Pair { signer: Signer::Rsa { ps256, rs256 }, chain })
}

/// The certificates, the first of which is the application's and has not run out.
fn chain(pem: &[u8]) -> Result<(Vec<Certificate>, Certificate), Error> {
    let chain = Certificate::chain_from_pem(pem)
        .map_err(|error| Error::configuration(format!("the client's certificate can't be used: {error}")))?;
    let own = chain.first().cloned().ok_or_else(|| Error::configuration("the client's certificate is missing"))?;
    if own.not_after() <= SystemTime::now() {
        return Err(Error::configuration(
            "the client's certificate has run out: register a new one and put it in its place",
        ));
    }
    if own.verifying_key(PS256).is_err() {
        return Err(Error::configuration(format!(
            "the client's certificate is not for an RSA key: certificates sign with {PS256} or {RS256}"
        )));
    }
    Ok((chain, own))
}

fn signer_elsewhere<S, F, E>(algorithm: Algorithm, sign: S) -> Signer
where
    S: Fn(Algorithm, Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
{
    let sign = move |algorithm, message| -> BoxFuture<Option<Vec<u8>>> {
        let signing = sign(algorithm, message);
        Box::pin(async move { signing.await.ok() })
    };
    Signer::Elsewhere { algorithm, sign: Arc::new(sign) }
}
