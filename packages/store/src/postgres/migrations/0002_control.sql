-- What people control: rounds of deliveries, settled dead letters, pauses, tasks, the health of endpoints.

alter table posthorn.subscriptions
  add column paused boolean not null default false,
  add column rate_limit_burst integer;
comment on column posthorn.subscriptions.paused is 'Whether its deliveries wait until it is resumed.';

create table posthorn.subscription_health (
  subscription_id text collate "C" primary key,
  application_id text collate "C" not null,
  state text collate "C" not null,
  reason text not null,
  since timestamptz,
  next_probe_at timestamptz,
  consecutive_failures integer not null,
  log_offset bigint not null
);
comment on table posthorn.subscription_health is 'How endpoints do, as the last attempts that told of it.';
comment on column posthorn.subscription_health.state is 'closed, open or half_open: whether requests are held back because they fail.';
comment on column posthorn.subscription_health.log_offset is 'Of the record in the topic attempts that said so.';

create table posthorn.tasks (
  id text collate "C" primary key,
  application_id text collate "C" not null,
  kind text not null,
  state text not null,
  filter text not null,
  reason text not null,
  rate_per_second integer not null,
  total bigint not null,
  done bigint not null,
  created_at timestamptz,
  finished_at timestamptz,
  version bigint not null
);
create index tasks_application on posthorn.tasks (application_id);
comment on table posthorn.tasks is 'Work on many dead letters, as last changed.';
comment on column posthorn.tasks.filter is 'Which dead letters, as the request had it: a JSON object.';
comment on column posthorn.tasks.done is 'How many it had done when it ended; while it runs, count the dead letters that carry its id.';

alter table posthorn.events
  add column operational boolean not null default false,
  add column config_position bigint not null default 0,
  add column log_topic text,
  add column log_partition integer,
  add column log_offset bigint;
comment on column posthorn.events.operational is 'Whether Posthorn says it of its own doing.';
comment on column posthorn.events.log_offset is 'Where the log holds it, with log_topic and log_partition; null = not known.';

alter table posthorn.deliveries add column round integer not null default 1;
comment on column posthorn.deliveries.round is '1 at first; every redrive and every retry of what had ended begins another.';

alter table posthorn.dead_letters
  add column round integer not null default 0,
  add column state text collate "C" not null default 'open',
  add column settled_at timestamptz,
  add column settled_by text,
  add column discard_reason text not null default '',
  add column task_id text collate "C" not null default '';
update posthorn.dead_letters set round = split_part(identity, '/', 2)::integer where delivery_id <> '';
create index dead_letters_open on posthorn.dead_letters (application_id, created_at, identity) where state = 'open';
create index dead_letters_open_subscription on posthorn.dead_letters (subscription_id, created_at, identity) where state = 'open';
create index dead_letters_task on posthorn.dead_letters (task_id) where task_id <> '';
comment on column posthorn.dead_letters.state is 'open, redriven or discarded.';

-- Dead letters that were redriven or discarded, whether or not the letter has been read: its record is in another partition.
create table posthorn.dead_letter_settlements (
  identity text collate "C" primary key,
  state text collate "C" not null,
  settled_at timestamptz not null,
  settled_by text not null,
  discard_reason text not null,
  task_id text collate "C" not null
);
create index dead_letter_settlements_settled on posthorn.dead_letter_settlements (settled_at);

alter table posthorn.audit_log add column identity text collate "C";
update posthorn.audit_log set identity = 'config/' || config_offset;
alter table posthorn.audit_log drop constraint audit_log_pkey, add primary key (identity);
alter table posthorn.audit_log alter column config_offset drop not null;
drop index posthorn.audit_log_application;
create index audit_log_application on posthorn.audit_log (application_id, changed_at);
comment on table posthorn.audit_log is 'Every change of the configuration that took effect, and what people asked for about single deliveries. What an application took with it when it was deleted is not listed one by one.';
