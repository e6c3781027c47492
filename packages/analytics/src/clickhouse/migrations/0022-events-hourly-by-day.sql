CREATE OR REPLACE VIEW events_hourly AS
SELECT
    application_id,
    event_type,
    toStartOfHour(accepted_at) AS hour,
    count() AS events,
    sum(payload_bytes) AS payload_bytes
FROM events FINAL
GROUP BY application_id, event_type, hour
SETTINGS do_not_merge_across_partitions_select_final = 1
