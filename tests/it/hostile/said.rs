//! What a caller is told, word by word.

use tower_bearer::RejectionKind as Kind;

use crate::support::Answer;

/// Status, kind and challenge of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) kind: Option<Kind>,
    pub(crate) challenge: Option<&'static str>,
}

pub(crate) const ACCEPTED: Said = Said { status: 200, kind: None, challenge: None };

pub(crate) const NO_CREDENTIALS: Said =
    Said { status: 401, kind: Some(Kind::NoCredentials), challenge: Some(r#"Bearer realm="api://orders""#) };

pub(crate) const INVALID_REQUEST: Said = Said {
    status: 400,
    kind: Some(Kind::InvalidRequest),
    challenge: Some(
        r#"Bearer realm="api://orders", error="invalid_request", error_description="the credentials are not exactly one bearer token""#,
    ),
};

macro_rules! invalid_token {
    ($($name:ident: $kind:ident, $description:literal;)*) => {
        $(pub(crate) const $name: Said = Said {
            status: 401,
            kind: Some(Kind::$kind),
            challenge: Some(concat!(
                r#"Bearer realm="api://orders", error="invalid_token", error_description=""#, $description, "\""
            )),
        };)*
    };
}

invalid_token! {
    TOKEN_TOO_LONG: TokenTooLong, "the token is too long";
    MALFORMED: Malformed, "the token is malformed";
    UNSUPPORTED_HEADER: UnsupportedHeader, "the token needs an extension that is not supported";
    WRONG_TOKEN_TYPE: WrongTokenType, "the token is not an access token";
    ALGORITHM_NOT_ALLOWED: AlgorithmNotAllowed, "the token's algorithm is not accepted";
    MISSING_CLAIM: MissingClaim, "the token lacks a required claim";
    UNKNOWN_ISSUER: UnknownIssuer, "the token's issuer is not accepted";
    UNKNOWN_KEY: UnknownKey, "the token's key is unknown";
    BAD_SIGNATURE: BadSignature, "the token's signature is invalid";
    WRONG_AUDIENCE: WrongAudience, "the token is for another audience";
    EXPIRED: Expired, "the token has expired";
    NOT_YET_VALID: NotYetValid, "the token is not valid yet";
    SENDER_CONSTRAINED: SenderConstrained, "the token is bound to a key and not usable as a plain bearer token";
}

impl Said {
    /// The whole of the answer: nothing is said beside the challenge.
    pub(crate) fn answer(self) -> Answer {
        let mut headers = Vec::new();
        match self.challenge {
            Some(challenge) => {
                headers.push(("content-length".to_owned(), "0".to_owned()));
                headers.push(("www-authenticate".to_owned(), challenge.to_owned()));
            }
            None => {
                headers.push(("content-length".to_owned(), "2".to_owned()));
                headers.push(("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()));
            }
        }
        let body = if self.status == 200 { "in" } else { "" };
        Answer { status: self.status, headers, body: body.to_owned(), kind: self.kind }
    }

    /// Whether keys are needed to say it. Whatever is said without them must not make the service fetch any.
    pub(crate) fn needs_keys(self) -> bool {
        matches!(self.kind, None | Some(Kind::BadSignature | Kind::UnknownKey))
    }
}
