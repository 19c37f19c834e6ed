//! [`Credential`]: how an application proves to the token endpoint who it is (RFC 6749 §2.3, RFC 7523 §2.2).

mod assertion;
mod function;
mod given;
mod key;
mod reread;
mod secret;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::SecretString;

use self::assertion::SignedAssertion;
use self::given::GivenAssertion;
use self::key::Key;
use self::secret::{ClientSecret, SecretMethod};
use super::TokenError;
use super::form::Form;
use crate::error::Error;
use crate::issuer::{Issuer, TokenUrl};
use crate::jose::{Algorithm, SigningKey};

/// How an application proves who it is: by a secret, a key, a certificate, or an assertion that somebody else signed.
///
/// | | registered name | what is sent |
/// |---|---|---|
/// | [`secret`](Self::secret) | | the secret, in the way that the issuer takes |
/// | [`client_secret_basic`](Self::client_secret_basic) | `client_secret_basic` | the secret, in the `Authorization` header |
/// | [`client_secret_post`](Self::client_secret_post) | `client_secret_post` | the secret, in the form |
/// | [`private_key`](Self::private_key), [`signer`](Self::signer) | `private_key_jwt` | an assertion, signed for each request |
/// | [`certificate`](Self::certificate) | `private_key_jwt` | the same, which names the certificate: Entra |
/// | [`assertion`](Self::assertion), [`assertion_file`](Self::assertion_file) | `private_key_jwt` | a token of another issuer that this one trusts: workload identity |
/// | [`none`](Self::none) | `none` | the client id alone |
///
/// Each assertion that is signed here has a `jti` of its own and is good for five minutes. What is sent never goes into a log.
///
/// ```no_run
/// use tower_bearer::Credential;
/// use tower_bearer::jose::Algorithm::{ES256, PS256};
///
/// # async fn of_vault(_: tower_bearer::jose::Algorithm, message: bytes::Bytes) -> Result<Vec<u8>, std::io::Error> { Ok(message.into()) }
/// # fn credentials(pem: &str, key: tower_bearer::jose::SigningKey) -> Result<(), tower_bearer::Error> {
/// // secrets
/// let one = Credential::secret("…");
/// let two = [Credential::client_secret_basic("…"), Credential::client_secret_post("…")];
///
/// // a private key, under the id by which the server knows it; some servers want assertions for their token endpoint
/// let one = Credential::private_key(key);
/// let one = Credential::private_key_pem(ES256, pem)?.key_id("2026-11")?.assertion_audience("https://login.example.com/token")?;
/// let one = Credential::private_key_file(ES256, "/run/secrets/client.pem")?;
///
/// // a certificate at Entra: with its chain, for older servers, or with the key somewhere else
/// let one = Credential::certificate_files("/run/secrets/tls.crt", "/run/secrets/tls.key")?.certificate_chain()?;
/// let one = Credential::certificate(pem, pem)?.sha1_thumbprint()?;
/// let one = Credential::certificate_signer(pem, of_vault)?;
///
/// // workload identity, and a public client
/// let one = Credential::assertion_file("/var/run/secrets/azure/tokens/azure-identity-token")?;
/// let one = Credential::none();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Credential {
    proof: Proof,
}

#[derive(Clone)]
enum Proof {
    None,
    Secret(ClientSecret),
    Signed(SignedAssertion),
    Given(GivenAssertion),
}

impl Credential {
    fn of(proof: Proof) -> Self {
        Self { proof }
    }

    /// No proof: a public client (RFC 6749 §2.1), which sends its id alone.
    pub fn none() -> Self {
        Self::of(Proof::None)
    }

    /// A secret, sent as the issuer takes it: in the header, which every server has to support (RFC 6749 §2.3.1); in the form with
    /// Microsoft, and where the issuer's metadata names that way alone.
    pub fn secret(secret: impl Into<SecretString>) -> Self {
        Self::of(Proof::Secret(ClientSecret::new(secret.into(), SecretMethod::AsTheIssuerTakesIt)))
    }

    /// A secret that is sent in the `Authorization` header, form-encoded before it is base64-encoded (RFC 6749 §2.3.1).
    pub fn client_secret_basic(secret: impl Into<SecretString>) -> Self {
        Self::of(Proof::Secret(ClientSecret::new(secret.into(), SecretMethod::Basic)))
    }

