-- The head of the log is its last event. A row that every batch updates grows by a version per batch for as long as an
-- older snapshot is open (a dump, for instance), and each batch has to read them all.

drop table log_head;

-- Never set: a command that is sent again finds its outcome by its idempotency key.
alter table events drop column command_id;

-- Lets one transaction append at a time, and returns the position after which it appends. The lock is held until the
-- transaction ends, so whoever waits for it sees everything that was appended before: each query of this function takes a
-- snapshot of its own. The key names the schema, because advisory locks are shared by the whole database.
--
-- With streams and the versions they are expected to have, it refuses those that have another one before anything is
-- written: a row that is inserted and taken back stays in the table until it is vacuumed.
--
-- The sub-selects hide from the planner how long the arrays are: it would plan anew for each length, and that takes longer
-- than the query.
--
-- Nothing depends on the lock but the order of those who wait: the trigger below refuses what would break the log.
create function events_lock(streams text[] default '{}', expected bigint[] default '{}')
returns bigint language plpgsql as $$
declare
    conflicts bigint;
    head      bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('keyfold-log:' || current_schema(), 0));
    select count(*) into conflicts
    from unnest((select streams), (select expected)) as asked (stream, version)
    where asked.version <> coalesce((select version from events
                                     where events.stream = asked.stream order by version desc limit 1), 0);
    if conflicts > 0 then
        raise exception 'a stream does not have the expected version' using errcode = 'KF002';
    end if;
    select position into head from events where position > 0 order by position desc limit 1;
    return coalesce(head, 0);
end
$$;

-- Positions are gapless and in commit order, whoever wrote the statement: the position before the first new one must be
-- visible, so it was committed before, or by the same transaction. Likewise versions within their stream.
create or replace function events_refuse_gaps() returns trigger language plpgsql as $$
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
