//! [`Certified`]: an RSA key and its certificate, for applications of Microsoft Entra ID.

use std::sync::LazyLock;

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::microsoft::Proof;

/// Both in PEM.
pub(crate) struct Certified {
    pub(crate) certificate: String,
    pub(crate) private_key: String,
}

impl Certified {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key can be made");
        let params = CertificateParams::new(["orders".to_owned()]).expect("the name is sound");
        let certificate = params.self_signed(&key).expect("it can be signed");
        Self { certificate: certificate.pem(), private_key: key.serialize_pem() }
    }

    pub(crate) fn proof(&self) -> Proof<'_> {
        Proof::Certificate { certificate: &self.certificate, private_key: &self.private_key }
    }
}

/// One that the tests share.
pub(crate) fn shared() -> &'static Certified {
    static SHARED: LazyLock<Certified> = LazyLock::new(Certified::new);
    &SHARED
}
