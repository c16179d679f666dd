//! Passwords: taken exactly as received, hashed with Argon2id on a bounded pool.
//!
//! At most one hash per thread runs at a time, in memory the thread keeps; when too many wait, a sign-in is refused
//! instead of slowing everybody down. An unknown account costs the same hash as a known one.

use std::fmt;
use std::time::Instant;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use opentelemetry::KeyValue;
use tracing::Span;
use zeroize::Zeroizing;

use crate::id::{RandomnessUnavailable, random_bytes};
use crate::span_in;
use crate::telemetry::metrics::PASSWORD_HASH_DURATION;
use crate::workers::{Share, Work, WorkError, Workers};

/// Fewest characters of a new password (ASVS 6.2.1).
pub const MIN_CHARACTERS: usize = 8;
/// Most characters of a password: caps what is hashed.
pub const MAX_CHARACTERS: usize = 128;

/// A password somebody typed. Erased from memory when dropped, shown nowhere.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Fewer than [`MIN_CHARACTERS`].
    #[error("must have at least 8 characters")]
    TooShort,
    /// More than [`MAX_CHARACTERS`].
    #[error("must have at most 128 characters")]
    TooLong,
}

/// The password is another one than the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not right")]
pub struct WrongPassword;

/// The new password is the account's already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be another one")]
pub struct SamePassword;

impl Password {
    /// A password typed to sign in: whatever its length, it is compared with the stored hash.
    ///
    /// # Errors
    ///
    /// When it is longer than any password can be.
    pub fn attempt(text: Zeroizing<String>) -> Result<Self, InvalidPassword> {
        if text.chars().count() > MAX_CHARACTERS {
            Err(InvalidPassword::TooLong)
        } else {
            Ok(Self(text))
        }
    }

    /// A new password; not trimmed, not normalised (ASVS 6.2.8).
    ///
    /// # Errors
    ///
    /// When it is too short or too long.
    pub fn parse(text: Zeroizing<String>) -> Result<Self, InvalidPassword> {
        match text.chars().count() {
            0..MIN_CHARACTERS => Err(InvalidPassword::TooShort),
            MIN_CHARACTERS..=MAX_CHARACTERS => Ok(Self(text)),
            _ => Err(InvalidPassword::TooLong),
        }
    }

    /// Itself, if it is another one than `before`. In constant time but for the length.
    ///
    /// # Errors
    ///
    /// When it is the same.
    pub fn other_than(self, before: &Self) -> Result<Self, SamePassword> {
        let (new, before) = (self.0.as_bytes(), before.0.as_bytes());
        match aws_lc_rs::constant_time::verify_slices_are_equal(new, before) {
            Ok(()) => Err(SamePassword),
            Err(_) => Ok(self),
        }
    }
}

/// What a password hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
}

/// A password was neither hashed nor verified.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HashError {
    /// Too many hashes wait already.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// There is no randomness for a salt.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// The cost or the stored hash cannot be used.
    #[error("argon2: {0}")]
    Argon2(String),
}

/// The memory a thread hashes in.
type Memory = Vec<Block>;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PasswordHasher {
    workers: Workers<Memory>,
    cost: Cost,
    /// A hash that no password is known to have, verified when an account is unknown.
    decoy: String,
}

impl PasswordHasher {
    /// Starts `threads` hashing threads; at most `queue` hashes wait for them.
    ///
    /// # Errors
    ///
    /// When the cost is out of Argon2's range or a thread cannot be started.
    pub fn start(cost: Cost, threads: usize, queue: usize) -> anyhow::Result<Self> {
        let workers = Workers::start(Work::Hash, threads, Share::GivesWay, queue)?;
        // A random number instead of a hash: it costs no memory, and verifying it takes as long as any other.
        let decoy = phc(&cost.params()?, &random_bytes()?, &random_bytes()?)?;
        Ok(Self { workers, cost, decoy })
    }

    /// The Argon2id hash of a password with a fresh salt, in PHC string format.
    ///
    /// # Errors
    ///
    /// When too many hashes wait already.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        let cost = self.cost;
        let salt = random_bytes()?;
        let job = move |memory: &mut Memory| hash(password.0.as_bytes(), cost, &salt, memory);
        self.workers.run(move |memory| measured("hash", || job(memory))).await?
    }

    /// Whether a password is the one hashed. Without a stored hash it takes the same time and answers no.
    ///
    /// # Errors
    ///
    /// When too many hashes wait already, or the stored hash cannot be read.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, HashError> {
        let known = stored.is_some();
        let phc = stored.unwrap_or_else(|| self.decoy.clone());
        let job = move |memory: &mut Memory| verify(password.0.as_bytes(), &phc, memory);
        let fits = self.workers.run(move |memory| measured("verify", || job(memory))).await??;
        Ok(fits && known)
    }
}

