-- Who changed what, with what it was changed to; and who was refused.

alter table posthorn.audit_log
  add column outcome text not null default 'done',
  add column after jsonb,
  add column method text not null default '',
  add column code text not null default '',
  add column remote_address text not null default '',
  add column left_out bigint not null default 0,
  add column command text collate "C" not null default '';
comment on table posthorn.audit_log is 'Every change of the configuration that took effect, what people asked for about single deliveries, and requests that were refused. What an application took with it when it was deleted is not listed one by one.';
comment on column posthorn.audit_log.after is 'The entity after the change, without secrets and the values of headers.';
comment on column posthorn.audit_log.left_out is 'How many further requests like a refused one were not recorded since the row before.';
comment on column posthorn.audit_log.command is 'Names the request with an idempotency key that was carried out.';

drop index posthorn.audit_log_application;
create index audit_log_application on posthorn.audit_log (application_id, changed_at, identity);
create index audit_log_changed on posthorn.audit_log (changed_at, identity);
create index audit_log_entity on posthorn.audit_log (entity_id, config_offset);
create index audit_log_command on posthorn.audit_log (command) where command <> '';
create index audit_log_refused on posthorn.audit_log (changed_at) where outcome = 'refused';
