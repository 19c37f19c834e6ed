//! Advice on tokens of Microsoft Entra ID.

use super::case::{Case, quoted_text};
use crate::issuer::{Issuer, is_guid};
use crate::resource_server::check::Check;

/// Microsoft Graph, as an audience.
const GRAPH: [&str; 4] = [
    "00000003-0000-0000-c000-000000000000",
    "https://graph.microsoft.com",
    "https://graph.microsoft.com/",
    "00000002-0000-0000-c000-000000000000",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// The tenant and the version of an `iss` of Microsoft's, in any cloud.
fn issuer_of(iss: &str) -> Option<(&str, Version)> {
    let rest = iss.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/')?;
    let version = match host {
        "sts.windows.net" | "sts.chinacloudapi.cn" => Version::V1,
        "login.microsoftonline.com" | "login.microsoftonline.us" | "login.partner.microsoftonline.cn" => Version::V2,
        _ => return None,
    };
    Some((path.split('/').next()?, version))
}

/// Whether the token says that it is one of Microsoft's.
fn is_microsofts(case: &Case<'_>) -> bool {
    case.claim_text("iss").is_some_and(|iss| issuer_of(iss).is_some())
}

pub(super) fn token_for_graph(case: &Case<'_>) -> Option<String> {
    let refused = [Check::Issuer, Check::Key, Check::Signature, Check::Audience, Check::Permission];
    let is_for_graph = case.claim_texts("aud").iter().any(|audience| GRAPH.contains(audience));
    (case.failed_at(&refused) && is_for_graph).then(|| {
        "The token is for Microsoft Graph, and its signature is made so that only Microsoft can verify it. Ask for a token for this \
         API: for one of its scopes, such as `api://{client id}/{scope}`, or for `api://{client id}/.default`."
            .to_owned()
    })
}

pub(super) fn version(case: &Case<'_>) -> Option<String> {
    let (tenant, version) = issuer_of(case.claim_text("iss").filter(|_| case.failed_at(&[Check::Issuer]))?)?;
    let mut generic = case.issuers().filter(|issuer| !issuer.has_tenants()).map(Issuer::identifier);
    let other = generic.any(|ours| issuer_of(ours).is_some_and(|(_, configured)| configured != version));
    let (is, wanted) = match version {
        Version::V1 => ("a v1 token (`https://sts.windows.net/…/`)", "v2 tokens"),
        Version::V2 => ("a v2 token (`https://login.microsoftonline.com/…/v2.0`)", "v1 tokens"),
    };
    other.then(|| {
        format!(
            "This is {is}, and the issuer that is set has {wanted}. Which one Entra makes is set by the API's registration \
             (`requestedAccessTokenVersion` in its manifest). Use `Entra::tenant({})`, which takes both.",
            quoted_text(tenant)
        )
    })
}

pub(super) fn tenant(case: &Case<'_>) -> Option<String> {
    let (tenant, _) = issuer_of(case.claim_text("iss").filter(|_| case.failed_at(&[Check::Issuer]))?)?;
    let names: Vec<_> = case.issuers().flat_map(|issuer| issuer.identity().names()).collect();
    let mut ours: Vec<_> = names.iter().filter_map(|name| issuer_of(name)).map(|(ours, _)| ours).collect();
    ours.dedup();
    if ours.is_empty() || ours.contains(&tenant) {
        return None;
    }
    let tenant = case.noted(&quoted_text(tenant));
    let named: Vec<_> = ours.iter().filter(|ours| !is_guid(ours)).map(|ours| quoted_text(ours)).collect();
    Some(match named.first() {
        None => {
            let ours: Vec<_> = ours.iter().map(|ours| quoted_text(ours)).collect();
            format!(
                "The token is of the tenant {tenant}, and trusted is {}. Sign in at that one, or trust the other by \
                 `Entra::tenants(..)`.",
                ours.join(", ")
            )
        }
        Some(_) if case.issuers().any(Issuer::has_tenants) => format!(
            "The token names the tenant {tenant} in `iss`: that has to be the id, equal to `tid`. Personal accounts are a tenant of \
             their own, which `Entra::personal_accounts()` trusts."
        ),
        Some(named) => format!(
            "{named} is not how a tenant is named in tokens: they hold its id. Trust the tenant of the token, {tenant}, by \
             `Entra::tenant(..)`, or every organization by `Entra::any_tenant()`."
        ),
    })
}

pub(super) fn app_id_uri(case: &Case<'_>) -> Option<String> {
    let found = case.claim_texts("aud");
    if !case.failed_at(&[Check::Audience]) {
        return None;
    }
    let is_uri = |audience: &str| audience.starts_with("api://");
    for ours in case.audiences() {
        for found in &found {
            let is_same = |uri: &str, id: &str| uri.strip_prefix("api://") == Some(id);
            let (is_pair, is, wanted) = match (is_guid(ours), is_guid(found)) {
                (true, false) => (is_uri(found), "the App ID URI", "the client id"),
                (false, true) => (is_uri(ours), "the client id", "the App ID URI"),
                _ => continue,
            };
            if is_pair && (is_microsofts(case) || is_same(ours, found) || is_same(found, ours)) {
                return Some(format!(
                    "`aud` is {is} of an API, and the validator takes {wanted}: Entra writes the App ID URI into v1 tokens and \
                     the client id into v2 tokens. If both are this API's, take both: `.audience({})`.",
                    quoted_text(found)
                ));
            }
        }
    }
    None
}

pub(super) fn permission(case: &Case<'_>) -> Option<String> {
    use crate::resource_server::rejection::RejectionKind as Kind;
    case.failed_at(&[Check::Permission]).then(|| match case.kind() {
        Some(Kind::NoPermission) => "Nobody gave this application a role at the API: define an app role, assign it to the \
                                     application and have an administrator consent. Or accept such tokens by \
                                     `dangerous_allow_unscoped()`."
            .to_owned(),
        _ => "A token without `scp` that is not an application's is mostly an ID token. Expose a scope of the API and have the \
              client ask for an access token with it."
            .to_owned(),
    })
}
