//! The log of a server, locked by another transaction.

use std::future::Future;
use std::pin::Pin;

use keyfold::postgres::Connection;
use tokio_postgres::Client;

use crate::support::process::until;

/// The log, locked by a transaction of its own: every append waits.
pub struct Locked {
    holder: Client,
    /// PostgreSQL process that holds the lock.
    pid: i32,
    /// Separate connection that looks for waiting transactions, because `pg_stat_activity` does not change within a
    /// transaction.
    pub watcher: Client,
}

impl Locked {
    pub async fn new(connection: &Connection) -> Self {
        let holder = connection.connect().await.unwrap().client;
        let watcher = connection.connect().await.unwrap().client;
        holder.batch_execute("begin; select events_lock()").await.unwrap();
        let pid = holder.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        Self { holder, pid, watcher }
    }

    /// Waits until so many transactions wait.
    pub async fn is_waited_for(&self, count: usize) {
        // Only the first in the queue waits for the holder itself, the next ones for those before them.
        let waits = "with recursive waiting (pid) as (
                         select $1::integer
                         union
                         select a.pid from waiting w
                         join pg_stat_activity a on w.pid = any (pg_blocking_pids(a.pid))
                     ) select from waiting where pid <> $1";
        until("so many wait for the log", async || {
            self.watcher.query(waits, &[&self.pid]).await.unwrap().len() >= count
        })
        .await;
    }

    pub async fn release(self) {
        self.holder.batch_execute("commit").await.unwrap();
    }

    /// Holds up work of so many transactions: polls it until all of them wait. A client that goes away drops it then.
    pub async fn holds_up<T>(&self, count: usize, mut work: Pin<&mut impl Future<Output = T>>) {
        tokio::select! {
            _ = &mut work => unreachable!("the log is locked"),
            () = self.is_waited_for(count) => {}
        }
    }
}
