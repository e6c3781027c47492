CREATE VIEW IF NOT EXISTS retry_depth_daily AS
SELECT
    application_id,
    subscription_id,
    event_type,
    toStartOfDay(finished_at) AS day,
    attempt - 1 AS retry_depth,
    count() AS attempts,
    countIf(outcome = 'delivered') AS delivered,
    countIf(delivery_state = 'dead') AS dead
FROM delivery_attempts FINAL
GROUP BY application_id, subscription_id, event_type, day, retry_depth
