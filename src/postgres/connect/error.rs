//! Reasons for which a connection string cannot be used.

/// Reasons for which a connection string cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The string is neither a PostgreSQL URL nor a list of `key=value` settings.
    #[error("the database URL cannot be read: {0}")]
    Malformed(String),
    /// The string names no host.
    #[error(
        "the database URL names no host: write postgres://user@host/database, or ?host=/directory for a socket"
    )]
    NoHost,
    /// The `options` are not those of a server process.
    #[error(
        "the options of the database URL cannot be read: write -c name=value for each, percent-encoded"
    )]
    Options,
    /// The value of `sslmode` is none of libpq's.
    #[error(
        "the database URL has an unknown sslmode: use disable, allow, prefer, require, verify-ca or verify-full"
    )]
    UnknownSslMode,
    /// The system's roots vouch for host names of the whole world, so the host name has to be checked.
    #[error(
        "the database URL combines sslrootcert=system with a weaker sslmode: use sslmode=verify-full"
    )]
    WeakSslMode,
    /// The file with the root certificates cannot be used.
    #[error("the root certificates in {path} (sslrootcert) cannot be used: {problem}")]
    RootCertificates {
        /// The file that `sslrootcert` names.
        path: String,
        /// Problem with the file, as part of a sentence.
        problem: String,
    },
    /// This system has no root certificates to check the server against.
    #[error(
        "this system has no root certificates to check the database server with: name a file with sslrootcert"
    )]
    NoSystemRoots,
    /// The TLS library cannot be set up.
    #[error("TLS to the database cannot be set up: {0}")]
    Tls(String),
}
