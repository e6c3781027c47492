CREATE MATERIALIZED VIEW IF NOT EXISTS events_by_time_feed TO events_by_time AS
SELECT
    application_id,
    subscription_id,
    event_type,
    cityHash64(application_id, event_id) AS identity,
    accepted_at,
    log_offset
FROM events
