//! What the nodes tell each other: one notification for each batch.

use uuid::Uuid;

/// What a notification says: `node count head`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Who wrote it.
    pub(super) node: Uuid,
    /// How many events it has.
    pub(super) count: i64,
    /// Where the log ended after it.
    pub(super) head: i64,
}

impl Batch {
    pub(super) fn parse(payload: &str) -> Option<Self> {
        let mut words = payload.split(' ');
        let node = words.next()?.parse().ok()?;
        let count = words.next()?.parse().ok()?;
        let head = words.next()?.parse().ok()?;
        words.next().is_none().then_some(Self { node, count, head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_the_node_the_number_of_events_and_the_head() {
        let node = Uuid::from_u128(7);
        assert_eq!(Batch::parse(&format!("{node} 3 10")), Some(Batch { node, count: 3, head: 10 }));
        for payload in [
            "",
            "x 3 10",
            &format!("{node} 3"),
            &format!("{node} 3 10 11"),
            &format!("{node} a 10"),
        ] {
            assert_eq!(Batch::parse(payload), None, "{payload:?}");
        }
    }
}
