//! Credentials in files that somebody replaces while the service lives: the next token request uses what is there then.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tower_bearer::jose::{Algorithm, SigningKey};
use tower_bearer::testing::TestClock;
use tower_bearer::{ClientCredentials, Credential, Issuer, TokenErrorKind};

use super::folder::Folder;
use super::made::{Pair, RSA_A, RSA_B, rsa_public};
use super::recorded::{Asked, Recorded};
use super::{CLIENT, issuer, reader};
use crate::hostile::world::pem;
use crate::support::Log;

const WARNING: &str = "a client's credential could not be read again; the last one is used";

/// A service whose credential is in files, and where it asks for tokens.
struct Service {
    endpoint: Recorded,
    jobs: ClientCredentials,
}

impl Service {
    fn with(credential: Credential) -> Self {
        let (endpoint, issuer) = issuer();
        Self { jobs: reader(&issuer.client(CLIENT, credential)), endpoint }
    }

    async fn next_request(&self) -> Asked {
        self.endpoint.next_request(&self.jobs).await
    }

    /// By which of the two RSA keys the next request is signed.
    async fn signed_by(&self) -> char {
        let assertion = self.next_request().await.assertion();
        let algorithm = assertion.header()["alg"].as_str().unwrap().parse().unwrap();
        let by = |pkcs8| assertion.is_signed_for(&rsa_public(pkcs8, algorithm));
        match (by(RSA_A), by(RSA_B)) {
            (true, false) => 'a',
            (false, true) => 'b',
            both => panic!("{both:?}"),
        }
    }

    async fn thumbprint(&self) -> Value {
        self.next_request().await.assertion().header()["x5t#S256"].clone()
    }
}

fn key(pkcs8: &[u8]) -> String {
    pem("PRIVATE KEY", pkcs8)
}

// --- a key ---

#[tokio::test]
async fn a_new_key_in_the_file_signs_the_next_request() {
    let folder = Folder::new();
    let path = folder.put("key.pem", key(RSA_A));
    let service = Service::with(Credential::private_key_file(Algorithm::RS256, &path).unwrap());
    let log = Log::capture();
    assert_eq!(service.signed_by().await, 'a');
    folder.put("key.pem", key(RSA_B));
    assert_eq!(service.signed_by().await, 'b');
    folder.put("key.pem", key(RSA_A));
    assert_eq!(service.signed_by().await, 'a');
    assert!(!log.text().contains(WARNING), "{}", log.text());
}

#[tokio::test]
async fn the_id_of_a_key_in_a_file_stays_as_it_was_set() {
    let folder = Folder::new();
    let path = folder.put("key.pem", key(RSA_A));
    let credential = Credential::private_key_file(Algorithm::PS384, &path).unwrap().key_id("ours").unwrap();
    let service = Service::with(credential);
    folder.put("key.pem", key(RSA_B));
    let header = service.next_request().await.assertion().header();
    assert_eq!((&header["alg"], &header["kid"]), (&"PS384".into(), &"ours".into()));
}

#[tokio::test]
async fn the_last_key_serves_while_there_is_none_that_can_be_read_and_that_is_logged_without_the_contents() {
    let folder = Folder::new();
    let path = folder.put("key.pem", key(RSA_A));
    let service = Service::with(Credential::private_key_file(Algorithm::RS256, &path).unwrap());
    let whole = key(RSA_B);
    let another_kind = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (content, why) in [
        (&whole[..0], "this is not PEM"),
        (&whole[..whole.len() / 2], "may have been cut short"),
        ("canary", "this is not PEM"),
        (&another_kind, "RS256 needs an RSA key"),
    ] {
        let log = Log::capture();
        folder.put("key.pem", content);
        assert_eq!(service.signed_by().await, 'a');
        let logged = log.text();
        assert!(logged.contains(WARNING) && logged.contains(why) && logged.contains("key.pem"), "{logged}");
        let lines = content.lines().filter(|line| !line.starts_with("-----"));
        assert!(lines.into_iter().all(|line| !logged.contains(line)), "{logged}");
    }
    let log = Log::capture();
    folder.remove("key.pem");
    assert_eq!(service.signed_by().await, 'a');
    let logged = log.text();
    assert!(logged.contains(WARNING) && logged.contains("could not be read: entity not found"), "{logged}");
    folder.put("key.pem", &whole);
    assert_eq!(service.signed_by().await, 'b');
}

