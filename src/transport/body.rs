//! Reading an answer: a body that counts, and no more of it than the cap.

use std::future::poll_fn;
use std::pin::pin;

use bytes::{Buf, BufMut, Bytes};
use http::{Response, StatusCode};
use http_body::Body;

use super::error::ExchangeError;

/// The longest body that is read, in bytes.
pub(super) const CAP: usize = 1024 * 1024;

/// The answer with all of its body. Only a 200 has one that counts: others are told by their status, and nobody waits
/// for an error page.
pub(super) async fn read<B: Body>(response: Response<B>) -> Result<Response<Bytes>, ExchangeError> {
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Ok(Response::from_parts(parts, Bytes::new()));
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > CAP {
        return Err(ExchangeError::TooLong);
    }
    // One piece: kept as they come, pieces of one byte would take many times the cap.
    let mut whole = Vec::with_capacity(announced);
    let mut body = pin!(body);
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| ExchangeError::Broken { after: whole.len() })?;
        let Ok(piece) = frame.into_data() else { break }; // trailers, which come last
        if piece.remaining() > CAP.saturating_sub(whole.len()) {
            return Err(ExchangeError::TooLong);
        }
        whole.put(piece);
    }
    Ok(Response::from_parts(parts, whole.into()))
}
