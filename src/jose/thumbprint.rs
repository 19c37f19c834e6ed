//! The thumbprint of a key: a name that follows from its numbers alone (RFC 7638).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::crypto::sha256;
use super::jwk::Jwk;
use super::key_material::KeyMaterial;

impl Jwk {
    /// The key's thumbprint with SHA-256 (RFC 7638 §3, for Ed25519 RFC 8037 §2). Neither `kid` nor `alg` nor any other
    /// member beside the numbers has a part in it.
    ///
    /// Needs the feature of a cryptographic back end.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
    /// use tower_bearer::jose::Jwk;
    ///
    /// let jwk = Jwk::parse(br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
    /// assert_eq!(jwk.thumbprint()[..3], [0x90, 0xfa, 0xca]);
    /// assert_eq!(jwk.thumbprint_base64url(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # }
    /// # Ok::<(), tower_bearer::jose::SkipReason>(())
    /// ```
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        // The required members in the order of their names, without white space.
        let json = match self.material() {
            KeyMaterial::Rsa(numbers) => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(numbers.exponent()), encode(numbers.modulus()))
            }
            KeyMaterial::Ec(curve, point) => {
                let (x, y) = curve.coordinates(point);
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), encode(x), encode(y))
            }
            KeyMaterial::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
        };
        sha256(json.as_bytes())
    }

    /// The same in base64url, as it stands in `jkt` (RFC 9449 §6.1) and as it often serves for `kid`.
    ///
    /// Needs the feature of a cryptographic back end.
    #[must_use]
    pub fn thumbprint_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.thumbprint())
    }
}
