//! Where metadata and keys are asked for, in every cloud, and which metadata is taken.

use tower_bearer::testing::TestDirectory;
use tower_bearer::{Entra, RejectionKind as Kind};

use super::{API, CONTOSO, FABRIKAM, PERSONAL, delegated, kind, of_contoso, validator};
use crate::support::AUDIENCE;

const US: &str = "https://login.microsoftonline.us";
const CHINA: &str = "https://login.chinacloudapi.cn";

fn contoso() -> Entra {
    Entra::tenant(CONTOSO).unwrap()
}

#[tokio::test]
async fn tokens_of_sovereign_clouds_have_the_issuers_of_their_cloud() {
    let (us, china) = (TestDirectory::us_government(), TestDirectory::china());
    let in_us =
        (format!("https://sts.windows.net/{CONTOSO}/"), format!("https://login.microsoftonline.us/{CONTOSO}/v2.0"));
    let in_china = (
        format!("https://sts.chinacloudapi.cn/{CONTOSO}/"),
        format!("https://login.partner.microsoftonline.cn/{CONTOSO}/v2.0"),
    );
    for (directory, host, (of_v1, of_v2)) in [(us, US, in_us), (china, CHINA, in_china)] {
        let one = validator(&directory, contoso().authority_host(host).unwrap());
        let any = validator(&directory, Entra::any_tenant().authority_host(host).unwrap());
        for validator in [one, any] {
            let [v1, v2] = delegated(&directory, CONTOSO);
            assert_eq!(validator.verify(&v1.clone().sign()).await.unwrap().issuer(), of_v1);
            assert_eq!(validator.verify(&v2.clone().sign()).await.unwrap().issuer(), of_v2);
            // What another cloud says of a tenant with this id is nothing here.
            let elsewhere = [
                format!("https://login.microsoftonline.com/{CONTOSO}/v2.0"),
                format!("https://login.chinacloudapi.cn/{CONTOSO}/v2.0"),
                format!("https://sts.microsoftonline.us/{CONTOSO}/"),
            ];
            for iss in elsewhere {
                for token in [&v1, &v2] {
                    let refused = kind(&validator, token.clone().claim("iss", &iss)).await;
                    assert_eq!(refused, Some(Kind::UnknownIssuer), "{iss} at {host}");
                }
            }
        }
        assert!(directory.requested().iter().all(|url| url.starts_with(&format!("{host}/"))));
    }
}

#[tokio::test]
async fn a_key_of_the_public_cloud_signs_for_nobody_in_another_one() {
    let directory = TestDirectory::us_government();
    let public = directory.add_key("https://login.microsoftonline.com/{tenantid}/v2.0");
    let validator = validator(&directory, contoso().authority_host(US).unwrap());
    // The v1 issuer is the same in both.
    for token in delegated(&directory, CONTOSO) {
        assert_eq!(kind(&validator, token.signed_by(&public)).await, Some(Kind::KeyOfAnotherIssuer));
    }
}

#[test]
fn a_cloud_is_one_cloud_by_all_of_its_names() {
    let identifier = |host: &str| contoso().authority_host(host).unwrap().issuer().identifier().to_owned();
    let public = contoso().issuer().identifier().to_owned();
    assert_eq!(public, format!("https://login.microsoftonline.com/{CONTOSO}/v2.0"));
    for name in [
        "https://login.microsoftonline.com/",
        "https://LOGIN.MicrosoftOnline.com",
        "https://login.windows.net",
        "https://login.microsoft.com",
        "https://sts.windows.net",
    ] {
        assert_eq!(identifier(name), public, "{name}");
    }
    assert_eq!(identifier(CHINA), identifier("https://login.partner.microsoftonline.cn"));
    assert_eq!(identifier(US), identifier("https://login.usgovcloudapi.net"));
}

