//! What the access tokens of a server have in common: who issued them, for whom, and for how long.

use std::time::Duration;

/// What all tokens of this server have in common.
#[derive(Debug, Clone)]
pub struct TokenPolicy {
    /// The `iss` claim: the server's public URL.
    pub issuer: String,
    /// The `aud` claim, unless a token is for a service.
    pub audience: String,
    /// The audiences of services that tokens may be for instead: this server refuses those.
    pub services: Vec<String>,
    /// How long a token is valid.
    pub lifetime: Duration,
}

impl TokenPolicy {
    /// The audience of a token: this server's, or the one that is asked for if it is one of a service.
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
