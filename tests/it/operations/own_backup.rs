//! `keyfold backup` and `keyfold restore`: the private cluster out and in.

use std::fs;
use std::path::Path;

use crate::support::app::SECRET;
use crate::support::postgres::new_directory;
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold, PUBLIC_URL, mode};
use crate::support::servers::binaries;
use crate::support::user::TestUser;

fn keyfold(data: &DataDirectory) -> Keyfold {
    Keyfold::in_directory(data).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
}

/// Another data directory, with the secret of one.
pub fn with_secret_of(data: &DataDirectory, name: &str) -> DataDirectory {
    let other = DataDirectory::new(name);
    fs::create_dir_all(other.path()).unwrap();
    fs::copy(data.path().join("secret"), other.path().join("secret")).unwrap();
    other
}

async fn refused(keyfold: &Keyfold, command: &str, file: &Path, because: &str) {
    let ended = keyfold.run(&[command, file.to_str().unwrap()]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(because), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_the_private_cluster_under_a_running_server_is_restored_into_a_new_one() {
    let (data, directory) = (DataDirectory::new("backed-up"), new_directory("own-backup"));
    let file = directory.join("keyfold.dump");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    let seen = ada.list("").await.text;
    let said = keyfold(&data).print(&["backup", file.to_str().unwrap()]).await;
    let expected = format!(
        "the database is in {}. The secret is not in it: back it up too, because no private key opens without it.\n",
        file.display()
    );
    assert_eq!((said, mode(&file)), (expected, 0o600));
    ada.create_task("Bread").await;
    let whole = fs::read(&file).unwrap();
    refused(&keyfold(&data), "backup", &file, "cannot create").await;
    assert_eq!(fs::read(&file).unwrap(), whole, "a backup that is there stays as it is");
    refused(&keyfold(&data), "restore", &file, "is using the data directory").await;
    server.stop().await;
    refused(&keyfold(&data), "restore", &file, "the data directory already has a database").await;

    let anew = with_secret_of(&data, "restored");
    let said = keyfold(&anew).print(&["restore", file.to_str().unwrap()]).await;
    assert!(said.starts_with("the database is restored from "), "{said}");
    let server = keyfold(&anew).serve().await;
    let ada = ada.at(&server.url);
    assert_eq!(ada.list("").await.text, seen);
    ada.create_task("Salt").await;
    assert_eq!(ada.titles().await, ["Milk", "Salt"]);
    assert!(keyfold(&anew).print(&["doctor"]).await.lines().all(|line| !line.starts_with("error")));
    server.stop().await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_backup_leaves_an_empty_cluster_that_takes_one() {
    let (data, directory) = (DataDirectory::new("no-backup"), new_directory("no-backup"));
    let [none, rubbish, file] =
        ["none", "rubbish", "keyfold.dump"].map(|name| directory.join(name));
    fs::write(&rubbish, "rubbish").unwrap();
    refused(&keyfold(&data), "restore", &none, "cannot read").await;
    assert!(!data.path().exists(), "nothing was made");
    refused(&keyfold(&data), "restore", &rubbish, "pg_restore failed").await;

    let other = DataDirectory::new("other");
    let server = keyfold(&other).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    keyfold(&other).print(&["backup", file.to_str().unwrap()]).await;
    server.stop().await;
    fs::copy(other.path().join("secret"), data.path().join("secret")).unwrap();
    keyfold(&data).print(&["restore", file.to_str().unwrap()]).await;
    let server = keyfold(&data).serve().await;
    assert_eq!(ada.at(&server.url).titles().await, [""; 0]);
    server.stop().await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_elsewhere_is_left_to_whoever_runs_it() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let file = Path::new("/nowhere/keyfold.dump");
    let not_own = "the database of DATABASE_URL is not Keyfold's own: use ";
    refused(&keyfold, "backup", file, &format!("{not_own}pg_dump")).await;
    refused(&keyfold, "restore", file, &format!("{not_own}pg_restore")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_cluster_gets_to_another_major_version_by_a_backup() {
    let (data, directory) = (DataDirectory::new("of-before"), new_directory("upgrade"));
    let file = directory.join("keyfold.dump");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    let seen = ada.list("").await.text;
    keyfold(&data).print(&["backup", file.to_str().unwrap()]).await;
    server.stop().await;

    // As an operator does it: the old cluster stays beside, and the secret in its place.
    let before = data.path().join("postgres.before");
    fs::rename(data.cluster(), &before).unwrap();
    let newer = keyfold(&data).set("KEYFOLD_POSTGRES_BIN", binaries(18).to_str().unwrap());
    newer.print(&["restore", file.to_str().unwrap()]).await;
    let server = newer.serve().await;
    let version = fs::read_to_string(data.cluster().join("PG_VERSION")).unwrap();
    assert_eq!(version.trim(), "18");
    let ada = ada.at(&server.url);
    assert_eq!(ada.list("").await.text, seen);
    ada.create_task("Bread").await;
    assert_eq!(ada.titles().await, ["Milk", "Bread"]);
    server.stop().await;
    fs::remove_dir_all(directory).unwrap();
}