#[test]
fn an_authority_host_with_more_than_a_host_is_an_error_that_says_so() {
    for wrong in ["login.microsoftonline.us", "https://login.microsoftonline.us/common", "https://login.test?x=1", ""] {
        let error = contoso().authority_host(wrong).unwrap_err();
        assert!(error.is_configuration(), "{wrong}");
        assert!(error.to_string().contains("authority_host(..)"), "{error}");
    }
}

#[tokio::test]
async fn one_tenant_is_asked_itself_and_for_several_organizations_or_common_is() {
    for (entra, authority) in [
        (contoso(), CONTOSO),
        (Entra::tenants([CONTOSO, CONTOSO]).unwrap(), CONTOSO),
        (Entra::tenants([CONTOSO, FABRIKAM]).unwrap(), "organizations"),
        (Entra::any_tenant(), "organizations"),
        (contoso().personal_accounts(), "common"),
        (Entra::any_tenant().personal_accounts(), "common"),
    ] {
        let directory = TestDirectory::new();
        let issuer = directory.issuer(entra);
        issuer.ready().await.unwrap();
        let at = |path: &str| format!("https://login.microsoftonline.com/{authority}/{path}");
        let asked = [at("v2.0/.well-known/openid-configuration"), at("discovery/v2.0/keys")];
        assert_eq!(directory.requested(), asked);
        assert_eq!(kind(&issuer.validator(AUDIENCE), directory.tenant(CONTOSO).delegated(AUDIENCE)).await, None);
        assert_eq!(directory.requested().len(), 2);
    }
}

#[tokio::test]
async fn metadata_is_taken_only_with_the_issuer_that_was_asked() {
    let v2 = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let asked = [
        (contoso(), v2(CONTOSO)),
        (Entra::any_tenant(), v2("{tenantid}")),
        (Entra::tenants([CONTOSO, FABRIKAM]).unwrap(), v2("{tenantid}")),
    ];
    for (entra, right) in asked {
        let said = [
            v2(CONTOSO),
            v2(FABRIKAM),
            v2(PERSONAL),
            v2("{tenantid}"),
            v2("{tenantId}"),
            format!("{}/", v2(CONTOSO)),
            "https://sts.windows.net/{tenantid}/".to_owned(),
            format!("https://sts.windows.net/{CONTOSO}/"),
            "https://login.microsoftonline.us/{tenantid}/v2.0".to_owned(),
        ];
        for issuer in said {
            let directory = TestDirectory::new();
            directory.metadata("issuer", &issuer);
            let validator = validator(&directory, entra.clone());
            let token = directory.tenant(CONTOSO).delegated(API);
            if issuer == right {
                assert_eq!(kind(&validator, token).await, None);
                continue;
            }
            assert_eq!(kind(&validator, token).await, Some(Kind::KeysUnavailable), "{issuer}");
            let error = directory.issuer(entra.clone()).ready().await.unwrap_err();
            assert!(error.to_string().contains("is for another issuer"), "{error}");
        }
    }
}

#[tokio::test]
async fn custom_signing_keys_are_asked_for_by_appid_and_are_the_ones_that_count() {
    let directory = TestDirectory::new();
    let custom = directory.custom_signing_key(API);
    let with = validator(&directory, contoso().custom_signing_keys(API).unwrap());
    for token in delegated(&directory, CONTOSO) {
        assert_eq!(kind(&with, token.clone().signed_by(&custom)).await, None);
    }
    let at = |path: &str| format!("https://login.microsoftonline.com/{CONTOSO}/{path}?appid={API}");
    let asked = [at("v2.0/.well-known/openid-configuration"), at("discovery/v2.0/keys")];
    assert_eq!(directory.requested(), asked);

    // Tokens that the tenant's keys signed are for other applications.
    assert_eq!(kind(&with, directory.tenant(CONTOSO).delegated(API)).await, Some(Kind::UnknownKey));
    // Without the setting, they are not found.
    let (_, without) = of_contoso();
    let token = directory.tenant(CONTOSO).delegated(API).signed_by(&custom);
    assert_eq!(kind(&without, token).await, Some(Kind::UnknownKey));
}
