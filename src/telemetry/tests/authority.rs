//! Certificate authority for a collector and its clients, and the files with the certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Certificate authority, with its certificate in a file.
pub(super) struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// Certificate and private key of a party, in files.
pub(super) struct Certified {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Authority {
    pub(super) fn new(directory: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("authority.pem"), own.pem()).unwrap();
        Self {
            directory: directory.to_owned(),
            issuer: Issuer::new(params, key),
            certificate: own.der().clone(),
        }
    }

    /// File with the authority's certificate, for parties that trust it.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    /// Issues a certificate for a party of this name.
    pub(super) fn certify(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Certified {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |end: &str| self.directory.join(format!("{name}-{end}.pem"));
        let certified = Certified { certificate: file("certificate"), key: file("key") };
        fs::write(&certified.certificate, certificate.pem()).unwrap();
        fs::write(&certified.key, key.serialize_pem()).unwrap();
        certified
    }

    /// Issues a certificate for a client.
    pub(super) fn client(&self) -> Certified {
        self.certify("client", ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// TLS settings of a collector at `localhost`: for every client, or only for clients that the authority has certified.
    pub(super) fn server(&self, knows_clients: bool) -> ServerConfig {
        let server = self.certify("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if knows_clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from_pem_file(server.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(server.key).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}
