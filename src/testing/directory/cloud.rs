//! [`Cloud`]: the hosts of one of Microsoft's clouds.

/// Where a cloud is asked, and what the `iss` of its tokens begins with.
#[derive(Clone)]
pub(super) struct Cloud {
    pub(super) authority_host: String,
    v1: &'static str,
    v2: String,
    /// The `aud` of other issuers' tokens by which a client authenticates.
    pub(super) token_exchange: &'static str,
}

impl Cloud {
    pub(super) fn public() -> Self {
        Self::at("https://login.microsoftonline.com")
    }

    pub(super) fn us_government() -> Self {
        Self { token_exchange: "api://AzureADTokenExchangeUSGov", ..Self::at("https://login.microsoftonline.us") }
    }

    pub(super) fn china() -> Self {
        Self {
            v1: "https://sts.chinacloudapi.cn",
            v2: "https://login.partner.microsoftonline.cn".to_owned(),
            token_exchange: "api://AzureADTokenExchangeChina",
            ..Self::at("https://login.chinacloudapi.cn")
        }
    }

    /// One at this host, as the public cloud is at its own.
    pub(super) fn at(authority_host: &str) -> Self {
        Self {
            authority_host: authority_host.to_owned(),
            v1: "https://sts.windows.net",
            v2: authority_host.to_owned(),
            token_exchange: "api://AzureADTokenExchange",
        }
    }

    /// The `iss` of this tenant's tokens.
    pub(super) fn issuer(&self, tenant: &str, is_v1: bool) -> String {
        if is_v1 { format!("{}/{tenant}/", self.v1) } else { format!("{}/{tenant}/v2.0", self.v2) }
    }
}
