//! Which tenants are trusted, and how `iss` and `tid` have to agree.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower_bearer::testing::TestDirectory;
use tower_bearer::{Entra, RejectionKind as Kind, Validator, tenant};

use super::{API, CONTOSO, FABRIKAM, PERSONAL, STRANGER, delegated, kind, of_contoso, validator};
use crate::support::AUDIENCE;

fn v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

#[tokio::test]
async fn tokens_of_both_versions_are_accepted_under_one_configuration() {
    let (directory, validator) = of_contoso();
    for _ in ["new", "cached"] {
        let [of_v1, of_v2] = delegated(&directory, CONTOSO);
        let of_v1 = validator.verify(&of_v1.sign()).await.unwrap();
        assert_eq!((of_v1.issuer(), of_v1.audience(), of_v1.tenant()), (&*v1(CONTOSO), AUDIENCE, Some(CONTOSO)));
        assert_eq!(of_v1.claim::<&str>("ver"), Some("1.0"));
        let of_v2 = validator.verify(&of_v2.sign()).await.unwrap();
        assert_eq!((of_v2.issuer(), of_v2.audience(), of_v2.tenant()), (&*v2(CONTOSO), API, Some(CONTOSO)));
        assert_eq!(of_v2.claim::<&str>("ver"), Some("2.0"));
        assert_eq!(of_v1.client_id(), of_v2.client_id(), "`appid` and `azp`");
    }
}

#[tokio::test]
async fn either_audience_serves_either_version_and_no_other_does() {
    let (directory, validator) = of_contoso();
    let tenant = directory.tenant(CONTOSO);
    for audience in [AUDIENCE, API] {
        assert_eq!(kind(&validator, tenant.clone().v1().delegated(audience)).await, None);
        assert_eq!(kind(&validator, tenant.delegated(audience)).await, None);
    }
    for audience in ["api://other", FABRIKAM, CONTOSO, "https://graph.microsoft.com", "api://orders/", ""] {
        assert_eq!(kind(&validator, tenant.delegated(audience)).await, Some(Kind::WrongAudience), "{audience}");
    }
    // With one of them alone, tokens of the other version are for somebody else.
    let by_uri = directory.issuer(Entra::tenant(CONTOSO).unwrap()).validator(AUDIENCE);
    assert_eq!(kind(&by_uri, tenant.delegated(API)).await, Some(Kind::WrongAudience));
}

#[tokio::test]
async fn one_tenant_a_list_and_any_trust_what_they_say() {
    let directory = TestDirectory::new();
    let (one, list) = (Entra::tenant(CONTOSO).unwrap(), Entra::tenants([CONTOSO, FABRIKAM]).unwrap());
    for (entra, trusted) in [
        (one, &[CONTOSO][..]),
        (list, &[CONTOSO, FABRIKAM]),
        (Entra::any_tenant(), &[CONTOSO, FABRIKAM, STRANGER]),
        (Entra::tenant(PERSONAL).unwrap(), &[PERSONAL]),
        (Entra::tenant(CONTOSO).unwrap().personal_accounts(), &[CONTOSO, PERSONAL]),
        (Entra::any_tenant().personal_accounts(), &[CONTOSO, FABRIKAM, STRANGER, PERSONAL]),
    ] {
        let validator = validator(&directory, entra);
        for tenant in [CONTOSO, FABRIKAM, STRANGER, PERSONAL] {
            let expected = if trusted.contains(&tenant) { None } else { Some(Kind::UnknownIssuer) };
            for token in delegated(&directory, tenant) {
                assert_eq!(kind(&validator, token).await, expected, "{tenant} where {trusted:?} are trusted");
            }
        }
    }
}

