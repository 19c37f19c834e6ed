//! [`Rejection`]: why a request is turned away, and the one table of how that is said.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::challenge;
use super::check::{Check, Place};
use super::context::Context;
use super::language::Language;

/// Why a request is turned away. It renders the same from the layer, from [`require`](super::require), from an extractor
/// and from a handler's `?`.
///
/// It holds no token and no claim. Responses made from one carry it in their extensions, for logs and metrics:
/// `response.extensions().get::<Rejection>()`.
#[derive(Clone)]
pub struct Rejection {
    kind: RejectionKind,
    /// Where a validator found it out.
    place: Option<Place>,
    context: Option<Arc<Context>>,
    detail: Option<Arc<Detail>>,
}

/// What goes with some kinds.
enum Detail {
    Scope(Box<str>),
    RetryAfter(Duration),
    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    Claims(WantedClaims),
}

/// What a claims challenge says.
pub(super) struct WantedClaims {
    /// Quoted for a header already.
    pub(super) authorization_uri: Option<String>,
    /// In base64.
    pub(super) claims: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $status:ident, $error:expr, $description:literal;)*) => {
        /// Why a request is turned away, in detail. The caller learns it as [`description`](Rejection::description).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RejectionKind {
            $($(#[$doc])* $kind,)*
        }

        impl RejectionKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            // The one table.
            const fn row(self) -> Row {
                match self {
                    $(Self::$kind => Row { status: StatusCode::$status, error: $error, description: $description },)*
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }
        }

        $(const _: () = assert!(is_plain($description), "a description stands in headers as it is");)*
    };
}

/// How one kind is said.
struct Row {
    status: StatusCode,
    /// The error code of RFC 6750 §3.1.
    error: Option<&'static str>,
    description: &'static str,
}

/// Whether this can be quoted in a challenge, and is its own percent-encoding in `grpc-message`.
const fn is_plain(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        if !matches!(first, b' '..=b'~') || matches!(first, b'%' | b'"' | b'\\') {
            return false;
        }
        rest = others;
    }
    true
}

const REQUEST: Option<&str> = Some("invalid_request");
const TOKEN: Option<&str> = Some("invalid_token");
const SCOPE: Option<&str> = Some("insufficient_scope");

