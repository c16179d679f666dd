//! A list as it was, in a version or at a time.

use std::sync::Arc;

use super::entry::decoded;
use super::moment::{Moment, Past, TravelError};
use crate::base::id::UserId;
use crate::eventlog::{Point, Published, ReadError, StoreError, VersionInHistory};
use crate::tasks::listing::Query;
use crate::tasks::lists::Tasks;
use crate::tasks::read_model;
use crate::tasks::task_list::TaskList;

impl Tasks {
    /// A user's list as of a moment.
    ///
    /// # Errors
    ///
    /// If the list did not exist yet, or cannot be read.
    pub async fn as_of(&self, owner: UserId, moment: Moment) -> Result<Past, TravelError> {
        let now = self.of(owner).await?;
        let version = match moment {
            Moment::Version(VersionInHistory { point, .. }) if point.number > now.version => {
                return Err(TravelError::NoSuchVersion);
            }
            Moment::Version(VersionInHistory { number, point }) if number == point.number => {
                let past = self.at(owner, now, number).await?;
                let is_there = past.state.version == point;
                return if is_there { Ok(past) } else { Err(TravelError::NoSuchVersion) };
            }
            Moment::Version(within) => self.number_of(owner, &now, within).await?,
            Moment::Time(at) if now.state.at.is_none_or(|last| last <= at) => now.version,
            Moment::Time(at) => {
                let _walk = self.walks.acquire(owner).await?;
                read_model::version_at(&self.pool, &Self::stream(owner), at, now.version)
                    .await
                    .map_err(ReadError::from)?
            }
        };
        Ok(self.at(owner, now, version).await?)
    }

    /// A user's list after so many events.
    async fn at(&self, owner: UserId, now: Past, number: i64) -> Result<Past, ReadError> {
        if number == now.version {
            return Ok(now);
        }
        let _walk = self.walks.acquire(owner).await?;
        self.past(owner, number).await
    }

    /// Number of a version, if the list has that version.
    ///
    /// # Errors
    ///
    /// If the list does not have it, or the log cannot be read.
    pub(crate) async fn number_of(
        &self,
        owner: UserId,
        now: &Published<TaskList>,
        VersionInHistory { number, point }: VersionInHistory,
    ) -> Result<i64, TravelError> {
        let is_there = self.has(owner, now, point).await?;
        if is_there { Ok(number) } else { Err(TravelError::NoSuchVersion) }
    }

    /// True if the point is in the list's history: the event with its number has its mark.
    async fn has(
        &self,
        owner: UserId,
        now: &Published<TaskList>,
        point: Point,
    ) -> Result<bool, ReadError> {
        if point.number == 0 || point.number >= now.version {
            return Ok(point == Point::default() || point == now.state.version);
        }
        let _walk = self.walks.acquire(owner).await?;
        let there = self.log.read_stream(&Self::stream(owner), point.number - 1, 1).await;
        let there = there.map_err(StoreError::of_read)?;
        let mark = there.first().map(|event| decoded(event).map(|event| event.mark()));
        Ok(mark.transpose()? == Some(point.mark))
    }

    /// True if the page is the first one, or follows a page of this list. `shown` is the version that the page shows.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub async fn fits(
        &self,
        owner: UserId,
        shown: Point,
        query: &Query,
    ) -> Result<bool, ReadError> {
        match &query.after {
            Some(cursor) if cursor.version != shown => {
                let now = self.of(owner).await?;
                Box::pin(self.has(owner, &now, cursor.version)).await
            }
            Some(_) | None => Ok(true),
        }
    }

    /// A user's list as of a version, for a caller that holds the permit to walk.
    pub(crate) async fn past(&self, owner: UserId, version: i64) -> Result<Past, ReadError> {
        let stream = Self::stream(owner);
        let make = async { Ok(Arc::new(self.log.hydrate_at(&stream, version).await?)) };
        self.pasts.get_or((owner, version), make).await
    }
}
