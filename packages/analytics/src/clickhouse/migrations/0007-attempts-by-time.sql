CREATE TABLE IF NOT EXISTS attempts_by_time
(
    application_id     LowCardinality(String) COMMENT 'As in delivery_attempts, like all that is not said otherwise',
    subscription_id    LowCardinality(String),
    event_type         LowCardinality(String),
    identity           UInt64                 COMMENT 'Hash of what identifies the attempt',
    outcome            LowCardinality(String),
    error_class        LowCardinality(String),
    status_code        Int32,
    delivery_state     LowCardinality(String),
    scheduled_at       DateTime64(3, 'UTC'),
    finished_at        DateTime64(3, 'UTC'),
    duration_ms        Float64,
    time_to_deliver_ms Nullable(Int64)        COMMENT 'From the making of the delivery to the 2xx; null unless delivered',
    log_offset         UInt64,
    INDEX finished finished_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMMDD(scheduled_at)
ORDER BY (toStartOfMinute(scheduled_at), identity)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1
