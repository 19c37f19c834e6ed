//! The advice on the usual mistakes: each of them, and that it comes where it fits alone.

use super::*;

const GUID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

async fn advice(validator: &Validator, token: impl AsRef<str>) -> Vec<String> {
    validator.explain(token.as_ref()).await.advice().map(str::to_owned).collect()
}

/// One sentence came, which has all of these in it.
#[track_caller]
fn assert_one(advice: &[String], parts: &[&str]) {
    let [one] = advice else { panic!("not one piece of advice: {advice:?}") };
    for part in parts {
        assert!(one.contains(part), "{one:?} has no {part:?}");
    }
}

fn generic(authority: &TestIssuer, identifier: &str) -> Validator {
    with_keys_of(authority, Issuer::new(identifier).unwrap()).validator(AUDIENCE)
}

fn v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

#[tokio::test]
async fn what_was_pasted_with_the_token_is_named() {
    let authority = authority();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = good(&authority).sign();
    let (start, end) = token.split_at(40);
    for (pasted, what) in [
        (String::new(), "There is no token"),
        (format!("Bearer {token}"), "`Bearer ` stands before the token"),
        (format!("bearer {token}"), "`Bearer ` stands before the token"),
        (format!("\"{token}\""), "Quotes stand around the token"),
        (format!("'{token}"), "Quotes stand around the token"),
        (format!("{token}\n"), "A line break is in the token"),
        (format!("{start}\r\n{end}"), "A line break is in the token"),
        (format!("{start} {end}"), "White space is in the token"),
    ] {
        assert_one(&advice(&validator, pasted).await, &[what, "give the token alone"]);
    }
}

#[tokio::test]
async fn a_token_that_is_no_signed_jwt_is_told_by_its_form() {
    let authority = authority();
    let validator = authority.issuer().validator(AUDIENCE);
    let token = good(&authority).sign();
    let (input, _) = token.rsplit_once('.').unwrap();
    for opaque in ["2YotnFZFEjr1zCsicMWpAA", "ya29.a0AfH6SMBx", "hvs.one.two"] {
        assert_one(&advice(&validator, opaque).await, &["an opaque token", "`audience` at Auth0", "Issuer::google()"]);
    }
    assert_one(&advice(&validator, "eyJhbGciOiJkaXIifQ..a.b.c").await, &["an encrypted token (JWE)"]);
    for unsigned in [input.to_owned(), format!("{input}."), good(&authority).header("alg", "none").sign()] {
        assert_one(&advice(&validator, unsigned).await, &["no signature, or it was cut off"]);
    }
    let long = validator.clone().max_token_bytes(100);
    assert_one(&advice(&long, token).await, &["`max_token_bytes(..)`"]);
}

