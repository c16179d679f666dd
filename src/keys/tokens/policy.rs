//! Claims that all access tokens of a server share: issuer, audience and lifetime.

use std::time::Duration;

/// Claims that all tokens of this server share.
#[derive(Debug, Clone)]
pub struct TokenPolicy {
    /// The `iss` claim: the server's public URL.
    pub issuer: String,
    /// The `aud` claim, unless a token is for a service.
    pub audience: String,
    /// Audiences of services that tokens may be issued for instead; this server refuses such tokens.
    pub services: Vec<String>,
    /// Time from issue to expiry of a token.
    pub lifetime: Duration,
}

impl TokenPolicy {
    /// Audience for a token: this server by default, or the wanted one if it is known. `None` if it is not known.
    pub fn audience_of(&self, wanted: Option<&str>) -> Option<&str> {
        let Some(wanted) = wanted else { return Some(&self.audience) };
        let known = std::iter::once(&self.audience).chain(&self.services);
        known.map(String::as_str).find(|audience| *audience == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_this_server_or_for_a_service_that_is_known() {
        let policy = TokenPolicy {
            issuer: "https://keyfold.example".to_owned(),
            audience: "https://keyfold.example".to_owned(),
            services: vec!["billing".to_owned()],
            lifetime: Duration::from_mins(15),
        };
        assert_eq!(policy.audience_of(None), Some("https://keyfold.example"));
        assert_eq!(policy.audience_of(Some("https://keyfold.example")), policy.audience_of(None));
        assert_eq!(policy.audience_of(Some("billing")), Some("billing"));
        assert_eq!(policy.audience_of(Some("Billing")), None);
        assert_eq!(policy.audience_of(Some("")), None);
    }
}
