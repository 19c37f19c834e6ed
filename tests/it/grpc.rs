//! Calls of gRPC and grpc-web: what is said to them, and in whose language.

mod answers;
mod bad_input;
mod languages;
mod methods;
mod open;

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Version};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower_bearer::{Rejection, RejectionKind};

use crate::support::Answer;

/// The three content types of gRPC, as an answer says them.
pub(crate) const CONTENT_TYPES: [&str; 3] = ["application/grpc", "application/grpc-web", "application/grpc-web-text"];

/// A call of gRPC over HTTP/2 with these values of `Authorization`.
pub(crate) fn call<V>(content_type: &str, path: &str, credentials: impl IntoIterator<Item = V>) -> Request<Body>
where
    V: TryInto<HeaderValue>,
    V::Error: std::fmt::Debug,
{
    let mut request = Request::post(path).version(Version::HTTP_2).body(Body::empty()).unwrap();
    request.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
    for value in credentials {
        request.headers_mut().append(AUTHORIZATION, value.try_into().unwrap());
    }
    request
}

/// A refusal as clients of gRPC see it.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) challenge: Option<String>,
    pub(crate) retry_after: Option<String>,
    /// Of the details.
    pub(crate) reason: String,
    pub(crate) domain: String,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) retry_delay: Option<Duration>,
}

/// Each kind as it has to be told in gRPC, with this scope where one is told.
pub(crate) fn refused(kind: RejectionKind, challenge: Option<&str>, scope: Option<&str>) -> Refused {
    let (code, reason, retry_after) = told(kind);
    let scope = scope.map(|scope| ("scope".to_owned(), scope.to_owned()));
    Refused {
        code,
        message: Rejection::new(kind).description().to_owned(),
        challenge: challenge.map(str::to_owned),
        retry_after: retry_after.map(|seconds: u64| seconds.to_string()),
        reason: reason.to_owned(),
        domain: "tower-bearer".to_owned(),
        metadata: HashMap::from_iter(scope),
        retry_delay: retry_after.map(Duration::from_secs),
    }
}

/// Code, reason, and the seconds after which to try again.
fn told(kind: RejectionKind) -> (Code, &'static str, Option<u64>) {
    use RejectionKind::*;
    let unauthenticated = |reason| (Code::Unauthenticated, reason, None);
    match kind {
        NoCredentials => unauthenticated("NO_CREDENTIALS"),
        InvalidRequest => unauthenticated("INVALID_REQUEST"),
        TokenTooLong => unauthenticated("TOKEN_TOO_LONG"),
        Malformed => unauthenticated("MALFORMED"),
        UnsupportedHeader => unauthenticated("UNSUPPORTED_HEADER"),
        WrongTokenType => unauthenticated("WRONG_TOKEN_TYPE"),
        AlgorithmNotAllowed => unauthenticated("ALGORITHM_NOT_ALLOWED"),
        MissingClaim => unauthenticated("MISSING_CLAIM"),
        UnknownIssuer => unauthenticated("UNKNOWN_ISSUER"),
        UnknownKey => unauthenticated("UNKNOWN_KEY"),
        KeyOfAnotherIssuer => unauthenticated("KEY_OF_ANOTHER_ISSUER"),
        BadSignature => unauthenticated("BAD_SIGNATURE"),
        WrongAudience => unauthenticated("WRONG_AUDIENCE"),
        Expired => unauthenticated("EXPIRED"),
        NotYetValid => unauthenticated("NOT_YET_VALID"),
        SenderConstrained => unauthenticated("SENDER_CONSTRAINED"),
        NoPermission => unauthenticated("NO_PERMISSION"),
        ClaimsMismatch => unauthenticated("CLAIMS_MISMATCH"),
        RejectionKind::Refused => unauthenticated("REFUSED"),
        InsufficientScope => (Code::PermissionDenied, "INSUFFICIENT_SCOPE", None),
        UnlistedMethod => (Code::PermissionDenied, "UNLISTED_METHOD", None),
        InsufficientClaims => unauthenticated("INSUFFICIENT_CLAIMS"),
        InteractionRequired => (Code::PermissionDenied, "INTERACTION_REQUIRED", None),
        TokenUnavailable => (Code::Unavailable, "TOKEN_UNAVAILABLE", Some(1)),
        TokenRefused => (Code::Internal, "TOKEN_REFUSED", None),
        KeysUnavailable => (Code::Unavailable, "KEYS_UNAVAILABLE", Some(1)),
        LayerMissing => (Code::Internal, "LAYER_MISSING", None),
        other => panic!("{other:?} has no row"),
    }
}

/// What a client of tonic makes of a status, which has no other metadata.
pub(crate) fn read(status: &Status) -> Refused {
    let metadata = |name: &str| {
        let mut values = status.metadata().get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap().to_owned());
        assert!(values.next().is_none(), "{name} came more than once");
        value
    };
    let details = status.check_error_details_vec().expect("the details are a google.rpc.Status");
    let info = status.get_details_error_info().expect("the details say why");
    let retry = status.get_details_retry_info();
    assert_eq!(details.len(), 1 + usize::from(retry.is_some()), "{details:?}");
    Refused {
        code: status.code(),
        message: status.message().to_owned(),
        challenge: metadata("www-authenticate"),
        retry_after: metadata("retry-after"),
        reason: info.reason,
        domain: info.domain,
        metadata: info.metadata,
        retry_delay: retry.map(|retry| retry.retry_delay.expect("it says when")),
    }
}

/// The answer as a client reads it, if it is a refusal in this content type and nothing besides.
pub(crate) fn read_answer(answer: &Answer, content_type: &str) -> Refused {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(content_type));
    let usual = ["content-length", "content-type", "grpc-message", "grpc-status", "grpc-status-details-bin"];
    let ours = ["retry-after", "www-authenticate"];
    let further: Vec<_> =
        answer.headers.iter().filter(|(name, _)| !usual.iter().chain(&ours).any(|known| known == name)).collect();
    assert!(further.is_empty(), "{further:?}");
    for name in usual {
        assert!(answer.header(name).is_some(), "{name} is missing: {answer:?}");
    }
    let headers = answer.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let read = read(&Status::from_header_map(&headers.collect()).expect("there is a status"));
    let kind = answer.kind.expect("the answer carries its rejection");
    assert_eq!(read.reason, told(kind).1);
    read
}
