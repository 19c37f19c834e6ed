//! The kind of a key as X.509 certificates and private keys name it (RFC 5280 §4.1.2.7, RFC 5480, RFC 8410).

use x509_cert::der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, OctetStringRef, UintRef};
use x509_cert::der::oid::db::{rfc5912, rfc8410};
use x509_cert::der::{self, Decode, Reader, SliceReader, TagNumber};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned};

use super::algorithm::KeyFamily;
use super::key_material::{Curve, KeyMaterial, RsaPublicNumbers};
use super::skip_reason::SkipReason;

/// The public key of a certificate.
pub(super) fn public_key(info: &SubjectPublicKeyInfoOwned) -> Result<KeyMaterial, SkipReason> {
    const UNSUPPORTED: SkipReason = SkipReason::UnsupportedPublicKey;
    let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as().ok());
    let key = info.subject_public_key.as_bytes().ok_or(UNSUPPORTED)?;
    match family(info.algorithm.oid, curve).ok_or(UNSUPPORTED)? {
        KeyFamily::Rsa => {
            let (modulus, exponent) = rsa_numbers(key).map_err(|_| UNSUPPORTED)?;
            RsaPublicNumbers::new(modulus.as_bytes(), exponent.as_bytes()).map(KeyMaterial::Rsa)
        }
        KeyFamily::P256 => point(Curve::P256, key),
        KeyFamily::P384 => point(Curve::P384, key),
        KeyFamily::P521 => point(Curve::P521, key),
        KeyFamily::Ed25519 => KeyMaterial::ed25519(key).map_err(|_| UNSUPPORTED),
        KeyFamily::Hmac { .. } => Err(UNSUPPORTED),
    }
}

/// The kind of a PKCS#8 private key (RFC 5958 §2), if it is one that signs here.
pub(super) fn pkcs8_family(der: &[u8]) -> der::Result<Option<KeyFamily>> {
    AnyRef::from_der(der)?.sequence(|fields| {
        let _version: u8 = fields.decode()?;
        let algorithm: AlgorithmIdentifierRef<'_> = fields.decode()?;
        skip_rest(fields)?;
        let curve = algorithm.parameters.and_then(|parameters| parameters.decode_as().ok());
        Ok(family(algorithm.oid, curve))
    })
}

/// The kind of a SEC 1 private key (RFC 5915 §3), if it is one that signs here. That it names its curve is demanded:
/// otherwise a key of one curve could be taken for that of another.
pub(super) fn sec1_family(der: &[u8]) -> der::Result<Option<KeyFamily>> {
    AnyRef::from_der(der)?.sequence(|fields| {
        let _version: u8 = fields.decode()?;
        let _secret: OctetStringRef<'_> = fields.decode()?;
        let curve: Option<ContextSpecific<ObjectIdentifier>> = ContextSpecific::decode_explicit(fields, TagNumber::N0)?;
        skip_rest(fields)?;
        Ok(family(rfc5912::ID_EC_PUBLIC_KEY, curve.map(|curve| curve.value)))
    })
}

fn family(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> Option<KeyFamily> {
    match algorithm {
        rfc5912::RSA_ENCRYPTION => Some(KeyFamily::Rsa),
        rfc8410::ID_ED_25519 => Some(KeyFamily::Ed25519),
        rfc5912::ID_EC_PUBLIC_KEY => match curve? {
            rfc5912::SECP_256_R_1 => Some(KeyFamily::P256),
            rfc5912::SECP_384_R_1 => Some(KeyFamily::P384),
            rfc5912::SECP_521_R_1 => Some(KeyFamily::P521),
            _ => None,
        },
        _ => None,
    }
}

/// Modulus and exponent (RFC 8017, Appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> der::Result<(UintRef<'_>, UintRef<'_>)> {
    AnyRef::from_der(der)?.sequence(|fields| Ok((fields.decode()?, fields.decode()?)))
}

fn point(curve: Curve, point: &[u8]) -> Result<KeyMaterial, SkipReason> {
    match point {
        [0x04, coordinates @ ..] if coordinates.len() == 2 * curve.coordinate_bytes() => {
            Ok(KeyMaterial::Ec(curve, point.to_vec()))
        }
        _ => Err(SkipReason::UnsupportedPublicKey),
    }
}

fn skip_rest(fields: &mut SliceReader<'_>) -> der::Result<()> {
    fields.read_slice(fields.remaining_len()).map(|_| ())
}
