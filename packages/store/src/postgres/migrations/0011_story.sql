-- What tells the story of one event: why a delivery is attempted when it is, what the last attempt came to, what subscriptions were at the time.

-- A full index takes longer than any statement of a running service may.
set local statement_timeout to 0;

alter table posthorn.deliveries
  add column last_error_class text collate "C",
  add column next_attempt_reason text,
  add column retry_number integer;
comment on column posthorn.deliveries.last_error_class is 'Of the last attempt: what kind of failure it was, unspecified when it was none; null = there was no attempt.';
comment on column posthorn.deliveries.next_attempt_reason is 'What decided about next_attempt_at: schedule or retry_after once an attempt has failed, new_round of a delivery that a replay has made; null = neither.';
comment on column posthorn.deliveries.retry_number is 'Of the next attempt after one that failed: 1 = the first retry of its round.';

alter table posthorn.dead_letters add column error_class text collate "C" not null default 'unspecified';
comment on column posthorn.dead_letters.error_class is 'Of the last attempt; unspecified = there was none, or none is known.';

alter table posthorn.subscription_health add column throttled_until timestamptz;
comment on column posthorn.subscription_health.throttled_until is 'Until when an endpoint that asked for less gets nothing; a time that has passed means nothing.';

-- What senders call their events is looked for.
create index events_idempotency_key on posthorn.events (idempotency_key) where idempotency_key <> '';

create index audit_log_request on posthorn.audit_log (request_id) where request_id <> '';

-- Subscriptions that are gone, for the story of an event that was routed before.
create index audit_log_deleted_subscriptions on posthorn.audit_log (application_id, config_offset) where kind = 'subscription' and action = 'deleted';
