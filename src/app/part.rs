//! Parts of a server: tasks that run as long as it does, and report their end by name.

/// Runs a part, and returns its name once it has ended.
pub(super) async fn named(part: impl Future<Output = ()>, name: &str) -> String {
    part.await;
    name.to_owned()
}
