//! Backups of a database, taken and restored with the programs of its PostgreSQL, as `docs/running.md` says.

use std::path::PathBuf;

use keyfold::postgres::Connection;
use tokio::process::Command;
use url::Url;

use crate::support::postgres::new_directory;
use crate::support::process::{ExternalDatabase, Keyfold};

/// A place for a backup of a database, and for the empty database that it is restored into.
pub struct Backup<'a> {
    database: &'a ExternalDatabase,
    directory: PathBuf,
    restored: Option<String>,
}

impl<'a> Backup<'a> {
    pub fn of(database: &'a ExternalDatabase) -> Self {
        Self { database, directory: new_directory("backup"), restored: None }
    }

    fn file(&self) -> String {
        self.directory.join("keyfold.dump").to_str().unwrap().to_owned()
    }

    /// Takes the backup with `pg_dump`.
    pub async fn take(&self) {
        let url = &self.database.url;
        let schema = url.rsplit_once("%3D").unwrap().1;
        let file = self.file();
        let dump = ["--format=custom", "--file", &file, "--dbname", url, "--schema", schema];
        self.run("pg_dump", &dump).await;
    }

    /// Restores the backup into an empty database; returns the binary and a connection configured for that database.
    pub async fn restore(&mut self, keyfold: Keyfold) -> (Keyfold, Connection) {
        let url = self.empty_database().await;
        let file = self.file();
        let restore = ["--exit-on-error", "--single-transaction", "--dbname", url.as_str(), &file];
        self.run("pg_restore", &restore).await;
        self.run("psql", &["--dbname", url.as_str(), "--command", "analyze"]).await;
        let connection = Connection::parse(url.as_str()).unwrap();
        (keyfold.set("DATABASE_URL", url.as_str()), connection)
    }

    /// Runs a program of the PostgreSQL that serves the database.
    async fn run(&self, program: &str, arguments: &[&str]) {
        let link = self.database.connection.connect().await.unwrap();
        let place = "select setting from pg_config where name = 'BINDIR'";
        let place: String = link.client.query_one(place, &[]).await.unwrap().get(0);
        let output = Command::new(PathBuf::from(place).join(program)).args(arguments).output();
        let output = output.await.unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Creates an empty database beside the one of the tests; returns its URL.
    async fn empty_database(&mut self) -> Url {
        let link = self.database.connection.connect().await.unwrap();
        let name = "select 'restored_' || current_schema()";
        let name: String = link.client.query_one(name, &[]).await.unwrap().get(0);
        // Copying a database takes longer than a statement usually may, on a busy machine.
        link.client.batch_execute("set statement_timeout = 0").await.unwrap();
        link.client.batch_execute(&format!("create database {name}")).await.unwrap();
        let mut url: Url = self.database.url.parse().unwrap();
        url.set_path(&name);
        self.restored = Some(name);
        url
    }

    /// Removes the backup file and the restored database.
    pub async fn remove(self) {
        let link = self.database.connection.connect().await.unwrap();
        link.client.batch_execute("set statement_timeout = 0").await.unwrap();
        if let Some(name) = &self.restored {
            let drop = format!("drop database {name} with (force)");
            link.client.batch_execute(&drop).await.unwrap();
        }
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}
