CREATE VIEW IF NOT EXISTS events_hourly AS
SELECT
    application_id,
    event_type,
    toStartOfHour(accepted_at) AS hour,
    count() AS events,
    sum(payload_bytes) AS payload_bytes
FROM events FINAL
GROUP BY application_id, event_type, hour
