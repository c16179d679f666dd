//! The `keyfold` command: see [`keyfold::cli`].

use std::process::ExitCode;

/// Hashing and batches allocate large blocks and give them back; this allocator returns them to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keyfold::cli::main()
}
