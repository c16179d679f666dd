//! Limits that are pure computation: hashes and signatures on every core, without a server around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use keyfold::config::PasswordConfig;

use crate::figures::Figure;
use crate::load::SECONDS;

/// Work repeated by one thread per core until it is stopped.
pub struct OnAllCores {
    stop: Arc<AtomicBool>,
    cores: Vec<JoinHandle<u64>>,
    begun: Instant,
}

impl OnAllCores {
    /// Starts one thread per core; each makes its own work and repeats it.
    fn begin<W: FnMut() + 'static>(
        make: impl Fn() -> anyhow::Result<W> + Send + Clone + 'static,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism()?.get();
        let start = |_| {
            let (stop, make) = (Arc::clone(&stop), make.clone());
            std::thread::spawn(move || {
                let Ok(mut work) = make() else { return 0 };
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    work();
                    done += 1;
                }
                done
            })
        };
        Ok(Self { cores: (0..cores).map(start).collect(), stop, begun: Instant::now() })
    }

    /// Stops the threads and returns the repetitions per second.
    pub fn end(self) -> anyhow::Result<Figure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut done = 0;
        for core in self.cores {
            done += core.join().map_err(|_| anyhow!("the work panicked"))?;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        Ok(Figure::of(done as f64 / self.begun.elapsed().as_secs_f64()))
    }
}

/// Argon2id with the server's default parameters; each core reuses its memory blocks.
///
/// # Errors
///
/// If the default parameters are invalid.
pub fn hash_on_all_cores() -> anyhow::Result<OnAllCores> {
    let PasswordConfig { memory_kib, iterations, .. } = PasswordConfig::default();
    let params =
        Params::new(memory_kib, iterations, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
    OnAllCores::begin(move || {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut memory = vec![Block::new(); params.block_count()];
        let mut output = [0_u8; 32];
        Ok(move || {
            let password = crate::people::PASSWORD.as_bytes();
            // Parameters and lengths are valid, so the call cannot fail.
            let _ = argon2.hash_password_into_with_memory(
                password,
                b"sixteen bytes !!",
                &mut output,
                &mut memory,
            );
        })
    })
}

/// Measures Argon2id hashes per second on all cores.
///
/// # Errors
///
/// If the threads cannot be started or one panics.
pub async fn hashes() -> anyhow::Result<Figure> {
    let work = hash_on_all_cores()?;
    pass().await;
    work.end()
}

/// RS256 signatures per second over a message as long as an access token, with a key of the server's size that is parsed
/// once.
///
/// # Errors
///
/// If no key can be generated.
pub async fn signatures() -> anyhow::Result<Figure> {
    let key = Arc::new(KeyPair::generate(KeySize::Rsa2048).ok().context("no key could be made")?);
    let work = OnAllCores::begin(move || {
        let key = Arc::clone(&key);
        let mut signature = vec![0; key.public_modulus_len()];
        Ok(move || {
            let _ = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &[b'a'; 512], &mut signature);
        })
    })?;
    pass().await;
    work.end()
}

async fn pass() {
    tokio::time::sleep(Duration::from_secs(SECONDS.into())).await;
}
