//! A token goes to the origins that were named, and nowhere else.

use http::header::HOST;
use http::{Method, Request, Uri};
use http_body_util::Empty;
use tower::Layer;
use tower_bearer::{AddBearerLayer, Error};

use super::{Api, ITEMS, STOCK, World, get, send, status_of};

#[test]
fn a_layer_without_an_origin_is_an_error() {
    let error = World::new().add_bearer().for_origins::<[&str; 0]>([]).unwrap_err();
    assert!(error.is_configuration());
    assert!(error.to_string().contains("for_origins(..)"), "{error}");
}

#[test]
fn an_origin_is_scheme_host_and_port_alone() {
    let world = World::new();
    for (origin, why) in [
        ("https://stock.internal/items", "without a path"),
        ("https://stock.internal//", "without a path"),
        ("https://stock.internal?a=canary", "without a path"),
        ("https://stock.internal/#canary", "without a path"),
        ("https://stock.internal#canary", "without a path"),
        ("https://alice:canary@stock.internal", "user name"),
        ("https://stock.internal@evil.example", "user name"),
        ("stock.internal", "no scheme"),
        ("stock.internal:443", "neither https nor http"),
        ("//stock.internal", "no scheme"),
        ("/items", "no scheme"),
        ("", "no scheme"),
        ("ftp://stock.internal", "neither https nor http"),
        ("https://", "names no host"),
        ("https://:443", "names no host"),
        ("https:stock.internal", "names no host"),
        ("https://stock.internal:65536", "port"),
        ("https://stock.internal:https", "port"),
        ("https://[::1", "can't be parsed"),
        ("https://[stock.internal]", "no IPv6 address"),
        ("https://*.internal", "no patterns"),
        ("https://stock.internal,evil.example", "no patterns"),
        ("https://stock internal", "can't be parsed"),
        ("*", "no scheme"),
        ("null", "no scheme"),
    ] {
        // A good one beside it doesn't help.
        let of_origins = world.add_bearer().for_origins([STOCK, origin]).unwrap_err();
        let of_channel = world.add_bearer().for_channel(origin).unwrap_err();
        for (error, setting) in [(of_origins, "for_origins(..)"), (of_channel, "for_channel(..)")] {
            assert!(error.is_configuration(), "{origin}");
            let text = error.to_string();
            assert!(text.contains(why) && text.contains(setting), "{origin}: {text}");
            assert!(!text.contains("canary") && !text.contains("alice"), "{text}");
        }
    }
}

#[test]
fn plain_http_is_for_loopback_alone_unless_it_is_asked_for() {
    let world = World::new();
    let origins = [
        ("https://stock.internal", true),
        ("https://STOCK.internal:8443/", true),
        ("http://127.0.0.1:8080", true),
        ("http://127.9.9.9", true),
        ("http://[::1]:50051", true),
        ("http://localhost", true),
        ("HTTP://LocalHost:3000", true),
        ("http://stock.internal", false),
        ("http://localhost.evil.example", false),
        ("http://127.0.0.1.evil.example", false),
        ("http://0.0.0.0", false),
        ("http://[::]", false),
        ("http://10.0.0.1", false),
    ];
    for (origin, is_allowed) in origins {
        let layers = [world.add_bearer().for_origins([origin]), world.add_bearer().for_channel(origin)];
        for layer in layers {
            let error = layer.err().map(|error| error.to_string());
            assert_eq!(error.is_none(), is_allowed, "{origin}");
            let says_how = |error: &String| error.contains("dangerous_allow_http()") && error.contains("plain http");
            assert!(error.as_ref().is_none_or(says_how), "{error:?}");
        }
        assert!(world.add_bearer().dangerous_allow_http().for_origins([origin]).is_ok());
        assert!(world.add_bearer().dangerous_allow_http().for_channel(origin).is_ok());
    }
}

/// Sends this, and expects that neither the API nor the token endpoint sees anything of it.
async fn refused<B>(world: &World, layer: &AddBearerLayer, request: Request<B>) -> String
where
    B: http_body::Body + Default + Send + 'static,
{
    let api = Api::open();
    let shown = format!("{} {:?}", request.uri(), request.headers().get(HOST));
    let requests = world.token_requests();
    let error = send(&layer.layer(api.clone()), request).await.unwrap_err();
    assert!(api.tokens().is_empty(), "{shown}: the token got out");
    assert_eq!(world.token_requests(), requests, "{shown}: a token was asked for");
    let error = error.downcast::<Error>().unwrap();
    assert!(error.is_configuration());
    let text = error.to_string();
    assert!(text.starts_with("the request was not sent") && text.contains("for_channel(..)"), "{text}");
    text
}

