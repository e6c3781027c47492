-- Ids and types are compared as bytes: COLLATE "C" makes their indexes smaller and faster, and the order the same everywhere.

create table posthorn.applications (
  id text collate "C" primary key,
  name text not null,
  metadata jsonb not null,
  payload_validation text not null,
  retention_hours integer not null,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint not null
);
comment on table posthorn.applications is 'Tenants, as last changed.';

create table posthorn.subscriptions (
  id text collate "C" primary key,
  application_id text collate "C" not null,
  url text not null,
  method text not null,
  header_names text[] not null,
  event_types text[] not null,
  enabled boolean not null,
  disabled_reason text not null,
  signature_style text not null,
  body_style text not null,
  source_scheme text not null,
  retry_policy jsonb,
  timeout_ms integer not null,
  rate_limit_count integer,
  rate_limit_period_seconds integer,
  concurrency integer not null,
  metadata jsonb not null,
  description text not null,
  signed boolean not null,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint not null
);
create index subscriptions_application on posthorn.subscriptions (application_id);
comment on table posthorn.subscriptions is 'Where to send, as last changed. Holds no secret: neither signing and source secrets nor the values of headers.';
comment on column posthorn.subscriptions.signed is 'Whether there is a secret that signs.';

create table posthorn.event_types (
  application_id text collate "C" not null,
  name text collate "C" not null,
  description text not null,
  versions jsonb not null,
  deprecated boolean not null,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint not null,
  primary key (application_id, name)
);
comment on table posthorn.event_types is 'Event types that an application has defined, with their schemas.';

create table posthorn.api_keys (
  id text collate "C" primary key,
  application_id text collate "C" not null,
  name text not null,
  role text not null,
  last_four text not null,
  created_at timestamptz,
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  version bigint not null
);
create index api_keys_application on posthorn.api_keys (application_id);
comment on table posthorn.api_keys is 'API keys of applications, without anything that a token could be made or checked with.';

create table posthorn.audit_log (
  config_offset bigint primary key,
  change_id text not null,
  kind text not null,
  entity_id text collate "C" not null,
  application_id text collate "C" not null,
  action text not null,
  version bigint not null,
  actor text not null,
  request_id text not null,
  changed_at timestamptz
);
create index audit_log_application on posthorn.audit_log (application_id, config_offset);
comment on table posthorn.audit_log is 'Every change of the configuration that took effect. What an application took with it when it was deleted is not listed one by one.';

create table posthorn.events (
  id text collate "C" not null,
  application_id text collate "C" not null,
  type text collate "C" not null,
  content_type text not null,
  size_bytes integer not null,
  payload bytea not null,
  metadata jsonb not null,
  idempotency_key text not null,
  only_subscription_id text collate "C" not null,
  created_at timestamptz not null,
  occurred_at timestamptz,
  deliver_at timestamptz,
  primary key (created_at, id)
) partition by range (created_at);
create index events_id on posthorn.events (id);
create index events_application on posthorn.events (application_id, created_at, id);
create index events_type on posthorn.events (application_id, type, created_at, id);
comment on table posthorn.events is 'What was published, by day of acceptance (UTC).';
comment on column posthorn.events.payload is 'The bytes as received.';
comment on column posthorn.events.only_subscription_id is 'The one subscription that an ingested event goes to; empty for a published one.';

create table posthorn.deliveries (
  id text collate "C" not null,
  application_id text collate "C" not null,
  event_id text collate "C" not null,
  subscription_id text collate "C" not null,
  event_type text collate "C" not null,
  state text collate "C" not null,
  attempt_count integer not null,
  last_status_code integer,
  last_error text,
  reason text not null,
  created_at timestamptz not null,
  next_attempt_at timestamptz,
  finished_at timestamptz,
  sequence bigint not null,
  primary key (created_at, id)
) partition by range (created_at);
create index deliveries_id on posthorn.deliveries (id);
create index deliveries_event on posthorn.deliveries (event_id);
create index deliveries_application on posthorn.deliveries (application_id, created_at, id);
create index deliveries_subscription on posthorn.deliveries (subscription_id, created_at, id);
create index deliveries_type on posthorn.deliveries (application_id, event_type, created_at, id);
-- Nearly every delivery is delivered with a 2xx: those are found by the indexes above, so that these stay small.
create index deliveries_state on posthorn.deliveries (application_id, state, created_at, id) where state <> 'delivered';
create index deliveries_status_code on posthorn.deliveries (application_id, last_status_code, created_at, id) where last_status_code >= 300;
comment on table posthorn.deliveries is 'Events on their way to subscriptions, by day of creation (UTC).';
comment on column posthorn.deliveries.state is 'scheduled, retrying, delivered, dead or cancelled.';
comment on column posthorn.deliveries.last_status_code is 'Of the last attempt; 0 = it had no answer, null = there was none.';
comment on column posthorn.deliveries.sequence is 'Orders the states of one delivery: a later one is higher.';

create table posthorn.attempts (
  id text collate "C" not null,
  application_id text collate "C" not null,
  subscription_id text collate "C" not null,
  delivery_id text collate "C" not null,
  delivery_created_at timestamptz not null,
  round integer not null,
  number integer not null,
  outcome text not null,
  error_class text not null,
  status_code integer not null,
  error text not null,
  scheduled_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  duration_ms double precision not null,
  request_method text not null,
  request_url text not null,
  request_headers jsonb not null,
  response_headers jsonb,
  response_body text,
  response_truncated boolean,
  phases_ms jsonb,
  primary key (delivery_created_at, delivery_id, number)
) partition by range (delivery_created_at);
comment on table posthorn.attempts is 'HTTP requests of deliveries, by day of creation of the delivery (UTC), so that both go at the same time.';
comment on column posthorn.attempts.response_body is 'At most 16 KiB of it; null = there was no answer.';
comment on column posthorn.attempts.phases_ms is 'dns, connect, tls, firstByte, total.';

create table posthorn.dead_letters (
  identity text collate "C" primary key,
  partition integer not null,
  log_offset bigint not null,
  delivery_id text collate "C" not null,
  application_id text collate "C" not null,
  event_id text collate "C" not null,
  subscription_id text collate "C" not null,
  event_type text collate "C" not null,
  reason text collate "C" not null,
  error text not null,
  status_code integer not null,
  attempt_count integer not null,
  created_at timestamptz not null
);
create index dead_letters_created on posthorn.dead_letters (created_at, identity);
create index dead_letters_application on posthorn.dead_letters (application_id, created_at, identity);
create index dead_letters_subscription on posthorn.dead_letters (subscription_id, created_at, identity);
create index dead_letters_event on posthorn.dead_letters (event_id);
create index dead_letters_reason on posthorn.dead_letters (reason, created_at, identity);
comment on table posthorn.dead_letters is 'Deliveries that used up their schedule or could never be sent, one row a round, and records that nobody could read.';
comment on column posthorn.dead_letters.log_offset is 'Where the topic dead-letters holds it, with partition.';

create table posthorn.projector_offset (
  topic text collate "C" not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (topic, partition)
);
comment on table posthorn.projector_offset is 'The next record of each partition to project; moves in the transaction that writes the rows.';

create table posthorn.idempotency_keys (
  application_id text collate "C" not null,
  key text collate "C" not null,
  event_id text collate "C" not null,
  body_hash bytea not null,
  accepted boolean not null,
  claimed_at timestamptz not null,
  primary key (application_id, key)
);
create index idempotency_keys_claimed on posthorn.idempotency_keys (claimed_at);
