CREATE OR REPLACE VIEW failures_hourly AS
SELECT
    application_id,
    subscription_id,
    event_type,
    error_class,
    status_code,
    toStartOfHour(finished_at) AS hour,
    count() AS failed,
    countIf(delivery_state = 'dead') AS dead
FROM attempts_by_time FINAL
WHERE outcome = 'failed'
GROUP BY application_id, subscription_id, event_type, error_class, status_code, hour
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1
