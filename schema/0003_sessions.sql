-- Read model of the session streams: the sessions that have not ended. One that ended leaves this table; its history is
-- the log.
create table sessions (
    id             uuid        primary key,
    user_id        uuid        not null,
    -- When its time is over, unless it is used before; moved by use, but never beyond `ends_at`.
    expires_at     timestamptz not null,
    -- When its time is over however it is used.
    ends_at        timestamptz not null,
    -- SHA-256 of the session token. The token itself is stored nowhere.
    token_hash     bytea       not null check (octet_length(token_hash) = 32),
    user_agent     text,
    -- Where it was begun from.
    client_address inet,
    created_at     timestamptz not null,
    -- When it began or was last extended.
    updated_at     timestamptz not null,
    constraint sessions_token_hash_key unique (token_hash)
);

create index sessions_user_id on sessions (user_id);

-- Those whose time is over are ended from here, page by page. Without `id`, though the pages are in its order where times
-- are the same: with it, the index could be read from end to end for a few ids while the table is small.
create index sessions_expires_at on sessions (expires_at);

-- Ends of sessions in the order of the log, for those who verify access tokens by themselves.
create index events_session_ended on events (position) where type = 'SessionEnded';
