-- What task lists need beside their events. There is no table of tasks: the log has them.

-- The last event of a deleted task, which no state remembers: its history begins there, and what it was.
create index events_task_deleted on events (stream, (data ->> 'taskId'), version) where type = 'TaskDeleted';

-- The answers of requests that carried an Idempotency-Key, written with the events of their commands. They stand beside
-- the log, are never deleted, and cannot be rebuilt from it.
create table idempotency_keys (
    owner       uuid        not null,
    key         text        collate "C" not null,
    -- SHA-256 of what was asked.
    fingerprint bytea       not null check (length(fingerprint) = 32),
    etag        text,
    location    text,
    body        json        not null,
    answered_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (owner, key)
);
