//! A key that names its issuer signs for that one only, and all tenants share one key set.

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::jose::SigningKey;
use tower_bearer::testing::TestDirectory;
use tower_bearer::{Entra, RejectionKind as Kind};

use super::{API, CONTOSO, FABRIKAM, PERSONAL, delegated, kind, of_contoso, validator};

fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

#[tokio::test]
async fn a_v1_token_is_accepted_under_a_key_that_names_the_v2_issuer() {
    let (directory, validator) = of_contoso();
    for issuer in [v2("{tenantid}"), v2(CONTOSO)] {
        let key = directory.add_key(&*issuer);
        directory.clock().advance(Duration::from_secs(16));
        for token in delegated(&directory, CONTOSO) {
            assert_eq!(kind(&validator, token.signed_by(&key)).await, None, "{issuer}");
        }
    }
}

#[tokio::test]
async fn a_key_of_another_tenant_or_of_personal_accounts_is_refused_however_good_the_signature() {
    let directory = TestDirectory::new();
    let fabrikams = directory.add_key(&*v2(FABRIKAM));
    let personal = directory.signing_key_of_personal_accounts();
    for entra in [
        Entra::tenant(CONTOSO).unwrap(),
        Entra::tenants([CONTOSO, FABRIKAM]).unwrap(),
        Entra::any_tenant(),
        Entra::any_tenant().personal_accounts(),
    ] {
        let validator = validator(&directory, entra);
        for token in delegated(&directory, CONTOSO) {
            for key in [&fabrikams, &personal] {
                let token = token.clone().signed_by(key);
                for _ in ["new", "seen before"] {
                    let refused = kind(&validator, token.clone()).await;
                    assert_eq!(refused, Some(Kind::KeyOfAnotherIssuer), "{:?}", key.key_id());
                }
            }
            assert_eq!(kind(&validator, token).await, None);
        }
    }
    let of_both = validator(&directory, Entra::any_tenant().personal_accounts());
    for token in delegated(&directory, FABRIKAM) {
        assert_eq!(kind(&of_both, token.signed_by(&fabrikams)).await, None, "its own");
    }
    for token in delegated(&directory, PERSONAL) {
        assert_eq!(kind(&of_both, token).await, None, "its own");
    }
}

#[tokio::test]
async fn the_issuer_of_a_key_is_filled_in_and_compared_letter_by_letter() {
    let (v1_template, v2_template) = ("https://sts.windows.net/{tenantid}/", &*v2("{tenantid}"));
    let good_for_both = [v2_template.to_owned(), v2(FABRIKAM)];
    let good_for_v1 = [v1_template.to_owned(), format!("https://sts.windows.net/{FABRIKAM}/")];
    let bad = [
        v2(&FABRIKAM.to_uppercase()),
        v2("{tenantId}"),
        v2("{tenant}"),
        v2(""),
        v2("{tenantid}{tenantid}"),
        format!("{v2_template}/"),
        format!("x{v2_template}"),
        v2_template.replace("/v2.0", ""),
        v2_template.replace("/v2.0", "/"),
        v2_template.replace(".com", ".us"),
        v2_template.replace("https", "http"),
        v1_template.trim_end_matches('/').to_owned(),
        format!("{v1_template}v2.0"),
        "{tenantid}".to_owned(),
        FABRIKAM.to_owned(),
        String::new(),
    ];
    let check = async |issuer: &str, expected: [Option<Kind>; 2]| {
        let directory = TestDirectory::new();
        let key = directory.add_key(issuer);
        let validator = validator(&directory, Entra::any_tenant());
        for (token, expected) in delegated(&directory, FABRIKAM).into_iter().zip(expected) {
            assert_eq!(kind(&validator, token.signed_by(&key)).await, expected, "{issuer}");
        }
    };
    for issuer in good_for_both {
        check(&issuer, [None, None]).await;
    }
    for issuer in good_for_v1 {
        check(&issuer, [None, Some(Kind::KeyOfAnotherIssuer)]).await;
    }
    for issuer in bad {
        check(&issuer, [Some(Kind::KeyOfAnotherIssuer); 2]).await;
    }
}

#[tokio::test]
async fn a_key_that_names_no_issuer_signs_for_all() {
    let (directory, validator) = of_contoso();
    let key = directory.add_key(None);
    for token in delegated(&directory, CONTOSO) {
        assert_eq!(kind(&validator, token.signed_by(&key)).await, None);
    }
}

#[tokio::test]
async fn a_token_that_was_accepted_is_refused_once_its_key_names_another_issuer() {
    let (directory, validator) = of_contoso();
    let tokens = delegated(&directory, CONTOSO).map(|token| token.sign());
    for token in &tokens {
        assert!(validator.verify(token).await.is_ok());
    }
    directory.key_issuer(&directory.signing_key(), &*v2(FABRIKAM));
    directory.clock().advance(Duration::from_secs(16));
    let new = directory.add_key(&*v2("{tenantid}"));
    let under_new_key = directory.tenant(CONTOSO).delegated(API).signed_by(&new);
    assert_eq!(kind(&validator, under_new_key).await, None, "the new set is in");
    for token in &tokens {
        assert_eq!(validator.verify(token).await.unwrap_err().kind(), Kind::KeyOfAnotherIssuer);
    }
}

#[tokio::test]
async fn a_token_that_names_no_key_is_tried_with_those_that_may_sign_for_it() {
    let (directory, validator) = of_contoso();
    // More than are tried; an odd number, as tests have two RSA keys in turn, and the first one signs for Contoso as well.
    let foreign: Vec<_> = (0..11).map(|_| directory.add_key(&*v2(FABRIKAM))).collect();
    let own = directory.add_key(&*v2(CONTOSO));
    assert_ne!(numbers(&own), numbers(&directory.signing_key()));
    let unnamed = directory.tenant(CONTOSO).delegated(API).without_header("kid");
    assert_eq!(kind(&validator, unnamed.clone().signed_by(&own)).await, None);

    // It may be signed by a key that is not published yet: nothing says that it is another issuer's.
    directory.key_issuer(&own, &*v2(FABRIKAM));
    directory.key_issuer(&directory.signing_key(), &*v2(FABRIKAM));
    let validator = super::validator(&directory, Entra::any_tenant());
    assert_eq!(kind(&validator, unnamed.signed_by(&foreign[0])).await, Some(Kind::UnknownKey));
}

fn numbers(key: &SigningKey) -> Value {
    serde_json::from_str::<Value>(&key.public_jwk()).unwrap()["n"].clone()
}

#[tokio::test]
async fn a_foreign_key_under_the_id_of_an_own_one_is_not_in_its_way() {
    let directory = TestDirectory::new();
    let (own, foreign) = (directory.signing_key(), directory.signing_key_of_personal_accounts());
    let jwk = |key: &SigningKey, issuer: &str| {
        let mut jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
        jwk["kid"] = json!("shared");
        jwk["issuer"] = json!(issuer);
        jwk
    };
    let set = json!({ "keys": [jwk(&foreign, &v2(PERSONAL)), jwk(&own, &v2("{tenantid}"))] });
    let issuer = directory.issuer(Entra::tenant(CONTOSO).unwrap()).with_jwks(set.to_string()).unwrap();
    let validator = issuer.validator(API);
    let token = directory.tenant(CONTOSO).delegated(API).header("kid", "shared");
    assert_eq!(kind(&validator, token.clone().signed_by(&own)).await, None);
    assert_eq!(kind(&validator, token.signed_by(&foreign)).await, Some(Kind::BadSignature));
}
