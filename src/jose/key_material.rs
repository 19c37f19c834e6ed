//! The numbers of a public key, checked as far as that is possible without cryptography.

use super::algorithm::{Algorithm, KeyFamily};
use super::crypto::RSA_MAX_BITS;
use super::skip_reason::SkipReason;

/// Shortest RSA modulus in bits (RFC 7518 §3.3).
const RSA_MIN_BITS: usize = 2048;

/// Longest RSA exponent in bits, as cryptographic libraries limit it too.
const RSA_MAX_EXPONENT_BITS: usize = 33;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum KeyMaterial {
    Rsa(RsaPublicNumbers),
    /// An uncompressed SEC 1 point; that it lies on its curve is checked when the back end parses it.
    Ec(Curve, Vec<u8>),
    Ed25519([u8; 32]),
}

impl KeyMaterial {
    /// A point from its two coordinates, each of the curve's full length (RFC 7518 §6.2.1.2).
    pub(super) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, SkipReason> {
        if x.len() != curve.coordinate_bytes() {
            return Err(SkipReason::MalformedMember("x"));
        }
        if y.len() != curve.coordinate_bytes() {
            return Err(SkipReason::MalformedMember("y"));
        }
        Ok(Self::Ec(curve, [&[0x04], x, y].concat()))
    }

    pub(super) fn ed25519(x: &[u8]) -> Result<Self, SkipReason> {
        x.try_into().map(Self::Ed25519).map_err(|_| SkipReason::MalformedMember("x"))
    }

    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let family = match self {
            Self::Rsa(_) => KeyFamily::Rsa,
            Self::Ec(curve, _) => curve.family(),
            Self::Ed25519(_) => KeyFamily::Ed25519,
        };
        family == algorithm.key_family()
    }
}

/// The curves of the ECDSA algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The curve by its name in a JWK's `crv`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// The curve that an uncompressed point is on by its length, if it is on one at all.
    #[cfg(feature = "client")]
    pub(super) fn of_point(point: &[u8]) -> Option<Self> {
        let (0x04, coordinates) = point.split_first()? else { return None };
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| coordinates.len() == 2 * curve.coordinate_bytes())
    }

    pub(super) const fn family(self) -> KeyFamily {
        match self {
            Self::P256 => KeyFamily::P256,
            Self::P384 => KeyFamily::P384,
            Self::P521 => KeyFamily::P521,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(super) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The two coordinates of an uncompressed point on this curve.
    pub(super) fn coordinates(self, point: &[u8]) -> (&[u8], &[u8]) {
        point.get(1..).and_then(|both| both.split_at_checked(self.coordinate_bytes())).unwrap_or_default()
    }
}

/// Modulus and exponent as big-endian bytes without leading zeros, both of an acceptable size and odd.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RsaPublicNumbers {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublicNumbers {
    /// Leading zeros are forgiven: RFC 7518 §6.3.1.1 warns that some libraries write one.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, SkipReason> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        match bits(modulus) {
            0 => return Err(SkipReason::MalformedMember("n")),
            bits if bits < RSA_MIN_BITS => return Err(SkipReason::RsaTooSmall),
            bits if bits > RSA_MAX_BITS => return Err(SkipReason::RsaTooLarge),
            _ if is_even(modulus) => return Err(SkipReason::MalformedMember("n")),
            _ => {}
        }
        if is_even(exponent) || exponent == [1] || bits(exponent) > RSA_MAX_EXPONENT_BITS {
            return Err(SkipReason::MalformedMember("e"));
        }
        Ok(Self { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

fn without_leading_zeros(mut number: &[u8]) -> &[u8] {
    while let Some((0, rest)) = number.split_first() {
        number = rest;
    }
    number
}

/// The length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.split_first().map_or(0, |(first, rest)| {
        let leading = u8::BITS.saturating_sub(first.leading_zeros());
        rest.len().saturating_mul(8).saturating_add(usize::try_from(leading).unwrap_or(8))
    })
}

/// Zero, which is empty here, counts as even.
fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|last| last % 2 == 0)
}
