CREATE MATERIALIZED VIEW IF NOT EXISTS attempts_by_time_feed TO attempts_by_time AS
SELECT
    application_id,
    subscription_id,
    event_type,
    cityHash64(application_id, subscription_id, delivery_id, round, attempt) AS identity,
    outcome,
    error_class,
    status_code,
    delivery_state,
    scheduled_at,
    finished_at,
    duration_ms,
    if(outcome = 'delivered', dateDiff('millisecond', created_at, finished_at), NULL) AS time_to_deliver_ms,
    log_offset
FROM delivery_attempts
