-- What subscriptions say of the events that they take, and of their senders.

alter table posthorn.subscriptions
  add column filter jsonb,
  add column source jsonb;
comment on column posthorn.subscriptions.filter is 'Conditions on events, as the API has them; null = every event.';
comment on column posthorn.subscriptions.source is 'How senders to its ingest address are read and verified, without the secret; null = by API key.';