#[tokio::test]
async fn iss_has_to_be_that_of_the_tenant_in_tid() {
    let directory = TestDirectory::new();
    let both = validator(&directory, Entra::tenants([CONTOSO, FABRIKAM]).unwrap());
    let any = validator(&directory, Entra::any_tenant());
    let mut wrong = Vec::new();
    for (iss, other) in [(v1(CONTOSO), v1(FABRIKAM)), (v2(CONTOSO), v2(FABRIKAM))] {
        wrong.push(other);
        wrong.extend([format!("{iss}x"), format!("x{iss}"), format!("{iss}/"), format!(" {iss}"), format!("{iss}?a")]);
        wrong.push(iss.replace(CONTOSO, "{tenantid}"));
        wrong.push(iss.replace(CONTOSO, ""));
        wrong.push(iss.replace(CONTOSO, &format!("{FABRIKAM}/{CONTOSO}")));
        wrong.push(iss.replace(CONTOSO, &format!("{CONTOSO}/{CONTOSO}")));
        wrong.push(iss.replace("https://", "http://"));
        wrong.push(iss.replace("https://", "HTTPS://"));
        wrong.push(iss.replace("https://", "https://evil.test/"));
        wrong.push(iss.replace("https://", "https://evil.test@"));
        wrong.push(iss.replace(".net/", ".net.evil.test/").replace(".com/", ".com.evil.test/"));
    }
    wrong.push(v1(CONTOSO).trim_end_matches('/').to_owned());
    wrong.push(v2(CONTOSO).replace("/v2.0", "/"));
    wrong.push(format!("https://login.microsoftonline.com/{CONTOSO}/"));
    wrong.push(format!("https://sts.windows.net/{CONTOSO}/v2.0"));
    wrong.push(format!("https://login.microsoftonline.us/{CONTOSO}/v2.0"));
    for iss in wrong {
        for validator in [&both, &any] {
            let token = directory.tenant(CONTOSO).delegated(API).claim("iss", &iss);
            assert_eq!(kind(validator, token).await, Some(Kind::UnknownIssuer), "{iss}");
        }
    }
}

#[tokio::test]
async fn tid_has_to_be_one_tenant_as_tokens_write_it() {
    let directory = TestDirectory::new();
    let upper = FABRIKAM.to_uppercase();
    // What a template or a pattern would take, were this value put in.
    let filled = [
        &*upper,
        "{tenantid}",
        "common",
        "organizations",
        "contoso.onmicrosoft.com",
        "",
        "11111111-2222-3333-4444-55555555555",
        "11111111-2222-3333-4444-5555555555555",
        "11111111-2222-3333-4444-55555555555g",
        "11111111222233334444555555555555",
        "{11111111-2222-3333-4444-555555555555}",
        "11111111-2222-3333-4444-555555555555/",
        "evil.test/11111111-2222-3333-4444-555555555555",
        "11111111-2222-3333-4444-555555555555/v2.0/../aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "１1111111-2222-3333-4444-555555555555",
    ];
    let one = validator(&directory, Entra::tenant(FABRIKAM).unwrap());
    let any = validator(&directory, Entra::any_tenant());
    for validator in [&one, &any] {
        assert_eq!(kind(validator, directory.tenant(FABRIKAM).delegated(API)).await, None);
        for tid in filled {
            for iss in [v1(tid), v2(tid), v2(FABRIKAM)] {
                let token = directory.tenant(FABRIKAM).delegated(API).claim("iss", &iss).claim("tid", tid);
                assert_eq!(kind(validator, token).await, Some(Kind::UnknownIssuer), "{tid:?} in {iss}");
            }
        }
        let odd = [
            json!([FABRIKAM]),
            json!([FABRIKAM, CONTOSO]),
            json!([]),
            json!({ "tid": FABRIKAM }),
            json!(1),
            Value::Null,
        ];
        for tid in odd {
            let token = directory.tenant(FABRIKAM).delegated(API).claim("tid", &tid);
            assert_eq!(kind(validator, token).await, Some(Kind::UnknownIssuer), "{tid}");
        }
        let without = directory.tenant(FABRIKAM).delegated(API).without("tid");
        assert_eq!(kind(validator, without).await, Some(Kind::UnknownIssuer));
    }
}

#[tokio::test]
async fn personal_accounts_have_no_second_spelling() {
    let directory = TestDirectory::new();
    let any = validator(&directory, Entra::any_tenant());
    let upper = PERSONAL.to_uppercase();
    let token = directory.tenant(&upper).delegated(API);
    assert_eq!(kind(&any, token).await, Some(Kind::UnknownIssuer));
}

#[tokio::test]
async fn a_tenant_is_configured_by_its_id_in_any_case() {
    let directory = TestDirectory::new();
    let validator = validator(&directory, Entra::tenant(&FABRIKAM.to_uppercase()).unwrap());
    assert_eq!(kind(&validator, directory.tenant(FABRIKAM).delegated(API)).await, None);
}

#[test]
fn a_domain_name_in_place_of_an_id_is_an_error_that_says_what_to_write() {
    for wrong in ["contoso.onmicrosoft.com", "contoso.com", "common", "organizations", "consumers", "", "{tenantid}"] {
        for result in [Entra::tenant(wrong), Entra::tenants([CONTOSO, wrong])] {
            let error = result.unwrap_err();
            assert!(error.is_configuration());
            let said = error.to_string();
            assert!(said.contains("a GUID") && said.contains("Entra::any_tenant()"), "{said}");
        }
    }
    let none = Entra::tenants([]).unwrap_err().to_string();
    assert!(none.contains("no tenant") && none.contains("Entra::any_tenant()"), "{none}");
    let application = Entra::any_tenant().custom_signing_keys("api://orders").unwrap_err().to_string();
    assert!(application.contains("client id"), "{application}");
}

