CREATE OR REPLACE VIEW delivery_attempts_daily AS
SELECT
    application_id,
    subscription_id,
    event_type,
    toStartOfDay(finished_at) AS day,
    count() AS attempts,
    countIf(outcome = 'delivered') AS delivered,
    countIf(outcome = 'failed') AS failed,
    countIf(delivery_state = 'dead') AS dead,
    delivered / attempts AS success_rate,
    avg(duration_ms) AS average_duration_ms,
    quantile(0.5)(duration_ms) AS duration_ms_p50,
    quantile(0.95)(duration_ms) AS duration_ms_p95,
    quantile(0.99)(duration_ms) AS duration_ms_p99,
    avg(time_to_deliver_ms) AS average_time_to_deliver_ms,
    quantile(0.5)(time_to_deliver_ms) AS time_to_deliver_ms_p50,
    quantile(0.95)(time_to_deliver_ms) AS time_to_deliver_ms_p95,
    quantile(0.99)(time_to_deliver_ms) AS time_to_deliver_ms_p99
FROM attempts_by_time FINAL
GROUP BY application_id, subscription_id, event_type, day
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1
