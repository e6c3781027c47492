-- Rows are kept by day and, within a day, by how long: a table holds what is let go together, and goes as a whole.
-- A day's tables are partitioned by retention_hours; what was there before is of the class of the installation, 0.

-- A full day's new primary key takes longer than any statement of a running service may.
set local statement_timeout to 0;

do $$
declare
  kept text;
  identity text;
  days text[];
  day text;
  primary_key text;
begin
  for kept, identity in values ('events', 'created_at, id'), ('deliveries', 'created_at, id'), ('attempts', 'delivery_created_at, delivery_id, number') loop
    days := array(
      select right(child.relname, 8) from pg_inherits join pg_class child on child.oid = inhrelid
      where inhparent = format('posthorn.%I', kept)::regclass order by 1);
    foreach day in array days loop
      execute format('alter table posthorn.%I detach partition posthorn.%I', kept, kept || '_' || day);
      execute format('alter table posthorn.%I rename to %I', kept || '_' || day, kept || '_' || day || '_0h');
    end loop;

    foreach day in array array[''] || days loop
      day := case day when '' then kept else kept || '_' || day || '_0h' end;
      select conname into strict primary_key from pg_constraint where conrelid = format('posthorn.%I', day)::regclass and contype = 'p';
      execute format('alter table posthorn.%I drop constraint %I', day, primary_key);
      execute format(
        'alter table posthorn.%I add column retention_hours integer not null default 0, add primary key (%s, retention_hours)', day, identity);
    end loop;

    foreach day in array days loop
      execute format(
        'create table posthorn.%I partition of posthorn.%I for values from (%L) to (%L) partition by list (retention_hours)',
        kept || '_' || day, kept, to_date(day, 'YYYYMMDD') || ' 00:00Z', to_date(day, 'YYYYMMDD') + 1 || ' 00:00Z');
      execute format('alter table posthorn.%I attach partition posthorn.%I for values in (0)', kept || '_' || day, kept || '_' || day || '_0h');
    end loop;
  end loop;
end $$;

comment on column posthorn.events.retention_hours is 'How long it is kept after the end of its day; 0 = as long as LOG_RETENTION_HOURS says.';
comment on column posthorn.deliveries.retention_hours is 'As its event''s.';
comment on column posthorn.attempts.retention_hours is 'As its event''s.';

-- An event that is appended again under its key is kept as it was claimed.
alter table posthorn.idempotency_keys add column retention_hours integer not null default 0;
