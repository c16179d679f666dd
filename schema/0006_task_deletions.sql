-- The deletions of a list in order: what was deleted is looked for among everything that happened.
create index events_task_deletions on events (stream, version) where type = 'TaskDeleted';
