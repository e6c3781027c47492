-- What checking payloads against the schemas of their event types came to.

alter table posthorn.events add column schema_violations jsonb;
comment on column posthorn.events.schema_violations is 'Where the payload does not fit its schema, as recorded when it was accepted; null = nothing was recorded.';
