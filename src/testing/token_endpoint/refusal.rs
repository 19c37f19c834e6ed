//! [`Refusal`]: why a request for a token is refused (RFC 6749 §5.2, RFC 8707 §2).

use super::TokenFault;

#[derive(Clone, Debug, PartialEq, Eq)]
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
    NotOnBehalfOf,
    /// With token exchange, a type of token that is not known or not given.
    TokenType,
    /// The token of the person who is to be acted for, as an authorization grant (RFC 7523 §3.1).
    Grant(TokenFault),
    /// The same, or the actor's, with token exchange (RFC 8693 §2.2.2).
    Exchange(TokenFault),
    /// The API has no such scope.
    UnknownScope,
    ConsentRequired,
    /// The API wants to know these claims, in JSON, first.
    ClaimsDemanded(String),
    UnknownRefreshToken,
    /// It is another client's, or of another tenant.
    ForeignRefreshToken,
    /// On command, or because one of its chain was used twice.
    RevokedRefreshToken,
    ExpiredRefreshToken,
}

impl Refusal {
    /// The code of the error.
    pub(in crate::testing) fn error(&self) -> &'static str {
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
            Self::NotDefaultScope | Self::ScopeNotAllowed | Self::UnknownScope => "invalid_scope",
            Self::NotOnBehalfOf | Self::TokenType | Self::Exchange(_) => "invalid_request",
            Self::Grant(_)
            | Self::UnknownRefreshToken
            | Self::ForeignRefreshToken
            | Self::RevokedRefreshToken
            | Self::ExpiredRefreshToken => "invalid_grant",
            Self::ConsentRequired => "consent_required",
            Self::ClaimsDemanded(_) => "interaction_required",
            Self::SeveralResources | Self::UnknownResource | Self::ResourceNotAllowed => "invalid_target",
        }
    }

    /// What is wrong, for whoever wrote the request. It quotes nothing of it.
    pub(in crate::testing) fn sentence(&self) -> String {
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
            Self::NotOnBehalfOf => {
                "requested_token_use is not on_behalf_of, and there is no other use of this grant here"
            }
            Self::TokenType => {
                "subject_token_type, actor_token_type or requested_token_type is not one that is known here, or comes without its token"
            }
            Self::Grant(fault) | Self::Exchange(fault) => fault.sentence(),
            Self::UnknownScope => "the API has no such scope",
            Self::ConsentRequired => {
                "nobody who may has consented to the use of this application: a person, or for some scopes an administrator"
            }
            Self::ClaimsDemanded(_) => "the API demands more of the person's sign-in: the claims say what",
            Self::UnknownRefreshToken => "this refresh token is not known here",
            Self::ForeignRefreshToken => "this refresh token is another client's, or of another tenant",
            Self::RevokedRefreshToken => "this refresh token was revoked, or one of its chain was used twice",
            Self::ExpiredRefreshToken => "this refresh token has expired",
        };
        sentence.to_owned()
    }
}
