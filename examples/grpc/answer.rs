//! What a caller learns, in a line: the number of the status, and what its metadata and details say.

use tonic::{Response, Status};
use tonic_types::StatusExt;
use tower_bearer::ClaimsChallenge;

/// What came back: `0` and what there is to tell of it, or the refusal.
pub(crate) fn said<T>(answer: Result<Response<T>, Status>, tell: impl FnOnce(&T) -> String) -> String {
    match answer {
        Ok(response) => format!("0, {}", tell(response.get_ref())),
        Err(status) => refusal(&status),
    }
}

/// The number, the reason, the scope that is needed, when to try again, and whether there is a claims challenge.
pub(crate) fn refusal(status: &Status) -> String {
    let mut line = i32::from(status.code()).to_string();
    let Some(info) = status.get_details_error_info() else { return format!("{line}, {}", status.message()) };
    line = format!("{line} {}", info.reason);
    if let Some(scope) = info.metadata.get("scope") {
        line = format!("{line}, needs {scope}");
    }
    if let Some(after) = status.get_details_retry_info().and_then(|retry| retry.retry_delay) {
        line = format!("{line}, again in {} s", after.as_secs());
    }
    if ClaimsChallenge::from_headers(status.metadata().as_ref()).is_some() {
        line = format!("{line}, with a challenge");
    }
    line
}