#[tokio::test]
async fn clones_of_a_credential_share_what_was_read_last() {
    let folder = Folder::new();
    let path = folder.put("key.pem", key(RSA_A));
    let credential = Credential::private_key_file(Algorithm::RS256, &path).unwrap();
    let (one, other) = (Service::with(credential.clone()), Service::with(credential));
    folder.put("key.pem", key(RSA_B));
    assert_eq!(one.signed_by().await, 'b');
    folder.remove("key.pem");
    assert_eq!(other.signed_by().await, 'b');
}

// --- a certificate and its key ---

fn put(folder: &Folder, pair: &Pair) {
    folder.put("tls.crt", &pair.certificate);
    folder.put("tls.key", &pair.key);
}

fn of_files(folder: &Folder) -> Credential {
    Credential::certificate_files(folder.path("tls.crt"), folder.path("tls.key")).unwrap()
}

#[tokio::test]
async fn a_pair_that_is_replaced_one_file_after_the_other_is_used_when_both_are_there() {
    for certificate_first in [true, false] {
        let (folder, old, new) = (Folder::new(), Pair::rsa(RSA_A), Pair::rsa(RSA_B));
        put(&folder, &old);
        let service = Service::with(of_files(&folder));
        let before = service.thumbprint().await;

        let steps = [("tls.crt", &new.certificate), ("tls.key", &new.key)];
        let [first, second] = if certificate_first { steps } else { [steps[1], steps[0]] };
        folder.put(first.0, first.1);
        let log = Log::capture();
        assert_eq!(service.thumbprint().await, before);
        assert_eq!(service.signed_by().await, 'a');
        let logged = log.text();
        assert!(logged.contains(WARNING) && logged.contains("don't belong together"), "{logged}");
        assert!(logged.contains("tls.crt") && logged.contains("tls.key"), "{logged}");

        folder.put(second.0, second.1);
        assert_ne!(service.thumbprint().await, before);
        assert_eq!(service.signed_by().await, 'b');
    }
}

#[tokio::test]
async fn a_certificate_that_is_renewed_for_the_same_key_is_named_from_then_on() {
    let (folder, old) = (Folder::new(), Pair::rsa(RSA_A));
    let new = Pair::for_the_next(RSA_A, Duration::from_secs(3600));
    put(&folder, &old);
    let service = Service::with(of_files(&folder));
    let before = service.thumbprint().await;
    folder.put("tls.crt", &new.certificate);
    assert_ne!(service.thumbprint().await, before);
}

#[tokio::test]
async fn both_may_be_one_file() {
    let folder = Folder::new();
    let both = |pair: &Pair| folder.put("both.pem", pair.certificate.clone() + &pair.key);
    let path = both(&Pair::rsa(RSA_A));
    let service = Service::with(Credential::certificate_files(&path, &path).unwrap());
    assert_eq!(service.signed_by().await, 'a');
    both(&Pair::rsa(RSA_B));
    assert_eq!(service.signed_by().await, 'b');
}