    /// A secret that is sent in the form.
    pub fn client_secret_post(secret: impl Into<SecretString>) -> Self {
        Self::of(Proof::Secret(ClientSecret::new(secret.into(), SecretMethod::Post)))
    }

    /// A private key, with whose algorithm assertions are signed (OpenID Connect Core §9). Its
    /// [key id](SigningKey::with_key_id) is sent as `kid`.
    pub fn private_key(key: SigningKey) -> Self {
        Self::signed(Key::private(key))
    }

    /// A private key in PEM: PKCS#8, or the older forms of RSA and EC keys. Its key id, if it has one, is set by
    /// [`key_id`](Self::key_id).
    ///
    /// # Errors
    /// Not one unencrypted private key in PEM that fits the algorithm.
    pub fn private_key_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self::signed(Key::private_pem(algorithm, pem.as_ref())?))
    }

    /// The same from a file, which is read again for each token request: a new key in it is used from then on, under the same
    /// [`key_id`](Self::key_id) if one is set. One that can't be read then is logged, and the last one used.
    ///
    /// # Errors
    /// As [`private_key_pem`](Self::private_key_pem), or the file can't be read.
    pub fn private_key_file(algorithm: Algorithm, path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::signed(Key::private_file(algorithm, path.as_ref())?))
    }

    /// A certificate and its RSA key, both in PEM, as Entra takes them: assertions are signed with PS256 and name the certificate by
    /// `x5t#S256` (RFC 7515 §4.1.8). Of several certificates the first is the application's, the others its chain.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let made = rcgen::generate_simple_self_signed(vec!["orders".into()])?;
    /// # let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    /// // This one has an EC key.
    /// let refused = tower_bearer::Credential::certificate(certificate, key).unwrap_err();
    /// assert!(refused.is_configuration());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Either is no such thing in PEM, the key is not the certificate's or not RSA, or the certificate has run out or is not valid yet.
    pub fn certificate(certificate_pem: impl AsRef<[u8]>, key_pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self::signed(Key::certificate(certificate_pem.as_ref(), key_pem.as_ref())?))
    }

    /// The same from two files, which may be one. They are read again for each token request: a new pair is used from then on. A pair
    /// that can't be read or doesn't match, as while it is being replaced, is logged, and the last one used.
    ///
    /// # Errors
    /// As [`certificate`](Self::certificate), or a file can't be read.
    pub fn certificate_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::signed(Key::certificate_files(certificate.as_ref(), key.as_ref())?))
    }

    /// A key that is somewhere else, in an HSM or a key vault: `sign` is given the algorithm and what to sign, and gives the signature;
    /// for ECDSA the two numbers side by side (RFC 7518 §3.4). It has 8 s to do so. What its error says is not kept, as it may hold
    /// secrets: log it there. It may panic, which is an error as well. With HS256 it is what is registered as `client_secret_jwt`.
    ///
    /// ```
    /// use tower_bearer::Credential;
    /// use tower_bearer::jose::Algorithm;
    ///
    /// # struct Vault;
    /// # impl Vault { async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, std::io::Error> { Ok(Vec::new()) } }
    /// # let vault = std::sync::Arc::new(Vault);
    /// let credential = Credential::signer(Algorithm::ES256, move |_, message| {
    ///     let vault = vault.clone();
    ///     async move { vault.sign(&message).await }
    /// });
    /// ```
    pub fn signer<S, F, E>(algorithm: Algorithm, sign: S) -> Self
    where
        S: Fn(Algorithm, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
    {
        Self::signed(Key::elsewhere(algorithm, sign))
    }

    /// As [`signer`](Self::signer), for the key of this certificate: it is asked for PS256, or for RS256 after
    /// [`sha1_thumbprint`](Self::sha1_thumbprint). Signatures that don't fit the certificate are not sent.
    ///
    /// # Errors
    /// Not a certificate in PEM with an RSA key, or it has run out or is not valid yet.
    pub fn certificate_signer<S, F, E>(certificate_pem: impl AsRef<[u8]>, sign: S) -> Result<Self, Error>
    where
        S: Fn(Algorithm, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
    {
        Ok(Self::signed(Key::certificate_elsewhere(certificate_pem.as_ref(), sign)?))
    }

    /// An assertion that somebody else signed, from a file that is read again for each token request: workload identity, as Kubernetes
    /// mounts it (`AZURE_FEDERATED_TOKEN_FILE`). While it can't be read, the last one is used, and that is logged.
    ///
    /// # Errors
    /// The file can't be read or holds no assertion.
    pub fn assertion_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::of(Proof::Given(GivenAssertion::file(path.as_ref())?)))
    }

    /// An assertion that somebody else signed, asked for at each token request. The function has 8 s. What its error says is not kept, as
    /// it may hold secrets: log it there.
    ///
    /// ```
    /// use tower_bearer::Credential;
    ///
    /// # async fn id_token_of_this_job() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let credential = Credential::assertion(id_token_of_this_job);
    /// ```
    pub fn assertion<S, F, T, E>(get: S) -> Self
    where
        S: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<SecretString>,
    {
        Self::of(Proof::Given(GivenAssertion::from_function(get)))
    }

    fn signed(key: Key) -> Self {
        Self::of(Proof::Signed(SignedAssertion::by(key)))
    }

    fn change_signed(
        self,
        setting: &str,
        change: impl FnOnce(&mut SignedAssertion) -> Result<(), &'static str>,
    ) -> Result<Self, Error> {
        let wrong = |why: &str| Error::configuration(format!("{setting} does nothing here: {why}"));
        match self.proof {
            Proof::Signed(mut signed) => {
                change(&mut signed).map_err(wrong)?;
                Ok(Self::of(Proof::Signed(signed)))
            }
            Proof::None | Proof::Secret(_) | Proof::Given(_) => {
                Err(wrong("no assertion is signed with this credential"))
            }
        }
    }

    /// Sends this as `kid` in assertions: how the issuer names the key.
    ///
    /// # Errors
    /// The credential is no private key, or the id is empty. Certificates are named by their thumbprint.
    pub fn key_id(self, id: &str) -> Result<Self, Error> {
        self.change_signed("key_id(..)", |signed| signed.set_key_id(id))
    }

    /// Makes assertions for this `aud`. Unless set it is the issuer's identifier, with Microsoft the token endpoint; some servers want
    /// the token endpoint too.
    ///
    /// # Errors
    /// No assertion is signed with this credential, or the audience is empty.
    pub fn assertion_audience(self, audience: &str) -> Result<Self, Error> {
        self.change_signed("assertion_audience(..)", |signed| signed.set_audience(audience))
    }

    /// Sends the certificate and its chain along (`x5c`, RFC 7515 §4.1.6), as for certificates that are registered by their subject and
    /// issuer.
    ///
    /// # Errors
    /// The credential is no certificate.
    pub fn certificate_chain(self) -> Result<Self, Error> {
        self.change_signed("certificate_chain()", SignedAssertion::send_chain)
    }

    /// Names the certificate by SHA-1 (`x5t`) and signs with RS256: for servers that don't know better, such as AD FS.
    ///
    /// # Errors
    /// The credential is no certificate.
    pub fn sha1_thumbprint(self) -> Result<Self, Error> {
        self.change_signed("sha1_thumbprint()", SignedAssertion::use_sha1)
    }

    /// Adds the client and its proof to a request, as far as that goes into the form; gives what goes into the header.
    pub(super) async fn prove(
        &self,
        client_id: &Arc<str>,
        issuer: &Issuer,
        endpoint: &TokenUrl,
        form: &mut Form,
    ) -> Result<Option<HeaderValue>, TokenError> {
        let assertion = match &self.proof {
            Proof::None => {
                form.add("client_id", client_id);
                return Ok(None);
            }
            Proof::Secret(secret) => {
                let in_form = issuer.asks_as_microsoft() || endpoint.takes_post_alone;
                return secret.prove(client_id, in_form, form);
            }
            Proof::Signed(signed) => signed.make(client_id, issuer, endpoint).await?,
            Proof::Given(given) => given.get().await?,
        };
        form.add("client_id", client_id);
        form.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        form.add("client_assertion", secrecy::ExposeSecret::expose_secret(&assertion));
        Ok(None)
    }
}

/// Shows of what kind it is, and nothing else.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.proof {
            Proof::None => "Credential(none)",
            Proof::Secret(_) => "Credential(secret)",
            Proof::Signed(_) => "Credential(key)",
            Proof::Given(_) => "Credential(assertion)",
        })
    }
}
