//! Sessions written directly into the database, because as many sign-ins would take hours.

use tokio_postgres::Client;

/// Writes events and rows as the server would, so that the table can be rebuilt from the log.
const WRITE: &str = r#"
do $$
declare
    many constant bigint := MANY;
    base bigint;
    now_text constant text := to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    end_text constant text := to_char(now() at time zone 'utc' + interval '7 days', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
begin
    base := events_lock();
    create temporary table begun on commit drop as
        select number, gen_random_uuid() as id, gen_random_uuid() as person,
               sha256(convert_to('session ' || number || now_text, 'UTF8')) as hash
        from generate_series(1, many) number;
    insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
    select base + number, 'session-' || person, 1, 0, gen_random_uuid(), 'SessionStarted', 1,
           json_build_object('sessionId', id,
                             'tokenHash', rtrim(translate(encode(hash, 'base64'), '+/', '-_'), '='),
                             'startedAt', now_text, 'expiresAt', end_text, 'endsAt', end_text),
           jsonb_build_object('userId', person), now_text::timestamptz
    from begun;
    insert into sessions (id, user_id, expires_at, ends_at, token_hash, created_at, updated_at)
    select id, person, end_text::timestamptz, end_text::timestamptz, hash, now_text::timestamptz, now_text::timestamptz
    from begun;
end
$$"#;

/// Writes `many` sessions of as many users, into the log and into the table.
///
/// # Errors
///
/// If the database rejects the statements.
pub async fn write_sessions(database: &Client, many: u32) -> anyhow::Result<()> {
    database.batch_execute(&WRITE.replace("MANY", &many.to_string())).await?;
    Ok(database.batch_execute("vacuum (analyze) events, sessions").await?)
}
