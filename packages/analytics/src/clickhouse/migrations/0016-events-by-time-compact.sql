ALTER TABLE events_by_time
    MODIFY COLUMN identity CODEC(NONE),
    MODIFY COLUMN accepted_at CODEC(T64),
    MODIFY COLUMN log_offset CODEC(T64),
    MODIFY SETTING min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1
