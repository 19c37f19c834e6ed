//! [`Entra`]: Microsoft Entra ID (Azure AD), v1 and v2 tokens, one tenant or many, in every cloud.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::issuer::Issuer;
use crate::issuer::identity::{Identity, is_filled};
use crate::issuer::token_endpoint::{EntraTokenEndpoints, TokenEndpoint};
use crate::issuer::token_profile::{ActorMark, TokenProfile};
use crate::transport::Url;

const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";
/// The tenant of personal Microsoft accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Microsoft Entra ID: which tenants are trusted, and in which cloud.
///
/// Tokens of both versions are accepted under one configuration. The version is decided by the API's registration
/// (`requestedAccessTokenVersion`): v1 tokens have the App ID URI for `aud`, v2 tokens the client id, so give the validator
/// both. `iss` is compared letter by letter with the tenant of the token (`tid`, a GUID) put in, and a key that names its
/// issuer signs for that one only.
///
/// A token is accepted if a person delegated something to the client (it has `scp`), or if it is an application's own
/// (`idtyp` is `app`; where that optional claim is missing, there is no `scp` and `oid` is `sub`) and has `roles`. An ID token,
/// which may have `roles` and the same `aud`, is neither.
///
/// ```
/// use tower_bearer::Entra;
///
/// let issuer = Entra::tenant("11111111-2222-3333-4444-555555555555")?.issuer();
/// let validator = issuer
///     .validator("api://orders") // v1 tokens
///     .audience("66666666-7777-8888-9999-000000000000"); // v2 tokens
/// # Ok::<(), tower_bearer::Error>(())
/// ```
///
/// The [manual](crate::manual::entra) says what to set in the portal.
#[derive(Clone)]
pub struct Entra {
    tenants: Vec<Box<str>>,
    personal: bool,
    authority_host: Box<str>,
    signing_keys_of: Option<Box<str>>,
    v1_token_endpoint: bool,
}

impl Entra {
    fn new(tenants: Vec<Box<str>>) -> Self {
        Self {
            tenants,
            personal: false,
            authority_host: PUBLIC_CLOUD.into(),
            signing_keys_of: None,
            v1_token_endpoint: false,
        }
    }

    /// Trusts one tenant, by its id.
    ///
    /// # Errors
    /// Not a GUID. A domain name won't do: tokens hold the id.
    pub fn tenant(id: &str) -> Result<Self, Error> {
        Self::tenants([id])
    }

