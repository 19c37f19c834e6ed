//! [`GivenAssertion`]: an assertion that somebody else signed (RFC 7523 §3), such as the token of a workload.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::function::{self, Failed};
use super::reread::{Content, Reread};
use crate::client::TokenError;
use crate::error::Error;
use crate::kept_fresh::BoxFuture;

#[derive(Clone)]
pub(super) enum GivenAssertion {
    File(Arc<Reread<SecretString>>),
    Function(Arc<dyn Fn() -> BoxFuture<Result<SecretString, Failed>> + Send + Sync>),
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
        let get = Arc::new(get);
        Self::Function(Arc::new(move || {
            let get = Arc::clone(&get);
            Box::pin(function::outcome(move || {
                let getting = get();
                async move { getting.await.ok().map(Into::into) }
            }))
        }))
    }

    pub(super) async fn get(&self) -> Result<SecretString, TokenError> {
        match self {
            Self::File(file) => Ok(SecretString::clone(&*file.current().await)),
            Self::Function(get) => {
                let unavailable = |what: &dyn fmt::Display| {
                    let message = format!("the function given to Credential::assertion(..) {what}");
                    TokenError::unavailable(message, None)
                };
                let given = get().await.map_err(|failed| unavailable(&failed))?;
                if !is_assertion(given.expose_secret()) {
                    return Err(unavailable(&format_args!("gave no assertion: {SHAPE}")));
                }
                Ok(given)
            }
        }
    }
}

fn parse(contents: &[Content]) -> Result<SecretString, Error> {
    let text = contents.first().and_then(|content| std::str::from_utf8(content).ok()).map(str::trim);
    let assertion = text.filter(|text| is_assertion(text)).map(SecretString::from);
    assertion.ok_or_else(|| Error::configuration(format!("the client's assertion can't be used: {SHAPE}")))
}

const SHAPE: &str = "it has to be a JWT, parts joined by dots, without white space in it";

/// Whether it looks like a JWT: signed, in three parts, or encrypted, in five (RFC 7519 §3).
fn is_assertion(text: &str) -> bool {
    let dots = text.bytes().filter(|byte| *byte == b'.').count();
    matches!(dots, 2 | 4) && !text.starts_with('.') && text.bytes().all(|byte| byte.is_ascii_graphic())
}
