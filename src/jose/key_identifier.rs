//! The kind of a key as X.509 certificates and private keys name it (RFC 5280 §4.1.2.7, RFC 5480, RFC 8410).

use x509_cert::der::asn1::{AnyRef, BitStringRef, ContextSpecific, ObjectIdentifier, OctetStringRef, UintRef};
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
    let family = family(info.algorithm.oid, curve).ok_or(UNSUPPORTED)?;
    match family {
        KeyFamily::Rsa => {
            let (modulus, exponent) = rsa_numbers(key).map_err(|_| UNSUPPORTED)?;
            RsaPublicNumbers::new(modulus.as_bytes(), exponent.as_bytes()).map(KeyMaterial::Rsa)
        }
        KeyFamily::Ed25519 => KeyMaterial::ed25519(key).map_err(|_| UNSUPPORTED),
        _ => {
            let curve = Curve::of_point(key).filter(|curve| curve.family() == family).ok_or(UNSUPPORTED)?;
            Ok(KeyMaterial::Ec(curve, key.to_vec()))
        }
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

/// The kind of a SEC 1 private key (RFC 5915 §3), if it is one that signs here. The curve must be told, by its name or by
/// the length of the public point: otherwise a key of one curve could be taken for that of another.
pub(super) fn sec1_family(der: &[u8]) -> der::Result<Option<KeyFamily>> {
    AnyRef::from_der(der)?.sequence(|fields| {
        let _version: u8 = fields.decode()?;
        let _secret: OctetStringRef<'_> = fields.decode()?;
        let curve = ContextSpecific::<ObjectIdentifier>::decode_explicit(fields, TagNumber::N0)?;
        let point = ContextSpecific::<BitStringRef<'_>>::decode_explicit(fields, TagNumber::N1)?;
        Ok(match (curve, point) {
            (Some(curve), _) => family(rfc5912::ID_EC_PUBLIC_KEY, Some(curve.value)),
            (None, Some(point)) => Curve::of_point(point.value.raw_bytes()).map(Curve::family),
            (None, None) => None,
        })
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

fn skip_rest(fields: &mut SliceReader<'_>) -> der::Result<()> {
    fields.read_slice(fields.remaining_len()).map(|_| ())
}
