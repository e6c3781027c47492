-- What lists, filters and counts are read by.

-- A full day takes longer than any statement of a running service may.
set local statement_timeout to 0;

-- Nearly every delivery is delivered at once with a 200. What is not is found here by state, status and kind of failure, which are compared within the
-- index: no table is visited for what a filter leaves out.
drop index posthorn.deliveries_state, posthorn.deliveries_status_code;
create index deliveries_unusual on posthorn.deliveries (created_at, id, state, last_status_code, last_error_class)
  where state <> 'delivered' or last_status_code <> 200 or last_error_class <> 'unspecified';
create index deliveries_application_unusual on posthorn.deliveries (application_id, created_at, id, state, last_status_code, last_error_class)
  where state <> 'delivered' or last_status_code <> 200 or last_error_class <> 'unspecified';
create index deliveries_subscription_unusual on posthorn.deliveries (
    subscription_id, created_at, id, state, last_status_code, last_error_class, application_id)
  where state <> 'delivered' or last_status_code <> 200 or last_error_class <> 'unspecified';

-- Those of a subscription are counted within the index, the application that asks compared.
drop index posthorn.deliveries_subscription;
create index deliveries_subscription on posthorn.deliveries (subscription_id, created_at, id, application_id);

-- What came in for one subscription.
create index events_only_subscription on posthorn.events (only_subscription_id, created_at, id) where only_subscription_id <> '';

-- Dead letters are few, but a list of them may leave nearly all out. Each shows one state.
drop index posthorn.dead_letters_application, posthorn.dead_letters_subscription, posthorn.dead_letters_reason,
  posthorn.dead_letters_open, posthorn.dead_letters_open_subscription;
create index dead_letters_delivery on posthorn.dead_letters (delivery_id);
create index dead_letters_open on posthorn.dead_letters (created_at, identity, reason, event_type, status_code, error_class) where state = 'open';
create index dead_letters_open_application on posthorn.dead_letters (application_id, created_at, identity, reason, event_type, status_code, error_class)
  where state = 'open';
create index dead_letters_open_subscription on posthorn.dead_letters (subscription_id, created_at, identity, reason, event_type, status_code, error_class)
  where state = 'open';
create index dead_letters_settled on posthorn.dead_letters (state, created_at, identity, reason, event_type, status_code, error_class)
  where state <> 'open';
create index dead_letters_settled_application on posthorn.dead_letters (
    application_id, state, created_at, identity, reason, event_type, status_code, error_class)
  where state <> 'open';
create index dead_letters_settled_subscription on posthorn.dead_letters (
    subscription_id, state, created_at, identity, reason, event_type, status_code, error_class)
  where state <> 'open';

create index audit_log_actor on posthorn.audit_log (actor, changed_at, identity);
create index audit_log_kind on posthorn.audit_log (kind, action, changed_at, identity);
create index audit_log_action on posthorn.audit_log (action, changed_at, identity);
create index audit_log_outcome on posthorn.audit_log (outcome, changed_at, identity) where outcome <> 'done';

-- How many deliveries there are, by what they are counted by. Follows every statement on the table above the days; what takes tables of days away
-- counts what it has left.
create table posthorn.delivery_counts (
  application_id text collate "C" not null,
  created_from timestamptz not null,
  state text collate "C" not null,
  retention_hours integer not null,
  writer integer not null,
  count bigint not null,
  primary key (application_id, created_from, state, retention_hours, writer)
) with (fillfactor = 50);
create index delivery_counts_created on posthorn.delivery_counts (created_from);
comment on column posthorn.delivery_counts.created_from is 'Start of the five minutes in which they were created.';
comment on column posthorn.delivery_counts.writer is 'Transactions at the same time have rows of their own, so that none waits for another.';

create function posthorn.count_deliveries() returns trigger language plpgsql as $body$
declare
  writer integer := 0;
begin
  while not pg_try_advisory_xact_lock(1886353270, writer) loop
    writer := writer + 1;
  end loop;
  -- The schema is named when it runs: it may have another name then than when this was made.
  execute format($sql$
    insert into %I.delivery_counts as held (application_id, created_from, state, retention_hours, writer, count)
    select application_id, date_bin('5 minutes', created_at, '2000-01-01Z'), state, retention_hours, $1, sum(change)
    from (%s) changes group by 1, 2, 3, 4 having sum(change) <> 0
    on conflict (application_id, created_from, state, retention_hours, writer) do update set count = held.count + excluded.count$sql$,
    tg_table_schema,
    case tg_op
      when 'INSERT' then 'select application_id, created_at, state, retention_hours, 1 as change from fresh'
      when 'DELETE' then 'select application_id, created_at, state, retention_hours, -1 as change from gone'
      else 'select application_id, created_at, state, retention_hours, 1 as change from fresh
        union all select application_id, created_at, state, retention_hours, -1 from gone'
    end) using writer;
  return null;
end $body$;

create function posthorn.forget_delivery_counts() returns trigger language plpgsql as $body$
begin
  execute format('truncate %I.delivery_counts', tg_table_schema);
  return null;
end $body$;

create trigger count_inserted after insert on posthorn.deliveries referencing new table as fresh
  for each statement execute function posthorn.count_deliveries();
create trigger count_updated after update on posthorn.deliveries referencing old table as gone new table as fresh
  for each statement execute function posthorn.count_deliveries();
create trigger count_deleted after delete on posthorn.deliveries referencing old table as gone
  for each statement execute function posthorn.count_deliveries();
create trigger count_truncated after truncate on posthorn.deliveries
  for each statement execute function posthorn.forget_delivery_counts();

insert into posthorn.delivery_counts (application_id, created_from, state, retention_hours, writer, count)
select application_id, date_bin('5 minutes', created_at, '2000-01-01Z'), state, retention_hours, 0, count(*)
from posthorn.deliveries group by 1, 2, 3, 4;
