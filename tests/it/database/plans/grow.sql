-- The history of 5,000 users, and the read models that follow from it. Each signed up, began a session, made two tasks
-- and deleted another.

begin;
set local statement_timeout = 0;

create temporary table history on commit drop as
select ordinal, number, step,
       md5('user ' || number)::uuid as user_id,
       md5('credential ' || number)::uuid as credential_id,
       md5('session ' || number)::uuid as session_id,
       md5('task ' || ordinal)::uuid as task_id,
       sha256(convert_to('token ' || number, 'UTF8')) as token_hash,
       timestamptz '2025-01-01 00:00:00Z' + number * interval '1 second' as at,
       to_char(timestamp '2025-01-01' + number * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS".000Z"') as at_text,
       '2035-01-01T00:00:00.000Z' as expiry
from (select ordinal, (ordinal + 4) / 5 as number, (ordinal - 1) % 5 + 1 as step
      from generate_series(1, 25000) ordinal) ordinals;

with head as (
    select events_lock() as base
)
insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
select base + ordinal,
       case step when 1 then 'account-' when 2 then 'session-' else 'tasks-' end || user_id,
       greatest(step - 2, 1), number % 1024, md5('event ' || ordinal)::uuid,
       case step
           when 1 then 'AccountCreated' when 2 then 'SessionStarted' when 5 then 'TaskDeleted' else 'TaskCreated' end, 1,
       case step
           when 1 then json_build_object(
               'email', 'user' || number || '@example.org', 'name', 'User ' || number,
               'credentialId', credential_id, 'createdAt', at_text)
           when 2 then json_build_object(
               'sessionId', session_id, 'startedAt', at_text, 'expiresAt', expiry, 'endsAt', expiry,
               'tokenHash', translate(rtrim(encode(token_hash, 'base64'), '='), '+/', '-_'))
           else json_build_object(
               'taskId', task_id, 'task', json_build_object(
                   'title', 'Task ' || ordinal, 'position', 'i000000' || step),
               'createdAt', at_text, 'previous', 2, 'at', at_text)
       end,
       '{}', at
from head, history order by ordinal;

insert into users (id, email, email_verified_at, name, credential_id, created_at, updated_at)
select user_id, 'user' || number || '@example.org', null, 'User ' || number, credential_id, at, at
from history where step = 1;

insert into credentials (credential_id, phc) select credential_id, '(unknown)' from history where step = 1;

insert into sessions (id, user_id, expires_at, ends_at, token_hash, user_agent, client_address, created_at, updated_at)
select session_id, user_id, expiry::timestamptz, expiry::timestamptz, token_hash, null, null, at, at
from history where step = 2;

insert into snapshots (stream, schema, version, kept, state, taken_at)
select 'session-' || user_id, 2, 1, false,
       json_build_object('open', json_build_object(session_id, json_build_object(
           'user_agent', null, 'client_address', null, 'started_at', at_text, 'seen_at', at_text,
           'expires_at', expiry, 'ends_at', expiry))), at
from history where step = 2;

-- The day on which the clocks of the servers start.
select idempotency_keys_add('2026-01-01');

insert into idempotency_keys (day, owner, key, fingerprint, version, events)
select '2026-01-01', user_id, task_id, token_hash, 3, 1 from history where step in (1, 2);

commit;