#[tokio::test]
async fn a_route_is_kept_for_one_of_the_tenants() {
    let directory = TestDirectory::new();
    let any = validator(&directory, Entra::any_tenant());
    let of = async |id: &str| any.verify(&directory.tenant(id).delegated(API).sign()).await.unwrap();
    assert!(of(CONTOSO).await.require(tenant(CONTOSO)).is_ok());
    let refused = of(FABRIKAM).await.require(tenant(CONTOSO)).unwrap_err();
    assert_eq!((refused.kind(), refused.status().as_u16()), (Kind::InsufficientScope, 403));
}

// --- near misses ---

struct World {
    runtime: Runtime,
    directory: TestDirectory,
    list: Validator,
    any: Validator,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = TestDirectory::new();
    let list = validator(&directory, Entra::tenants([CONTOSO, FABRIKAM]).unwrap());
    let any = validator(&directory, Entra::any_tenant());
    for validator in [&list, &any] {
        let token = directory.tenant(CONTOSO).delegated(API);
        assert_eq!(runtime.block_on(kind(validator, token)), None);
    }
    World { runtime, directory, list, any }
});

/// Tenants, and what is almost one.
fn tenants() -> impl Strategy<Value = String> {
    let fixed = [CONTOSO, FABRIKAM, STRANGER, PERSONAL, "{tenantid}", "", "common", "organizations", "v2.0"];
    let wrapped = format!("{CONTOSO}/{FABRIKAM}");
    let near = [FABRIKAM.to_uppercase(), format!("{CONTOSO}/"), format!("/{CONTOSO}"), wrapped, format!("{CONTOSO}0")];
    prop_oneof![
        select(fixed.map(str::to_owned).into_iter().chain(near).collect::<Vec<_>>()),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9a-fA-F{}/-]{30,40}",
    ]
}

fn begins() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        3 => Just("https://sts.windows.net/"),
        3 => Just("https://login.microsoftonline.com/"),
        1 => select(vec![
            "https://sts.windows.net", "https://login.microsoftonline.com", "http://login.microsoftonline.com/",
            "https://login.microsoftonline.us/", "https://login.microsoftonline.com//", "https://sts.windows.net.evil.test/",
            "https://evil.test/https://login.microsoftonline.com/", "https://login.microsoftonline.com/common/", "",
        ]),
    ]
}

fn ends() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        3 => Just("/"),
        3 => Just("/v2.0"),
        1 => select(vec!["", "//", "/v2.0/", "/V2.0", "/v2.00", "v2.0", "/v2.0/v2.0", "/v1.0", "#/v2.0", "/v2.0 "]),
    ]
}

/// One character is put in place of another, in or out.
fn edited(text: &str, place: Index, with: char, how: u8) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return with.to_string();
    }
    let place = place.index(characters.len());
    match how {
        0 => characters[place] = with,
        1 => characters.insert(place, with),
        2 => drop(characters.remove(place)),
        _ => {}
    }
    characters.into_iter().collect()
}

fn is_guid_in_lower_case(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| b"0123456789abcdef".contains(&byte)))
}

#[test]
fn no_iss_passes_but_one_of_the_two_templates_filled_with_an_allowed_tid() {
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(
        (begin, in_iss, end) in (begins(), tenants(), ends()),
        other in tenants(),
        tids_agree in prop::bool::weighted(0.7),
        (place, with, how) in (any::<Index>(), select("0aA/{}.-: ".chars().collect::<Vec<_>>()), 0..8_u8),
    )| {
        let World { runtime, directory, list, any } = &*WORLD;
        let iss = edited(&format!("{begin}{in_iss}{end}"), place, with, how);
        let tid = if tids_agree { in_iss } else { other };
        let token = directory.tenant(CONTOSO).delegated(API).claim("iss", &iss).claim("tid", &tid);
        let is_filled = iss == v1(&tid) || iss == v2(&tid);
        let verdict = |is_trusted: bool| if is_filled && is_trusted { None } else { Some(Kind::UnknownIssuer) };
        let of_list = [CONTOSO, FABRIKAM].contains(&&*tid);
        prop_assert_eq!(runtime.block_on(kind(list, token.clone())), verdict(of_list), "{} {}", iss, tid);
        let of_any = is_guid_in_lower_case(&tid) && tid != PERSONAL;
        prop_assert_eq!(runtime.block_on(kind(any, token)), verdict(of_any), "{} {}", iss, tid);
    });
}