#[tokio::test]
async fn a_request_to_another_origin_is_never_sent() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let layer = world.add_bearer().for_origins([STOCK, "http://127.0.0.1:8080"]).unwrap();
        for (url, why) in [
            ("https://evil.example/items", "it goes to https://evil.example:443."),
            // Another scheme or port.
            ("http://stock.internal/items", "it goes to http://stock.internal:80."),
            ("http://stock.internal:443/items", "it goes to http://stock.internal:443."),
            ("https://stock.internal:8443/items", "it goes to https://stock.internal:8443."),
            ("https://stock.internal:80/items", "it goes to https://stock.internal:80."),
            ("https://stock.internal:0/items", ":0."),
            ("https://127.0.0.1:8080/items", "it goes to https://127.0.0.1:8080."),
            ("http://127.0.0.1/items", ":80."),
            ("wss://stock.internal/items", "no http scheme"),
            // What looks like it.
            ("https://stock.internal.evil.example/items", "it goes to https://stock.internal.evil.example:443."),
            ("https://evil-stock.internal/items", "https://evil-stock.internal:443."),
            ("https://stock.interna/items", "https://stock.interna:443."),
            ("https://internal/items", "https://internal:443."),
            ("https://stock.internal./items", "https://stock.internal.:443."),
            ("https://stock-internal/items", "https://stock-internal:443."),
            ("https://evil.example/https://stock.internal", "https://evil.example:443."),
            ("https://evil.example?https://stock.internal", "https://evil.example:443."),
            // A user name that looks like it, or one at all.
            ("https://stock.internal@evil.example/items", "a user name"),
            ("https://stock.internal:443@evil.example/items", "a user name"),
            ("https://alice:canary@stock.internal/items", "a user name"),
            ("https://stock.internal@stock.internal:443/items", "a user name"),
            // A port that is none.
            ("https://stock.internal:65979/items", "no port that is a number"),
            // No origin.
            ("/items", "its address is a path alone"),
            ("*", "its address is a path alone"),
        ] {
            let text = refused(&world, &layer, get(url)).await;
            assert!(text.contains(why), "{url}: {text}");
            assert!(!text.contains("canary"), "{text}");
        }
        let mut tunnel = get("stock.internal:443");
        *tunnel.method_mut() = Method::CONNECT;
        assert!(refused(&world, &layer, tunnel).await.contains("no http scheme"));
        let long = format!("https://{}.example/", "a".repeat(10_000));
        assert!(refused(&world, &layer, get(&long)).await.len() < 600);
    }
}

#[tokio::test]
async fn each_spelling_of_an_origin_that_was_named_is_that_origin() {
    let world = World::new();
    let service = world
        .add_bearer()
        .for_origins([
            "https://Stock.Internal",
            "https://eu.stock.internal:8443/",
            "http://[::1]:80",
            "HTTP://127.0.0.1",
        ])
        .unwrap()
        .layer(Api::open());
    for url in [
        "https://stock.internal",
        "https://STOCK.internal/items?a=b",
        "HTTPS://stock.internal/",
        "https://stock.internal:443/",
        "https://stock.internal:/",
        "https://eu.stock.internal:8443/",
        "http://[::1]/",
        "http://127.0.0.1:80/",
    ] {
        assert_eq!(status_of(&service, get(url)).await, 200, "{url}");
    }
}

#[tokio::test]
async fn a_host_header_that_leads_elsewhere_is_refused_too() {
    let with_host = |hosts: &[&'static str], url: &str| {
        let mut request = get(url);
        for host in hosts {
            request.headers_mut().append(HOST, host.parse().unwrap());
        }
        request
    };
    let world = World::new();
    let layer = world.layer();
    let channel = world.add_bearer().for_channel(STOCK).unwrap();
    for hosts in [
        &["evil.example"] as &[_],
        &["stock.internal", "evil.example"],
        &["stock.internal:8443"],
        &["stock.internal:80"],
        &["stock.internal:99999"],
        &["alice@stock.internal"],
        &["stock.internal evil.example"],
        &["stock.internal, evil.example"],
        &["https://stock.internal"],
        &[""],
    ] {
        for (layer, url) in [(&layer, ITEMS), (&channel, ITEMS), (&channel, "/items")] {
            let text = refused(&world, layer, with_host(hosts, url)).await;
            assert!(text.contains("its `Host` header leads elsewhere"), "{hosts:?}: {text}");
        }
    }
    for host in ["stock.internal", "Stock.Internal:443"] {
        assert_eq!(status_of(&layer.layer(Api::open()), with_host(&[host], ITEMS)).await, 200);
        assert_eq!(status_of(&channel.layer(Api::open()), with_host(&[host], "/items")).await, 200);
    }
    // An address that serves a host: both are named.
    let both = world.add_bearer().for_origins(["https://10.0.0.5", STOCK]).unwrap().layer(Api::open());
    assert_eq!(status_of(&both, with_host(&["stock.internal"], "https://10.0.0.5/items")).await, 200);
}

#[tokio::test]
async fn a_channel_takes_paths_and_its_own_origin_and_no_other() {
    for at_hand in [false, true] {
        let world = World::with_token(at_hand).await;
        let layer = world.add_bearer().for_channel(STOCK).unwrap();
        for url in ["/inventory.Stock/Count", "*", "https://stock.internal/items", "https://Stock.internal:443/items"] {
            assert_eq!(status_of(&layer.layer(Api::open()), get(url)).await, 200, "{url}");
        }
        for url in [
            "https://evil.example/items",
            "http://stock.internal/items",
            "https://stock.internal:8443/items",
            "https://stock.internal.evil.example/items",
            "https://stock.internal@evil.example/items",
            "ftp://stock.internal/items",
            "stock.internal:443",
        ] {
            refused(&world, &layer, get(url)).await;
        }
    }
    // What looks like a host is a path here, as it is to the channel.
    let world = World::new();
    let request = Request::get(Uri::from_static("//evil.example/items")).body(Empty::<bytes::Bytes>::new());
    if let Ok(request) = request {
        assert_eq!(request.uri().authority(), None);
        let layer = world.add_bearer().for_channel(STOCK).unwrap();
        assert_eq!(status_of(&layer.layer(Api::open()), request).await, 200);
    }
}
