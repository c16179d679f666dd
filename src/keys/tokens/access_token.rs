//! Access tokens: JWTs in the profile of RFC 9068.
//!
//! Verification pins the algorithm to the key's and the token type, takes keys from the key ring only (`jku`, `x5u` and `jwk`
//! headers are ignored), knows no extension that a token could call critical (`crit`; RFC 7515, section 4.1.11), checks the
//! signature before any claim, and requires `exp iat iss aud sub sid jti client_id` with their types.

use std::collections::HashSet;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::policy::TokenPolicy;
use super::token_error::TokenError;
use super::verified::Verified;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::keys::key_set::{KeySet, Verifying};
use crate::keys::private::signing::{Signing, SigningError, TOKEN_TYPE};
use crate::keys::ring::KeyExit;

/// The `client_id` of every token (RFC 9068, section 2.2): sessions of this server are used directly, not through a client.
const CLIENT: &str = "keyfold";

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// Issuer: the server's public URL.
    pub iss: String,
    /// Audience: this server, or one of the configured services.
    pub aud: String,
    /// User whom the token authenticates.
    pub sub: UserId,
    /// Session of the token; once it has ended, the token is refused.
    pub sid: SessionId,
    /// The client that it was issued to.
    #[serde(rename = "client_id")]
    pub client_id: String,
    /// Unique identifier of the token, which RFC 9068 requires.
    pub jti: Uuid,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Expires at, seconds since 1970: the token is refused from that second on.
    pub exp: i64,
    /// Not valid before, seconds since 1970. Our tokens are valid from their issue on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The user's email address.
    pub email: String,
    /// The user's name when the token was issued.
    pub name: String,
    /// True if the address was verified.
    pub email_verified: bool,
}

/// Claims of a token about its user and session.
#[derive(Debug, Clone)]
pub struct TokenSubject {
    /// User whom the token authenticates.
    pub user_id: UserId,
    /// Session with whose end the token is refused.
    pub session_id: SessionId,
    /// The user's email address.
    pub email: String,
    /// The user's name, for the services that read the token.
    pub name: String,
    /// True if the address was verified.
    pub email_verified: bool,
}

impl Claims {
    /// Makes the claims of a new token for an audience.
    pub fn new(
        policy: &TokenPolicy,
        audience: &str,
        subject: TokenSubject,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: policy.issuer.clone(),
            aud: audience.to_owned(),
            sub: subject.user_id,
            sid: subject.session_id,
            client_id: CLIENT.to_owned(),
            jti: crate::base::id::Id::<()>::at(now).uuid(),
            iat: now.unix_seconds(),
            exp: now.after(policy.lifetime).unix_seconds(),
            nbf: None,
            email: subject.email,
            name: subject.name,
            email_verified: subject.email_verified,
        }
    }

    /// Signs a token with these claims.
    ///
    /// # Errors
    ///
    /// If the key does not sign.
    pub fn sign(&self, signing: &Signing) -> Result<String, SigningError> {
        signing.sign(self)
    }
}

/// Returns the claims of a token that this server issued. Its expiry and its session are not checked here.
///
/// # Errors
///
/// Fails with the reason for which it is not such a token.
pub fn verify(token: &str, keys: &KeySet, policy: &TokenPolicy) -> Result<Verified, TokenError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
    if header.typ.as_deref() != Some(TOKEN_TYPE) || header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let kid = header.kid.ok_or(TokenError::Malformed)?;
    let Verifying { key, algorithm } =
        keys.verifying.get(&kid).ok_or_else(|| absent(&kid, keys))?;
    if header.alg != *algorithm {
        return Err(TokenError::Malformed);
    }
    let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation(*algorithm, policy));
    let claims = decoded.map_err(|error| refusal(error.kind()))?.claims;
    Ok(Verified {
        user_id: claims.sub,
        session_id: claims.sid,
        begins_at: claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)),
        expires_at: claims.exp,
    })
}

