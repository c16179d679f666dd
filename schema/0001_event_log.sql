-- The event log: the one truth. Everything else in this schema can be rebuilt from it, except what stands beside it
-- on purpose (password hashes and sealed private keys, which must remain erasable).

create table events (
    -- Place in the whole log: gapless and in commit order, taken from log_head inside the appending transaction.
    position    bigint      not null check (position > 0),
    -- `category-id`, for instance `tasks-0192…`; the stream is the unit of consistency.
    stream      text        collate "C" not null,
    -- 1, 2, … within the stream; "expected version 0" therefore means "must not exist yet".
    version     bigint      not null check (version > 0),
    -- Stable hash of the stream, so that data and traffic can be divided without rewriting anything.
    slice       smallint    not null check (slice between 0 and 1023),
    event_id    uuid        not null,
    -- Identifies the command that caused the event: a retried command finds its own outcome.
    command_id  uuid,
    -- Past-tense constant, independent of any name in the code.
    type        text        not null,
    -- Shape of `data`; older shapes are upcast when they are read.
    schema      smallint    not null check (schema > 0),
    -- As it was written: turning `jsonb` back into text takes twice as long as all the rest of reading an event.
    data        json        not null,
    -- Who, in which session, from where, in which trace.
    context     jsonb       not null,
    recorded_at timestamptz not null,
    constraint events_pkey primary key (position),
    constraint events_stream_version_key unique (stream, version)
) with (
    -- Absolute thresholds: percentages of an append-only table mean ever rarer vacuums as it grows.
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 50000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000
);

create unique index events_command_key on events (stream, command_id) where command_id is not null;

-- The last position given out. One row: whoever appends locks it until commit, which makes positions commit-ordered.
create table log_head (
    only_row boolean primary key default true check (only_row),
    position bigint  not null check (position >= 0)
) with (
    -- Room for in-page updates and a vacuum that does not wait: this row changes with every batch.
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000
);

insert into log_head (position) values (0);

-- Never analysed, the table would be taken for thousands of rows, and every batch planned anew for as long as a session
-- lives: a general plan would look dearer than it is.
analyze log_head;

-- History is never rewritten. This raises, because a rule that does nothing would turn a mistake into silence.
create function events_refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is append-only: % is refused', tg_op using errcode = 'KF001';
end
$$;

create trigger events_append_only
    before update or delete or truncate on events
    for each statement execute function events_refuse_rewriting();

-- A stream has no holes and the log has no holes, whoever wrote the statement. The unique keys catch what is there
-- twice; this catches what would be missing: an append whose expected version lies ahead of its stream.
--
-- The look-ups are scalar subqueries on purpose: `exists` could be planned as a hash of the whole log, and a session
-- keeps the plan it made while the log was small. Looked up one by one, each costs one descent of a unique index.
create function events_refuse_gaps() returns trigger language plpgsql as $$
declare
    first_position bigint;
    last_position  bigint;
    appended       bigint;
    gaps           bigint;
begin
    select min(position), max(position), count(*),
           count(*) filter (where version > 1
               and (select version from events earlier
                    where earlier.stream = added.stream and earlier.version = added.version - 1) is null)
    into first_position, last_position, appended, gaps
    from added;
    if last_position - first_position + 1 <> appended
       or last_position <> (select position from log_head)
       or (first_position > 1
           and (select position from events where position = first_position - 1) is null) then
        raise exception 'positions must continue the log' using errcode = 'KF003';
    end if;
    if gaps > 0 then
        raise exception 'expected version is ahead of its stream' using errcode = 'KF002';
    end if;
    return null;
end
$$;

create trigger events_gapless
    after insert on events
    referencing new table as added
    for each statement execute function events_refuse_gaps();

-- State of a stream at a version: a shortcut for loading, never a source. Deleting all of them loses nothing.
create table snapshots (
    stream   text        collate "C" not null,
    -- Shape of `state`: a snapshot of another shape is ignored and the events are read instead.
    schema   smallint    not null,
    version  bigint      not null check (version > 0),
    -- Whether it stays for ever, for what asks how things were: such are taken at regular distances. The others are
    -- removed by the next snapshot of their stream.
    kept     boolean     not null,
    state    json        not null,
    taken_at timestamptz not null,
    primary key (stream, schema, version)
);

-- What is thinned out when it is old.
create index snapshots_kept on snapshots (stream, schema, version) where kept;

-- Compressing a large state takes longer than writing it.
alter table snapshots alter column state set storage external;