#[tokio::test]
async fn a_header_of_another_kind_of_token_or_algorithm_is_named() {
    let authority = authority();
    let validator = authority.issuer().validator(AUDIENCE);
    let with = |name: &str, value: &str| good(&authority).header(name, value).sign();
    assert_one(&advice(&validator, with("typ", "dpop+jwt")).await, &["a DPoP proof"]);
    assert_one(&advice(&validator.clone().rfc9068(), with("typ", "JWT")).await, &["leave `rfc9068()` out"]);
    let no_jti = good(&authority).without("jti").sign();
    assert_one(&advice(&validator.clone().rfc9068(), no_jti).await, &["leave `rfc9068()` out"]);
    assert_one(&advice(&validator, with("alg", "HS256")).await, &["HS256 signs with a shared secret", "RS256"]);
    let narrow = validator.clone().algorithms([Algorithm::RS256]);
    assert_one(&advice(&narrow, with("alg", "ES256")).await, &["ES256 is not among", "`algorithms(..)`"]);
    assert_eq!(advice(&validator, with("alg", "ES256K")).await, [""; 0]);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_issuer_or_the_audience_is_seen() {
    let authority = authority();
    for (ours, theirs) in [("https://a.test", "https://a.test/"), ("https://a.test/b/", "https://a.test/b")] {
        let token = good(&authority).claim("iss", theirs).sign();
        let advice = advice(&generic(&authority, ours), token).await;
        assert_one(&advice, &["a slash at the end alone", &format!("set \"{theirs}\" (unverified).")]);
    }
    let validator = with_keys_of(&authority, Issuer::new("https://issuer.test").unwrap()).validator("https://api.test");
    let token = authority.token(["https://other.test", "https://api.test/"]).sign();
    assert_one(&advice(&validator, token).await, &["`aud`", "a slash at the end alone", "set \"https://api.test/\"."]);
}

#[tokio::test]
async fn a_v1_token_at_a_v2_issuer_and_the_reverse_are_told_of_the_issuer_that_takes_both() {
    let authority = authority();
    for (ours, theirs, what) in [(v2(TENANT), v1(TENANT), "a v1 token"), (v1(TENANT), v2(TENANT), "a v2 token")] {
        let token = entra_token(&authority).claim("iss", theirs).sign();
        let advice = advice(&generic(&authority, &ours), token).await;
        let preset = format!("`Entra::tenant(\"{TENANT}\")`, which takes both");
        assert_one(&advice, &[what, "requestedAccessTokenVersion", &preset]);
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_or_realm_is_told() {
    let authority = authority();
    let token = entra_token(&authority).claim("iss", v2(OTHER_TENANT)).claim("tid", OTHER_TENANT).sign();
    let other = format!("of the tenant \"{OTHER_TENANT}\" (unverified), and trusted is \"{TENANT}\"");
    for validator in [of_entra(&authority).validator(AUDIENCE), generic(&authority, &v2(TENANT))] {
        assert_one(&advice(&validator, &token).await, &[&other]);
    }
    for named in ["common", "contoso.onmicrosoft.com", "{tenantid}"] {
        let advice = advice(&generic(&authority, &v2(named)), &token).await;
        assert_one(&advice, &[&format!("\"{named}\" is not how a tenant is named"), "`Entra::any_tenant()`"]);
    }
    let any = with_keys_of(&authority, Entra::any_tenant().issuer()).validator(AUDIENCE);
    let personal = entra_token(&authority).claim("iss", v2(TENANT)).claim("tid", OTHER_TENANT).sign();
    assert_one(&advice(&any, personal).await, &["equal to `tid`", "`Entra::personal_accounts()`"]);

    let realm = generic(&authority, "https://login.example.com/realms/acme");
    let token = good(&authority).claim("iss", "https://login.example.com/realms/other").sign();
    assert_one(&advice(&realm, token).await, &["of the same server, and of another realm"]);
    let token = good(&authority).claim("iss", "https://login.example.com.evil.test/realms/acme").sign();
    assert_eq!(advice(&realm, token).await, [""; 0]);
    assert_one(&advice(&realm, good(&authority).without("iss").sign()).await, &["No issuer is named"]);
}

#[tokio::test]
async fn a_token_for_microsoft_graph_is_told_to_be_for_nobody_else() {
    let authority = authority();
    for audience in
        ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com", "https://graph.microsoft.com/"]
    {
        let token = entra_token(&authority).claim("iss", v1(TENANT)).claim("aud", audience);
        let validator = of_entra(&authority).validator(AUDIENCE);
        let said = advice(&validator, token.clone().sign()).await;
        assert!(said[0].contains("for Microsoft Graph"), "{said:?}");
        let changed = token.signed_by(&TestIssuer::new().signing_key(Algorithm::ES256)).sign();
        let said = advice(&validator, changed).await;
        assert!(said[0].contains("for Microsoft Graph"), "{said:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_published_is_named_and_so_are_those_that_are() {
    let authority = authority();
    authority.publish_jwk(json!({ "kty": "oct", "kid": "secret", "k": "AAAA" }));
    let issuer = authority.issuer();
    issuer.ready().await.unwrap();
    let validator = issuer.validator(AUDIENCE);
    let with = |kid: &str| good(&authority).header("kid", kid);
    let known = "which are: \"es256-1\" (ES256)";
    assert_one(&advice(&validator, with("new").sign()).await, &["\"new\" (unverified), is not among", known]);
    assert_one(
        &advice(&validator, with("secret").sign()).await,
        &["It is published, but can't be used", "shared secret"],
    );
    let stranger = TestIssuer::new().signing_key(Algorithm::ES256);
    let nameless = good(&authority).signed_by(&stranger).without_header("kid").sign();
    assert_one(&advice(&validator, nameless).await, &["without `kid`", known]);
    // Its audience was reason enough not to ask for newer keys.
    assert_one(&advice(&validator, with("new").claim("aud", "other").sign()).await, &["\"new\" (unverified)", known]);
    assert_eq!(advice(&validator, good(&authority).claim("aud", "other").sign()).await, [""; 0]);
    assert_one(&advice(&validator, good(&authority).signed_by(&stranger).sign()).await, &["was changed after it was"]);
}

#[tokio::test]
async fn the_audience_account_alone_is_told_of_the_mapper() {
    let authority = named("https://login.example.com/realms/acme");
    let validator = with_keys_of(&authority, Issuer::keycloak(authority.identifier()).unwrap()).validator(AUDIENCE);
    for token in [authority.token("account"), authority.token(["account"]), good(&authority).without("aud")] {
        let parts = ["`account` is what Keycloak puts in", "a mapper of the type Audience", "\"api://orders\""];
        assert_one(&advice(&validator, token.sign()).await, &parts);
    }
    assert_eq!(advice(&validator, authority.token(["account", "other"]).sign()).await, [""; 0]);
}

#[tokio::test]
async fn the_app_id_uri_in_place_of_the_client_id_and_the_reverse_are_told() {
    let authority = authority();
    let uri = format!("api://{GUID}");
    let of_entra = of_entra(&authority);
    for (ours, theirs, what) in [
        (uri.as_str(), GUID, "is the client id of an API"),
        (GUID, uri.as_str(), "is the App ID URI of an API"),
        (AUDIENCE, GUID, "is the client id of an API"),
        (GUID, AUDIENCE, "is the App ID URI of an API"),
    ] {
        let token = entra_token(&authority).claim("aud", theirs).sign();
        let validator = of_entra.validator(ours);
        assert_one(&advice(&validator, token).await, &[what, &format!("`.audience(\"{theirs}\")`")]);
    }
    // Elsewhere a GUID is only a GUID, unless it stands in both.
    let validator = |ours: &str| with_keys_of(&authority, Issuer::new("https://issuer.test").unwrap()).validator(ours);
    assert_eq!(advice(&validator(AUDIENCE), authority.token(GUID).sign()).await, [""; 0]);
    assert_one(&advice(&validator(&uri), authority.token(GUID).sign()).await, &["is the client id of an API"]);
}

#[tokio::test]
async fn an_id_token_is_told_whether_or_not_its_audience_is_right() {
    let authority = authority();
    let validator = generic(&authority, "https://issuer.test");
    for audience in [AUDIENCE, "client-of-a-person"] {
        for (name, value) in [("at_hash", json!("x")), ("nonce", json!("x")), ("typ", json!("ID"))] {
            let token = authority.token(audience).header("typ", "JWT").claim(name, value).sign();
            assert_one(&advice(&validator, token).await, &["looks like an ID token", "`access_token`"]);
        }
    }
    let refresh = good(&authority).header("typ", "JWT").claim("typ", "Offline").sign();
    assert_one(&advice(&validator, refresh).await, &["looks like a refresh token"]);

    let entra = of_entra(&authority).validator(AUDIENCE);
    assert_one(&advice(&entra, entra_token(&authority).sign()).await, &["mostly an ID token", "Expose a scope"]);
    let app = entra_token(&authority).claim("idtyp", "app").sign();
    assert_one(&advice(&entra, app).await, &["define an app role", "`dangerous_allow_unscoped()`"]);
    let bound = good(&authority).claim("cnf", json!({ "jkt": "x" })).sign();
    assert_one(&advice(&validator, bound).await, &["bound to a key of the client"]);
}

#[tokio::test]
async fn clocks_that_are_apart_are_told_with_the_size() {
    let authority = authority();
    let validator = generic(&authority, "https://issuer.test");
    let at = |name: &str, seconds: u64| good(&authority).claim(name, seconds);
    let expired = at("exp", NOW - 61).sign();
    let parts = ["expired 61 s ago", "60 s are allowed", "this clock is ahead"];
    assert_one(&advice(&validator, expired).await, &parts);
    let early = at("nbf", NOW + 300).sign();
    assert_one(&advice(&validator, early).await, &["valid in 300 s (about 5 minutes)", "this clock is behind"]);

    let both = at("nbf", NOW + 90).claim("iat", NOW + 90).sign();
    let said = advice(&validator, both).await;
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("90 s from now: this machine's clock is behind"), "{said:?}");
    // Good, but for now.
    let soon = at("iat", NOW + 30).sign();
    assert!(validator.explain(&soon).await.is_accepted());
    assert_one(&advice(&validator, soon).await, &["30 s from now: this machine's clock is behind"]);
    assert_eq!(advice(&validator, at("iat", NOW).sign()).await, [""; 0]);
}
