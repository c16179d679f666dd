-- Read model of the session streams: the live sessions. A session that ended leaves this table; its history is the log.
create table sessions (
    id         uuid        primary key,
    user_id    uuid        not null,
    expires_at timestamptz not null,
    -- SHA-256 of the session token. The token itself is stored nowhere.
    token_hash bytea       not null check (octet_length(token_hash) = 32),
    user_agent text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint sessions_token_hash_key unique (token_hash)
);

create index sessions_user_id on sessions (user_id);
