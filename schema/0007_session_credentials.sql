-- The credential whose password began a session: it is accepted for as long as that credential opens the account. Sessions
-- that began before this was recorded have none.
alter table sessions add column credential_id uuid;