#[tokio::test]
async fn a_certificate_that_has_run_out_or_is_not_valid_yet_never_takes_the_place_of_one_that_is() {
    let (folder, now, day) = (Folder::new(), SystemTime::now(), Duration::from_secs(24 * 60 * 60));
    put(&folder, &Pair::rsa(RSA_A));
    let service = Service::with(of_files(&folder));
    for (pair, why) in [
        (Pair::between(RSA_B, now - 2 * day, now - day), "has run out"),
        (Pair::between(RSA_B, now + day, now + 2 * day), "is not valid yet"),
    ] {
        put(&folder, &pair);
        let log = Log::capture();
        assert_eq!(service.signed_by().await, 'a');
        assert!(log.text().contains(why), "{}", log.text());
    }
}

#[tokio::test]
async fn a_service_whose_certificate_ran_out_works_again_once_a_new_one_is_there() {
    let (folder, clock) = (Folder::new(), TestClock::new());
    let hour = Duration::from_secs(3600);
    put(&folder, &Pair::for_the_next(RSA_A, hour));
    let (endpoint, issuer) = issuer();
    let jobs = reader(&issuer.clock(&clock).client(CLIENT, of_files(&folder)));
    clock.advance(2 * hour);
    let error = jobs.token().await.unwrap_err();
    assert_eq!((error.kind(), endpoint.count()), (TokenErrorKind::Refused, 0));
    put(&folder, &Pair::rsa(RSA_B));
    clock.advance(Duration::from_secs(5));
    assert!(endpoint.next_request(&jobs).await.assertion().is_signed_for(&rsa_public(RSA_B, Algorithm::PS256)));
}

/// Kubernetes mounts secrets behind a link to a folder of this version, and swaps the link.
#[cfg(unix)]
#[tokio::test]
async fn files_behind_a_link_that_is_swapped_are_found_as_kubernetes_mounts_them() {
    use std::os::unix::fs::symlink;

    let folder = Folder::new();
    for (version, pkcs8) in [("..2026_01", RSA_A), ("..2026_02", RSA_B)] {
        let pair = Pair::rsa(pkcs8);
        folder.put(&format!("{version}/tls.crt"), pair.certificate);
        folder.put(&format!("{version}/tls.key"), pair.key);
    }
    let swap_to = |version: &str| {
        symlink(version, folder.path("..data_tmp")).unwrap();
        std::fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    };
    swap_to("..2026_01");
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), folder.path(name)).unwrap();
    }
    let service = Service::with(of_files(&folder));
    assert_eq!(service.signed_by().await, 'a');
    swap_to("..2026_02");
    assert_eq!(service.signed_by().await, 'b');
    // The old version is deleted then.
    std::fs::remove_dir_all(folder.path("..2026_01")).unwrap();
    let log = Log::capture();
    assert_eq!(service.signed_by().await, 'b');
    assert!(!log.text().contains(WARNING), "{}", log.text());
}

// --- an assertion ---

