//! Every `sslmode` against a real server with a certificate of its own authority, on loopback TCP.

use std::fs;
use std::net::TcpListener;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::process::postmaster::Postmaster;
use super::process::readiness;
use super::process::startup::Launch;
use super::system::owned_file;
use super::tests::{Scratch, config};
use super::{PrivateCluster, Tenure, log};
use crate::postgres::connect::connection::Connection;
use crate::postgres::error::DatabaseError;

/// Three roles, so that the server's rules can demand, forbid, or not mind TLS.
const RULES: &str = "hostssl all encrypted 127.0.0.1/32 scram-sha-256\n\
                     hostnossl all plain 127.0.0.1/32 scram-sha-256\n\
                     host all either 127.0.0.1/32 scram-sha-256\n";
const ROLES: &str = "CREATE ROLE encrypted LOGIN PASSWORD 'secret'; CREATE ROLE plain LOGIN PASSWORD 'secret'; \
                     CREATE ROLE either LOGIN PASSWORD 'secret'";

/// A PostgreSQL server on loopback TCP.
struct Server {
    scratch: Scratch,
    postmaster: Postmaster,
    port: u16,
}

impl Server {
    async fn start(ssl: &str) -> Self {
        let scratch = Scratch::new();
        let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
        cluster.connection().connect().await.unwrap().client.batch_execute(ROLES).await.unwrap();
        let Tenure::Owner { started, data } = &cluster.tenure else { panic!("joined") };
        let launch = Launch {
            binaries: started.binaries.clone(),
            identity: started.identity.clone(),
            directory: started.directory.clone(),
            socket: started.socket.clone(),
            sessions: 0,
            stale: None,
            log: data.log(),
        };
        cluster.stop().await.unwrap();
        certify(&scratch, &launch);
        owned_file::write(&launch.directory.join("pg_hba.conf"), RULES, &launch.identity).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port_setting = format!("port={port}");
        let settings = ["listen_addresses=127.0.0.1", &port_setting, &format!("ssl={ssl}")];
        let postmaster = launch.spawn(&settings, &log::open(&launch.log).unwrap()).unwrap();
        let server = Self { scratch, postmaster, port };
        server.answers().await;
        server
    }

    async fn answers(&self) {
        let mut pace = readiness::paced();
        while let Err(DatabaseError::Unavailable(reason)) =
            self.try_connect("either", "sslmode=disable").await
        {
            assert_eq!(self.postmaster.outcome(), None, "{reason}");
            pace.tick().await;
        }
    }

    /// True if a session opened with these settings is encrypted; the host's name is `localhost` unless they name one.
    async fn try_connect(&self, user: &str, settings: &str) -> Result<bool, DatabaseError> {
        let host = if settings.contains("host=") { "" } else { "host=localhost" };
        let address = format!("{host} hostaddr=127.0.0.1 port={} dbname=keyfold", self.port);
        let text = format!("{address} user={user} password=secret {settings}");
        let settings = text.replace("DIR", &self.scratch.path().display().to_string());
        let link = Connection::parse(&settings).unwrap().connect().await?;
        let row = link
            .client
            .query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])
            .await?;
        Ok(row.get(0))
    }

    async fn is_encrypted(&self, user: &str, settings: &str) -> bool {
        self.try_connect(user, settings)
            .await
            .unwrap_or_else(|error| panic!("{user} {settings}: {error}"))
    }

    async fn refusal(&self, user: &str, settings: &str) -> String {
        self.try_connect(user, settings).await.expect_err(settings).to_string()
    }

    async fn stop(self) {
        assert!(self.postmaster.release(std::time::Duration::from_secs(30)).await);
    }
}

/// Makes an authority, a certificate for `localhost` signed by it, and an authority that signed nothing.
fn certify(scratch: &Scratch, launch: &Launch) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
    };
    let (root, issuer) = authority("Root");
    let (other, _) = authority("Other");
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    let write = |name: &str, text: &str| {
        owned_file::write(&launch.directory.join(name), text, &launch.identity).unwrap();
    };
    write("server.crt", &certificate);
    write("server.key", &key.serialize_pem());
    for (name, pem) in [("root.pem", root), ("other.pem", other), ("server.pem", certificate)] {
        fs::write(scratch.path().join(name), pem).unwrap();
    }
}

#[tokio::test]
async fn every_sslmode_means_what_it_means_in_libpq() {
    let server = Server::start("on").await;
    // Without TLS, where the server minds and where it does not.
    assert!(!server.is_encrypted("either", "sslmode=disable").await);
    let refusal = server.refusal("encrypted", "sslmode=disable").await;
    assert!(refusal.contains("no pg_hba.conf entry") && refusal.contains("28000"), "{refusal}");
    // Plain text first, TLS if that is refused.
    assert!(!server.is_encrypted("either", "sslmode=allow").await);
    assert!(server.is_encrypted("encrypted", "sslmode=allow").await);
    // TLS first, whatever the certificate, plain text if that is refused; also the default.
    assert!(server.is_encrypted("either", "sslmode=prefer").await);
    assert!(server.is_encrypted("either", "").await);
    assert!(!server.is_encrypted("plain", "sslmode=prefer").await);
    // TLS always, whatever the certificate unless roots are named.
    assert!(server.is_encrypted("either", "sslmode=require").await);
    assert!(server.refusal("plain", "sslmode=require").await.contains("no pg_hba.conf entry"));
    assert!(server.is_encrypted("either", "sslmode=require sslrootcert=DIR/root.pem").await);
    assert!(
        server
            .refusal("either", "sslmode=require sslrootcert=DIR/other.pem")
            .await
            .contains("UnknownIssuer")
    );
    // A wrong password is no reason to try again in plain text.
    let wrong = server.refusal("either", "sslmode=prefer password=wrong").await;
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    server.stop().await;
}

#[tokio::test]
async fn certificates_are_checked_as_far_as_the_mode_says() {
    let server = Server::start("on").await;
    for mode in ["verify-ca", "verify-full"] {
        assert!(
            server
                .is_encrypted("either", &format!("sslmode={mode} sslrootcert=DIR/root.pem"))
                .await
        );
        // A server's own certificate may be listed instead of its authority's.
        assert!(
            server
                .is_encrypted("either", &format!("sslmode={mode} sslrootcert=DIR/server.pem"))
                .await
        );
        let refusal =
            server.refusal("either", &format!("sslmode={mode} sslrootcert=DIR/other.pem")).await;
        assert!(refusal.contains("UnknownIssuer"), "{refusal}");
        let refusal = server.refusal("either", &format!("sslmode={mode}")).await;
        assert!(
            refusal.contains("UnknownIssuer"),
            "the system's roots trust nobody here: {refusal}"
        );
    }
    assert!(server.refusal("either", "sslrootcert=system").await.contains("UnknownIssuer"));
    // The certificate is for `localhost`: another name is a problem only where the name is checked.
    let elsewhere = "host=elsewhere.example sslrootcert=DIR/root.pem";
    assert!(server.is_encrypted("either", &format!("{elsewhere} sslmode=verify-ca")).await);
    let refusal = server.refusal("either", &format!("{elsewhere} sslmode=verify-full")).await;
    assert!(refusal.contains("not valid for name"), "{refusal}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_tls_serves_only_the_modes_that_can_do_without() {
    let server = Server::start("off").await;
    for mode in ["disable", "allow", "prefer"] {
        assert!(!server.is_encrypted("either", &format!("sslmode={mode}")).await);
    }
    let refusal = server.refusal("either", "sslmode=require").await;
    assert!(refusal.contains("server does not support TLS"), "{refusal}");
    server.stop().await;
}
