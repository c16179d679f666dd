//! Passwords: taken exactly as received, hashed with Argon2id on a bounded pool.
//!
//! At most one hash per thread runs at a time, in memory the thread keeps; if too many wait, a sign-in is refused instead of
//! slowing all of them down. An unknown account costs the same hash as a known one.
//!
//! A password whose hash has another cost than the configured one is rehashed at the next sign-in with it. Until then the
//! work that a cheaper hash saves is done beside it, so that the time of an answer does not tell the addresses of old
//! accounts.

use std::fmt;
use std::time::Instant;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use opentelemetry::KeyValue;
use tracing::Span;
use zeroize::Zeroizing;

use crate::base::id::{RandomnessUnavailable, random_bytes};
use crate::capacity::worker_pool::{ProcessorShare, Work, WorkError, Workers};
use crate::child_span;
use crate::telemetry::metrics::PASSWORD_HASH_DURATION;

/// Fewest characters of a new password (ASVS 6.2.1).
pub const MIN_CHARACTERS: usize = 8;
/// Most characters of a password: caps what is hashed.
pub const MAX_CHARACTERS: usize = 128;

/// A password as a user typed it. Erased from memory when dropped, shown nowhere.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Reasons for which a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// It has fewer than [`MIN_CHARACTERS`].
    #[error("must have at least 8 characters")]
    TooShort,
    /// It has more than [`MAX_CHARACTERS`].
    #[error("must have at most 128 characters")]
    TooLong,
}

/// The password is not the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not right")]
pub struct WrongPassword;

/// The new password is the account's present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must differ from the current one")]
pub struct SamePassword;

impl Password {
    /// Takes a password typed to sign in. It may be shorter than a new one: it is compared with the stored hash.
    ///
    /// # Errors
    ///
    /// If it is longer than any password may be.
    pub fn attempt(text: Zeroizing<String>) -> Result<Self, InvalidPassword> {
        if text.chars().count() > MAX_CHARACTERS {
            Err(InvalidPassword::TooLong)
        } else {
            Ok(Self(text))
        }
    }

    /// Takes a new password; it is neither trimmed nor normalised (ASVS 6.2.8).
    ///
    /// # Errors
    ///
    /// If it is too short or too long.
    pub fn parse(text: Zeroizing<String>) -> Result<Self, InvalidPassword> {
        match text.chars().count() {
            0..MIN_CHARACTERS => Err(InvalidPassword::TooShort),
            MIN_CHARACTERS..=MAX_CHARACTERS => Ok(Self(text)),
            _ => Err(InvalidPassword::TooLong),
        }
    }

    /// Returns the password if it differs from `before`. Compares in constant time but for the length.
    ///
    /// # Errors
    ///
    /// If both are the same.
    pub fn other_than(self, before: &Self) -> Result<Self, SamePassword> {
        let (new, before) = (self.0.as_bytes(), before.0.as_bytes());
        match aws_lc_rs::constant_time::verify_slices_are_equal(new, before) {
            Ok(()) => Err(SamePassword),
            Err(_) => Ok(self),
        }
    }
}

/// Cost of a password hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory that a hash fills, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory, with whose number the time of a hash grows.
    pub iterations: u32,
}

/// Reasons for which a password was neither hashed nor verified.
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

/// Outcome of comparing a password with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordVerdict {
    /// True if it is the password that was hashed.
    pub is_right: bool,
    /// True if the stored hash has another cost than the configured one.
    pub is_outdated: bool,
}

/// Memory of a hashing thread.
#[derive(Debug, Default)]
struct HashMemory {
    /// Blocks that every hash fills, kept between hashes so that memory is allocated once per thread.
    blocks: Vec<Block>,
    /// Blocks filled so far, over all passes, which tests take as a measure of time.
    #[cfg(test)]
    filled: usize,
}

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PasswordHasher {
    /// Threads that hash, each with its memory; their queue is bounded.
    workers: Workers<HashMemory>,
    /// Configured cost: that of new hashes, and the least work of a verification.
    cost: Cost,
    /// A hash that no password is known to have, verified when an account is unknown.
    decoy: String,
}

impl PasswordHasher {
    /// Starts `threads` hashing threads; at most `queue` hashes wait for them.
    ///
    /// # Errors
    ///
    /// If the cost is out of Argon2's range or a thread cannot be started.
    pub fn start(cost: Cost, threads: usize, queue: usize) -> anyhow::Result<Self> {
        let workers = Workers::start(Work::Hash, threads, ProcessorShare::GivesWay, queue)?;
        // A random number instead of a hash: making it fills no memory, and verifying it takes as long as any other.
        let decoy = phc(&cost.params()?, &random_bytes()?, &random_bytes()?)?;
        Ok(Self { workers, cost, decoy })
    }

    /// Hashes a password with Argon2id and a fresh salt; returns the hash in PHC string format.
    ///
    /// # Errors
    ///
    /// If too many hashes wait already.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        let cost = self.cost;
        let salt = random_bytes()?;
        let job = move |memory: &mut HashMemory| hash(password.0.as_bytes(), cost, &salt, memory);
        self.workers.run(move |memory| measured("hash", || job(memory))).await?
    }

    /// Verifies a password against a stored hash. Without one it takes equally long and the password is wrong; a hash of
    /// lower cost takes equally long too.
    ///
    /// # Errors
    ///
    /// If too many hashes wait already, or the stored hash cannot be read.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<PasswordVerdict, HashError> {
        let (known, cost) = (stored.is_some(), self.cost);
        let phc = stored.unwrap_or_else(|| self.decoy.clone());
        let job = move |memory: &mut HashMemory| verify(password.0.as_bytes(), &phc, cost, memory);
        let job = move |memory: &mut HashMemory| measured("verify", || job(memory));
        let PasswordVerdict { is_right, is_outdated } = self.workers.run(job).await??;
        Ok(PasswordVerdict { is_right: is_right && known, is_outdated: is_outdated && known })
    }
}

