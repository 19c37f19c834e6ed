//! [`Wire`]: the way from an issuer's client to the network, which keeps what went over it.

use std::convert::Infallible;
use std::fs::read;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use reqwest::{Body, Certificate, Client, StatusCode};
use tower_bearer::Issuer;

use crate::process::certificate;

/// Trusts the certificate of all that is on loopback, and takes no proxy. Clones keep the same requests.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client,
    posted: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let pem = read(certificate()).expect("the certificate can be read");
        let certificate = Certificate::from_pem(&pem).expect("it is one");
        let client = Client::builder().no_proxy().tls_certs_only([certificate]).build().expect("a client can be made");
        Self { client, posted: Arc::default() }
    }

    /// The same issuer, asked over this wire.
    pub(crate) fn to(&self, issuer: Issuer) -> Issuer {
        let wire = self.clone();
        issuer.transport(tower::service_fn(move |request: Request<Full<Bytes>>| {
            let wire = wire.clone();
            async move { wire.send(request).await }
        }))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap_or_else(|never: Infallible| match never {}).to_bytes();
        let request = Request::from_parts(parts, body);
        if request.method() == Method::POST {
            self.posted.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        }
        Ok(self.client.execute(request.try_into()?).await?.into())
    }

    /// The requests for tokens, in their order.
    pub(crate) fn posted(&self) -> Vec<Request<Bytes>> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request once more, as it was.
    pub(crate) async fn replay(&self, request: Request<Bytes>) -> (StatusCode, String) {
        let request = request.try_into().expect("it was sent before");
        let response = self.client.execute(request).await.expect("the server answers");
        (response.status(), response.text().await.expect("its answer arrives"))
    }
}
