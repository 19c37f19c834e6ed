//! [`Wire`]: the way from an issuer's client to the network.

use std::fs::read;

use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::Full;
use reqwest::{Body, Certificate, Client};
use tower_bearer::Issuer;

use crate::process::certificate;

/// Trusts the certificate of all that is on loopback, and takes no proxy.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let pem = read(certificate()).expect("the certificate can be read");
        let certificate = Certificate::from_pem(&pem).expect("it is one");
        let client = Client::builder().no_proxy().tls_certs_only([certificate]).build().expect("a client can be made");
        Self { client }
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
        let request = request.map(Body::wrap);
        Ok(self.client.execute(request.try_into()?).await?.into())
    }
}