#[tokio::test]
async fn a_new_assertion_in_the_file_is_sent_with_the_next_request() {
    let folder = Folder::new();
    let path = folder.put("token", "one.two.three");
    let service = Service::with(Credential::assertion_file(&path).unwrap());
    let asked = service.next_request().await;
    assert_eq!(asked.names(), ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"]);
    assert_eq!(asked.assertion().0, "one.two.three");
    folder.put("token", "one.two.four");
    assert_eq!(service.next_request().await.assertion().0, "one.two.four");
}

#[tokio::test]
async fn white_space_around_an_assertion_in_a_file_is_left_out() {
    let folder = Folder::new();
    let path = folder.put("token", "\n one.two.three\r\n\n");
    let service = Service::with(Credential::assertion_file(&path).unwrap());
    assert_eq!(service.next_request().await.assertion().0, "one.two.three");
}

#[tokio::test]
async fn the_last_assertion_serves_while_there_is_none_and_that_is_logged_without_it() {
    let folder = Folder::new();
    let path = folder.put("token", "one.two.three");
    let service = Service::with(Credential::assertion_file(&path).unwrap());
    for content in
        ["", "\n", "canary", "canary.can", "canary canary.x.y", "one.two.canary\none.two.canary", "ö.two.canary"]
    {
        folder.put("token", content);
        let log = Log::capture();
        assert_eq!(service.next_request().await.assertion().0, "one.two.three", "{content}");
        let logged = log.text();
        assert!(logged.contains(WARNING) && logged.contains("it has to be a JWT"), "{logged}");
        assert!(!logged.contains("canary"), "{logged}");
    }
    folder.put("token", b"\xff\xfe.a.b");
    assert_eq!(service.next_request().await.assertion().0, "one.two.three");
    folder.remove("token");
    assert_eq!(service.next_request().await.assertion().0, "one.two.three");
    // Encrypted ones have five parts.
    folder.put("token", "one..three.four.five");
    assert_eq!(service.next_request().await.assertion().0, "one..three.four.five");
}

// --- at the start ---

#[test]
fn a_file_that_wont_do_is_an_error_at_construction_that_names_it() {
    let folder = Folder::new();
    let missing = folder.path("missing.pem");
    let empty = folder.put("empty.pem", "");
    let Pair { certificate, key, .. } = Pair::rsa(RSA_A);
    let (certificate, key) = (folder.put("tls.crt", certificate), folder.put("tls.key", key));
    let other = folder.put("other.key", self::key(RSA_B));
    let rs256 = Algorithm::RS256;
    for (error, named, expected) in [
        (Credential::private_key_file(rs256, &missing), "missing.pem", "could not be read: entity not found"),
        (Credential::private_key_file(rs256, folder.path(".")), "client-", "could not be read: is a directory"),
        (Credential::private_key_file(rs256, &empty), "empty.pem", "this is not PEM"),
        (Credential::private_key_file(rs256, &certificate), "tls.crt", "holds no private key"),
        (Credential::assertion_file(&missing), "missing.pem", "could not be read: entity not found"),
        (Credential::assertion_file(&empty), "empty.pem", "it has to be a JWT"),
        (Credential::assertion_file(&key), "tls.key", "it has to be a JWT"),
        (Credential::certificate_files(&missing, &key), "missing.pem", "could not be read: entity not found"),
        (Credential::certificate_files(&certificate, &missing), "missing.pem", "could not be read: entity not found"),
        (Credential::certificate_files(&key, &certificate), "tls.key", "the PEM holds no certificate"),
        (Credential::certificate_files(&certificate, &other), "other.key", "don't belong together"),
    ] {
        let error = error.unwrap_err();
        assert!(error.is_configuration());
        let said = error.to_string();
        assert!(said.contains(named) && said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn files_are_read_where_no_runtime_is_at_hand_too() {
    let folder = Folder::new();
    let path = folder.put("token", "one.two.three");
    let credential = Credential::assertion_file(&path).unwrap();
    let thread = std::thread::spawn(move || {
        let service = Service::with(credential);
        let mut request = std::pin::pin!(service.next_request());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match request.as_mut().poll(&mut context) {
            std::task::Poll::Ready(asked) => asked.assertion().0,
            std::task::Poll::Pending => panic!("nothing is waited for"),
        }
    });
    assert_eq!(thread.join().unwrap(), "one.two.three");
}

#[tokio::test]
async fn nothing_is_read_from_files_for_a_token_that_is_cached() {
    let folder = Folder::new();
    let path = folder.put("token", "one.two.three");
    let service = Service::with(Credential::assertion_file(&path).unwrap());
    service.jobs.token().await.unwrap();
    folder.remove("token");
    let log = Log::capture();
    service.jobs.token().await.unwrap();
    assert_eq!((service.endpoint.count(), log.text().contains(WARNING)), (1, false));
}

#[test]
fn making_a_client_reads_nothing_and_needs_no_runtime() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let client = Issuer::new(super::ISSUER).unwrap().client(CLIENT, Credential::private_key(key));
    assert_eq!(client.client_id(), CLIENT);
    assert!(client.client_credentials(["orders.read"]).is_ok());
}
