//! [`GivenAssertion`]: an assertion that somebody else signed (RFC 7523 §3), such as the token of a workload.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};

use super::reread::Reread;
use crate::client::TokenError;
use crate::client::error::Refusal;
use crate::error::Error;
use crate::kept_fresh::BoxFuture;

#[derive(Clone)]
pub(super) enum GivenAssertion {
    File(Arc<Reread<SecretString>>),
    /// What the user's error says is dropped where the function is taken.
    Function(Arc<dyn Fn() -> BoxFuture<Option<SecretString>> + Send + Sync>),
}

impl GivenAssertion {
    pub(super) fn file(path: &Path) -> Result<Self, Error> {
        Ok(Self::File(Arc::new(Reread::new(vec![path.to_owned()], parse)?)))
    }

    pub(super) fn from_function<S, F, T, E>(get: S) -> Self
    where
        S: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<SecretString>,
    {
        Self::Function(Arc::new(move || {
            let getting = get();
            Box::pin(async move { getting.await.ok().map(Into::into) })
        }))
    }

    pub(super) async fn get(&self) -> Result<SecretString, TokenError> {
        match self {
            Self::File(file) => Ok(SecretString::clone(&*file.current().await)),
            Self::Function(get) => {
                let given = get().await.ok_or("failed").and_then(|given| {
                    if is_assertion(given.expose_secret()) { Ok(given) } else { Err("gave no assertion") }
                });
                given.map_err(|what| {
                    let message = format!("the function given to Credential::assertion(..) {what}");
                    TokenError::unavailable(message, Refusal::default(), None)
                })
            }
        }
    }
}

fn parse(contents: &[Bytes]) -> Result<SecretString, Error> {
    let text = contents.first().and_then(|content| std::str::from_utf8(content).ok()).map(str::trim);
    text.filter(|text| is_assertion(text)).map(SecretString::from).ok_or_else(|| {
        Error::configuration("the client's assertion can't be used: it has to be one word of visible characters, a JWT")
    })
}

fn is_assertion(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