impl Cost {
    fn params(self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.iterations, 1, Some(32)).map_err(refused)
    }
}

/// Does a thread's work, in a span of its own if the trace is kept.
fn measured<T>(action: &'static str, work: impl FnOnce() -> T) -> T {
    let span = span_in!(&Span::current(), "password", action);
    let began = Instant::now();
    let done = span.in_scope(work);
    PASSWORD_HASH_DURATION.record(began.elapsed(), &[KeyValue::new("action", action)]);
    done
}

fn hash(
    password: &[u8],
    cost: Cost,
    salt: &[u8; 16],
    memory: &mut Memory,
) -> Result<String, HashError> {
    let params = cost.params()?;
    let output = compute(password, salt, &params, memory)?;
    phc(&params, salt, &output)
}

/// The PHC string of a hash: algorithm, parameters, salt and hash.
fn phc(params: &Params, salt: &[u8; 16], output: &[u8; 32]) -> Result<String, HashError> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(refused)?,
        salt: Some(Salt::new(salt).map_err(refused)?),
        hash: Some(Output::new(output).map_err(refused)?),
    };
    Ok(phc.to_string())
}

fn verify(password: &[u8], phc: &str, memory: &mut Memory) -> Result<bool, HashError> {
    let stored = Phc::new(phc).map_err(refused)?;
    let params = Params::try_from(&stored).map_err(refused)?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(refused("the stored hash has no salt or no hash"));
    };
    let output = compute(password, salt.as_ref(), &params, memory)?;
    // Constant time: how much of a wrong hash fits is nobody's business.
    Ok(aws_lc_rs::constant_time::verify_slices_are_equal(output.as_slice(), expected.as_bytes())
        .is_ok())
}

fn compute(
    password: &[u8],
    salt: &[u8],
    params: &Params,
    memory: &mut Memory,
) -> Result<Zeroizing<[u8; 32]>, HashError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    memory.resize(params.block_count().max(memory.len()), Block::new());
    let mut output = Zeroizing::new([0; 32]);
    argon2
        .hash_password_into_with_memory(password, salt, output.as_mut_slice(), memory)
        .map_err(refused)?;
    Ok(output)
}

fn refused(error: impl fmt::Display) -> HashError {
    HashError::Argon2(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1 };

    fn password(text: &str) -> Password {
        Password::parse(Zeroizing::new(text.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_verified_exactly_as_received() {
        let hasher = PasswordHasher::start(CHEAP, 1, 8).unwrap();
        let stored = hasher.hash(password(" correct horse ")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert!(hasher.verify(password(" correct horse "), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify(password("correct horse"), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify(password(" Correct horse "), Some(stored)).await.unwrap());
    }

    #[tokio::test]
    async fn no_password_fits_an_unknown_account() {
        let hasher = PasswordHasher::start(CHEAP, 1, 8).unwrap();
        assert!(!hasher.verify(password("correct horse"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_made_at_another_cost_is_still_verified() {
        let before = PasswordHasher::start(CHEAP, 1, 8).unwrap();
        let stored = before.hash(password("correct horse")).await.unwrap();
        let after = PasswordHasher::start(Cost { memory_kib: 128, iterations: 2 }, 1, 8).unwrap();
        assert!(after.verify(password("correct horse"), Some(stored)).await.unwrap());
    }

    #[test]
    fn length_is_counted_in_characters() {
        let parse = |text: &str| Password::parse(Zeroizing::new(text.to_owned())).map(|_| ());
        assert_eq!(parse("1234567"), Err(InvalidPassword::TooShort));
        assert_eq!(parse("ééééééé"), Err(InvalidPassword::TooShort));
        assert_eq!(parse(&"é".repeat(128)), Ok(()));
        assert_eq!(parse(&"é".repeat(129)), Err(InvalidPassword::TooLong));
    }

    #[test]
    fn a_password_is_another_one_if_any_byte_is_different() {
        let is_other = |new: &str, before: &str| password(new).other_than(&password(before));
        assert_eq!(is_other("correct horse", "correct horse").map(drop), Err(SamePassword));
        for new in ["correct horsf", "Correct horse", "correct horse ", "correct hors"] {
            assert!(is_other(new, "correct horse").is_ok(), "{new:?}");
        }
    }

    #[test]
    fn the_known_answer_of_the_reference_implementation_is_reproduced() {
        let params = Params::new(65536, 2, 1, Some(32)).unwrap();
        let output = compute(b"password", b"somesalt", &params, &mut Memory::new()).unwrap();
        let expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
        let expected = u128::from_str_radix(&expected[..32], 16).unwrap().to_be_bytes();
        assert_eq!(output[..16], expected);
    }
}
