CREATE VIEW IF NOT EXISTS failures_hourly AS
SELECT
    application_id,
    subscription_id,
    event_type,
    error_class,
    status_code,
    toStartOfHour(finished_at) AS hour,
    count() AS failed,
    countIf(delivery_state = 'dead') AS dead
FROM delivery_attempts FINAL
WHERE outcome = 'failed'
GROUP BY application_id, subscription_id, event_type, error_class, status_code, hour
