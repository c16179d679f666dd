//! The kernel without any feature, as `examples/counter.rs` shows it.

use std::path::Path;

use tokio::fs;
use tokio::process::Command;

use crate::support::tools::Tool;

const FIRST: &str = "\
+3: the sum is 3
+4: the sum is 7
-9: refused, the counter may not fall below zero
version 2 of the log; the table has 7
";

const AGAIN: &str = "\
+3: the sum is 10
+4: the sum is 14
-9: the sum is 5
version 5 of the log; the table has 5
";

/// Output of the example with a data directory.
async fn printed(data: &Path) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--offline", "--locked", "--example", "counter", "--"]);
    let directory = env!("CARGO_MANIFEST_DIR");
    Tool::start(command.arg(data).current_dir(directory)).printed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_stands_by_itself_with_rules_events_and_a_projection() {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("counter");
    if data.exists() {
        fs::remove_dir_all(&data).await.unwrap();
    }
    assert_eq!(printed(&data).await, FIRST);
    assert_eq!(printed(&data).await, AGAIN, "what was committed is read again");
    fs::remove_dir_all(&data).await.unwrap();
}
