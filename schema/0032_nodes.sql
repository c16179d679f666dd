-- Who serves this schema, and who may append to its log.

-- The servers that hold a place. A row counts for as long as its session holds the lock; those of servers that are gone
-- are removed by whoever comes next.
create table nodes (
    -- Another one after every start.
    node        uuid        primary key,
    -- The process of the database that holds the lock.
    backend     integer     not null,
    host        text        not null,
    process     integer     not null,
    -- What tells on the same machine whether that process has ended: machine, boot, namespace, process, when it began.
    incarnation text,
    since       timestamptz not null default clock_timestamp(),
    -- What has to be the same for all of them: variables and what they say, without secrets.
    settings    jsonb       not null,
    -- The variables that may differ for now, because servers are given another value one after the other.
    changing    text[]      not null
);

-- The term of whoever owns the log. It grows when another one takes over, and what was begun in an earlier one is refused.
create table log_term (
    only_row boolean primary key default true check (only_row),
    term     bigint  not null check (term >= 0),
    -- The only server; none while the servers of a cluster share the log.
    owner    uuid
);

insert into log_term (term) values (0);

-- Never analysed, the table would be taken for thousands of rows.
analyze log_term;

drop function events_lock(text[], bigint[]);

-- As before (0010), and refuses whoever appends in a term that is over. It is looked at under the lock, in the same query
-- as the head: whoever takes over holds this lock too, so nothing of an earlier term is committed after that.
create function events_lock(streams text[] default '{}', expected bigint[] default '{}', held bigint default null)
returns bigint language plpgsql as $$
declare
    conflicts bigint;
    head      bigint;
    now_held  bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('keyfold-log:' || current_schema(), 0));
    select count(*) into conflicts
    from unnest((select streams), (select expected)) as asked (stream, version)
    where asked.version <> coalesce((select version from events
                                     where events.stream = asked.stream order by version desc limit 1), 0);
    if conflicts > 0 then
        raise exception 'a stream does not have the expected version' using errcode = 'KF002';
    end if;
    select coalesce((select position from events where position > 0 order by position desc limit 1), 0),
           (select term from log_term where only_row)
    into head, now_held;
    if held <> now_held then
        raise exception 'another server has taken over the log' using errcode = 'KF004';
    end if;
    return head;
end
$$;

-- Gives the log to a server, or to those of a cluster (null), and returns the term: the same if it was theirs already.
create function log_taken_over(by uuid) returns bigint language plpgsql as $$
declare
    held bigint;
begin
    perform events_lock();
    update log_term set term = term + 1, owner = by where only_row and owner is distinct from by;
    select term into held from log_term where only_row;
    return held;
end
$$;