/// Reason for which a key is not in the set.
fn absent(kid: &str, keys: &KeySet) -> TokenError {
    match keys.gone.get(kid) {
        Some(KeyExit::Retired) => TokenError::RetiredKey,
        Some(KeyExit::Revoked) => TokenError::RevokedKey,
        None => TokenError::UnknownKey,
    }
}

/// Rules for the library's verification. Expiry is left to the caller, which compares it with the injected clock.
fn validation(algorithm: Algorithm, policy: &TokenPolicy) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = 0;
    validation.validate_exp = false;
    validation.aud = Some(HashSet::from([policy.audience.clone()]));
    validation.iss = Some(HashSet::from([policy.issuer.clone()]));
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

fn refusal(kind: &ErrorKind) -> TokenError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a foreign enum: everything else means that it is malformed"
    )]
    match kind {
        ErrorKind::InvalidSignature => TokenError::WrongSignature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        _ => TokenError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};
    use std::time::Duration;

    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;
    use crate::base::clock::MOST_DRIFT;
    use crate::eventlog::Published;
    use crate::keys::private::private_key::PrivateKey;
    use crate::keys::ring::schedule::Schedule;
    use crate::keys::ring::{KeyStage, RingKey, State};

    const NOW: Timestamp = Timestamp::from_unix_millis(1_763_812_800_000);

    const RSA: crate::keys::algorithm::Algorithm =
        crate::keys::algorithm::Algorithm::Rs256 { bits: 2048 };

    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate(RSA).unwrap());
    static KEYS: LazyLock<KeySet> = LazyLock::new(|| key_set(&KEY));

    fn key_set(key: &PrivateKey) -> KeySet {
        let ring_key =
            RingKey { public: key.public.clone(), stage: KeyStage::Signing { since: NOW } };
        let gone = [("old", KeyExit::Retired), ("stolen", KeyExit::Revoked)];
        let state = State {
            keys: [(key.public.kid().to_owned(), ring_key)].into(),
            gone: gone.map(|(kid, fate)| (kid.to_owned(), fate)).into(),
        };
        let [rotation, lead, token_lifetime] = [Duration::from_mins(15); 3];
        let schedule = Schedule { rotation, lead, token_lifetime };
        let signing = Some(Arc::new(Signing::new(&key.public, &key.der).unwrap()));
        KeySet::new(&Published { version: 2, state }, &schedule, signing).unwrap()
    }

    fn signing(keys: &KeySet) -> &Signing {
        keys.signing.as_ref().unwrap()
    }

    fn policy() -> TokenPolicy {
        let url = "https://keyfold.example".to_owned();
        TokenPolicy {
            issuer: url.clone(),
            audience: url,
            services: Vec::new(),
            lifetime: Duration::from_mins(15),
        }
    }

    fn claims() -> Claims {
        let subject = TokenSubject {
            user_id: UserId::at(NOW),
            session_id: SessionId::at(NOW),
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            email_verified: false,
        };
        Claims::new(&policy(), &policy().audience, subject, NOW)
    }

    fn verified(claims: &Claims) -> Verified {
        Verified {
            user_id: claims.sub,
            session_id: claims.sid,
            begins_at: claims.iat,
            expires_at: claims.exp,
        }
    }

    fn with_header(header: &serde_json::Value) -> String {
        let token = claims().sign(signing(&KEYS)).unwrap();
        let rest = token.split_once('.').unwrap().1;
        format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()))
    }

    #[test]
    fn a_token_is_accepted_until_the_second_it_expires() {
        let claims = claims();
        let token = claims.sign(signing(&KEYS)).unwrap();
        let known = verify(&token, &KEYS, &policy()).unwrap();
        assert_eq!(known, verified(&claims));
        let last = NOW.after(Duration::from_millis(899_999));
        assert_eq!(known.at(last), Ok(known));
        let over = NOW.after(Duration::from_mins(15));
        assert_eq!(known.at(over), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_is_accepted_from_its_issue_on_and_not_before_it_says() {
        let second = Duration::from_secs(1);
        let begins = |claims: &Claims, at: Timestamp| {
            let token = claims.sign(signing(&KEYS)).unwrap();
            verify(&token, &KEYS, &policy()).unwrap().at(at).err()
        };
        let claims = claims();
        assert_eq!(begins(&claims, NOW.before(MOST_DRIFT)), None, "clocks of nodes differ");
        let early = NOW.before(MOST_DRIFT + second);
        assert_eq!(begins(&claims, early), Some(TokenError::NotYetValid));
        let later = NOW.after(Duration::from_mins(5));
        let claims = Claims { nbf: Some(later.unix_seconds()), ..claims };
        let early = later.before(MOST_DRIFT + second);
        assert_eq!(begins(&claims, early), Some(TokenError::NotYetValid));
        assert_eq!(begins(&claims, later), None);
    }

    #[test]
    fn a_token_of_another_issuer_or_audience_is_refused() {
        let token = claims().sign(signing(&KEYS)).unwrap();
        let other = TokenPolicy { issuer: "https://other.example".to_owned(), ..policy() };
        assert_eq!(verify(&token, &KEYS, &other), Err(TokenError::WrongIssuer));
        let other = TokenPolicy { audience: "https://other.example".to_owned(), ..policy() };
        assert_eq!(verify(&token, &KEYS, &other), Err(TokenError::WrongAudience));
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let key = PrivateKey::generate(RSA).unwrap();
        let token = claims().sign(signing(&key_set(&key))).unwrap();
        assert_eq!(verify(&token, &KEYS, &policy()), Err(TokenError::UnknownKey));
        let pretending = Signing::new(&KEY.public, &key.der).unwrap();
        let token = claims().sign(&pretending).unwrap();
        assert_eq!(verify(&token, &KEYS, &policy()), Err(TokenError::WrongSignature));
    }

    #[test]
    fn the_token_does_not_choose_its_algorithm_type_or_key() {
        let kid = &signing(&KEYS).kid;
        for header in [
            serde_json::json!({"alg": "none", "typ": "at+jwt", "kid": kid}),
            serde_json::json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}),
            serde_json::json!({"alg": "RS512", "typ": "at+jwt", "kid": kid}),
            serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": kid}),
            serde_json::json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}),
            serde_json::json!({"alg": "RS256", "typ": "at+jwt"}),
            serde_json::json!({"alg": "RS256", "typ": "at+jwt", "kid": kid, "crit": ["exp"]}),
            serde_json::json!({"alg": "RS256", "typ": "at+jwt", "kid": kid, "crit": []}),
        ] {
            assert_eq!(
                verify(&with_header(&header), &KEYS, &policy()),
                Err(TokenError::Malformed),
                "{header}"
            );
        }
    }

    #[test]
    fn a_key_that_has_left_is_told_from_one_that_never_was() {
        for (kid, error) in [
            ("old", TokenError::RetiredKey),
            ("stolen", TokenError::RevokedKey),
            ("nonsense", TokenError::UnknownKey),
        ] {
            let header = serde_json::json!({"alg": "RS256", "typ": "at+jwt", "kid": kid});
            assert_eq!(verify(&with_header(&header), &KEYS, &policy()), Err(error), "{kid}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_are_refused() {
        let claims = serde_json::to_value(claims()).unwrap();
        for (name, value) in [
            ("exp", serde_json::json!("4102444800")),
            ("exp", serde_json::Value::Null),
            ("iat", serde_json::json!("now")),
            ("sub", serde_json::json!(7)),
            ("sid", serde_json::json!("")),
            ("nbf", serde_json::json!("now")),
            ("client_id", serde_json::Value::Null),
        ] {
            let mut wrong = claims.clone();
            wrong[name] = value;
            let token = signing(&KEYS).sign(&wrong).unwrap();
            assert_eq!(verify(&token, &KEYS, &policy()), Err(TokenError::Malformed), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_malformed() {
        for text in ["", ".", "..", "a.b.c"] {
            assert_eq!(verify(text, &KEYS, &policy()), Err(TokenError::Malformed));
        }
    }
}
