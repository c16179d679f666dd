//! The ends of sessions that still matter, in memory: the newest of them, as many as there is room for.
//!
//! They lie in one ring in the order of the log, shared by everybody who reads: adding one and forgetting one move nothing
//! else, and a reader finds its place by the last end that it knows. One that is not of this log, because a backup was
//! restored, gets all that matter. When more matter than there is room for, the oldest leave; those
//! who are that far behind read them from the log.
//!
//! An end is forgotten by the time at which *this* node heard of it. What other nodes' clocks say decides only how far the
//! log is read back when a node starts, generously.

use std::collections::VecDeque;
use std::time::Duration;

use super::read_model::Recorded;
use super::security_event::End;
use crate::base::clock::Timestamp;
use crate::eventlog::Point;
use crate::sessions::events::EndReason;

/// An end and the time at which this node heard of it.
#[derive(Debug)]
struct Heard {
    end: End,
    at: Timestamp,
}

/// What an end takes in memory.
pub(super) const BYTES: usize = 2 * size_of::<Heard>();

/// How long ends matter, and which.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relevance {
    /// How long an end matters.
    pub(super) window: Duration,
    /// From when on the end of an idle session matters to nobody, because its last access token had expired before; never, if
    /// sessions may be idle for a short time only.
    pub(super) idle_until: Option<Timestamp>,
}

impl Relevance {
    /// Whether an end that is heard of now concerns an access token that may be valid. An `absolute` end always does: such a
    /// session may have been used a moment before.
    pub(super) fn is_of(&self, end: &End, now: Timestamp) -> bool {
        end.reason != EndReason::Idle || self.idle_until.is_none_or(|until| now < until)
    }
}

/// What is known of the ends after one of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// These, and what comes after them.
    Known(Vec<End>, Next),
    /// Some are in the log alone: look there, after this end if it is there, or else after the position up to which none
    /// matters any more.
    InLog { since: Option<Point>, horizon: i64 },
    /// Nobody knows whether there are others.
    Doubtful,
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    /// After this end.
    pub(super) since: Point,
    /// Whether there is more already.
    pub(super) is_more: bool,
}

/// The ends.
#[derive(Debug)]
pub(super) struct Ends {
    heard: VecDeque<Heard>,
    /// Most that are kept.
    most: usize,
    /// The last end in the log that this node has read, whether or not it matters.
    head: i64,
    /// No end up to here matters any more.
    horizon: i64,
    /// Ends up to here have left for want of room.
    floor: i64,
    /// Whether the log could not be read.
    is_behind: bool,
    /// Until when an end may matter that cannot be read.
    unreadable_until: Option<Timestamp>,
}

impl Ends {
    /// None yet, and at most so many.
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

    /// At most `most` ends after one of them; all that matter, after one that is not among them.
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
        let last = found.last().map(End::point);
        let same = || place.map(|_| since).unwrap_or_default();
        Later::Known(found, Next { since: last.unwrap_or_else(same), is_more })
    }

    /// The last end in the log that this node has read.
    pub(super) fn head(&self) -> i64 {
        self.head
    }

    /// The log cannot be read: until it can, nobody is told that there is nothing new.
    pub(super) fn fall_behind(&mut self) {
        self.is_behind = true;
    }

    /// Everything up to the end of the log has been read. Returns whether that was in doubt.
    pub(super) fn catch_up(&mut self) -> bool {
        std::mem::take(&mut self.is_behind)
    }

    /// A later end, heard of now. Returns whether there is anything to tell.
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
                self.heard.push_back(Heard { end, at: now });
                true
            }
            Some(_) => false,
            None => {
                self.cannot_read(relevance, now);
                true
            }
        }
    }

    /// An end of before the node started, taken to be heard of at this time; the newest first.
    pub(super) fn recall(&mut self, recorded: Recorded, relevance: &Relevance, at: Timestamp) {
        self.head = self.head.max(recorded.position);
        self.horizon = recorded.position - 1;
        match recorded.end {
            Some(end) if relevance.is_of(&end, at) => {
                if self.heard.len() < self.most {
                    self.heard.push_front(Heard { end, at });
                } else {
                    self.floor = self.floor.max(recorded.position);
                }
            }
            Some(_) => {}
            None => self.cannot_read(relevance, at),
        }
    }

    /// No end up to this position, the first that was looked at, matters.
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

    /// Forgets what was heard of too long ago to matter. Returns whether there is anything to tell.
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
