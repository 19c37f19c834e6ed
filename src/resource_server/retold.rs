//! What something behind the layer answers with a rejection of its own making, said as the layer says it.

use std::mem;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Extensions, Response, StatusCode};

use super::context::Context;
use super::grpc::OWN_HEADERS;
use super::language::Language;
use super::rejection::Rejection;

/// Says the answer in this context, if it is one to a rejection that nobody has said in a context yet. The status, headers and extensions
/// that were set besides stay: also another challenge than the rejection's own, and another time after which to try again.
#[inline]
pub(crate) fn retell<R: Default + 'static>(answer: &mut Response<R>, context: &Arc<Context>) {
    if let Some((rejection, usual)) = made_behind(answer.extensions()) {
        say_again(answer, rejection, usual, context);
    }
}

fn say_again<R: Default + 'static>(
    answer: &mut Response<R>,
    rejection: Rejection,
    usual: StatusCode,
    context: &Arc<Context>,
) {
    let own = [
        rejection.www_authenticate().map(|challenge| (WWW_AUTHENTICATE, challenge)),
        rejection.retry_after_seconds().map(|seconds| (RETRY_AFTER, seconds.into())),
    ];
    let said = rejection.in_context(context).respond();
    let (before, _) = mem::replace(answer, said).into_parts();
    let said = answer;
    if before.status != usual && context.language == Language::Http {
        *said.status_mut() = before.status;
    }
    let of_the_answer = [CONTENT_TYPE, CONTENT_LENGTH].into_iter().chain(OWN_HEADERS);
    let taken: Vec<_> = said.headers().keys().cloned().chain(of_the_answer).collect();
    for (name, value) in &before.headers {
        let is_own = own.iter().flatten().any(|(own_name, own_value)| own_name == name && own_value == value);
        if name == WWW_AUTHENTICATE && !is_own {
            said.headers_mut().append(name, value.clone());
        } else if name == RETRY_AFTER && !is_own {
            said.headers_mut().insert(name, value.clone());
        } else if !taken.contains(name) {
            said.headers_mut().append(name, value.clone());
        }
    }
    let extensions = mem::replace(said.extensions_mut(), before.extensions);
    said.extensions_mut().extend(extensions);
}

/// The rejection, and the HTTP status that its answer has where nobody changed it.
#[inline]
fn made_behind(extensions: &Extensions) -> Option<(Rejection, StatusCode)> {
    if let Some(rejection) = extensions.get::<Rejection>() {
        return rejection.is_bare().then(|| (rejection.clone(), rejection.status()));
    }
    #[cfg(feature = "tonic")]
    if let Some(rejection) = extensions.get().and_then(of_status) {
        return Some((rejection.clone(), StatusCode::OK));
    }
    None
}

/// The rejection that this status was made from, where it still says that.
#[cfg(feature = "tonic")]
fn of_status(status: &tonic::Status) -> Option<&Rejection> {
    let rejection = std::error::Error::source(status)?.downcast_ref::<Rejection>()?;
    let is_unchanged = status.code() as i32 == rejection.grpc_code()
        && status.message() == rejection.description()
        && status.details() == rejection.grpc_details();
    is_unchanged.then_some(rejection)
}
