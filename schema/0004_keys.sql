-- Private signing keys, sealed under the server's secret, beside the log: an event names the key, this row can be
-- resealed or erased.
create table key_material (
    kid    text  collate "C" primary key,
    -- AES-256-GCM of the PKCS#8 key; the key id is authenticated with it.
    sealed bytea not null
);

-- Read model of the key ring: what the JWKS publishes and what signs.
create table jwks (
    -- RFC 7638 thumbprint of the public key: the `kid` of tokens.
    id          text        collate "C" primary key,
    -- The public key as a JWK (RFC 7517).
    public_key  jsonb       not null,
    -- The sealed private key; empty once the key only verifies.
    private_key bytea,
    -- `published`, `signing` or `verifying`; a retired key leaves this table.
    status      text        not null check (status in ('published', 'signing', 'verifying')),
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

-- At most one key signs.
create unique index jwks_one_signing_key on jwks (status) where status = 'signing';
