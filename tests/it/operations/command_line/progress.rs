//! Progress of a long command: a bar on a terminal, lines elsewhere.

use crate::support::app::SECRET;
use crate::support::process::{ExternalDatabase, Keyfold};

/// A log of 5,000 users who have a session each.
async fn crowd(keyfold: &Keyfold, database: &ExternalDatabase) {
    keyfold.print(&["migrate"]).await;
    let events = "
        insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
        select number, format('session-%s', id), 1, 0, gen_random_uuid(), 'SessionStarted', 1,
               json_build_object('sessionId', id, 'tokenHash', hash, 'startedAt', '2026-01-01T00:00:00.000Z',
                                 'expiresAt', '2099-01-01T00:00:00.000Z', 'endsAt', '2099-01-01T00:00:00.000Z'),
               '{}', '2026-01-01Z'
        from (select number, gen_random_uuid() as id,
                     translate(rtrim(encode(sha256(number::text::bytea), 'base64'), '='), '+/', '-_') as hash
              from generate_series(1, 5000) as number) sessions";
    database.connection.connect().await.unwrap().client.batch_execute(events).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_and_the_end_of_all_sessions_say_how_far_they_have_come_in_lines() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    crowd(&keyfold, &database).await;
    for (arguments, printed, what) in [
        (
            ["replay"].as_slice(),
            "5000 events replayed, the read models are rebuilt\n",
            "events replayed",
        ),
        (&["sessions", "end"], "sessions ended: 5000\n", "users signed out"),
    ] {
        let ended = keyfold.run(arguments).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), printed), "{ended:?}");
        let lines: Vec<_> = ended.err.lines().filter(|line| line.ends_with(what)).collect();
        let expected = (1..=5).map(|thousand| format!("{thousand}000 of 5000 {what}"));
        let expected: Vec<_> = expected.take(lines.len().max(4)).collect();
        assert_eq!(lines, expected, "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_bar_says_the_rate_and_the_time_left() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    crowd(&keyfold, &database).await;
    let ended = keyfold.on_terminal(&["replay"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("5000 events replayed, the read models are rebuilt"), "{ended:?}");
    let bar = ended
        .out
        .split(['\r', '\n'])
        .find(|shown| shown.contains(" events replayed, ") && shown.contains("/s, "));
    let bar = bar.unwrap_or_else(|| panic!("{ended:?}"));
    assert!(bar.contains(" of 5,000 events replayed, ") && bar.contains(" left"), "{bar}");
}
