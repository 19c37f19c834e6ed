//! What kind of token it is: an access token or another, of a person or of an application.

use super::check::{Check, Failure};
use super::claims::{Claim, Mark, RawClaims};
use super::rejection::RejectionKind as Kind;
use crate::issuer::{AccessMark, ActorMark, PersonClaim, TokenProfile};
use crate::jose::Header;
use crate::jose::object::Words;

/// What `typ` says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// `at+jwt`: an access token (RFC 9068 §2.1).
    AccessToken,
    /// `JWT`, or nothing.
    Jwt,
}

/// `typ`: whether it says that this is an access token, or nothing against it.
pub(super) fn media_type(header: &Header<'_>, strict_profile: bool) -> Result<Typed, Failure> {
    const WRONG: Failure = Check::Header.failed(Kind::WrongTokenType);
    let Some(media_type) = header.media_type() else {
        return if strict_profile { Err(WRONG) } else { Ok(Typed::Jwt) };
    };
    let prefix = "application/";
    let subtype = match media_type.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => media_type.get(prefix.len()..).unwrap_or_default(),
        _ => media_type,
    };
    if subtype.eq_ignore_ascii_case("at+jwt") {
        Ok(Typed::AccessToken)
    } else if subtype.eq_ignore_ascii_case("JWT") && !strict_profile {
        Ok(Typed::Jwt)
    } else {
        Err(WRONG)
    }
}

/// Whether the claims are those of an ID token (OpenID Connect Core §2) or of a logout token (OpenID Connect Back-Channel
/// Logout §2.4). Some issuers put the `nonce` into access tokens too, which then have a scope.
pub(super) fn is_other_token(claims: &RawClaims<'_>, profile: &TokenProfile) -> bool {
    if profile.takes_id_tokens {
        return claims.has(Mark::Events);
    }
    let hashed = claims.has(Mark::AtHash) || claims.has(Mark::CHash) || claims.has(Mark::SHash);
    let unscoped = claims[Claim::Scope].is_absent() && claims[Claim::Scp].is_absent();
    let is_one_of = |claim: &Words<'_>, kinds: &[&str]| {
        claim.one().is_some_and(|named| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(named)))
    };
    let named = is_one_of(&claims[Claim::Typ], &["ID", "Refresh", "Offline", "Logout"])
        || is_one_of(&claims[Claim::TokenUse], &["id", "refresh"]);
    hashed || named || claims.has(Mark::Events) || (claims.has(Mark::Nonce) && unscoped)
}

/// Whether the claims have what all access tokens of the provider have.
pub(super) fn is_marked(claims: &RawClaims<'_>, mark: AccessMark) -> bool {
    match mark {
        AccessMark::None => true,
        AccessMark::TokenUse => claims[Claim::TokenUse].one() == Some("access"),
        AccessMark::Typ => claims[Claim::Typ]
            .one()
            .is_some_and(|typ| ["Bearer", "DPoP"].iter().any(|kind| kind.eq_ignore_ascii_case(typ))),
        AccessMark::Client => {
            [&claims[Claim::Azp], &claims[Claim::ClientId]].iter().any(|claim| claim.filled().is_some())
        }
        AccessMark::Cid => claims[Claim::Cid].filled().is_some(),
    }
}

/// Whether the client acts as itself, and not for a person. `None` where the token doesn't tell.
pub(super) fn is_application(claims: &RawClaims<'_>, typed: Typed, actor: ActorMark) -> Option<bool> {
    if let (ActorMark::Entra, Some(kind)) = (actor, claims[Claim::Idtyp].one()) {
        return Some(kind == "app");
    }
    let subject = claims[Claim::Sub].filled()?;
    let subject_is_client = claims.client() == Some(subject);
    let person_has = |claim: &Words<'_>| match claim.filled() {
        Some(_) => Some(false),
        None => subject_is_client.then_some(true),
    };
    match actor {
        ActorMark::Subject if subject_is_client => Some(true),
        ActorMark::Subject => (typed == Typed::AccessToken && claims.client().is_some()).then_some(false),
        ActorMark::Entra => {
            let says_nothing = claims[Claim::Idtyp].is_absent() && claims[Claim::Scp].is_absent();
            Some(says_nothing && claims[Claim::Oid].one() == Some(subject))
        }
        ActorMark::Auth0 => {
            let client = subject.strip_suffix("@clients");
            let is_client = client.is_some() && client == claims.client();
            match claims[Claim::Gty].one() {
                Some("client-credentials") => Some(true),
                _ if is_client => Some(true),
                _ => client.is_none().then_some(false),
            }
        }
        ActorMark::Keycloak => {
            let username = claims[Claim::PreferredUsername].filled()?;
            match username.strip_prefix("service-account-") {
                // Usernames are in lower case, client ids are not.
                Some(of) => {
                    claims[Claim::ClientId].one().filter(|client| client.eq_ignore_ascii_case(of)).map(|_| true)
                }
                None => claims[Claim::ClientId].is_absent().then_some(false),
            }
        }
        ActorMark::Untold => None,
        ActorMark::PersonHas(PersonClaim::Uid) => person_has(&claims[Claim::Uid]),
        ActorMark::PersonHas(PersonClaim::Username) => person_has(&claims[Claim::Username]),
    }
}
