//! The ends of sessions that still matter, in memory: the newest of them, as many as there is room for.
//!
//! They lie in one ring in the order of the log, shared by all readers: adding one and forgetting one move nothing else, and
//! a reader finds its place by the last end that it knows. A reader whose end is not of this log, because a backup was
//! restored, gets all that matter. If more matter than there is room for, the oldest leave, and readers that are that far
//! behind read them from the log.
//!
//! An end is forgotten by the time at which *this* node heard of it. Other nodes' clocks decide only how far the log is read
//! back at the start of a node, generously.

use std::collections::VecDeque;
use std::time::Duration;

use super::read_model::Recorded;
use super::security_event::SessionEnd;
use crate::base::clock::Timestamp;
use crate::eventlog::Point;
use crate::sessions::events::EndReason;

/// An entry of the ring: an end and the time at which this node heard of it.
#[derive(Debug)]
struct HeardEnd {
    /// End, as readers get it once it is signed.
    end: SessionEnd,
    /// Time on this node's clock, by which the entry is forgotten.
    at: Timestamp,
}

/// Bytes of an end in memory, with the room that the ring grows in.
pub(super) const BYTES: usize = 2 * size_of::<HeardEnd>();

/// Rule that decides if an end matters, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relevance {
    /// Time for which an end matters after this node has heard of it.
    pub(super) window: Duration,
    /// Time from which on ends of idle sessions do not matter, because the last access token had expired before; never, if
    /// the idle timeout is short.
    pub(super) idle_until: Option<Timestamp>,
}

impl Relevance {
    /// Returns true if an end that is heard of now concerns an access token that may be valid. An `absolute` end always does:
    /// such a session may have been used a moment before.
    pub(super) fn is_of(&self, end: &SessionEnd, now: Timestamp) -> bool {
        end.reason != EndReason::Idle || self.idle_until.is_none_or(|until| now < until)
    }
}

/// Answer of the ring about the ends after a cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// These ends, and the cursor after them.
    Known(Vec<SessionEnd>, Next),
    /// Some are in the log alone: read them there, after `since` if the log has it, or else after `horizon`, the position up
    /// to which none matters any more.
    InLog { since: Option<Point>, horizon: i64 },
    /// There may be ends that this node has not read.
    Doubtful,
}

/// Cursor after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    /// Last end of the page, or the reader's own cursor if the page is empty.
    pub(super) since: Point,
    /// True if there are more ends already.
    pub(super) is_more: bool,
}

/// The ring of ends, with the positions up to which it is complete.
#[derive(Debug)]
pub(super) struct Ends {
    /// Ends in the order of the log, so that a cursor is found by binary search.
    heard: VecDeque<HeardEnd>,
    /// Most ends that are kept.
    most: usize,
    /// Position of the last end in the log that this node has read, be it one that matters or not.
    head: i64,
    /// Position up to which no end matters any more.
    horizon: i64,
    /// Position up to which ends have left for want of room.
    floor: i64,
    /// True after the log could not be read, until it has been read to its end.
    is_behind: bool,
    /// Time until which an end that cannot be read may matter; readers get no answer until then.
    unreadable_until: Option<Timestamp>,
}

impl Ends {
    /// Makes an empty ring for `most` ends.
    pub(super) fn new(most: usize) -> Self {
        Self {
            heard: VecDeque::new(),
            most: most.max(1),
            head: 0,
            horizon: 0,
            floor: 0,
            is_behind: false,
            unreadable_until: None,
        }
    }

    /// Returns at most `most` ends after `since`; all that matter, if `since` is not among them.
    pub(super) fn after(&self, since: Point, most: usize) -> Later {
        if self.is_behind || self.unreadable_until.is_some() {
            return Later::Doubtful;
        }
        let horizon = self.horizon;
        if self.horizon < since.number && since.number <= self.floor {
            return Later::InLog { since: Some(since), horizon };
        }
        let place = self.heard.binary_search_by_key(&since.number, |heard| heard.end.position);
        let place = place
            .ok()
            .filter(|place| self.heard.get(*place).is_some_and(|heard| heard.end.point() == since));
        if place.is_none() && self.horizon < self.floor {
            return Later::InLog { since: None, horizon };
        }
        let known = place.map_or(0, |place| place + 1);
        let found: Vec<_> =
            self.heard.range(known..).take(most).map(|heard| heard.end.clone()).collect();
        let is_more = self.heard.len() - known > found.len();
        let last = found.last().map(SessionEnd::point);
        let same = || place.map(|_| since).unwrap_or_default();
        Later::Known(found, Next { since: last.unwrap_or_else(same), is_more })
    }

    /// Position of the last end in the log that this node has read.
    pub(super) fn head(&self) -> i64 {
        self.head
    }

    /// Notes that the log cannot be read: until it can, no reader is told that there is nothing new.
    pub(super) fn fall_behind(&mut self) {
        self.is_behind = true;
    }

    /// Notes that the log has been read to its end. Returns true if that was in doubt.
    pub(super) fn catch_up(&mut self) -> bool {
        std::mem::take(&mut self.is_behind)
    }

    /// Adds a later end, heard of now. Returns true if readers have to be woken.
    pub(super) fn hear(
        &mut self,
        recorded: Recorded,
        relevance: &Relevance,
        now: Timestamp,
    ) -> bool {
        self.head = self.head.max(recorded.position);
        match recorded.end {
            Some(end) if relevance.is_of(&end, now) => {
                if self.heard.len() >= self.most
                    && let Some(oldest) = self.heard.pop_front()
                {
                    self.floor = oldest.end.position;
                }
                self.heard.push_back(HeardEnd { end, at: now });
                true
            }
            Some(_) => false,
            None => {
                self.cannot_read(relevance, now);
                true
            }
        }
    }

    /// Adds an end of before the node started, as if heard of at this time; called for the newest first.
    pub(super) fn recall(&mut self, recorded: Recorded, relevance: &Relevance, at: Timestamp) {
        self.head = self.head.max(recorded.position);
        self.horizon = recorded.position - 1;
        match recorded.end {
            Some(end) if relevance.is_of(&end, at) => {
                if self.heard.len() < self.most {
                    self.heard.push_front(HeardEnd { end, at });
                } else {
                    self.floor = self.floor.max(recorded.position);
                }
            }
            Some(_) => {}
            None => self.cannot_read(relevance, at),
        }
    }

    /// Notes an end that is too old to matter. If it is the first that is read back, no end up to its position matters.
    pub(super) fn recall_none(&mut self, position: i64) {
        self.head = self.head.max(position);
        if self.heard.is_empty() && self.floor == 0 {
            self.horizon = self.horizon.max(position);
        }
    }

    fn cannot_read(&mut self, relevance: &Relevance, now: Timestamp) {
        let until = now.after(relevance.window);
        self.unreadable_until = self.unreadable_until.max(Some(until));
    }

    /// Forgets ends that were heard of too long ago to matter. Returns true if readers have to be woken.
    pub(super) fn forget(&mut self, relevance: &Relevance, now: Timestamp) -> bool {
        let oldest = now.before(relevance.window);
        while let Some(heard) = self.heard.front().filter(|heard| heard.at <= oldest) {
            self.horizon = self.horizon.max(heard.end.position);
            self.heard.pop_front();
        }
        let was_unreadable = self.unreadable_until.is_some();
        self.unreadable_until = self.unreadable_until.filter(|until| now < *until);
        was_unreadable && self.unreadable_until.is_none()
    }
}

#[cfg(test)]
mod tests;
