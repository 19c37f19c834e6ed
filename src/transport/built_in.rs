//! The built-in client: reqwest, where the feature is on.

#[cfg(feature = "reqwest")]
pub(super) use self::with_reqwest::send;
#[cfg(not(feature = "reqwest"))]
pub(super) use self::without::send;

#[cfg(feature = "reqwest")]
mod with_reqwest {
    use std::sync::OnceLock;

    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;
    use reqwest::Client;

    use super::super::body::{Wanted, read};
    use super::super::error::ExchangeError;
    use super::super::{Sent, Url};

    /// One client for the process, made when it is first needed: making one reads the certificate stores.
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    /// The way to loopback does not lead through a proxy.
    static LOOPBACK_CLIENT: OnceLock<Option<Client>> = OnceLock::new();

    fn client(is_loopback: bool) -> Option<&'static Client> {
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                // An idle connection belongs to the runtime that opened it, and fetches are rare: keep none.
                .pool_max_idle_per_host(0)
        };
        let client = if is_loopback {
            LOOPBACK_CLIENT.get_or_init(|| builder().no_proxy().build().ok())
        } else {
            CLIENT.get_or_init(|| builder().build().ok())
        };
        client.as_ref()
    }

    pub(in super::super) fn send(url: &Url, request: Request<Full<Bytes>>, wanted: Wanted) -> Sent {
        let is_loopback = url.is_loopback();
        Box::pin(async move {
            let client = client(is_loopback).ok_or(ExchangeError::NoClient)?;
            let request = request.map(reqwest::Body::wrap);
            let request = reqwest::Request::try_from(request).map_err(|_| ExchangeError::NoRequest)?;
            let response = client.execute(request).await.map_err(|error| {
                if error.is_connect() { ExchangeError::NotConnected } else { ExchangeError::NoAnswer }
            })?;
            read(wanted, http::Response::<reqwest::Body>::from(response)).await
        })
    }
}

#[cfg(not(feature = "reqwest"))]
mod without {
    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;

    use super::super::body::Wanted;
    use super::super::error::ExchangeError;
    use super::super::{Sent, Url};

    pub(in super::super) fn send(_url: &Url, _request: Request<Full<Bytes>>, _wanted: Wanted) -> Sent {
        Box::pin(async { Err(ExchangeError::NoClient) })
    }
}
