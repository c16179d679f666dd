//! Remains of a crash, against the real programs: the next start works, and stops no other processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use super::tests::{Scratch, config, kill, remember, remembered, server_pid, wrapper_pid};
use super::{PrivateCluster, Tenure};

/// Leaves PostgreSQL running: its lifeline is never closed, and the process that would wait for it is killed.
fn orphan(cluster: PrivateCluster) {
    let wrapper = wrapper_pid(&cluster);
    let Tenure::Owner { started, data } = cluster.tenure else { panic!("joined") };
    std::mem::forget(started);
    kill(&wrapper.to_string());
    drop(data);
}

#[tokio::test]
async fn a_postgresql_that_nobody_would_stop_any_more_is_stopped_by_the_next_start() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    let before = server_pid(&config);
    orphan(cluster);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert_ne!(server_pid(&config), before);
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_postgresql_that_stops_by_itself_before_it_is_told_to_is_no_failure() {
    let scratch = Scratch::new();
    let mut config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    let Tenure::Owner { started, .. } = &cluster.tenure else { panic!("joined") };
    let program = |name| started.binaries.program(name);
    let programs = scratch.path().join("programs");
    fs::create_dir(&programs).unwrap();
    for name in ["postgres", "initdb"] {
        symlink(program(name), programs.join(name)).unwrap();
    }
    // It stops PostgreSQL and says that there was none to stop.
    let script = format!("#!/bin/sh\n'{}' \"$@\"\nexit 1\n", program("pg_ctl").display());
    fs::write(programs.join("pg_ctl"), script).unwrap();
    fs::set_permissions(programs.join("pg_ctl"), Permissions::from_mode(0o755)).unwrap();
    orphan(cluster);
    config.binaries = Some(programs);
    PrivateCluster::start(&config).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_process_id_that_now_belongs_to_somebody_else_does_not_prevent_the_start() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    let file = config.data.join("postgres/postmaster.pid");
    let running = fs::read_to_string(&file).unwrap();
    let Tenure::Owner { started, .. } = &cluster.tenure else { panic!("joined") };
    let mut command = started.identity.command("sleep");
    let mut stranger = command.arg("600").stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    cluster.stop().await.unwrap();
    let (_, rest) = running.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", stranger.id().unwrap())).unwrap();
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_waits_for_the_busy_processes_of_a_killed_postgresql() {
    const BUSY: &str =
        "SET statement_timeout = '2s'; SELECT count(*) FROM generate_series(1, 1000000000)";
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    let busy = cluster.connection().connect().await.unwrap();
    let watching = cluster.connection().connect().await.unwrap();
    let kill_and_start = async {
        let active = "SELECT 1 FROM pg_stat_activity WHERE query = $1 AND state = 'active'";
        while watching.client.query_opt(active, &[&BUSY]).await.unwrap().is_none() {}
        kill(&server_pid(&config).to_string());
        cluster.exited().await;
        drop(cluster);
        PrivateCluster::start(&config).await.unwrap()
    };
    let (busy, cluster) = tokio::join!(busy.client.batch_execute(BUSY), kill_and_start);
    assert!(busy.is_err());
    let log = fs::read_to_string(config.data.join("postgres.log")).unwrap();
    assert!(log.contains("pre-existing shared memory block"), "{log}");
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    cluster.stop().await.unwrap();
}
