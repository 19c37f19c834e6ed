//! Reading an answer: a body that counts, and no more of it than the cap.

use std::future::poll_fn;
use std::pin::pin;
#[cfg(feature = "client")]
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::{Response, StatusCode};
use http_body::Body;

use super::error::ExchangeError;
#[cfg(feature = "client")]
use crate::runtime;

/// The longest body that is read, in bytes.
pub(super) const CAP: usize = 1024 * 1024;
/// The longest that says why a request was refused; what is longer is no such answer but a page.
#[cfg(feature = "client")]
const REFUSAL_CAP: usize = 64 * 1024;
/// The longest that one is waited for, once its status is there.
#[cfg(feature = "client")]
const REFUSAL_PATIENCE: Duration = Duration::from_secs(2);

/// Which bodies count, besides those of a 200.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// No other: an answer is told by its status, and nobody waits for an error page.
    Documents,
    /// Those that say why a request was refused (RFC 6749 §5.2).
    #[cfg(feature = "client")]
    Refusals,
}

/// The answer with all of its body, if that counts.
pub(super) async fn read<B: Body>(wanted: Wanted, response: Response<B>) -> Result<Response<Bytes>, ExchangeError> {
    let (parts, body) = response.into_parts();
    let body = match wanted {
        _ if parts.status == StatusCode::OK => whole(body, CAP).await?,
        Wanted::Documents => Bytes::new(),
        #[cfg(feature = "client")]
        Wanted::Refusals => {
            let refusal = runtime::within(REFUSAL_PATIENCE, whole(body, REFUSAL_CAP)).await;
            refusal.and_then(Result::ok).unwrap_or_default()
        }
    };
    Ok(Response::from_parts(parts, body))
}

async fn whole<B: Body>(body: B, cap: usize) -> Result<Bytes, ExchangeError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > cap {
        return Err(ExchangeError::TooLong);
    }
    // One piece: kept as they come, pieces of one byte would take many times the cap.
    let mut whole = Vec::with_capacity(announced);
    let mut body = pin!(body);
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| ExchangeError::Broken { after: whole.len() })?;
        let Ok(piece) = frame.into_data() else { break }; // trailers, which come last
        if piece.remaining() > cap.saturating_sub(whole.len()) {
            return Err(ExchangeError::TooLong);
        }
        whole.put(piece);
    }
    Ok(whole.into())
}
