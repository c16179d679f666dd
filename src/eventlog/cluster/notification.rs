//! Notifications between nodes: one for each batch.

use uuid::Uuid;

/// Content of a notification: `node last count head`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BatchNotice {
    /// Node that wrote the batch, by which a follower knows its own.
    pub(super) node: Uuid,
    /// Identifier of its last event, which tells one history of the log from another.
    pub(super) last: Uuid,
    /// Number of its events, the last of which is at `head`.
    pub(super) count: i64,
    /// Position at which the log ended after it.
    pub(super) head: i64,
}

impl BatchNotice {
    pub(super) fn parse(payload: &str) -> Option<Self> {
        let mut words = payload.split(' ');
        let node = words.next()?.parse().ok()?;
        let last = words.next()?.parse().ok()?;
        let count = words.next()?.parse().ok()?;
        let head = words.next()?.parse().ok()?;
        words.next().is_none().then_some(Self { node, last, count, head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_the_node_the_last_event_the_number_of_events_and_the_head() {
        let (node, last) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let batch = BatchNotice { node, last, count: 3, head: 10 };
        assert_eq!(BatchNotice::parse(&format!("{node} {last} 3 10")), Some(batch));
        for payload in [
            "",
            &format!("{node} 3 10"),
            &format!("x {last} 3 10"),
            &format!("{node} x 3 10"),
            &format!("{node} {last} 3"),
            &format!("{node} {last} 3 10 11"),
            &format!("{node} {last} a 10"),
        ] {
            assert_eq!(BatchNotice::parse(payload), None, "{payload:?}");
        }
    }
}
