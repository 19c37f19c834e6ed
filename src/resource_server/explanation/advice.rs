//! Advice on the usual mistakes: one function each, which says a sentence where it fits.

use super::case::{Case, any_of, quoted_text, span};
use super::{finding, microsoft};
use crate::issuer::Issuer;
use crate::jose::Algorithm;
use crate::resource_server::check::Check;
use crate::resource_server::rejection::RejectionKind as Kind;

const ALL: &[fn(&Case<'_>) -> Option<String>] = &[
    too_long,
    pasted_with_something,
    encrypted,
    unsigned,
    opaque,
    proof_of_possession,
    strict_profile,
    shared_secret,
    algorithm_left_out,
    without_issuer,
    slash_at_the_end_of_the_issuer,
    microsoft::version,
    microsoft::tenant,
    other_realm,
    microsoft::token_for_graph,
    unknown_key,
    keys_unavailable,
    changed,
    account_alone,
    slash_at_the_end_of_the_audience,
    microsoft::app_id_uri,
    other_kind_of_token,
    expired,
    not_yet_valid,
    issued_in_the_future,
    microsoft::permission,
    bound_to_a_key,
];

/// All that may help with this token.
pub(super) fn on(case: &Case<'_>) -> Vec<String> {
    ALL.iter().filter_map(|advice| advice(case)).collect()
}

fn too_long(case: &Case<'_>) -> Option<String> {
    case.failed_at(&[Check::Size]).then(|| {
        "Tokens grow with the groups and roles in them: have the issuer put in those of this API alone. Or raise \
         `max_token_bytes(..)`, and the limit for headers of every server on the way."
            .to_owned()
    })
}

/// What came along when the token was copied.
fn pasted(case: &Case<'_>) -> Option<&'static str> {
    let token = case.token;
    let has_scheme = token.get(.."bearer ".len()).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    match token {
        "" => Some("There is no token"),
        _ if has_scheme => Some("`Bearer ` stands before the token"),
        _ if token.starts_with(['"', '\'', '`']) || token.ends_with(['"', '\'', '`']) => {
            Some("Quotes stand around the token")
        }
        _ if token.contains(['\n', '\r']) => Some("A line break is in the token, or at an end of it"),
        _ if token.contains(char::is_whitespace) => Some("White space is in the token, or at an end of it"),
        _ => None,
    }
}

fn pasted_with_something(case: &Case<'_>) -> Option<String> {
    let what = pasted(case).filter(|_| case.failed_at(&[Check::Shape]))?;
    Some(format!("{what}: give the token alone, on one line, as it comes from the issuer."))
}

fn parts(case: &Case<'_>) -> usize {
    case.token.split('.').count()
}

fn encrypted(case: &Case<'_>) -> Option<String> {
    (case.failed_at(&[Check::Shape]) && parts(case) == 5 && pasted(case).is_none()).then(|| {
        "Five parts are an encrypted token (JWE), which is not read here: have the issuer sign tokens for this API without \
         encrypting them. Auth0 makes such tokens where the client asks for none in particular: have it send `audience`."
            .to_owned()
    })
}

fn unsigned(case: &Case<'_>) -> Option<String> {
    let says_none = case.member_text("alg").is_some_and(|algorithm| algorithm.eq_ignore_ascii_case("none"));
    let is_cut = case.header.is_some() && (parts(case) == 2 || (parts(case) == 3 && case.token.ends_with('.')));
    let fits = case.failed_at(&[Check::Algorithm]) && says_none || case.failed_at(&[Check::Shape]) && is_cut;
    fits.then(|| "The token has no signature, or it was cut off: anybody can write such a token.".to_owned())
}

fn opaque(case: &Case<'_>) -> Option<String> {
    let is_other = case.header.is_none() && parts(case) != 5 && pasted(case).is_none();
    (case.failed_at(&[Check::Shape]) && is_other).then(|| {
        "This is no JWT but an opaque token, which only its issuer can read. Have the client ask for a token for this API: with \
         `audience` at Auth0, with `resource` (RFC 8707) or a scope of the API elsewhere; at Okta, of a custom authorization server. \
         Google's access tokens are always opaque: take its ID tokens, by `Issuer::google()`."
            .to_owned()
    })
}

fn proof_of_possession(case: &Case<'_>) -> Option<String> {
    let typ = case.member_text("typ").filter(|_| case.failed_at(&[Check::Header]))?;
    typ.to_ascii_lowercase().ends_with("dpop+jwt").then(|| {
        "This is a DPoP proof (RFC 9449), which comes along with a token in a header of its own. The token is the other one.".to_owned()
    })
}

fn strict_profile(case: &Case<'_>) -> Option<String> {
    let is_strict = case.rules.iter().any(|one| one.strict_profile);
    (is_strict && case.failed_at(&[Check::Header, Check::TokenKind])).then(|| {
        "The validator takes tokens of RFC 9068 alone, which many issuers don't make: leave `rfc9068()` out if this is an access \
         token all the same."
            .to_owned()
    })
}

fn shared_secret(case: &Case<'_>) -> Option<String> {
    let algorithm: Algorithm = case.member_text("alg")?.parse().ok()?;
    (case.failed_at(&[Check::Algorithm]) && algorithm.is_symmetric()).then(|| {
        format!(
            "{algorithm} signs with a shared secret, and an issuer's published keys are public. Have it sign this API's tokens by an \
             asymmetric algorithm, such as RS256; at Auth0 that is a setting of the API. A secret is given by \
             `Issuer::with_decoding_key(..)`."
        )
    })
}

fn algorithm_left_out(case: &Case<'_>) -> Option<String> {
    let algorithm: Algorithm = case.member_text("alg")?.parse().ok()?;
    (case.failed_at(&[Check::Algorithm]) && !algorithm.is_symmetric()).then(|| {
        format!("{algorithm} is not among the algorithms that are set: if the issuer signs with it, add it to `algorithms(..)`.")
    })
}

fn without_issuer(case: &Case<'_>) -> Option<String> {
    (case.failed_at(&[Check::Issuer]) && case.claim("iss").is_none())
        .then(|| "No issuer is named: this is a token of another kind, or one that somebody made by hand.".to_owned())
}

/// Whether the two differ by a slash at the end, and by nothing else.
fn differ_by_slash(one: &str, other: &str) -> bool {
    one.strip_suffix('/') == Some(other) || other.strip_suffix('/') == Some(one)
}

fn slash_at_the_end_of_the_issuer(case: &Case<'_>) -> Option<String> {
    let iss = case.claim_text("iss").filter(|_| case.failed_at(&[Check::Issuer]))?;
    case.issuers().any(|issuer| differ_by_slash(issuer.identifier(), iss)).then(|| {
        format!(
            "`iss` and the issuer that is set differ by a slash at the end alone. They are compared letter by letter: set {}.",
            case.noted(&quoted_text(iss))
        )
    })
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url.get(start..)?.find('/').map_or(url.len(), |length| start + length);
    url.get(..end)
}

fn other_realm(case: &Case<'_>) -> Option<String> {
    let iss = case.claim_text("iss").filter(|_| case.failed_at(&[Check::Issuer]))?;
    let at_same_host = |issuer: &Issuer| {
        let ours = issuer.identifier();
        !issuer.has_tenants() && !differ_by_slash(ours, iss) && origin(ours).is_some() && origin(ours) == origin(iss)
    };
    (microsoft::tenant(case).is_none() && case.issuers().any(at_same_host)).then(|| {
        "The token is of the same server, and of another realm, tenant or authorization server on it: set that one, or sign in at \
         the one that is set."
            .to_owned()
    })
}

fn unknown_key(case: &Case<'_>) -> Option<String> {
    let issuer = case.issuers().next()?;
    let place = case.failed()?;
    let status = issuer.status();
    let id = case.member_text("kid");
    let is_known = status.keys.iter().any(|key| key.key_id.as_deref() == id);
    let is_unknown = match place.check {
        Check::Key => case.kind() == Some(Kind::UnknownKey),
        // Its claims were reason enough to fetch no newer keys.
        check => check > Check::Signature && !place.signature_was_verified && !status.keys.is_empty() && !is_known,
    };
    let skipped = status.skipped.iter().find(|key| key.key_id() == id && id.is_some());
    is_unknown.then(|| {
        let asked = id.map_or_else(|| "without `kid`".to_owned(), |id| case.noted(&quoted_text(id)));
        let known = finding::known_keys(issuer);
        let why = match skipped {
            Some(key) => format!("It is published, but can't be used: {}.", key.reason()),
            None => "The token is of another environment, realm or tenant, or its key was withdrawn; at Entra, an application with \
                     claims mapping may have keys of its own (`Entra::custom_signing_keys(..)`)."
                .to_owned(),
        };
        format!("The token's key, {asked}, is not among the issuer's keys, which are: {known}. {why}")
    })
}

fn keys_unavailable(case: &Case<'_>) -> Option<String> {
    (case.kind() == Some(Kind::KeysUnavailable) && case.failed_at(&[Check::Key])).then(|| {
        "The issuer's keys, or newer ones, can't be had at the moment: that says nothing about the token. See whether this machine \
         reaches the issuer's metadata and keys."
            .to_owned()
    })
}

fn changed(case: &Case<'_>) -> Option<String> {
    case.failed_at(&[Check::Signature]).then(|| {
        "The token was changed after it was signed, or cut off, or the issuer has a new key under the id of an old one, as small \
         servers have after a restart: get a new token, and try again in 15 seconds."
            .to_owned()
    })
}

fn account_alone(case: &Case<'_>) -> Option<String> {
    let audiences = case.claim_texts("aud");
    let is_keycloaks = case.claim_text("iss").is_some_and(|iss| iss.contains("/realms/"));
    let is_usual = audiences == ["account"] || (case.claim("aud").is_none() && is_keycloaks);
    (case.failed_at(&[Check::Audience]) && is_usual).then(|| {
        format!(
            "The token is for no API: `account` is what Keycloak puts in by itself. Add a mapper of the type Audience to a client scope \
             that the client has, with {} as the included custom audience.",
            any_of(case.audiences().take(1))
        )
    })
}

fn slash_at_the_end_of_the_audience(case: &Case<'_>) -> Option<String> {
    let found = case.claim_texts("aud");
    let found = found.into_iter().find(|found| case.audiences().any(|ours| differ_by_slash(ours, found)))?;
    case.failed_at(&[Check::Audience]).then(|| {
        format!(
            "`aud` and the audience that is set differ by a slash at the end alone. They are compared letter by letter: set {}.",
            case.noted(&quoted_text(found))
        )
    })
}

fn other_kind_of_token(case: &Case<'_>) -> Option<String> {
    let (kind, _) = finding::other_kind(case)?;
    case.failed_at(&[Check::Audience, Check::TokenKind, Check::Permission]).then(|| {
        format!(
            "This looks like {kind}. An ID token tells the client who signed in, and others are for the issuer: have the client send \
             the access token (`access_token` in the issuer's answer)."
        )
    })
}

fn expired(case: &Case<'_>) -> Option<String> {
    let left = case.seconds_until("exp").filter(|_| case.kind() == Some(Kind::Expired))?;
    case.failed_at(&[Check::Expiry]).then(|| {
        format!(
            "The token expired {} ago by this machine's clock; {} are allowed. Get a new one. If this one is new, this clock is ahead of \
             the issuer's by at least that much.",
            span(-left),
            span(case.leeway())
        )
    })
}

fn not_yet_valid(case: &Case<'_>) -> Option<String> {
    let left = case.seconds_until("nbf").filter(|_| case.kind() == Some(Kind::NotYetValid))?;
    case.failed_at(&[Check::NotBefore]).then(|| {
        format!(
            "The token is valid in {} by this machine's clock; {} are allowed. If the issuer did not mean that, this clock is behind \
             the issuer's by at least that much.",
            span(left),
            span(case.leeway())
        )
    })
}

fn issued_in_the_future(case: &Case<'_>) -> Option<String> {
    let ahead = case.seconds_until("iat").filter(|ahead| *ahead >= 1.0)?;
    Some(format!(
        "The token was issued (`iat`) in the future, {}: this machine's clock is behind the issuer's by at least that much. \
         Synchronize the clocks; `leeway(..)` is for what is left.",
        case.noted(&format!("{} from now", span(ahead)))
    ))
}

fn bound_to_a_key(case: &Case<'_>) -> Option<String> {
    case.failed_at(&[Check::Binding]).then(|| {
        "The token is bound to a key of the client (DPoP, or a client certificate), and the binding is not checked here. Have the \
         client ask for a bearer token."
            .to_owned()
    })
}
