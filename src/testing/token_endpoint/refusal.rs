//! [`Refusal`]: why a request for a token is refused (RFC 6749 §5.2, RFC 8707 §2).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) enum Refusal {
    NotAForm,
    RepeatedParameter,
    Missing(&'static str),
    UnsupportedGrantType,
    SeveralMethods,
    /// The request names two clients.
    TwoClients,
    NoCredential,
    MalformedBasic,
    UnknownClient,
    WrongSecret,
    AssertionType,
    MalformedAssertion,
    /// By a key that is not the client's, or by an algorithm that doesn't fit.
    UnknownKey,
    BadSignature,
    CertificateOutOfDate,
    /// `iss` and `sub` are not the client.
    ForeignAssertion,
    AssertionAudience,
    AssertionTimes,
    NoAssertionId,
    ReplayedAssertion,
    /// An issuer and a subject that the client doesn't trust.
    NotFederated,
    /// A scope that isn't `<resource>/.default`, where that is needed.
    NotDefaultScope,
    SeveralResources,
    ScopeNotAllowed,
    UnknownResource,
    ResourceNotAllowed,
}

impl Refusal {
    /// The code of the error.
    pub(in crate::testing) fn error(self) -> &'static str {
        match self {
            Self::NotAForm | Self::RepeatedParameter | Self::Missing(_) | Self::SeveralMethods | Self::TwoClients => {
                "invalid_request"
            }
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::NoCredential
            | Self::MalformedBasic
            | Self::UnknownClient
            | Self::WrongSecret
            | Self::AssertionType
            | Self::MalformedAssertion
            | Self::UnknownKey
            | Self::BadSignature
            | Self::CertificateOutOfDate
            | Self::ForeignAssertion
            | Self::AssertionAudience
            | Self::AssertionTimes
            | Self::NoAssertionId
            | Self::ReplayedAssertion
            | Self::NotFederated => "invalid_client",
            Self::NotDefaultScope | Self::ScopeNotAllowed => "invalid_scope",
            Self::SeveralResources | Self::UnknownResource | Self::ResourceNotAllowed => "invalid_target",
        }
    }

    /// What is wrong, for whoever wrote the request. It quotes nothing of it.
    pub(in crate::testing) fn sentence(self) -> String {
        let sentence = match self {
            Self::NotAForm => "the content type is not application/x-www-form-urlencoded",
            Self::RepeatedParameter => "a parameter comes twice",
            Self::Missing(name) => return format!("the parameter {name} is missing"),
            Self::UnsupportedGrantType => "this grant type is not supported",
            Self::SeveralMethods => "the client authenticates by more than one method",
            Self::TwoClients => "client_id names another client than the credential",
            Self::NoCredential => "the client does not authenticate",
            Self::MalformedBasic => {
                "Authorization is not Basic with a form-encoded client id and secret (RFC 6749 section 2.3.1)"
            }
            Self::UnknownClient => "this client is not registered here",
            Self::WrongSecret => "the secret is not one of this client's",
            Self::AssertionType => {
                "client_assertion needs the client_assertion_type of RFC 7523, and the other way round"
            }
            Self::MalformedAssertion => "the client assertion is no signed JWT",
            Self::UnknownKey => {
                "the client assertion names no key or certificate of this client's, or one that doesn't fit its alg"
            }
            Self::BadSignature => "the signature of the client assertion is wrong",
            Self::CertificateOutOfDate => "the certificate of the client assertion is expired, or not yet valid",
            Self::ForeignAssertion => "iss and sub of the client assertion are not the client's id",
            Self::AssertionAudience => "aud of the client assertion is not this server alone",
            Self::AssertionTimes => {
                "the client assertion is expired, not yet valid or valid for more than ten minutes, or its times are no integers"
            }
            Self::NoAssertionId => "the client assertion has no jti",
            Self::ReplayedAssertion => "the jti of the client assertion was used before",
            Self::NotFederated => "the client trusts no such issuer and subject",
            Self::NotDefaultScope => "scope is not the identifier of one API with /.default at its end",
            Self::SeveralResources => "the request is about several APIs, or does not say which of several",
            Self::ScopeNotAllowed => "the client may not ask for one of these scopes",
            Self::UnknownResource => "no API has this identifier here",
            Self::ResourceNotAllowed => "the client may do nothing at this API",
        };
        sentence.to_owned()
    }
}