kinds! {
    /// No bearer token came: no credentials, or those of another scheme.
    NoCredentials => UNAUTHORIZED, None, "a bearer token is required";
    /// The request carries two tokens, or its credentials are not of the form `Bearer <token68>` (RFC 6750 §2.1).
    InvalidRequest => BAD_REQUEST, REQUEST, "the credentials are not exactly one bearer token";
    /// The token is longer than the validator reads.
    TokenTooLong => UNAUTHORIZED, TOKEN, "the token is too long";
    /// Not a JWS in compact form with a JSON header and JSON claims, or a claim of a wrong type.
    Malformed => UNAUTHORIZED, TOKEN, "the token is malformed";
    /// The header has a `crit` or another extension that changes the meaning of the token (RFC 7515 §4.1.11).
    UnsupportedHeader => UNAUTHORIZED, TOKEN, "the token needs an extension that is not supported";
    /// An ID token, a logout token, a DPoP proof or another kind that is not an access token.
    WrongTokenType => UNAUTHORIZED, TOKEN, "the token is not an access token";
    /// Its `alg` is not among those allowed.
    AlgorithmNotAllowed => UNAUTHORIZED, TOKEN, "the token's algorithm is not accepted";
    /// A claim that has to be there is missing.
    MissingClaim => UNAUTHORIZED, TOKEN, "the token lacks a required claim";
    /// Its `iss` is not that of an issuer that is trusted.
    UnknownIssuer => UNAUTHORIZED, TOKEN, "the token's issuer is not accepted";
    /// Signed by a key that the issuer does not publish.
    UnknownKey => UNAUTHORIZED, TOKEN, "the token's key is unknown";
    /// The key that it names belongs to another issuer, or to another tenant.
    KeyOfAnotherIssuer => UNAUTHORIZED, TOKEN, "the token's key is another issuer's";
    /// The signature does not match.
    BadSignature => UNAUTHORIZED, TOKEN, "the token's signature is invalid";
    /// Its `aud` names none of the validator's audiences.
    WrongAudience => UNAUTHORIZED, TOKEN, "the token is for another audience";
    /// `exp` has passed.
    Expired => UNAUTHORIZED, TOKEN, "the token has expired";
    /// `nbf` has not come yet.
    NotYetValid => UNAUTHORIZED, TOKEN, "the token is not valid yet";
    /// It is bound to a key (`cnf`) whose possession is not checked here (RFC 7800, RFC 9449 §7.2).
    SenderConstrained => UNAUTHORIZED, TOKEN, "the token is bound to a key and not usable as a plain bearer token";
    /// An application's token that nobody gave a role, where each has to have one
    /// ([`dangerous_allow_unscoped`](super::Validator::dangerous_allow_unscoped)).
    NoPermission => UNAUTHORIZED, TOKEN, "the token carries neither scopes nor roles";
    /// The claims don't fit the type that a handler asks for.
    ClaimsMismatch => UNAUTHORIZED, TOKEN, "the token's claims are not as this API needs them";
    /// One of your own checks refuses the token.
    Refused => UNAUTHORIZED, TOKEN, "the token is refused";
    /// The token is good but lacks a scope, role or other permission.
    InsufficientScope => FORBIDDEN, SCOPE, "the token lacks a permission that is required";
    /// A method of gRPC that [`GrpcMethods`](super::GrpcMethods) has no rule for.
    UnlistedMethod => FORBIDDEN, SCOPE, "no token allows this method";
    /// To call a further API for the caller, the issuer wants to know more of them; the challenge says what.
    InsufficientClaims => UNAUTHORIZED, Some("insufficient_claims"), "the token does not say all that a further API wants to know";
    /// To call a further API for the caller, the person has to sign in again or to consent.
    InteractionRequired => FORBIDDEN, Some("interaction_required"), "a further API needs the person to sign in again or to consent";
    /// No token for a further API can be had at the moment.
    TokenUnavailable => SERVICE_UNAVAILABLE, None, "a further API can't be called at the moment";
    /// The issuer gives this service no token for a further API: a mistake in its settings or its registration.
    TokenRefused => INTERNAL_SERVER_ERROR, None, "the service is misconfigured";
    /// The issuer's keys can't be had at the moment: the token may be good.
    KeysUnavailable => SERVICE_UNAVAILABLE, None, "tokens can't be checked at the moment";
    /// No [`BearerLayer`](super::BearerLayer) ran before something that needs one: a mistake in this service.
    LayerMissing => INTERNAL_SERVER_ERROR, None, "the service is misconfigured";
}

impl RejectionKind {
    /// Its name as programs tell it to each other, such as `NO_CREDENTIALS`.
    pub(crate) fn reason(self) -> String {
        let mut reason = String::with_capacity(32);
        for letter in self.name().chars() {
            if letter.is_ascii_uppercase() && !reason.is_empty() {
                reason.push('_');
            }
            reason.push(letter.to_ascii_uppercase());
        }
        reason
    }
}

impl Rejection {
    /// The `domain` of the `google.rpc.ErrorInfo` that goes with a rejection in gRPC. Its `reason` is the
    /// [`kind`](Self::kind) in capitals, such as `NO_CREDENTIALS`, and its metadata has the [`scope`](Self::scope) as `scope`.
    ///
    /// ```
    /// use tonic::Status;
    /// use tonic_types::StatusExt;
    /// use tower_bearer::{Rejection, RejectionKind};
    ///
    /// let rejection = Rejection::new(RejectionKind::Expired);
    /// assert_eq!(rejection.grpc_code(), 16);
    /// let info = Status::from(rejection).get_details_error_info().unwrap();
    /// assert_eq!((&*info.reason, &*info.domain), ("EXPIRED", Rejection::GRPC_DOMAIN));
    /// ```
    pub const GRPC_DOMAIN: &str = "tower-bearer";

    /// A rejection of this kind, for checks and handlers of your own.
    pub const fn new(kind: RejectionKind) -> Self {
        Self { kind, place: None, context: None, detail: None }
    }

    fn with(self, detail: Option<Detail>) -> Self {
        Self { detail: detail.map(Arc::new), ..self }
    }

    pub(crate) fn insufficient(scope: Option<String>) -> Self {
        Self::new(RejectionKind::InsufficientScope).with(scope.map(|scope| Detail::Scope(scope.into())))
    }