    /// Trusts these tenants, by their ids.
    ///
    /// # Errors
    /// None, or one that is not a GUID.
    pub fn tenants<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut ids: Vec<Box<str>> = ids.into_iter().map(|id| id.to_ascii_lowercase().into()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Err(Error::configuration(
                "Entra::tenants(..) was given no tenant; for tokens of all organizations write Entra::any_tenant()",
            ));
        }
        if !ids.iter().all(|id| is_guid(id)) {
            return Err(Error::configuration(
                "Entra::tenant(..) takes the tenant's id, a GUID such as 11111111-2222-3333-4444-555555555555, not its domain \
                 name: tokens hold the id; for tokens of all organizations write Entra::any_tenant()",
            ));
        }
        Ok(Self::new(ids))
    }

    /// Trusts every organization. Anybody can have a tenant: look at [`tenant`](crate::VerifiedToken::tenant) before you let
    /// somebody at data. Personal accounts are not among them.
    pub fn any_tenant() -> Self {
        Self::new(Vec::new())
    }

    /// Trusts personal Microsoft accounts too.
    pub fn personal_accounts(self) -> Self {
        Self { personal: true, ..self }
    }

    /// Uses the cloud with this authority host; `https://login.microsoftonline.com`, unless set. Those of the sovereign clouds
    /// are `https://login.microsoftonline.us` and `https://login.chinacloudapi.cn`.
    ///
    /// # Errors
    /// Not an absolute URL of a host alone.
    pub fn authority_host(self, url: &str) -> Result<Self, Error> {
        let parsed = Url::parse("authority_host(..)", url)?;
        if !parsed.path().is_empty() || parsed.has_query() {
            return Err(Error::configuration(
                "authority_host(..) takes a host alone, such as https://login.microsoftonline.us: the tenant is set by Entra::tenant(..)",
            ));
        }
        Ok(Self { authority_host: parsed.origin().to_ascii_lowercase().into(), ..self })
    }

    /// Takes the signing keys of this application's own, for one that has claims mapping with a custom signing key: its client id
    /// is sent as `?appid=` with the request for metadata.
    ///
    /// # Errors
    /// Not a GUID.
    pub fn custom_signing_keys(self, client_id: &str) -> Result<Self, Error> {
        if !is_guid(client_id) {
            return Err(Error::configuration(
                "custom_signing_keys(..) takes the application's client id, which is a GUID",
            ));
        }
        Ok(Self { signing_keys_of: Some(client_id.into()), ..self })
    }

    /// Gets tokens from the endpoint of version 1 (`/oauth2/token`), which takes a resource in place of scopes. Without this, only a
    /// request for a `Resource` goes there.
    ///
    /// It is about tokens that are acquired. Those that come in are taken in both versions.
    pub fn v1_token_endpoint(self) -> Self {
        Self { v1_token_endpoint: true, ..self }
    }

    /// The issuer.
    pub fn issuer(self) -> Issuer {
        let cloud = Cloud::of(&self.authority_host);
        let authority = match &*self.tenants {
            [one] if !self.personal => one,
            _ if self.personal => "common",
            _ => "organizations",
        };
        let of_app = self.signing_keys_of.as_ref().map(|id| format!("?appid={id}")).unwrap_or_default();
        let (host, v2) = (&self.authority_host, &cloud.v2);
        let named = if authority.len() == GUID { authority } else { "{tenantid}" };
        let identifier: Arc<str> = format!("{v2}{named}/v2.0").into();
        let metadata = format!("{host}/{authority}/v2.0/.well-known/openid-configuration{of_app}");
        let token_endpoints = EntraTokenEndpoints {
            authority_host: self.authority_host.clone(),
            tenant: (authority.len() == GUID).then(|| authority.into()),
            is_v1: self.v1_token_endpoint,
        };
        let tenants = Tenants { cloud, any: self.tenants.is_empty(), personal: self.personal, these: self.tenants };
        Issuer::of_provider(
            identifier,
            Some(Identity::Tenants(Arc::new(tenants))),
            PROFILE,
            Url::parse("", &metadata).ok(),
        )
        .with_token_endpoint_of(TokenEndpoint::Entra(Arc::new(token_endpoints)))
    }
}

/// Microsoft's tokens, whatever the directory.
pub(super) const PROFILE: TokenProfile = TokenProfile {
    needs_permission: true,
    client_is_no_permission: true,
    // So that clocks which are behind don't refuse it.
    backdated_by: Duration::from_secs(5 * 60),
    actor: ActorMark::Entra,
    ..TokenProfile::RFC
};

/// What the `iss` of a cloud's tokens begins with, before the tenant.
struct Cloud {
    v1: Box<str>,
    v2: Box<str>,
}

impl Cloud {
    fn of(authority_host: &str) -> Self {
        let (v1, v2) = match authority_host {
            "https://login.chinacloudapi.cn" | "https://login.partner.microsoftonline.cn" => {
                ("https://sts.chinacloudapi.cn/", "https://login.partner.microsoftonline.cn")
            }
            // Other names of theirs, which stand in no token.
            "https://login.windows.net" | "https://login.microsoft.com" | "https://sts.windows.net" => {
                ("https://sts.windows.net/", PUBLIC_CLOUD)
            }
            "https://login.usgovcloudapi.net" => ("https://sts.windows.net/", "https://login.microsoftonline.us"),
            other => ("https://sts.windows.net/", other),
        };
        Self { v1: v1.into(), v2: format!("{v2}/").into() }
    }

