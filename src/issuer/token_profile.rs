//! [`TokenProfile`]: how the access tokens of a provider differ from what the RFCs describe.

use std::time::Duration;

/// What to read where in a token.
#[derive(Clone, Copy)]
pub(crate) struct TokenProfile {
    /// JSON pointers to roles, besides `roles`.
    pub(crate) roles_at: &'static [&'static str],
    /// Where there is no `aud`, the client that the token was issued to is the audience.
    pub(crate) client_is_audience: bool,
    /// What every access token carries and no other kind of token.
    pub(crate) access: AccessMark,
    /// ID tokens are what this provider has for APIs.
    pub(crate) takes_id_tokens: bool,
    /// Tokens come with a scope or for an application, and with a scope or a role: others are not for APIs.
    pub(crate) needs_permission: bool,
    /// A client id stands for permission only where the client acts as itself.
    pub(crate) client_is_no_permission: bool,
    /// How much earlier than it was issued a token says that it was (`iat`).
    pub(crate) backdated_by: Duration,
    /// How a token says whether a client acts as itself.
    pub(crate) actor: ActorMark,
}

impl TokenProfile {
    /// RFC 9068, and what is common besides.
    pub(crate) const RFC: Self = Self {
        roles_at: &[],
        client_is_audience: false,
        access: AccessMark::None,
        takes_id_tokens: false,
        needs_permission: false,
        client_is_no_permission: false,
        backdated_by: Duration::ZERO,
        actor: ActorMark::Subject,
    };
}

/// What tells an access token from the other tokens of a provider. Without a mark, only what those carry tells them.
#[derive(Clone, Copy)]
pub(crate) enum AccessMark {
    None,
    /// `token_use` is `access`: Amazon Cognito.
    TokenUse,
    /// The claim `typ` is `Bearer` or `DPoP`: Keycloak.
    Typ,
    /// The client is named by `azp` or `client_id`, by ID tokens only as their audience: Auth0.
    Client,
    /// The client is named by `cid`: Okta.
    Cid,
}

/// What tells a client that acts as itself from one that acts for a person.
#[derive(Clone, Copy)]
pub(crate) enum ActorMark {
    /// `sub` is `client_id`; that it is not says something only in tokens of RFC 9068 (§2.2).
    Subject,
    /// `idtyp` is `app`; where it is missing: no scope, and `oid` is `sub`.
    Entra,
    /// `gty` is `client-credentials`, or `sub` is the client id with `@clients` after it.
    Auth0,
    /// The user that a client has for itself is `service-account-` with the client id after it, and only its tokens have a
    /// `client_id`.
    Keycloak,
    /// Nothing tells.
    Untold,
    /// A person has this claim; an application has its client id for `sub`.
    PersonHas(PersonClaim),
}

/// The claim that only the tokens of persons have.
#[derive(Clone, Copy)]
pub(crate) enum PersonClaim {
    /// Okta's `uid`.
    Uid,
    /// Amazon Cognito's `username`.
    Username,
}