impl Cost {
    fn params(self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.iterations, 1, Some(32)).map_err(refused)
    }

    /// Parameters of the work by which a hash of this cost exceeds one with `params`: as many passes as this cost has.
    fn beyond(self, params: &Params) -> Option<Params> {
        let work = |memory: u32, passes: u32| u64::from(memory) * u64::from(passes);
        let this = work(self.memory_kib, self.iterations);
        let more = this.checked_sub(work(params.m_cost(), params.t_cost()))?;
        let memory_kib = u32::try_from(more / u64::from(self.iterations.max(1))).ok()?;
        // Less than Argon2 takes is not worth a hash.
        Cost { memory_kib, ..self }.params().ok()
    }
}

/// Runs and times a thread's work, in a span of its own if the trace is kept.
fn measured<T>(action: &'static str, work: impl FnOnce() -> T) -> T {
    let span = child_span!(&Span::current(), "password", action);
    let began = Instant::now();
    let done = span.in_scope(work);
    PASSWORD_HASH_DURATION.record(began.elapsed(), &[KeyValue::new("action", action)]);
    done
}

fn hash(
    password: &[u8],
    cost: Cost,
    salt: &[u8; 16],
    memory: &mut HashMemory,
) -> Result<String, HashError> {
    let params = cost.params()?;
    let output = compute(password, salt, &params, memory)?;
    phc(&params, salt, &output)
}

/// Formats the PHC string of a hash: algorithm, parameters, salt and hash.
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

fn verify(
    password: &[u8],
    phc: &str,
    cost: Cost,
    memory: &mut HashMemory,
) -> Result<PasswordVerdict, HashError> {
    let stored = Phc::new(phc).map_err(refused)?;
    let params = Params::try_from(&stored).map_err(refused)?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(refused("the stored hash has no salt or no hash"));
    };
    let output = compute(password, salt.as_ref(), &params, memory)?;
    if let Some(more) = cost.beyond(&params) {
        compute(password, salt.as_ref(), &more, memory)?;
    }
    let is_outdated = (params.m_cost(), params.t_cost()) != (cost.memory_kib, cost.iterations);
    // Constant time: the answer does not tell how much of a wrong hash fits.
    let compared =
        aws_lc_rs::constant_time::verify_slices_are_equal(output.as_slice(), expected.as_bytes());
    Ok(PasswordVerdict { is_right: compared.is_ok(), is_outdated })
}

fn compute(
    password: &[u8],
    salt: &[u8],
    params: &Params,
    memory: &mut HashMemory,
) -> Result<Zeroizing<[u8; 32]>, HashError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let (blocks, count) = (&mut memory.blocks, params.block_count());
    blocks.resize(count.max(blocks.len()), Block::new());
    let mut output = Zeroizing::new([0; 32]);
    argon2
        .hash_password_into_with_memory(password, salt, output.as_mut_slice(), blocks)
        .map_err(refused)?;
    #[cfg(test)]
    {
        memory.filled += count * usize::try_from(params.t_cost()).unwrap_or_default();
    }
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
        for (text, is_right) in
            [(" correct horse ", true), ("correct horse", false), (" Correct horse ", false)]
        {
            let verdict = hasher.verify(password(text), Some(stored.clone())).await.unwrap();
            assert_eq!(verdict, PasswordVerdict { is_right, is_outdated: false }, "{text:?}");
        }
    }

    #[tokio::test]
    async fn no_password_fits_an_unknown_account() {
        let hasher = PasswordHasher::start(CHEAP, 1, 8).unwrap();
        let verdict = hasher.verify(password("correct horse"), None).await.unwrap();
        assert_eq!(verdict, PasswordVerdict { is_right: false, is_outdated: false });
    }

    #[tokio::test]
    async fn a_hash_made_at_another_cost_is_verified_and_said_to_be_outdated() {
        let before = PasswordHasher::start(CHEAP, 1, 8).unwrap();
        let stored = before.hash(password("correct horse")).await.unwrap();
        for (memory_kib, iterations) in [(128, 2), (64, 2), (32, 1)] {
            let after = PasswordHasher::start(Cost { memory_kib, iterations }, 1, 8).unwrap();
            let verdict = after.verify(password("correct horse"), Some(stored.clone())).await;
            assert_eq!(verdict.unwrap(), PasswordVerdict { is_right: true, is_outdated: true });
        }
    }

    #[test]
    fn comparing_with_an_old_hash_takes_the_work_of_a_new_one() {
        let cost = Cost { memory_kib: 256, iterations: 3 };
        let filled = |stored: Cost| {
            let mut memory = HashMemory::default();
            let phc = hash(b"correct horse", stored, &[7; 16], &mut memory).unwrap();
            memory.filled = 0;
            verify(b"another", &phc, cost, &mut memory).unwrap();
            memory.filled
        };
        let new = filled(cost);
        assert_eq!(new, 256 * 3);
        for (memory_kib, iterations) in [(64, 1), (64, 3), (128, 2), (16, 1), (128, 5)] {
            let old = filled(Cost { memory_kib, iterations });
            // Argon2 fills a multiple of four blocks.
            assert!(old.abs_diff(new) <= 4 * 3, "{memory_kib} {iterations}: {old}");
        }
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
        let output =
            compute(b"password", b"somesalt", &params, &mut HashMemory::default()).unwrap();
        let expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
        let expected = u128::from_str_radix(&expected[..32], 16).unwrap().to_be_bytes();
        assert_eq!(output[..16], expected);
    }
}
