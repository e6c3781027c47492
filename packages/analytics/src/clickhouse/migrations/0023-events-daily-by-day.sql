CREATE OR REPLACE VIEW events_daily AS
SELECT
    application_id,
    event_type,
    toStartOfDay(accepted_at) AS day,
    count() AS events,
    sum(payload_bytes) AS payload_bytes
FROM events FINAL
GROUP BY application_id, event_type, day
SETTINGS do_not_merge_across_partitions_select_final = 1
