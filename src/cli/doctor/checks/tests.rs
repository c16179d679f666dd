//! Reports about databases that a test cannot easily have: standbys, and clocks that are wrong.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1_000)
}

fn server() -> ServerFacts {
    ServerFacts {
        version: "16.4".to_owned(),
        version_number: 160_004,
        address: Some(("10.0.0.7".to_owned(), 5432)),
        database: "keyfold".to_owned(),
        schema: Some("public".to_owned()),
        takes_writes: true,
    }
}

fn replicated(names: &str, states: &[Option<&str>]) -> String {
    let standbys = states.iter().map(|state| Standby {
        name: Some("b".to_owned()),
        address: Some("10.0.0.8".to_owned()),
        state: state.map(|_| "streaming".to_owned()),
        sync_state: state.map(ToOwned::to_owned),
    });
    let standbys = standbys.collect();
    replication(&Replication { synchronous_names: names.to_owned(), standbys }).to_string()
}

#[test]
fn the_host_that_answers_is_named_and_must_take_writes() {
    let place = "PostgreSQL 16.4 at 10.0.0.7 port 5432, database keyfold, schema public";
    let expected = format!("ok       database     {place}, takes writes");
    assert_eq!(database(&server()).to_string(), expected);
    let standby = database(&ServerFacts { takes_writes: false, ..server() }).to_string();
    assert!(standby.starts_with(&format!("error    database     {place}, takes no")), "{standby}");
    let old = database(&ServerFacts { version_number: 130_000, ..server() }).to_string();
    assert!(old.ends_with("version 14 or later is needed"), "{old}");
    let lost = database(&ServerFacts { schema: None, ..server() }).to_string();
    assert!(lost.starts_with("error    database     10.0.0.7 port 5432 answers, but"), "{lost}");
}

#[test]
fn what_makes_acknowledged_changes_lost_is_an_error() {
    let fine = durability(&[], true).to_string();
    assert_eq!(fine, "ok       durability   commits are on disk");
    let off = ["fsync", "full_page_writes"].map(ToOwned::to_owned);
    let told = durability(&off, true).to_string();
    let expected =
        "error    durability   fsync, full_page_writes off: acknowledged changes are lost";
    assert!(told.starts_with(expected), "{told}");
    let by_others = durability(&[], false).to_string();
    assert!(
        by_others.starts_with("warning  durability   synchronous_commit is off"),
        "{by_others}"
    );
}

#[test]
fn little_room_on_the_disk_is_told_before_there_is_none() {
    let path = Path::new("/data/postgres");
    let told = |free| disk(Some((path, free))).to_string();
    let plenty = "ok       disk         2000 MB free at /data/postgres";
    assert_eq!(told(2_000_000_000), plenty);
    let little =
        "warning  disk         1000 MB free at /data/postgres, a full disk stops all changes";
    assert!(told(1_000_000_000).starts_with(little), "{}", told(1_000_000_000));
    assert!(told(200_000_000).starts_with("error    disk         200 MB free"));
    assert!(disk(None).to_string().starts_with("ok       disk         cannot be checked"));
}

#[test]
fn a_pooler_that_lends_sessions_per_transaction_is_an_error() {
    assert!(sessions(true).to_string().starts_with("ok "));
    assert!(sessions(false).to_string().starts_with("error    sessions     a pooler lends them"));
}

#[test]
fn standbys_are_told_with_whether_commits_wait_for_them() {
    let expected = "ok       replication  b at 10.0.0.8 is streaming (sync)";
    assert_eq!(replicated("b", &[Some("sync")]), expected);
    assert!(replicated("", &[]).starts_with("ok "));
    assert!(replicated("", &[Some("async")]).starts_with("warning "));
    assert!(replicated("b", &[None]).ends_with("grant it pg_monitor"));
    assert!(replicated("b", &[]).ends_with("no standby is connected: start one"));
    assert!(replicated("c", &[Some("async")]).starts_with("error "));
}

#[test]
fn the_round_trip_is_no_skew() {
    let skewed = |told| {
        let round = |told, heard, took| {
            let took = Duration::from_secs(took);
            Round { told: at(told), heard: at(heard), took }
        };
        let (slow, quick) = (round(500, 60, 60), round(told, 102, 2));
        clock(&[slow, quick]).unwrap().to_string()
    };
    assert_eq!(skewed(101), "ok       clock        within 1s of the database's");
    let behind =
        "warning  clock        this machine is 9.0s behind the database: set both by NTP, tokens";
    assert!(skewed(110).starts_with(behind), "{}", skewed(110));
    let ahead =
        "error    clock        this machine is 33.0s ahead of the database: set both by NTP; until";
    assert!(skewed(68).starts_with(ahead), "{}", skewed(68));
}

#[test]
fn a_queue_of_notifications_is_told_of_from_one_half_on() {
    let told = |used| notifications(used).map(|finding| finding.to_string());
    assert_eq!((told(0.0), told(0.49)), (None, None));
    let half =
        "warning  queue        50% of PostgreSQL's queue of notifications is used; when it is full";
    assert!(told(0.5).unwrap().starts_with(half), "{:?}", told(0.5));
    let full = "error    queue        100% of PostgreSQL's queue of notifications is used, and no change is accepted";
    assert!(told(1.0).unwrap().starts_with(full), "{:?}", told(1.0));
}

#[test]
fn settings_that_servers_do_not_share_are_an_error() {
    let [variable, here, there, peer] =
        ["KEYFOLD_TOKEN_LIFETIME", "30m", "15m", "process 7 on web"].map(ToOwned::to_owned);
    let told = disagreement(&[Disagreement { variable, here, there, peer }]).to_string();
    let expected = "error    nodes        servers have other settings, KEYFOLD_TOKEN_LIFETIME is 30m here and 15m in \
                    process 7 on web: set the same values on all of them";
    assert_eq!(told, expected);
}

#[test]
fn a_hole_in_the_log_is_an_error_and_what_was_not_looked_at_is_said() {
    let told = |after, hole| {
        let looked = HoleSearch { after, hole };
        log(Log { head: 7, last_at: Some(at(4)), looked }, at(9)).to_string()
    };
    let hole = "error    log          there is no event at position 3, so something was deleted";
    assert!(told(0, Some(3)).starts_with(hole), "{}", told(0, Some(3)));
    let last = "the last event 5s ago at 1970-01-01T00:00:04.000Z";
    assert_eq!(told(0, None), format!("ok       log          position 7, no hole, {last}"));
    let rest = "no hole after position 5, older events were not checked";
    assert_eq!(told(5, None), format!("ok       log          position 7, {rest}, {last}"));
}

#[test]
fn a_date_ahead_of_now_is_a_warning() {
    let ahead = dates(Some(at(90_009)), at(9)).to_string();
    let told =
        "warning  dates        an event is dated 1970-01-02T01:00:09.000Z, 1d 1h ahead of now";
    assert!(ahead.starts_with(told), "{ahead}");
    for newest in [None, Some(at(9)), Some(at(10))] {
        assert!(dates(newest, at(9)).to_string().starts_with("ok "));
    }
}
