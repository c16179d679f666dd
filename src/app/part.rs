//! Parts of a server: tasks that run as long as it does, and whose end is told by name.

/// Runs a part, and says which it was when it has ended.
pub(super) async fn named(part: impl Future<Output = ()>, name: &str) -> String {
    part.await;
    name.to_owned()
}
