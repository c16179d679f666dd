-- Idempotency keys keep what happened instead of the answer, which is made again from the log, and are divided by day, so
-- that old ones leave as a whole.

drop table idempotency_keys;

create table idempotency_keys (
    -- The day (UTC) of the answer. Its partition is dropped when the key has been kept for long enough.
    day         date    not null,
    owner       uuid    not null,
    -- The first half of the SHA-256 of the key: every row has the same size.
    key         uuid    not null,
    -- SHA-256 of what was asked.
    fingerprint bytea   not null check (length(fingerprint) = 32),
    -- The version of the owner's task list after the command.
    version     bigint  not null check (version >= 0),
    -- How many events up to that version are the command's; 0 when nothing had to be changed.
    events      integer not null check (events >= 0),
    constraint idempotency_keys_pkey primary key (owner, key, day)
) partition by list (day);

-- A key has one outcome, whatever the day. The primary key holds within a day, also for transactions at the same time. Of other
-- days, what is committed is enough: a command that changes a list expects the version after whatever changed it before,
-- so it was decided, and this looks, after that was committed. Two transactions that see nothing of each other's key
-- cannot both change the list. The look-up is a scalar subquery for the reason given in 0001.
create function idempotency_keys_refuse_second() returns trigger language plpgsql as $$
begin
    if (select version from idempotency_keys where owner = new.owner and key = new.key limit 1) is not null then
        raise exception 'the key has an outcome already'
            using errcode = 'unique_violation', constraint = 'idempotency_keys_one_outcome';
    end if;
    return new;
end
$$;

create trigger idempotency_keys_one_outcome
    before insert on idempotency_keys
    for each row execute function idempotency_keys_refuse_second();

-- Adds the partition of a day. Attaching one locks nobody out who reads or writes keys. One node at a time.
create function idempotency_keys_add(day date) returns void language plpgsql as $$
declare
    name text := format('%I.%I', current_schema(), 'idempotency_keys_' || to_char(day, 'YYYYMMDD'));
begin
    perform pg_advisory_xact_lock(hashtextextended('keyfold idempotency keys of ' || current_schema(), 0));
    if to_regclass(name) is null then
        execute format('create table %s (like idempotency_keys including all)', name);
        execute format('alter table idempotency_keys attach partition %s for values in (%L)', name, day);
    end if;
end
$$;

-- Drops the partition of a day, if nobody is in the way. Dropping waits for whoever reads keys, a dump for instance, and whoever
-- uses a key waits behind it: so it gives up soon and is tried again later.
create function idempotency_keys_drop(day date) returns boolean language plpgsql set lock_timeout = '100ms' as $$
declare
    name text := format('%I.%I', current_schema(), 'idempotency_keys_' || to_char(day, 'YYYYMMDD'));
begin
    execute format('drop table if exists %s', name);
    return true;
exception when lock_not_available then
    return false;
end
$$;