    /// The tenant that this `iss` names, and whether it is that of a v1 token.
    fn tenant<'i>(&self, iss: &'i str) -> Option<(&'i str, bool)> {
        let v1 = iss.strip_prefix(&*self.v1).and_then(|rest| rest.strip_suffix('/'));
        let v2 = || iss.strip_prefix(&*self.v2).and_then(|rest| rest.strip_suffix("/v2.0"));
        v1.map(|tenant| (tenant, true)).or_else(|| v2().map(|tenant| (tenant, false)))
    }
}

/// The tenants of one cloud that are trusted.
pub(crate) struct Tenants {
    cloud: Cloud,
    these: Vec<Box<str>>,
    any: bool,
    personal: bool,
}

impl Tenants {
    /// Whether this `iss` is that of the tenant `tid`, and the tenant trusted.
    pub(crate) fn issue(&self, iss: &str, tid: Option<&str>) -> bool {
        self.cloud.tenant(iss).is_some_and(|(tenant, _)| Some(tenant) == tid && self.trust(tenant))
    }

    pub(crate) fn trust(&self, tenant: &str) -> bool {
        let of_any = match tenant {
            PERSONAL => self.personal,
            _ => self.any && is_written_as_in_tokens(tenant),
        };
        of_any || self.these.iter().any(|one| **one == *tenant)
    }

    /// The `iss` of each trusted tenant, in both versions.
    pub(crate) fn names(&self) -> Vec<String> {
        let any = self.any.then_some("{tenantid}");
        let personal = (self.personal && !self.any).then_some(PERSONAL);
        let tenants = self.these.iter().map(AsRef::as_ref).chain(any).chain(personal);
        let Cloud { v1, v2 } = &self.cloud;
        tenants.flat_map(|tenant| [format!("{v2}{tenant}/v2.0"), format!("{v1}{tenant}/")]).collect()
    }

    /// A v1 token is signed by keys that name the v2 issuer of the same tenant.
    pub(crate) fn take_key_of(&self, key_issuer: &str, iss: &str, tid: Option<&str>) -> bool {
        let v2_of_v1 = || match self.cloud.tenant(iss) {
            Some((tenant, true)) => is_filled(key_issuer, tid, &format!("{}{tenant}/v2.0", self.cloud.v2)),
            _ => false,
        };
        is_filled(key_issuer, tid, iss) || v2_of_v1()
    }

    /// Whether this is the `iss` of a trusted tenant.
    pub(crate) fn may_issue(&self, iss: &str) -> bool {
        self.cloud.tenant(iss).is_some_and(|(tenant, _)| self.trust(tenant))
    }

    pub(crate) fn overlap(&self, other: &Self) -> bool {
        // The v1 issuer of a tenant is the same in some clouds.
        let clouds_meet = self.cloud.v1 == other.cloud.v1 || self.cloud.v2 == other.cloud.v2;
        let any = self.any && other.any;
        let personal = self.personal && other.trust(PERSONAL) || other.personal && self.trust(PERSONAL);
        let listed = self.these.iter().any(|one| other.trust(one)) || other.these.iter().any(|one| self.trust(one));
        clouds_meet && (any || personal || listed)
    }
}

/// How long a GUID is.
const GUID: usize = 36;

/// Eight, four, four, four and twelve hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == GUID
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// One tenant has one spelling, or whoever keeps data by tenant would have two of it, and [`PERSONAL`] a second name.
fn is_written_as_in_tokens(tenant: &str) -> bool {
    is_guid(tenant) && !tenant.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl From<Entra> for Issuer {
    fn from(entra: Entra) -> Self {
        entra.issuer()
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra").field("tenants", &self.tenants.len()).finish_non_exhaustive()
    }
}
