//! [`Cloud`]: the hosts of one of Microsoft's clouds.

/// Where a cloud is asked, and what the `iss` of its tokens begins with.
#[derive(Clone, Copy)]
pub(super) struct Cloud {
    pub(super) authority_host: &'static str,
    pub(super) v1: &'static str,
    pub(super) v2: &'static str,
}

pub(super) const PUBLIC: Cloud = Cloud {
    authority_host: "https://login.microsoftonline.com",
    v1: "https://sts.windows.net",
    v2: "https://login.microsoftonline.com",
};

pub(super) const US_GOVERNMENT: Cloud = Cloud {
    authority_host: "https://login.microsoftonline.us",
    v1: "https://sts.windows.net",
    v2: "https://login.microsoftonline.us",
};

pub(super) const CHINA: Cloud = Cloud {
    authority_host: "https://login.chinacloudapi.cn",
    v1: "https://sts.chinacloudapi.cn",
    v2: "https://login.partner.microsoftonline.cn",
};

impl Cloud {
    /// The `iss` of this tenant's tokens.
    pub(super) fn issuer(&self, tenant: &str, is_v1: bool) -> String {
        if is_v1 { format!("{}/{tenant}/", self.v1) } else { format!("{}/{tenant}/v2.0", self.v2) }
    }
}
