//! [`Check`]: the steps of the procedure, and which of them a token failed at.

use std::fmt;

use super::rejection::{Rejection, RejectionKind};

macro_rules! checks {
    ($($(#[$doc:meta])* $check:ident => $name:literal,)*) => {
        /// One step of the procedure by which a [`Validator`](super::Validator) accepts or rejects a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Check {
            $($(#[$doc])* $check,)*
        }

        impl Check {
            /// All of them, in the order of the list on [`Validator`](super::Validator)'s page.
            pub const ALL: &'static [Self] = &[$(Self::$check,)*];

            /// Its name, in words.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)*
                }
            }
        }
    };
}

checks! {
    /// The token is not too long.
    Size => "size",
    /// It is a JWS in compact form whose header and claims are JSON objects.
    Shape => "shape",
    /// Its header has no extension, and `typ` says nothing against an access token.
    Header => "header",
    /// `alg` is allowed.
    Algorithm => "algorithm",
    /// `iss` is that of an issuer that is trusted.
    Issuer => "issuer",
    /// The issuer publishes the key that is named.
    Key => "key",
    /// The key verifies the signature.
    Signature => "signature",
    /// `aud` names one of the audiences.
    Audience => "audience",
    /// `exp` has not passed.
    Expiry => "expiry",
    /// `nbf` has come.
    NotBefore => "not before",
    /// It bears no mark of an ID token or of another kind, and has the claims that the profile asks for.
    TokenKind => "token kind",
    /// It has a scope or a role, where the provider gives each token one.
    Permission => "permission",
    /// It is not bound to a key.
    Binding => "binding",
    /// Your own [`check`](super::Validator::check)s.
    Own => "own checks",
}

impl Check {
    /// The token does not pass it, which is said like this.
    pub(crate) const fn failed(self, kind: RejectionKind) -> Failure {
        Failure { place: self.place(), kind }
    }

    pub(crate) const fn place(self) -> Place {
        Place { check: self, signature_was_verified: self as u8 > Self::Signature as u8 }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where in the procedure a token was stopped.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) check: Check,
    /// Claims are also looked at to see whether it is worth while to fetch a key.
    pub(crate) signature_was_verified: bool,
}

/// What is said of a token, and where that was found out.
#[derive(Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) place: Place,
    pub(crate) kind: RejectionKind,
}

impl Failure {
    /// The same, found out before there was a key for the signature.
    pub(crate) const fn without_key(self) -> Self {
        Self { place: Place { signature_was_verified: false, ..self.place }, ..self }
    }
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind).stopped_at(failure.place)
    }
}
