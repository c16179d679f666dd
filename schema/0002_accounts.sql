-- Password hashes stand beside the log, not in it: an event names the credential, deleting this row erases it.
create table credentials (
    credential_id uuid primary key,
    -- Argon2id hash in PHC string format: algorithm, parameters, salt and hash.
    phc           text not null
);

-- Read model of the account streams: who can sign in, and which addresses are taken.
create table users (
    id                uuid        primary key,
    -- Lower case, as parsed by the sign-up.
    email             text        collate "C" not null,
    email_verified_at timestamptz,
    name              text        not null,
    credential_id     uuid        not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    constraint users_email_key unique (email)
);
