//! A schema with many rows, whose sessions write the plan of every statement to PostgreSQL's log.

use std::fmt::Write as _;

use keyfold::postgres::{Connection, migrate};

use super::plan::{Indexes, Plan};
use crate::support::postgres;
use crate::support::process::{ExternalDatabase, until};

/// Settings that report every statement, those inside triggers too, with the settings that name its schema. The library is
/// loaded by every session of the run's cluster.
const REPORTING: [&str; 4] = [
    "auto_explain.log_min_duration=0",
    "auto_explain.log_nested_statements=on",
    "auto_explain.log_settings=on",
    "auto_explain.log_format=json",
];

/// Choice of plan for a prepared statement. By default PostgreSQL makes custom plans a few times and may then change to a
/// generic one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Planning {
    /// Each time it runs, for the parameters it has then.
    EachTime,
    /// The first time it runs, for any parameters.
    Once,
}

impl Planning {
    fn setting(self) -> &'static str {
        match self {
            Self::EachTime => "plan_cache_mode=force_custom_plan",
            Self::Once => "plan_cache_mode=force_generic_plan",
        }
    }
}

/// A schema whose sessions report their plans.
pub(super) struct Database {
    schema: String,
    /// For sessions that report.
    pub(super) connection: Connection,
    /// For sessions that do not.
    silent: Connection,
}

impl Database {
    /// With empty tables, and statistics that say so.
    pub(super) async fn empty(planning: Planning) -> Self {
        let ExternalDatabase { connection: silent, mut url } = ExternalDatabase::new().await;
        migrate(&silent).await.unwrap();
        let link = silent.connect().await.unwrap();
        let row = link.client.query_one("select current_schema()::text", &[]).await.unwrap();
        let schema: String = row.get(0);
        // The options are the last parameter of the URL.
        for setting in REPORTING.into_iter().chain([planning.setting()]) {
            write!(url, "%20-c{setting}").unwrap();
        }
        write!(url, "&application_name={schema}").unwrap();
        let database = Self { schema, connection: Connection::parse(&url).unwrap(), silent };
        database.analyze().await;
        database
    }

    /// With the history of thousands of users.
    pub(super) async fn large(planning: Planning) -> Self {
        let database = Self::empty(planning).await;
        database.grow().await;
        database.analyze().await;
        database
    }

    /// Adds the history of thousands of users, and says nothing of it to the planner.
    pub(super) async fn grow(&self) {
        let link = self.silent.connect().await.unwrap();
        link.client.batch_execute(include_str!("grow.sql")).await.unwrap();
    }

    async fn analyze(&self) {
        let link = self.silent.connect().await.unwrap();
        let tables =
            "events, snapshots, users, credentials, sessions, jwks, key_material, idempotency_keys";
        link.client.batch_execute(&format!("analyze {tables}")).await.unwrap();
    }

    /// Every plan so far.
    pub(super) fn plans(&self) -> Vec<Plan> {
        let plans = Plan::all_in(&postgres::log());
        plans.into_iter().filter(|plan| plan.is_of(&self.schema)).collect()
    }

    /// Every plan, after the last one has been logged.
    pub(super) async fn all_plans(&self) -> Vec<Plan> {
        let link = self.silent.connect().await.unwrap();
        let sessions = "select count(*) from pg_stat_activity where application_name = $1";
        until("every session has ended", async || {
            link.client.query_one(sessions, &[&self.schema]).await.unwrap().get::<_, i64>(0) == 0
        })
        .await;
        self.plans()
    }

    /// Every index of the schema, with its first column as plans name it.
    pub(super) async fn indexes(&self) -> Indexes {
        let link = self.silent.connect().await.unwrap();
        let first_columns = "\
            select pg_class.relname::text, quote_ident(pg_attribute.attname) from pg_index \
            join pg_class on pg_class.oid = indexrelid \
            join pg_attribute on attrelid = indexrelid and attnum = 1 \
            where relnamespace = current_schema()::regnamespace";
        let rows = link.client.query(first_columns, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}
