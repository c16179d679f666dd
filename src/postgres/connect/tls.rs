//! TLS towards PostgreSQL: trusted roots, and the check of a server's certificate.
//!
//! The cryptography provider is always given explicitly, so nothing depends on what else in the process installed one.
//!
//! # Design
//!
//! One verifier serves all modes. It differs from rustls' own in two ways that libpq's users rely on: the host name is
//! checked only on request (`verify-ca`), and a certificate that is itself listed in `sslrootcert` is trusted as it
//! stands, although webpki would not accept a self-signed certificate as a server's.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::ConnectionError;
use super::sslmode::{SslMode, Trust};

/// Creates the TLS connector for a mode and the value of `sslrootcert`.
pub(super) fn connector(
    mode: SslMode,
    sslrootcert: Option<&str>,
) -> Result<MakeRustlsConnect, ConnectionError> {
    let file = sslrootcert.filter(|path| *path != "system");
    let trust = mode.trust(file.is_some());
    let certificates = match (trust, file) {
        (Trust::Anyone, _) => Vec::new(),
        (Trust::Chain | Trust::ChainAndHost, Some(path)) => from_file(path)?,
        (Trust::Chain | Trust::ChainAndHost, None) => from_system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(trust, certificates, &provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectionError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Servers demand it for `sslnegotiation=direct` and ignore it otherwise.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn from_file(path: &str) -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let unusable =
        |problem: String| ConnectionError::RootCertificates { path: path.to_owned(), problem };
    let text = std::fs::read(Path::new(path)).map_err(|error| unusable(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unusable("it is not in PEM format".to_owned()))?;
    if certificates.is_empty() {
        return Err(unusable("it contains no certificate".to_owned()));
    }
    Ok(certificates)
}

fn from_system() -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    // A store with a few unreadable entries is normal; what counts is that something is left to check against.
    let certificates = rustls_native_certs::load_native_certs().certs;
    if certificates.is_empty() { Err(ConnectionError::NoSystemRoots) } else { Ok(certificates) }
}

/// Checks a server's certificate as far as the mode demands; signatures of the handshake are always checked.
#[derive(Debug)]
struct Verifier {
    /// Check that the connection's `sslmode` demands.
    trust: Trust,
    /// The certificates as they were given, to recognise a server whose own certificate is among them.
    listed: Vec<CertificateDer<'static>>,
    /// Trusted roots, parsed once; empty if nothing is checked.
    roots: RootCertStore,
    /// Signature algorithms of the provider that was given explicitly.
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(
        trust: Trust,
        certificates: Vec<CertificateDer<'static>>,
        provider: &CryptoProvider,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self {
            trust,
            listed: certificates,
            roots,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust == Trust::Anyone {
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !self.listed.iter().any(|listed| listed.as_ref() == end_entity.as_ref()) {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        if self.trust == Trust::ChainAndHost {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_root_file_is_named() {
        let error = connector(SslMode::VerifyFull, Some("/nowhere/ca.pem")).err().unwrap();
        assert!(
            error.to_string().starts_with("the root certificates in /nowhere/ca.pem (sslrootcert)"),
            "{error}"
        );
    }

    #[test]
    fn a_root_file_without_certificates_is_refused() {
        let error = connector(SslMode::Require, Some("/dev/null")).err().unwrap();
        assert!(error.to_string().ends_with("it contains no certificate"), "{error}");
    }

    #[test]
    fn modes_that_check_nothing_need_no_roots() {
        assert!(connector(SslMode::Prefer, Some("/nowhere/ca.pem")).is_ok());
        assert!(connector(SslMode::Require, None).is_ok());
    }
}
