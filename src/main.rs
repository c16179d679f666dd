//! The `keyfold` command: see [`keyfold::cli`].

use std::process::ExitCode;

/// Returns freed memory to the system: hashing and batches allocate large blocks for a short time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keyfold::cli::main()
}