    pub(crate) fn unavailable(retry_after: Duration) -> Self {
        let rejection = Self::new(RejectionKind::KeysUnavailable).stopped_at(Check::Key.place());
        rejection.with(Some(Detail::RetryAfter(retry_after)))
    }

    #[cfg(feature = "client")]
    pub(crate) fn insufficient_claims(authorization_uri: Option<&str>, claims: &str) -> Self {
        let authorization_uri = authorization_uri.and_then(challenge::quote);
        let wanted = WantedClaims { authorization_uri, claims: claims.to_owned() };
        Self::new(RejectionKind::InsufficientClaims).with(Some(Detail::Claims(wanted)))
    }

    #[cfg(feature = "client")]
    pub(crate) fn token_unavailable(retry_after: Option<Duration>) -> Self {
        Self::new(RejectionKind::TokenUnavailable).with(retry_after.map(Detail::RetryAfter))
    }

    pub(super) fn wanted_claims(&self) -> Option<&WantedClaims> {
        match self.detail.as_deref() {
            Some(Detail::Claims(wanted)) => Some(wanted),
            _ => None,
        }
    }

    pub(crate) fn stopped_at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }

    /// Says it as the layer that guards this request says it. The first layer to do so decides.
    pub(crate) fn in_context(mut self, context: &Arc<Context>) -> Self {
        self.context.get_or_insert_with(|| Arc::clone(context));
        self
    }

    /// Says it as this caller speaks, where no layer has said how.
    pub(crate) fn for_caller(self, method: &Method, version: Version, headers: &HeaderMap) -> Self {
        match Language::of(method, version, headers) {
            Language::Http => self,
            language => self.in_context(&Arc::new(Context { language, ..Context::default() })),
        }
    }

    /// Why, in detail.
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status of the answer in HTTP; in gRPC there is [`grpc_code`](Self::grpc_code).
    pub const fn status(&self) -> StatusCode {
        self.kind.row().status
    }

    /// The status code of gRPC: 16, unauthenticated, for 400 and 401; 7, permission denied, for 403; 14, unavailable, for 503; and 13,
    /// internal, for 500.
    pub const fn grpc_code(&self) -> i32 {
        match self.status().as_u16() {
            400 | 401 => 16,
            403 => 7,
            503 => 14,
            _ => 13,
        }
    }

    /// The error code of RFC 6750 §3.1: none where no credentials came, and where the caller did nothing wrong.
    pub const fn error(&self) -> Option<&'static str> {
        self.kind.row().error
    }

    /// One sentence for the caller, which never repeats what the caller sent.
    pub const fn description(&self) -> &'static str {
        self.kind.row().description
    }

    /// The scope that would do, where a scope is what is missing.
    pub fn scope(&self) -> Option<&str> {
        match (self.kind, self.detail.as_deref()) {
            (RejectionKind::InsufficientScope, Some(Detail::Scope(scope))) => Some(scope),
            (RejectionKind::NoCredentials, _) => self.context.as_ref()?.scope.as_deref(),
            _ => None,
        }
    }

    /// When to try again, where that may help: the answer's `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        match (self.kind, self.detail.as_deref()) {
            (_, Some(Detail::RetryAfter(after))) => Some(*after),
            (RejectionKind::KeysUnavailable | RejectionKind::TokenUnavailable, _) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// The same in whole seconds, as it is said.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after().map(|after| after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1))
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3), for answers with status 400, 401 and 403.
    pub fn www_authenticate(&self) -> Option<HeaderValue> {
        if !matches!(self.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return None;
        }
        let make = || challenge::www_authenticate(self, self.context.as_deref());
        Some(match &self.context {
            Some(context) if self.detail.is_none() => context.challenges.of(self.kind, make),
            _ => make(),
        })
    }

    /// Whether nobody has said yet how to say it.
    pub(crate) fn is_bare(&self) -> bool {
        self.context.is_none()
    }

    pub(crate) fn language(&self) -> Language {
        self.context.as_ref().map_or(Language::Http, |context| context.language)
    }

    pub(crate) fn context(&self) -> Option<&Context> {
        self.context.as_deref()
    }
}

impl From<RejectionKind> for Rejection {
    fn from(kind: RejectionKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({:?})", self.kind)
    }
}

impl std::error::Error for Rejection {}
