//! The meaning of libpq's six `sslmode` values.
//!
//! tokio-postgres knows three of them. This file says which of those to try, in which order, and what must be true of
//! the server's certificate; see <https://www.postgresql.org/docs/current/libpq-ssl.html>.

use tokio_postgres::config::SslMode as Wire;

/// TLS that a connection requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    /// Plain text only, also if the server offers TLS.
    Disable,
    /// TLS only if the server refuses plain text.
    Allow,
    /// TLS if the server offers it, whatever its certificate; plain text otherwise.
    Prefer,
    /// Always TLS; the certificate is checked only if a root certificate file is named.
    Require,
    /// Always TLS, with a certificate signed by a trusted root.
    VerifyCa,
    /// Always TLS, with a certificate signed by a trusted root for this host name.
    VerifyFull,
}

/// Check of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// No check: the connection is encrypted, but any server is believed.
    Anyone,
    /// The chain up to a trusted root is checked.
    Chain,
    /// The chain is checked, and that the certificate names the host.
    ChainAndHost,
}

impl SslMode {
    /// Parses the value of `sslmode`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// The value of `sslmode` that means this.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Returns the transport to try first, and the one to try if the server refuses that.
    pub(super) fn attempts(self) -> (Wire, Option<Wire>) {
        match self {
            Self::Disable => (Wire::Disable, None),
            Self::Allow => (Wire::Disable, Some(Wire::Require)),
            Self::Prefer => (Wire::Prefer, Some(Wire::Disable)),
            Self::Require | Self::VerifyCa | Self::VerifyFull => (Wire::Require, None),
        }
    }

    /// Returns the check of the certificate, given whether a root certificate file is named.
    ///
    /// `require` with such a file is `verify-ca`, as in libpq. The modes that fall back to plain text check nothing:
    /// an attacker who can forge a certificate can as well take TLS away.
    pub(super) fn trust(self, has_root_file: bool) -> Trust {
        match self {
            Self::Require if has_root_file => Trust::Chain,
            Self::Disable | Self::Allow | Self::Prefer | Self::Require => Trust::Anyone,
            Self::VerifyCa => Trust::Chain,
            Self::VerifyFull => Trust::ChainAndHost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_reads_back_from_its_name() {
        for mode in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] {
            assert_eq!(SslMode::parse(mode).map(SslMode::name), Some(mode));
        }
        assert_eq!(SslMode::parse("on"), None);
    }

    #[test]
    fn require_checks_the_chain_only_when_a_root_file_is_named() {
        assert_eq!(SslMode::Require.trust(false), Trust::Anyone);
        assert_eq!(SslMode::Require.trust(true), Trust::Chain);
    }

    #[test]
    fn only_the_optional_modes_fall_back() {
        assert_eq!(SslMode::Prefer.attempts(), (Wire::Prefer, Some(Wire::Disable)));
        assert_eq!(SslMode::Allow.attempts(), (Wire::Disable, Some(Wire::Require)));
        assert_eq!(SslMode::Require.attempts().1, None);
        assert_eq!(SslMode::VerifyFull.attempts().1, None);
    }
}
