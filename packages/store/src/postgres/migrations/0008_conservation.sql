-- That every accepted event is accounted for: what the router said of it, which record a row comes from, and what was found missing.

alter table posthorn.deliveries
  add column matched integer,
  add column log_partition integer,
  add column log_offset bigint;
comment on column posthorn.deliveries.matched is 'How many subscriptions its event matched; null = the router did not say.';
comment on column posthorn.deliveries.log_offset is 'Of the record in the topic attempts that the row comes from, with log_partition; null = not known.';

alter table posthorn.events add column unmatched boolean not null default false;
comment on column posthorn.events.unmatched is 'Whether the router found no subscription that takes it.';

-- Events that no subscription takes and that have not been read yet themselves: they are in another topic.
create table posthorn.unmatched_events (
  event_id text collate "C" primary key,
  created_at timestamptz not null
);

create table posthorn.conservation_check (
  -- Events that were accepted before may have been routed by a version that says nothing of those that nobody takes.
  since timestamptz not null,
  checked_at timestamptz
);
insert into posthorn.conservation_check (since)
select case when exists (select from posthorn.events) then date_trunc('hour', now(), 'UTC') + interval '2 hours' else '-infinity' end;

create table posthorn.conservation_hours (
  hour timestamptz primary key,
  -- open: all of it is to be looked at; waiting: only what waits for attempts may change; settled: nothing; let_go: not all of its rows are there.
  state text collate "C" not null default 'open',
  -- Somebody looks at all of it, and nothing has changed since.
  looking boolean not null default false
);

create table posthorn.conservation (
  hour timestamptz not null,
  application_id text collate "C" not null,
  accepted bigint not null,
  unmatched bigint not null,
  unrouted bigint not null,
  missing bigint not null,
  waiting bigint not null,
  delivered bigint not null,
  dead bigint not null,
  cancelled bigint not null,
  deliveries_waiting bigint not null,
  deliveries_scheduled bigint not null,
  next_due_at timestamptz,
  checked_at timestamptz not null,
  primary key (hour, application_id)
);
comment on table posthorn.conservation is 'What became of the events of an application that were accepted in one hour, as the last look at the hour found it.';
comment on column posthorn.conservation.unrouted is 'Events that wait for the router.';
comment on column posthorn.conservation.missing is 'Events that the router has passed, and that have too few deliveries.';
comment on column posthorn.conservation.waiting is 'Of the others, those with a delivery that waits for an attempt.';

create table posthorn.conservation_findings (
  kind text collate "C" not null,
  event_id text collate "C" not null,
  delivery_id text collate "C" not null,
  application_id text collate "C" not null,
  subscription_id text collate "C" not null,
  hour timestamptz not null,
  reason text not null,
  sequence bigint,
  log_topic text,
  log_partition integer,
  log_offset bigint,
  appended_at timestamptz,
  found_at timestamptz not null,
  primary key (hour, kind, event_id, delivery_id)
);
comment on table posthorn.conservation_findings is 'What should be there and is not, until it is; and, of the kind late, deliveries past their time that are on their way.';
comment on column posthorn.conservation_findings.delivery_id is 'Empty = it is about the event, like subscription_id.';
comment on column posthorn.conservation_findings.sequence is 'Of the delivery when it was found: it is another one by now if it has moved on.';
comment on column posthorn.conservation_findings.log_offset is 'Of the last record that is known of it, with log_topic and log_partition; of what is late, where it waits.';
comment on column posthorn.conservation_findings.appended_at is 'When the log took that record; null = not known.';
