ALTER TABLE attempts_by_time
    MODIFY COLUMN identity CODEC(NONE),
    MODIFY COLUMN scheduled_at CODEC(T64),
    MODIFY COLUMN finished_at CODEC(T64),
    MODIFY COLUMN duration_ms CODEC(NONE),
    MODIFY COLUMN time_to_deliver_ms CODEC(T64),
    MODIFY COLUMN log_offset CODEC(T64),
    MODIFY SETTING min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1
